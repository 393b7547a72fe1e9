package teams_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/localgraph"
	"switchboard/shared/meeting"
	"switchboard/shared/problem"
)

// TestMade: a meeting of each mode is there, tells how to join it, and is one however
// often it is made.
func TestMade(t *testing.T) {
	for _, mode := range []meeting.Mode{meeting.Standalone, meeting.Calendar, meeting.Booking} {
		for _, short := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, short links %v", mode, short), func(t *testing.T) {
				in(t, options{Settings: localgraph.Settings{ShortLinks: short}}, func(t *testing.T, w *world) {
					p, made := plan(mode), must[meeting.Room](t)
					room := made(w.Make(t.Context(), stranger, p))
					if !room.Known || room.Subject != p.Subject || !room.StartsAt.Equal(p.StartsAt) || !room.EndsAt.Equal(p.EndsAt) || room.Join.Link == "" {
						t.Errorf("made: %+v", room)
					}
					if threadKnown := !short || mode != meeting.Booking; threadKnown != strings.HasPrefix(room.ThreadID, "19:meeting_") {
						t.Errorf("the chat is %q", room.ThreadID)
					}
					p.Again = true
					if again := made(w.Make(t.Context(), stranger, p)); again.Place != room.Place || again.Join != room.Join {
						t.Errorf("made again: %+v, not %+v", again, room)
					}
					if w.held() != 1 {
						t.Errorf("%d meetings are held", w.held())
					}
					other := p
					other.ID, other.Emails = "mtg_2", []string{"ada@contoso.example"}
					if room2 := made(w.Make(t.Context(), stranger, other)); room2.Place == room.Place || w.held() != 2 {
						t.Errorf("two plans have one meeting: %+v", room2)
					}
				})
			})
		}
	}
}

// TestPlaces: what is remembered of a meeting is what its mode has.
func TestPlaces(t *testing.T) {
	in(t, options{}, func(t *testing.T, w *world) {
		made := must[meeting.Room](t)
		if at := made(w.Make(t.Context(), stranger, plan(meeting.Standalone))).Place; at.Organizer != organizer || at.Meeting == "" || at.Event != "" {
			t.Errorf("standalone: %+v", at)
		}
		if at := made(w.Make(t.Context(), stranger, plan(meeting.Calendar))).Place; at.Organizer != organizer || at.Meeting == "" || at.Event == "" {
			t.Errorf("calendar: %+v", at)
		}
		if at := made(w.Make(t.Context(), stranger, plan(meeting.Booking))).Place; at.Organizer != "" || at.Business != business || at.Appointment == "" {
			t.Errorf("booking: %+v", at)
		}
	})
}

// TestCosts counts the requests of each mode, with and without a lobby.
func TestCosts(t *testing.T) {
	for _, tt := range []struct {
		mode  meeting.Mode
		lobby string
		want  []string // beginnings, after the user
	}{
		{meeting.Standalone, "", []string{"POST /onlineMeetings/createOrGet"}},
		{meeting.Standalone, "organization", []string{"POST /onlineMeetings/createOrGet"}}, // as the tenant has it
		{meeting.Standalone, "everyone", []string{"POST /onlineMeetings/createOrGet", "PATCH /onlineMeetings/"}},
		{meeting.Calendar, "", []string{"GET /calendar", "POST /events", "GET /onlineMeetings"}},
		{meeting.Calendar, "everyone", []string{"GET /calendar", "POST /events", "GET /onlineMeetings", "PATCH /onlineMeetings/"}},
		{meeting.Booking, "", []string{"POST /solutions/bookingBusinesses/" + business + "/appointments"}},
	} {
		in(t, options{}, func(t *testing.T, w *world) {
			p := plan(tt.mode)
			p.Lobby = tt.lobby
			w.faults.Record()
			room := must[meeting.Room](t)(w.Make(t.Context(), stranger, p))
			got := w.calls()
			same := slices.EqualFunc(got, tt.want, func(call, want string) bool {
				return strings.HasPrefix(strings.Replace(call, "/users/"+organizer, "", 1), want)
			})
			if !same {
				t.Errorf("%s, lobby %q: the requests are %q", tt.mode, tt.lobby, got)
			}
			if tt.lobby != "" && room.Lobby != tt.lobby {
				t.Errorf("%s: the lobby is %q, not %q", tt.mode, room.Lobby, tt.lobby)
			}
		})
	}
}

// TestEveryStepFails breaks each request of a Make in turn and in every way. What was
// made for the plan is found by the next Make, or removed by Undo; nobody hears of a
// meeting that was not made. An error that is definite, with no Place, made nothing.
func TestEveryStepFails(t *testing.T) {
	ways := map[string]faults.Rule{
		"throttled":        {Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "7"}},
		"broken":           {Status: http.StatusInternalServerError},
		"down":             {Status: http.StatusServiceUnavailable},
		"refused":          {Status: http.StatusBadRequest},
		"forbidden":        {Status: http.StatusForbidden},
		"cut off":          {Drop: "before"},
		"the answer lost":  {Drop: "after"},
		"too slow":         {Delay: faults.Duration(time.Hour)},
		"not an answer":    {Status: http.StatusCreated, Body: "<html>"},
		"another's answer": {Status: http.StatusNotFound},
	}
	for mode, steps := range map[meeting.Mode]int{meeting.Standalone: 2, meeting.Calendar: 5, meeting.Booking: 2} {
		for way, rule := range ways {
			t.Run(fmt.Sprintf("%s %s", mode, way), func(t *testing.T) {
				for step := range steps {
					rule.Contains, rule.Skip = "/v1.0/", step
					in(t, options{Settings: localgraph.Settings{LateLinks: true}}, func(t *testing.T, w *world) { repeated(t, w, mode, step, rule) })
					in(t, options{Settings: localgraph.Settings{LateLinks: true}}, func(t *testing.T, w *world) { undone(t, w, mode, step, rule) })
				}
			})
		}
	}
}

// broken makes a meeting with the most steps of its mode, one of which fails.
func broken(t *testing.T, w *world, mode meeting.Mode, step int, rule faults.Rule) (meeting.Plan, meeting.Room) {
	p := plan(mode)
	p.Again = mode == meeting.Booking
	if mode != meeting.Booking {
		p.Lobby = "everyone"
	}
	w.faults.Add(rule)
	w.faults.Record()
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
	defer cancel()
	room, err := w.Make(ctx, stranger, p)
	if len(w.calls()) <= step {
		t.Fatalf("step %d is none: %q", step, w.calls())
	}
	fails(t, fmt.Sprint("step ", step), err, "")
	if problem.Is(err, problem.NotFound) || problem.Is(err, problem.Internal) {
		t.Errorf("step %d: %v", step, err)
	}
	w.faults.Clear()
	held := w.held()
	if got := problem.From(err); room.Place == (meeting.Place{}) && got.Kind == problem.Upstream && got.Code != "graph_failed" && held != 0 {
		t.Errorf("step %d: %v, and yet %d are held", step, err, held)
	}
	if room.Place != (meeting.Place{}) && held != 1 {
		t.Errorf("step %d: %+v is told of, and %d are held", step, room.Place, held)
	}
	return p, room
}

func repeated(t *testing.T, w *world, mode meeting.Mode, step int, rule faults.Rule) {
	p, before := broken(t, w, mode, step, rule)
	p.Again = true
	room := must[meeting.Room](t)(w.Make(t.Context(), stranger, p))
	if room.Join.Link == "" || p.Lobby != room.Lobby || room.ThreadID == "" {
		t.Errorf("step %d: repeated, it is %+v", step, room)
	}
	if at := before.Place; at.Event != "" && at.Event != room.Place.Event || at.Meeting != "" && at.Meeting != room.Place.Meeting {
		t.Errorf("step %d: told of %+v, then of %+v", step, at, room.Place)
	}
	if w.held() != 1 {
		t.Errorf("step %d: repeated, %d are held", step, w.held())
	}
}

func undone(t *testing.T, w *world, mode meeting.Mode, step int, rule faults.Rule) {
	p, _ := broken(t, w, mode, step, rule)
	invited := len(w.calendar(grace.ObjectID))
	ok(t, w.Undo(t.Context(), p))
	if w.held() != 0 {
		t.Errorf("step %d: undone, %d are held", step, w.held())
	}
	after := w.calendar(grace.ObjectID)
	if len(after) != invited || slices.ContainsFunc(after, func(e graph.Event) bool { return !e.Cancelled }) {
		t.Errorf("step %d: undone, those invited see %+v, and had %d", step, after, invited)
	}
	ok(t, w.Undo(t.Context(), p))
}

// TestUndoFails: an Undo that fails on its way leaves what the next one removes.
func TestUndoFails(t *testing.T) {
	for mode, steps := range map[meeting.Mode]int{meeting.Standalone: 2, meeting.Calendar: 2, meeting.Booking: 2} {
		for _, rule := range []faults.Rule{{Status: 500}, {Drop: "before"}, {Drop: "after"}} {
			for step := range steps {
				in(t, options{}, func(t *testing.T, w *world) {
					p := plan(mode)
					must[meeting.Room](t)(w.Make(t.Context(), stranger, p))
					rule.Contains, rule.Skip = "/v1.0/", step
					w.faults.Add(rule)
					fails(t, fmt.Sprint(mode, " ", step), w.Undo(t.Context(), p), "")
					ok(t, w.Undo(t.Context(), p))
					if w.held() != 0 {
						t.Errorf("%s %d: %d are held", mode, step, w.held())
					}
				})
			}
		}
	}
}

// TestMadeAndChangedByHand: what is made again is as Teams has it by now, but for the
// subject, which is the event's.
func TestMadeAndChangedByHand(t *testing.T) {
	in(t, options{}, func(t *testing.T, w *world) {
		p, made := plan(meeting.Calendar), must[meeting.Room](t)
		first := made(w.Make(t.Context(), stranger, p))
		subject := "By hand"
		_, err := w.truth.User(organizer).UpdateMeeting(t.Context(), first.Place.Meeting, graph.MeetingChange{Subject: &subject, Chat: graph.ChatDisabled})
		ok(t, err)
		if again := made(w.Make(t.Context(), stranger, p)); *first.NoChat || !*again.NoChat || again.Subject != p.Subject {
			t.Errorf("first %+v, then %+v", first, again)
		}
	})
}

// TestThread: where Graph does not tell the chat, the link does.
func TestThread(t *testing.T) {
	in(t, options{}, func(t *testing.T, w *world) {
		w.faults.Add(faults.Rule{Contains: "/createOrGet", Status: 201, Header: map[string]string{"Content-Type": "application/json"},
			Body: `{"id":"MSp","joinWebUrl":"https://teams.microsoft.com/l/meetup-join/19%3ameeting_M2Iz%40thread.v2/0"}`})
		if room := must[meeting.Room](t)(w.Make(t.Context(), stranger, plan(meeting.Standalone))); room.ThreadID != "19:meeting_M2Iz@thread.v2" {
			t.Errorf("%+v", room)
		}
	})
}

// TestLateLink: a link that comes late is waited for, and not for ever.
func TestLateLink(t *testing.T) {
	in(t, options{Settings: localgraph.Settings{LateLinks: true}}, func(t *testing.T, w *world) {
		p := plan(meeting.Calendar)
		if room := must[meeting.Room](t)(w.Make(t.Context(), stranger, p)); room.Join.Link == "" || room.Place.Meeting == "" {
			t.Errorf("%+v", room)
		}
		never := `{"id":"AAMk1","start":{"dateTime":"2026-11-22T14:30:00","timeZone":"UTC"},"end":{"dateTime":"2026-11-22T15:00:00","timeZone":"UTC"},"isOnlineMeeting":true}`
		w.faults.Add(faults.Rule{Method: "GET", Contains: "/events/", Times: -1, Status: 200, Header: map[string]string{"Content-Type": "application/json"}, Body: never})
		p.ID = "mtg_2"
		w.faults.Record()
		started := time.Now()
		room, err := w.Make(t.Context(), stranger, p)
		fails(t, "no link", err, "teams_meeting_pending")
		if waited := time.Since(started); room.Place.Event == "" || waited > 3*time.Second || len(w.calls()) > 6 {
			t.Errorf("%+v, after %v and %q", room, waited, w.calls())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p.ID = "mtg_3"
		room, err = w.Make(ctx, stranger, p)
		if problem.From(err).Kind != problem.UpstreamTimeout || room.Place.Event == "" {
			t.Errorf("with a second to wait: %+v, %v", room, err)
		}
	})
}

// TestNoTeams: nobody is invited to a meeting that cannot be.
func TestNoTeams(t *testing.T) {
	in(t, options{Settings: localgraph.Settings{NoTeams: true}}, func(t *testing.T, w *world) {
		room, err := w.Make(t.Context(), stranger, plan(meeting.Calendar))
		fails(t, "a calendar without Teams", err, "teams_not_enabled")
		if room.Place != (meeting.Place{}) || w.held() != 0 || len(w.calendar(grace.ObjectID)) != 0 {
			t.Errorf("it made %+v", room)
		}
		// And where the calendar says otherwise than it does.
		w.faults.Add(faults.Rule{Method: "GET", Contains: "/calendar", Status: 200, Header: map[string]string{"Content-Type": "application/json"},
			Body: `{"allowedOnlineMeetingProviders":["teamsForBusiness"]}`})
		room, err = w.Make(t.Context(), stranger, plan(meeting.Calendar))
		fails(t, "an event without Teams", err, "teams_not_enabled")
		if room.Place.Event == "" || w.held() != 1 {
			t.Errorf("it made %+v", room)
		}
	})
}

// TestNoPolicy: calendars need no application access policy, but a lobby does.
func TestNoPolicy(t *testing.T) {
	for _, shape := range []string{localgraph.PolicyForbidden, localgraph.PolicyGeneral, localgraph.PolicyUnauthorized} {
		in(t, options{Settings: localgraph.Settings{PolicyRefusal: shape}, noPolicy: true}, func(t *testing.T, w *world) {
			room, err := w.Make(t.Context(), stranger, plan(meeting.Standalone))
			fails(t, "standalone", err, "graph_access_policy_missing")
			if room.Place != (meeting.Place{}) || w.held() != 0 {
				t.Errorf("it made %+v", room)
			}
			p := plan(meeting.Calendar)
			room = must[meeting.Room](t)(w.Make(t.Context(), stranger, p))
			if room.Join.Link == "" || room.ThreadID == "" || room.Place.Event == "" || room.Place.Meeting != "" || !strings.Contains(w.log.String(), "graph_access_policy_missing") {
				t.Errorf("calendar: %+v, and the log says %s", room, &w.log)
			}
			p.Lobby = "everyone"
			again, err := w.Make(t.Context(), stranger, p)
			fails(t, "a lobby", err, "graph_access_policy_missing")
			if again.Place.Event != room.Place.Event {
				t.Errorf("a lobby: %+v", again)
			}
		})
	}
}
