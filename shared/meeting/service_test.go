package meeting_test

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"switchboard/shared/meeting"
	"switchboard/shared/problem"
	"switchboard/shared/teamslink"
)

// service holds meetings as Graph and Bookings do: a plan that is there already is given
// as it is and not made again, but for a booking, which is made again by whoever does not
// look for it before; a plan whose meeting was ended is made anew.
type service struct {
	mu   sync.Mutex
	held map[meeting.Place]*held
	n    int
}

// held is a meeting at the service.
type held struct {
	number int
	plan   string // "" for one that people made
	room   meeting.Room
}

func newService() *service { return &service{held: map[meeting.Place]*held{}} }

// of finds the meeting that was made for a plan.
func (s *service) of(plan string) *held {
	for _, h := range s.held {
		if h.plan == plan {
			return h
		}
	}
	return nil
}

func (s *service) make(p meeting.Plan) meeting.Room {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.of(p.ID); h != nil && (p.Mode != meeting.Booking || p.Again) {
		return h.room
	}
	name := fmt.Sprint("meeting", s.n)
	place := meeting.Place{Organizer: p.Organizer, Meeting: name}
	switch p.Mode {
	case meeting.Calendar:
		place.Event = "event of " + name
	case meeting.Booking:
		place = meeting.Place{Business: "clinic", Appointment: name}
	}
	return s.add(place, p.ID, p.Subject, p.StartsAt, p.EndsAt)
}

func (s *service) add(place meeting.Place, plan, subject string, starts, ends time.Time) meeting.Room {
	s.n++
	h := &held{number: s.n, plan: plan, room: meeting.Room{
		Place: place, Subject: subject, StartsAt: starts, EndsAt: ends, Known: true,
		Join: meeting.Join{Link: link(place.Meeting + place.Appointment).URL}, ThreadID: "19:thread", Lobby: "organization",
	}}
	s.held[place] = h
	return h.room
}

// link is where a meeting is joined.
func link(name string) teamslink.Link {
	return teamslink.Link{URL: "https://teams.microsoft.com/meet/" + name, ThreadID: "19:thread"}
}

func (s *service) change(at meeting.Place, p meeting.Plan) (meeting.Room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held[at]
	switch {
	case at.Appointment != "":
		return meeting.Room{}, problem.New(problem.Conflict, "booking_fixed", "Bookings are not changed.")
	case h == nil:
		return meeting.Room{}, problem.New(problem.NotFound, "meeting_gone", "The meeting is gone.")
	}
	h.room.Subject, h.room.StartsAt, h.room.EndsAt = p.Subject, p.StartsAt, p.EndsAt
	return h.room, nil
}

func (s *service) end(at meeting.Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, at)
}

func (s *service) undo(p meeting.Plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.of(p.ID); h != nil {
		delete(s.held, h.room.Place)
	}
}

func (s *service) look(at meeting.Place) meeting.Room {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.held[at]; h != nil {
		return h.room
	}
	return meeting.Room{Place: at, Cancelled: true}
}

// find knows meetings of its own tenant.
func (s *service) find(l teamslink.Link) meeting.Room {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.held {
		if h.room.Join.Link == l.URL {
			return h.room
		}
	}
	return meeting.Room{Join: meeting.Join{Link: l.URL}, ThreadID: l.ThreadID}
}

// people have made a meeting in Outlook.
func (s *service) people(name string, starts, ends time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(meeting.Place{Organizer: organizer, Meeting: name, Event: "event of " + name}, "", name, starts, ends)
}

// meddle lets people change a meeting in Outlook, or cancel it where later is nil.
func (s *service) meddle(at meeting.Place, later func(*meeting.Room)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.held[at]; h != nil && later != nil {
		later(&h.room)
		return
	}
	delete(s.held, at)
}

// all are the meetings that are held, in the order in which they were made.
func (s *service) all() (list []held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.held {
		list = append(list, *h)
	}
	slices.SortFunc(list, func(a, b held) int { return a.number - b.number })
	return list
}
