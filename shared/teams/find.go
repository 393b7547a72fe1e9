package teams

import (
	"context"
	"crypto/subtle"
	"slices"
	"strings"
	"time"

	"switchboard/shared/graph"
	"switchboard/shared/meeting"
	"switchboard/shared/problem"
)

// Find looks up a meeting that people made. Graph finds one for its organizer only, by
// link or by id, so that those who may be the organizer are asked in turn. A failure of
// Graph is returned; that it may not be asked about one of them is, if it does not find
// the meeting with another, beside what the link tells.
func (s *Scheduler) Find(ctx context.Context, by meeting.Actor, w meeting.Wanted) (meeting.Room, error) {
	var refusal error
	for _, organizer := range s.organizers(by, w) {
		user, err := s.acting(by, organizer)
		if err != nil {
			return meeting.Room{}, ours(err)
		}
		m, err := lookUp(ctx, user, w)
		switch {
		case isUnknown(err):
		case isRefusal(err):
			refusal = err
		case err != nil:
			return meeting.Room{}, ours(err)
		case !admits(m, w):
			return meeting.Room{}, problem.New(problem.NotFound, "meeting_unknown", "There is no meeting with this id and passcode.")
		default:
			room := ofMeeting(organizer, m)
			room.Place.Event = s.eventOf(ctx, user, m)
			return room, nil
		}
	}
	if refusal != nil {
		return ofWanted(w), ours(refusal)
	}
	return ofWanted(w), nil
}

// organizers are those who may have organized a meeting, the likeliest first, each once.
// A link of another tenant is of nobody here. Others than the actor and the account in the
// settings are asked only where the settings let the application act for all of the tenant.
// Digits alone can be guessed: without a passcode only the actor is asked.
func (s *Scheduler) organizers(by meeting.Actor, w meeting.Wanted) []string {
	link, guessable := w.Link, w.Link.URL == "" && w.Passcode == ""
	if link.TenantID != "" && !strings.EqualFold(link.TenantID, s.Tenant) {
		return nil
	}
	var list []string
	add := func(id string) {
		if id != "" && !slices.ContainsFunc(list, func(other string) bool { return strings.EqualFold(id, other) }) {
			list = append(list, id)
		}
	}
	if link.TenantID != "" && s.Callers == Application {
		add(link.OrganizerID)
	}
	if s.isColleague(by) && (s.Callers == Application || by.Token != "") {
		add(by.ObjectID)
	}
	if !guessable {
		add(s.Config.Organizer)
	}
	return list
}

func lookUp(ctx context.Context, user *graph.User, w meeting.Wanted) (graph.Meeting, error) {
	if w.Link.URL != "" {
		return user.MeetingByJoinURL(ctx, w.Link.URL)
	}
	return user.MeetingByJoinID(ctx, w.ID)
}

// admits reports whether who asks for a meeting could join it: by its link, or by the
// right passcode beside its id, which many can guess.
func admits(m graph.Meeting, w meeting.Wanted) bool {
	return w.Link.URL != "" || subtle.ConstantTimeCompare([]byte(m.Passcode), []byte(w.Passcode)) == 1
}

// eventOf is the event behind a meeting, by which its later changes can be followed; ""
// where there is none, or none can be read. An occurrence of a series is none: its times
// are not the meeting's.
func (s *Scheduler) eventOf(ctx context.Context, user *graph.User, m graph.Meeting) string {
	if !m.Start.Before(m.End) {
		return ""
	}
	to := m.End
	if longest := m.Start.Add(24 * time.Hour); to.After(longest) {
		to = longest // a single event is seen by its beginning, and a series is of no use
	}
	events, err := user.CalendarView(ctx, m.Start, to)
	if err != nil {
		s.Log.WarnContext(ctx, "the organizer's calendar is not shown: changes of a meeting go unnoticed", "error", err)
		return ""
	}
	for _, e := range events {
		if e.JoinURL == m.JoinURL && e.SeriesID == "" {
			return e.ID
		}
	}
	return ""
}

// Look reads a meeting again, as the application. A booking is not Known: Graph gives
// appointments only by their times, which a Place does not have.
func (s *Scheduler) Look(ctx context.Context, at meeting.Place) (meeting.Room, error) {
	user := s.Graph.User(at.Organizer)
	var room meeting.Room
	switch {
	case at.Event != "":
		e, err := user.Event(ctx, at.Event)
		if err != nil || e.Cancelled {
			return lost(at, err)
		}
		room = ofEvent(at.Organizer, e)
		if room.Lobby, err = s.lobbyOf(ctx, user, at); err != nil {
			return meeting.Room{}, ours(err)
		}
	case at.Meeting != "":
		m, err := user.Meeting(ctx, at.Meeting)
		if err != nil {
			return lost(at, err)
		}
		room = ofMeeting(at.Organizer, m)
	}
	room.Place = at
	return room, nil
}

// lobbyOf is the lobby of the meeting behind an event; "" where it is not known, or not
// shown.
func (s *Scheduler) lobbyOf(ctx context.Context, user *graph.User, at meeting.Place) (string, error) {
	if at.Meeting == "" {
		return "", nil
	}
	m, err := user.Meeting(ctx, at.Meeting)
	if isRefusal(err) || isUnknown(err) {
		s.Log.WarnContext(ctx, "the meeting of an event is not shown: changes of its lobby go unnoticed", "error", err)
		return "", nil
	}
	return string(m.Lobby.Scope), err
}

// lost is a meeting that is cancelled or gone, unless it could not be read for another
// reason.
func lost(at meeting.Place, err error) (meeting.Room, error) {
	if err != nil && !isUnknown(err) {
		return meeting.Room{}, ours(err)
	}
	return meeting.Room{Place: at, Cancelled: true}, nil
}
