package teams

import (
	"context"
	"slices"
	"strings"

	"switchboard/shared/graph"
	"switchboard/shared/meeting"
	"switchboard/shared/problem"
	"switchboard/shared/teamslink"
)

// cancellation is what the customers of a cancelled appointment are told.
const cancellation = "This appointment has been cancelled."

// book makes an appointment, or finds the one of the same plan. Between an appointment
// whose answer was lost and the look for it there should be some seconds: what Bookings
// is still making is not found.
func (s *Scheduler) book(ctx context.Context, p meeting.Plan) (meeting.Room, error) {
	if _, err := s.Organizer(meeting.Actor{}, meeting.Booking); err != nil {
		return meeting.Room{}, err
	}
	if p.Lobby != "" {
		return meeting.Room{}, problem.New(problem.Invalid, "booking_lobby",
			"The lobby of a booking is set in Bookings. Leave it out, or choose another mode.")
	}
	var made graph.Appointment
	var found bool
	var err error
	if p.Again {
		made, found, err = s.booked(ctx, p)
	}
	if err == nil && !found {
		made, err = s.Graph.CreateAppointment(ctx, s.Business, s.appointment(p))
	}
	if err != nil {
		return meeting.Room{}, err
	}
	room := meeting.Room{
		Place:   meeting.Place{Business: s.Business, Appointment: made.ID},
		Subject: p.Subject, StartsAt: made.Start, EndsAt: made.End, Known: true,
	}
	link, ok := joinable(made)
	if !ok {
		return room, pending()
	}
	room.Join = meeting.Join{Link: link.URL, ID: link.MeetingID, Passcode: link.Passcode}
	room.ThreadID = link.ThreadID
	return room, nil
}

func (s *Scheduler) appointment(p meeting.Plan) graph.NewAppointment {
	a := graph.NewAppointment{ServiceID: s.Service, StaffIDs: s.Staff, Start: p.StartsAt, End: p.EndsAt, Customers: customers(p)}
	if len(a.Customers) > 1 {
		a.Seats = len(a.Customers) // else it is the service's, which is often one
	}
	return a
}

// booked finds the appointment that was made for a plan.
func (s *Scheduler) booked(ctx context.Context, p meeting.Plan) (graph.Appointment, bool, error) {
	all, err := s.Graph.Appointments(ctx, s.Business, p.StartsAt, p.EndsAt)
	if err != nil {
		return graph.Appointment{}, false, err
	}
	i := slices.IndexFunc(all, func(a graph.Appointment) bool {
		return slices.ContainsFunc(a.Customers, func(c graph.Customer) bool { return strings.HasSuffix(c.Name, mark(p)) })
	})
	if i < 0 {
		return graph.Appointment{}, false, nil
	}
	return all[i], true, nil
}

// customers are those invited by mail, whose names nobody told, or nobody in particular.
// Their names are what Bookings gives back in its lists as it was sent; notes it does not.
func customers(p meeting.Plan) []graph.Customer {
	if len(p.Emails) == 0 {
		return []graph.Customer{{Name: p.Subject + mark(p)}}
	}
	list := make([]graph.Customer, len(p.Emails))
	for i, address := range p.Emails {
		list[i] = graph.Customer{Name: address + mark(p), Email: address}
	}
	return list
}

// mark is at the end of the names of a plan's customers: the reference of their booking.
func mark(p meeting.Plan) string { return " (" + p.ID + ")" }

// joinable is the link by which ACS users come to an appointment. The one for staff is
// the meeting's own, and they join by that as any guest does. The one for customers
// (anonymousJoinWebUrl) opens Microsoft's page for virtual appointments in a browser,
// which no calling SDK can take; only where it is a meeting's link will it do.
func joinable(a graph.Appointment) (teamslink.Link, bool) {
	for _, candidate := range []string{a.JoinURL, a.AnonymousJoinURL} {
		if link, err := teamslink.Parse(candidate); err == nil {
			return link, true
		}
	}
	return teamslink.Link{}, false
}
