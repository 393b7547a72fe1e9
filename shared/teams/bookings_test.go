package teams_test

import (
	"testing"

	"switchboard/shared/graph"
	"switchboard/shared/meeting"
)

// TestBookings: an appointment is its plan's alone, whatever else is booked for the same
// people at the same time. Several customers have one appointment.
func TestBookings(t *testing.T) {
	in(t, options{}, func(t *testing.T, w *world) {
		made, p := must[meeting.Room](t), plan(meeting.Booking)
		p.Emails = []string{"joseph@example.com", "ada@contoso.example"}
		_, err := w.truth.CreateAppointment(t.Context(), business, graph.NewAppointment{ServiceID: service, Start: p.StartsAt, End: p.EndsAt, Seats: 2,
			Customers: []graph.Customer{{Name: "Joseph", Email: p.Emails[0]}, {Name: "Ada", Email: p.Emails[1]}}})
		ok(t, err)
		p.Again = true
		first := made(w.Make(t.Context(), stranger, p)).Place
		for i, id := range []string{"mtg_2", "mtg_3", "mtg_11", "g_1"} {
			other := p
			if other.ID = id; i%2 == 1 {
				other.Emails = nil
			}
			ok(t, w.Undo(t.Context(), other))
			room := made(w.Make(t.Context(), stranger, other))
			if again := made(w.Make(t.Context(), stranger, other)); room.Place == first || again.Place != room.Place || w.held() != 3 {
				t.Errorf("%s: %+v, then %+v, %d held", id, room, again, w.held())
			}
			ok(t, w.Undo(t.Context(), other))
		}
		if again := made(w.Make(t.Context(), stranger, p)); again.Place != first || w.held() != 2 {
			t.Errorf("the first one is %+v, was %+v, %d held", again, first, w.held())
		}
		p.ID, p.Lobby = "mtg_4", "everyone"
		_, err = w.Make(t.Context(), stranger, p)
		fails(t, "a lobby", err, "booking_lobby")
	})
}
