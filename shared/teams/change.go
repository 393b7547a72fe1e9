package teams

import (
	"context"
	"fmt"
	"strings"

	"switchboard/shared/graph"
	"switchboard/shared/meeting"
	"switchboard/shared/problem"
)

// Change brings a meeting to another plan. The whole plan is sent, which makes the call
// one that can be repeated. Of an event without a wanted lobby, the Room has what its
// link tells. With an error, the Room's Place says that a part was changed; a refusal
// with an empty one means that nothing was.
func (s *Scheduler) Change(ctx context.Context, by meeting.Actor, at meeting.Place, p meeting.Plan) (meeting.Room, error) {
	switch {
	case at.Appointment != "":
		return meeting.Room{}, problem.New(problem.Conflict, "booking_fixed",
			"A booking cannot be changed here. Cancel it and make another.")
	case at.Event == "" && at.Meeting == "":
		return meeting.Room{}, notHeld()
	case p.Organizer != "" && !strings.EqualFold(p.Organizer, at.Organizer):
		return meeting.Room{}, problem.New(problem.Conflict, "meeting_organizer_changed",
			"Another account would organize the meeting now, and Teams does not hand meetings over. Cancel it and make another.")
	}
	user, err := s.acting(by, at.Organizer)
	if err != nil {
		return meeting.Room{}, ours(err)
	}
	room, err := changed(ctx, user, at, p)
	return room, ours(err)
}

func changed(ctx context.Context, user *graph.User, at meeting.Place, p meeting.Plan) (meeting.Room, error) {
	if at.Event != "" {
		return changeEvent(ctx, user, at, p)
	}
	change := graph.MeetingChange{Subject: &p.Subject, Start: p.StartsAt, End: p.EndsAt, Attendees: attendees(p.Emails)}
	if p.Lobby != "" {
		change.Lobby = lobby(p.Lobby)
	}
	m, err := user.UpdateMeeting(ctx, at.Meeting, change)
	if err != nil {
		return meeting.Room{}, err
	}
	return ofMeeting(at.Organizer, m), nil
}

// changeEvent changes an event, and the lobby of the meeting behind it.
func changeEvent(ctx context.Context, user *graph.User, at meeting.Place, p meeting.Plan) (meeting.Room, error) {
	event, err := user.UpdateEvent(ctx, at.Event, graph.EventChange{
		Subject: &p.Subject, Start: p.StartsAt, End: p.EndsAt, Invitees: invitees(p.Emails),
	})
	if err != nil {
		return meeting.Room{}, err
	}
	if p.Lobby == "" {
		room := ofEvent(at.Organizer, event)
		room.Place = at
		return room, nil
	}
	var m graph.Meeting
	if at.Meeting != "" {
		m, err = user.UpdateMeeting(ctx, at.Meeting, graph.MeetingChange{Lobby: lobby(p.Lobby)})
	} else if m, err = user.MeetingByJoinURL(ctx, event.JoinURL); err == nil {
		m, err = admit(ctx, user, m, p.Lobby)
	}
	return ofBoth(at.Organizer, event, m), err
}

// End cancels a meeting. Those who were invited by mail are told. An event is deleted
// rather than cancelled: Exchange tells them either way, while cancelling is refused
// where nobody is invited.
func (s *Scheduler) End(ctx context.Context, by meeting.Actor, at meeting.Place) error {
	if at.Appointment != "" {
		return unlessGone(s.Graph.CancelAppointment(ctx, at.Business, at.Appointment, cancellation))
	}
	user, err := s.acting(by, at.Organizer)
	switch {
	case err != nil:
		return ours(err)
	case at.Event != "":
		return unlessGone(user.DeleteEvent(ctx, at.Event))
	case at.Meeting != "":
		return unlessGone(user.DeleteMeeting(ctx, at.Meeting))
	default:
		return notHeld()
	}
}

// Undo removes what a Make left, if anything, as the application. Whether there is
// something is found out by making it once more, with nobody in it: the plan's id gives
// what was made before, and what is made now goes unseen. So nobody is invited who was
// not invited by the Make; those are told that it is cancelled.
func (s *Scheduler) Undo(ctx context.Context, p meeting.Plan) error {
	user := s.Graph.User(p.Organizer)
	switch p.Mode {
	case meeting.Standalone:
		m, _, err := user.CreateOrGetMeeting(ctx, p.ID, graph.NewMeeting{Subject: p.Subject, Start: p.StartsAt, End: p.EndsAt})
		if err != nil {
			return ours(err)
		}
		return unlessGone(user.DeleteMeeting(ctx, m.ID))
	case meeting.Calendar:
		event, err := user.CreateEvent(ctx, p.ID, graph.NewEvent{Subject: p.Subject, Start: p.StartsAt, End: p.EndsAt})
		if err != nil {
			return ours(err)
		}
		return unlessGone(user.DeleteEvent(ctx, event.ID))
	case meeting.Booking:
		made, found, err := s.booked(ctx, p)
		if err != nil || !found {
			return ours(err)
		}
		return unlessGone(s.Graph.CancelAppointment(ctx, s.Business, made.ID, cancellation))
	default:
		return problem.From(fmt.Errorf("teams: no meeting is made in mode %q", p.Mode))
	}
}
