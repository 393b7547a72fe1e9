package teams_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/meeting"
	"switchboard/shared/problem"
)

// TestChange moves a meeting, renames it, and has others come.
func TestChange(t *testing.T) {
	for _, mode := range []meeting.Mode{meeting.Standalone, meeting.Calendar} {
		for _, lobby := range []string{"", "everyone"} {
			in(t, options{}, func(t *testing.T, w *world) {
				p, room := plan(mode), must[meeting.Room](t)
				made := room(w.Make(t.Context(), stranger, p))
				p.Subject, p.Lobby, p.Emails = "Follow-up", lobby, []string{"ada@contoso.example"}
				p.StartsAt, p.EndsAt = p.StartsAt.Add(24*time.Hour), p.EndsAt.Add(25*time.Hour)
				w.faults.Record()
				got := room(w.Change(t.Context(), stranger, made.Place, p))
				if calls := w.calls(); mode == meeting.Standalone && len(calls) != 1 || len(calls) > 2 {
					t.Errorf("%s: %q", mode, calls)
				}
				if got.Place != made.Place || got.Subject != p.Subject || !got.StartsAt.Equal(p.StartsAt) || !got.EndsAt.Equal(p.EndsAt) || got.Join.Link != made.Join.Link {
					t.Errorf("%s: %+v", mode, got)
				}
				truth := must[graph.Meeting](t)(w.truth.User(organizer).Meeting(t.Context(), made.Place.Meeting))
				if len(truth.Attendees) != 1 || truth.Attendees[0].UPN != "ada@contoso.example" || truth.Subject != p.Subject || !truth.Start.Equal(p.StartsAt) {
					t.Errorf("%s: Teams has %+v", mode, truth)
				}
				if want := map[string]string{"": made.Lobby, "everyone": "everyone"}[lobby]; string(truth.Lobby.Scope) != want {
					t.Errorf("%s: the lobby is %q, not %q", mode, truth.Lobby.Scope, want)
				}
				p.Emails = nil
				room(w.Change(t.Context(), stranger, made.Place, p))
				truth = must[graph.Meeting](t)(w.truth.User(organizer).Meeting(t.Context(), made.Place.Meeting))
				if len(truth.Attendees) != 0 {
					t.Errorf("%s: nobody was invited, but %+v", mode, truth.Attendees)
				}
			})
		}
	}
}

// TestChangeTheLobbyOfAnEvent whose meeting is known by its link alone.
func TestChangeTheLobbyOfAnEvent(t *testing.T) {
	in(t, options{}, func(t *testing.T, w *world) {
		p := plan(meeting.Calendar)
		at := must[meeting.Room](t)(w.Make(t.Context(), stranger, p)).Place
		id := at.Meeting
		at.Meeting, p.Lobby = "", "invited"
		room := must[meeting.Room](t)(w.Change(t.Context(), stranger, at, p))
		if room.Lobby != "invited" || room.Place.Meeting != id || room.Place.Event != at.Event {
			t.Errorf("%+v", room)
		}
	})
}

// TestChangeFails: what cannot be changed says so, and what fails can be repeated.
func TestChangeFails(t *testing.T) {
	in(t, options{}, func(t *testing.T, w *world) {
		change := func(at meeting.Place, p meeting.Plan) error {
			_, err := w.Change(t.Context(), stranger, at, p)
			return err
		}
		standalone, calendar, booking := plan(meeting.Standalone), plan(meeting.Calendar), plan(meeting.Booking)
		made := must[meeting.Room](t)
		alone, event := made(w.Make(t.Context(), stranger, standalone)).Place, made(w.Make(t.Context(), stranger, calendar)).Place
		fails(t, "a booking", change(made(w.Make(t.Context(), stranger, booking)).Place, booking), "booking_fixed")
		fails(t, "what nobody holds", change(meeting.Place{}, standalone), "meeting_not_held")
		fails(t, "what nobody holds, ended", w.End(t.Context(), stranger, meeting.Place{}), "meeting_not_held")

		handed := standalone
		handed.Organizer = ada.ObjectID
		fails(t, "another organizer's", change(alone, handed), "meeting_organizer_changed")
		handed.Organizer = strings.ToUpper(organizer)
		ok(t, change(alone, handed))

		standalone.Lobby, calendar.Lobby = "everyone", "everyone"
		for what, at := range map[string]meeting.Place{"standalone": alone, "calendar": event} {
			p := map[string]meeting.Plan{"standalone": standalone, "calendar": calendar}[what]
			for step := range map[string]int{"standalone": 1, "calendar": 2}[what] {
				w.faults.Add(faults.Rule{Contains: "/v1.0/", Skip: step, Status: http.StatusInternalServerError})
				fails(t, what, change(at, p), "graph_failed")
			}
			ok(t, change(at, p))
			ok(t, w.End(t.Context(), stranger, at))
			err := change(at, p)
			fails(t, what+", ended", err, "meeting_gone")
			if !problem.Is(err, problem.NotFound) {
				t.Errorf("%s, ended: %v", what, err)
			}
		}
	})
}

// TestEnd: a meeting ends once, and to end it again is no error, also where the first
// answer was lost.
func TestEnd(t *testing.T) {
	for _, mode := range []meeting.Mode{meeting.Standalone, meeting.Calendar, meeting.Booking} {
		for _, rule := range []faults.Rule{{Status: 500}, {Drop: "before"}, {Drop: "after"}} {
			in(t, options{}, func(t *testing.T, w *world) {
				at := must[meeting.Room](t)(w.Make(t.Context(), stranger, plan(mode))).Place
				rule.Contains = "/v1.0/"
				w.faults.Add(rule)
				fails(t, string(mode), w.End(t.Context(), stranger, at), "graph_failed")
				ok(t, w.End(t.Context(), stranger, at))
				ok(t, w.End(t.Context(), stranger, at))
				if w.held() != 0 {
					t.Errorf("%s: %d are held", mode, w.held())
				}
				if hers := w.calendar(grace.ObjectID); mode == meeting.Calendar && (len(hers) != 1 || !hers[0].Cancelled) {
					t.Errorf("those invited were not told: %+v", hers)
				}
			})
		}
	}
}

// TestEndWithoutInvitees: an event that invites nobody ends as any other.
func TestEndWithoutInvitees(t *testing.T) {
	in(t, options{}, func(t *testing.T, w *world) {
		p := plan(meeting.Calendar)
		p.Emails = nil
		at := must[meeting.Room](t)(w.Make(t.Context(), stranger, p)).Place
		w.faults.Record()
		ok(t, w.End(t.Context(), stranger, at))
		if w.held() != 0 || slices.ContainsFunc(w.calls(), func(call string) bool { return strings.HasSuffix(call, "/cancel") }) {
			t.Errorf("%d are held after %q", w.held(), w.calls())
		}
	})
}
