package teams

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"switchboard/shared/graph"
	"switchboard/shared/meeting"
)

// Make makes a meeting, or gives the one that was made for the same plan before.
//
// With an error, the Room's Place says what this call has made, or found, until then; an
// empty one with an error that Graph's refusal or a setting is the cause of means that
// this call has made nothing.
func (s *Scheduler) Make(ctx context.Context, by meeting.Actor, p meeting.Plan) (meeting.Room, error) {
	var room meeting.Room
	var err error
	switch p.Mode {
	case meeting.Standalone:
		room, err = s.makeMeeting(ctx, by, p)
	case meeting.Calendar:
		room, err = s.makeEvent(ctx, by, p)
	case meeting.Booking:
		room, err = s.book(ctx, p)
	default:
		err = fmt.Errorf("teams: no meeting is made in mode %q", p.Mode)
	}
	if isUnknown(err) { // what was just made is not everywhere yet
		err = pending().Because(err)
	}
	return room, ours(err)
}

// makeMeeting makes a meeting that is on no calendar: one call, and one more if the
// lobby is not as wanted.
func (s *Scheduler) makeMeeting(ctx context.Context, by meeting.Actor, p meeting.Plan) (meeting.Room, error) {
	user, err := s.acting(by, p.Organizer)
	if err != nil {
		return meeting.Room{}, err
	}
	m, _, err := user.CreateOrGetMeeting(ctx, p.ID, graph.NewMeeting{
		Subject: p.Subject, Start: p.StartsAt, End: p.EndsAt, Attendees: attendees(p.Emails),
	})
	if err != nil {
		return meeting.Room{}, err
	}
	m, err = admit(ctx, user, m, p.Lobby)
	return ofMeeting(p.Organizer, m), err
}

// makeEvent makes a meeting with an event in the organizer's calendar. Whether the
// calendar has Teams meetings is asked before: where it has none, the event is made
// without one, and everybody would be invited to nothing.
func (s *Scheduler) makeEvent(ctx context.Context, by meeting.Actor, p meeting.Plan) (meeting.Room, error) {
	user, err := s.acting(by, p.Organizer)
	if err != nil {
		return meeting.Room{}, err
	}
	offered, err := user.AllowedProviders(ctx)
	if err != nil {
		return meeting.Room{}, err
	}
	if !slices.Contains(offered, graph.TeamsProvider) {
		return meeting.Room{}, notEnabled()
	}
	event, err := user.CreateEvent(ctx, p.ID, graph.NewEvent{
		Subject: p.Subject, Start: p.StartsAt, End: p.EndsAt, Invitees: invitees(p.Emails), OnlineMeeting: true,
	})
	if err != nil {
		return meeting.Room{}, err
	}
	if !event.Online {
		return ofEvent(p.Organizer, event), notEnabled()
	}
	if event, err = linked(ctx, user, event); err != nil {
		return ofEvent(p.Organizer, event), err
	}
	return s.furnish(ctx, user, event, p)
}

// furnish looks up the meeting behind an event, for its chat, its passcode and the
// lobby. It takes the application access policy, which calendars do not: where no lobby
// is wanted, the link alone will do.
func (s *Scheduler) furnish(ctx context.Context, user *graph.User, e graph.Event, p meeting.Plan) (meeting.Room, error) {
	m, err := user.MeetingByJoinURL(ctx, e.JoinURL)
	switch {
	case err == nil:
		m, err = admit(ctx, user, m, p.Lobby)
		return ofBoth(p.Organizer, e, m), err
	case p.Lobby == "" && (isRefusal(err) || isUnknown(err)):
		s.Log.WarnContext(ctx, "the meeting of an event is not shown: only its link is known", "error", err)
		return ofEvent(p.Organizer, e), nil
	default:
		return ofEvent(p.Organizer, e), err
	}
}

// How an event is waited for whose meeting has no link yet: 3 s at most, with doubling
// pauses.
const (
	readings   = 4
	firstPause = 200 * time.Millisecond
)

// linked is an event with its link. The answer to a new one may lack it.
func linked(ctx context.Context, user *graph.User, e graph.Event) (graph.Event, error) {
	for i := range readings {
		if e.JoinURL != "" {
			return e, nil
		}
		longest := firstPause << i
		select {
		case <-time.After(longest/2 + rand.N(longest/2)):
		case <-ctx.Done():
			return e, context.Cause(ctx)
		}
		again, err := user.Event(ctx, e.ID)
		if err != nil {
			return e, err
		}
		e = again
	}
	if e.JoinURL == "" {
		return e, pending()
	}
	return e, nil
}

// admit gives a meeting the lobby that is wanted, if it has another. The meeting is
// returned in any case.
func admit(ctx context.Context, user *graph.User, m graph.Meeting, scope string) (graph.Meeting, error) {
	if scope == "" || string(m.Lobby.Scope) == scope {
		return m, nil
	}
	changed, err := user.UpdateMeeting(ctx, m.ID, graph.MeetingChange{Lobby: lobby(scope)})
	if err != nil {
		return m, err
	}
	return changed, nil
}

// lobby is a lobby of a scope. Nobody knows who dials in: they pass where everybody does.
func lobby(scope string) *graph.Lobby {
	return &graph.Lobby{Scope: graph.LobbyScope(scope), DialInBypass: graph.LobbyScope(scope) == graph.LobbyEveryone}
}

// attendees are people with no more rights than others. The list is never nil, which
// stands for the whole of it in a change.
func attendees(emails []string) []graph.Participant {
	list := make([]graph.Participant, len(emails))
	for i, address := range emails {
		list[i] = graph.Participant{UPN: address, Role: graph.Attendee}
	}
	return list
}

// invitees are those who get mail. The list is never nil, as that of attendees.
func invitees(emails []string) []graph.Invitee {
	list := make([]graph.Invitee, len(emails))
	for i, address := range emails {
		list[i] = graph.Invitee{Address: address}
	}
	return list
}
