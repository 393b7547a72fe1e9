package teams

import (
	"cmp"

	"switchboard/shared/graph"
	"switchboard/shared/meeting"
	"switchboard/shared/teamslink"
)

// ofMeeting is what a Teams meeting tells of itself. The chat is in the link too, where
// that is of the long form.
func ofMeeting(organizer string, m graph.Meeting) meeting.Room {
	return meeting.Room{
		Place:   meeting.Place{Organizer: organizer, Meeting: m.ID},
		Subject: m.Subject, StartsAt: m.Start, EndsAt: m.End, Known: true,
		Join:     meeting.Join{Link: m.JoinURL, ID: m.JoinID, Passcode: m.Passcode},
		ThreadID: cmp.Or(m.ThreadID, read(m.JoinURL).ThreadID),
		Lobby:    string(m.Lobby.Scope),
		NoChat:   new(m.Chat == graph.ChatDisabled),
		DialIn:   dialIn(m.DialIn),
	}
}

// ofEvent is what a calendar event tells of its meeting: no more than the link does.
func ofEvent(organizer string, e graph.Event) meeting.Room {
	link := read(e.JoinURL)
	return meeting.Room{
		Place:   meeting.Place{Organizer: organizer, Event: e.ID},
		Subject: e.Subject, StartsAt: e.Start, EndsAt: e.End, Known: true, Cancelled: e.Cancelled,
		Join:     meeting.Join{Link: e.JoinURL, ID: link.MeetingID, Passcode: link.Passcode},
		ThreadID: link.ThreadID,
		DialIn:   dialIn(e.DialIn),
	}
}

// ofBoth is an event with the meeting behind it. The event is what people plan by, and
// the meeting's subject and times follow it.
func ofBoth(organizer string, e graph.Event, m graph.Meeting) meeting.Room {
	room := ofMeeting(organizer, m)
	room.Place.Event = e.ID
	room.Subject, room.StartsAt, room.EndsAt = e.Subject, e.Start, e.End
	return room
}

// ofWanted is what is known of a meeting that nobody shows to us.
func ofWanted(w meeting.Wanted) meeting.Room {
	if w.Link.URL == "" {
		return meeting.Room{Join: meeting.Join{ID: w.ID, Passcode: w.Passcode}}
	}
	return meeting.Room{
		Join:     meeting.Join{Link: w.Link.URL, ID: w.Link.MeetingID, Passcode: w.Link.Passcode},
		ThreadID: w.Link.ThreadID,
	}
}

// read is what a link of Graph's tells. One that it does not know tells nothing: the
// link itself is still good to join by.
func read(joinURL string) teamslink.Link {
	link, err := teamslink.Parse(joinURL)
	if err != nil {
		return teamslink.Link{}
	}
	return link
}

func dialIn(d *graph.DialIn) *meeting.DialIn {
	if d == nil {
		return nil
	}
	return &meeting.DialIn{TollNumber: d.TollNumber, TollFreeNumber: d.TollFreeNumber, ConferenceID: d.ConferenceID}
}
