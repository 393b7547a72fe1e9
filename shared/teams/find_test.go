package teams_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/localgraph"
	"switchboard/shared/meeting"
	"switchboard/shared/problem"
	"switchboard/shared/teams"
	"switchboard/shared/teamslink"
)

// protected makes a meeting with a passcode, as Teams does and this service cannot.
func (w *world) protected(user string) (joinURL, joinID, passcode string) {
	w.t.Helper()
	token, err := w.app.GetToken(w.t.Context(), policy.TokenRequestOptions{Scopes: []string{endpoint + "/.default"}})
	ok(w.t, err)
	r, err := http.NewRequestWithContext(w.t.Context(), "POST", endpoint+"/v1.0/users/"+user+"/onlineMeetings", strings.NewReader(
		`{"subject":"Protected","startDateTime":"2026-11-22T14:30:00Z","endDateTime":"2026-11-22T15:00:00Z","joinMeetingIdSettings":{"isPasscodeRequired":true}}`))
	ok(w.t, err)
	r.Header.Set("Authorization", "Bearer "+token.Token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := faults.Transport{Handler: w.server}.RoundTrip(r)
	ok(w.t, err)
	var made struct {
		JoinWebURL            string
		JoinMeetingIDSettings struct{ JoinMeetingID, Passcode string }
	}
	if err := json.NewDecoder(answer.Body).Decode(&made); err != nil || made.JoinMeetingIDSettings.Passcode == "" {
		w.t.Fatalf("%d %+v, %v", answer.StatusCode, made, err)
	}
	return made.JoinWebURL, made.JoinMeetingIDSettings.JoinMeetingID, made.JoinMeetingIDSettings.Passcode
}

func link(t testing.TB, joinURL string) meeting.Wanted {
	t.Helper()
	return meeting.Wanted{Link: must[teamslink.Link](t)(teamslink.Parse(joinURL))}
}

// TestFind: a meeting is found by whom it belongs to, in each form that people have.
func TestFind(t *testing.T) {
	for _, tt := range []struct {
		name  string
		owner string // of the meeting
		by    meeting.Actor
		short bool
		byID  bool
		known bool
	}{
		{"a colleague's, by link", grace.ObjectID, ada, false, false, true},
		{"a colleague's, by link, for a stranger", grace.ObjectID, stranger, false, false, true},
		{"one's own, by short link", ada.ObjectID, ada, true, false, true},
		{"one's own, by id", ada.ObjectID, ada, false, true, true},
		{"the service's, by short link", organizer, stranger, true, false, true},
		{"the service's, by id", organizer, ada, false, true, true},
		{"a colleague's, by short link", grace.ObjectID, ada, true, false, false},
		{"a colleague's, by id", grace.ObjectID, ada, false, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in(t, options{Settings: localgraph.Settings{ShortLinks: tt.short}, callers: teams.Application}, func(t *testing.T, w *world) {
				joinURL, joinID, passcode := w.protected(tt.owner)
				wanted := link(t, joinURL)
				if tt.byID {
					wanted = meeting.Wanted{ID: joinID, Passcode: passcode}
				}
				room := must[meeting.Room](t)(w.Find(t.Context(), tt.by, wanted))
				if room.Known != tt.known || room.Cancelled || (room.Place.Organizer == tt.owner) != tt.known {
					t.Errorf("%+v", room)
				}
				if joinable := room.Join.Link == joinURL || tt.byID && room.Join.ID == joinID && room.Join.Passcode == passcode; !joinable {
					t.Errorf("join by %+v", room.Join)
				}
				start := time.Date(2026, 11, 22, 14, 30, 0, 0, time.UTC)
				if tt.known && (room.Subject != "Protected" || !room.StartsAt.Equal(start) || room.ThreadID == "" || room.Place.Meeting == "") {
					t.Errorf("%+v", room)
				}
			})
		})
	}
}

// TestFindAsksOnce whoever may be the organizer, and nobody for what is another tenant's.
func TestFindAsksOnce(t *testing.T) {
	in(t, options{callers: teams.Application}, func(t *testing.T, w *world) {
		foreign := link(t, "https://teams.microsoft.com/l/meetup-join/19%3ameeting_M2Iz%40thread.v2/0?context=%7b%22Tid%22%3a%2272f988bf-86f1-41af-91ab-2d7cd011db47%22%2c%22Oid%22%3a%22"+organizer+"%22%7d")
		ours := link(t, strings.Replace(foreign.Link.URL, "72f988bf-86f1-41af-91ab-2d7cd011db47", localgraph.DefaultTenant, 1))
		upper := ada
		upper.ObjectID = strings.ToUpper(organizer)
		for _, tt := range []struct {
			name   string
			by     meeting.Actor
			wanted meeting.Wanted
			calls  int
		}{
			{"another tenant's", ada, foreign, 0},
			{"ours", ada, ours, 2},
			{"ours, for its organizer", upper, ours, 1},
			{"by id", ada, meeting.Wanted{ID: "1234567890123", Passcode: "x"}, 2},
			{"by id, for a stranger", stranger, meeting.Wanted{ID: "1234567890123", Passcode: "x"}, 1},
			{"by id alone", ada, meeting.Wanted{ID: "1234567890123"}, 1},
			{"by id alone, for a stranger", stranger, meeting.Wanted{ID: "1234567890123"}, 0},
		} {
			w.faults.Record()
			room := must[meeting.Room](t)(w.Find(t.Context(), tt.by, tt.wanted))
			if room.Known || len(w.calls()) != tt.calls {
				t.Errorf("%s: %+v after %q", tt.name, room, w.calls())
			}
			if tt.wanted.ID == "" && (room.Join.Link != tt.wanted.Link.URL || room.ThreadID != "19:meeting_M2Iz@thread.v2" || room.Place != (meeting.Place{})) {
				t.Errorf("%s: %+v", tt.name, room)
			}
		}
	})
}

// TestPasscode: the id alone, or with another passcode, is not enough.
func TestPasscode(t *testing.T) {
	in(t, options{callers: teams.Application}, func(t *testing.T, w *world) {
		_, joinID, passcode := w.protected(ada.ObjectID)
		for _, wrong := range []string{"", passcode + "x", passcode[:5], strings.ToLower(passcode)} {
			room, err := w.Find(t.Context(), ada, meeting.Wanted{ID: joinID, Passcode: wrong})
			fails(t, wrong, err, "meeting_unknown")
			if !problem.Is(err, problem.NotFound) || room != (meeting.Room{}) {
				t.Errorf("%q: %+v, %v", wrong, room, err)
			}
		}
	})
}

// TestFindTheEvent behind a meeting, so that it can be followed; without one, or without
// the calendar, the meeting is found all the same.
func TestFindTheEvent(t *testing.T) {
	in(t, options{callers: teams.Application}, func(t *testing.T, w *world) {
		p := plan(meeting.Calendar)
		event := must[graph.Event](t)(w.truth.User(grace.ObjectID).CreateEvent(t.Context(), "by hand",
			graph.NewEvent{Subject: "Review", Start: p.StartsAt, End: p.EndsAt, OnlineMeeting: true}))
		_, err := w.truth.User(grace.ObjectID).CreateEvent(t.Context(), "another",
			graph.NewEvent{Subject: "Lunch", Start: p.StartsAt, End: p.EndsAt, OnlineMeeting: true})
		ok(t, err)
		find := func() meeting.Room {
			t.Helper()
			return must[meeting.Room](t)(w.Find(t.Context(), ada, link(t, event.JoinURL)))
		}
		found := find()
		if found.Place.Event != event.ID || !found.StartsAt.Equal(p.StartsAt) || found.Subject != "Review" {
			t.Errorf("%+v, not event %s", found, event.ID)
		}
		w.faults.Add(faults.Rule{Contains: "/calendarView", Status: http.StatusForbidden})
		if room := find(); room.Place.Event != "" || !room.Known || !strings.Contains(w.log.String(), "calendar") {
			t.Errorf("without the calendar: %+v, and the log says %s", room, &w.log)
		}
		must[graph.Event](t)(w.truth.User(grace.ObjectID).UpdateEvent(t.Context(), event.ID,
			graph.EventChange{Invitees: []graph.Invitee{{Address: "ada@contoso.example"}}}))
		ok(t, w.truth.User(grace.ObjectID).DeleteEvent(t.Context(), event.ID))
		copied := meeting.Place{Organizer: ada.ObjectID, Event: w.calendar(ada.ObjectID)[0].ID}
		if room := must[meeting.Room](t)(w.Look(t.Context(), copied)); !room.Cancelled || room.Known {
			t.Errorf("cancelled, the copy of a guest is %+v", room)
		}
		if room := must[meeting.Room](t)(w.Look(t.Context(), found.Place)); !room.Cancelled || room.Place != found.Place {
			t.Errorf("cancelled, it is %+v", room)
		}
	})
}

// TestSeries: an occurrence is not taken for the whole meeting, which lasts for years; a
// day of the calendar is read.
func TestSeries(t *testing.T) {
	in(t, options{callers: teams.Application}, func(t *testing.T, w *world) {
		start := plan(meeting.Standalone).StartsAt
		m, _, err := w.truth.User(ada.ObjectID).CreateOrGetMeeting(t.Context(), "a series", graph.NewMeeting{Start: start, End: start.AddDate(3, 0, 0)})
		ok(t, err)
		series := func(master string) faults.Rule {
			times := `"start":{"dateTime":"2026-11-22T14:30:00","timeZone":"UTC"},"end":{"dateTime":"2026-11-22T15:00:00","timeZone":"UTC"}`
			return faults.Rule{Contains: "endDateTime=" + url.QueryEscape(start.Add(24*time.Hour).Format(time.RFC3339)), Status: 200,
				Header: map[string]string{"Content-Type": "application/json"},
				Body:   `{"value":[{"id":"AAMk1",` + times + `,"seriesMasterId":` + master + `,"onlineMeeting":{"joinUrl":"` + m.JoinURL + `"}}]}`}
		}
		for master, event := range map[string]string{`"AAMk0"`: "", `null`: "AAMk1"} {
			w.faults.Add(series(master))
			if room := must[meeting.Room](t)(w.Find(t.Context(), ada, link(t, m.JoinURL))); !room.Known || room.Place.Event != event {
				t.Errorf("of series %s: %+v", master, room)
			}
		}
	})
}

// TestFindFails: a failure is not taken for "not found"; that one organizer may not be
// asked about is no reason not to ask about another.
func TestFindFails(t *testing.T) {
	in(t, options{callers: teams.Application}, func(t *testing.T, w *world) {
		joinURL, _, _ := w.protected(ada.ObjectID)
		for code, rule := range map[string]faults.Rule{
			"graph_throttled":   {Status: http.StatusTooManyRequests},
			"graph_unavailable": {Status: http.StatusServiceUnavailable},
			"graph_failed":      {Drop: "after"},
			"graph_timeout":     {Delay: faults.Duration(time.Hour)},
		} {
			w.faults.Add(faults.Rule{Contains: "/v1.0/", Skip: 0, Status: rule.Status, Drop: rule.Drop, Delay: rule.Delay})
			_, err := w.Find(t.Context(), ada, link(t, joinURL))
			fails(t, "find", err, code)
		}
	})
	in(t, options{callers: teams.Application, noPolicy: true, Settings: localgraph.Settings{PolicyUsers: []string{organizer}}}, func(t *testing.T, w *world) {
		p := plan(meeting.Standalone)
		made := must[meeting.Room](t)(w.Make(t.Context(), stranger, p))
		if room := must[meeting.Room](t)(w.Find(t.Context(), ada, link(t, made.Join.Link))); room.Place.Meeting != made.Place.Meeting {
			t.Errorf("the service's own: %+v", room)
		}
		_, err := w.Find(t.Context(), ada, meeting.Wanted{ID: "1234567890123", Passcode: "x"})
		fails(t, "somebody's", err, "graph_access_policy_missing")
	})
}

// TestLook at meetings of each kind, while they are there and when they are gone.
func TestLook(t *testing.T) {
	for _, mode := range []meeting.Mode{meeting.Standalone, meeting.Calendar, meeting.Booking} {
		in(t, options{}, func(t *testing.T, w *world) {
			p, read := plan(mode), must[meeting.Room](t)
			at := read(w.Make(t.Context(), stranger, p)).Place
			room := read(w.Look(t.Context(), at))
			if booking := mode == meeting.Booking; room.Place != at || room.Cancelled || room.Known == booking || !booking && (room.Subject != p.Subject || !room.StartsAt.Equal(p.StartsAt) || room.Join.Link == "") {
				t.Errorf("%s: %+v", mode, room)
			}
			if mode == meeting.Booking {
				return
			}
			w.faults.Add(faults.Rule{Contains: "/v1.0/", Status: http.StatusServiceUnavailable})
			_, err := w.Look(t.Context(), at)
			fails(t, "down", err, "graph_unavailable")
			ok(t, w.End(t.Context(), stranger, at))
			if room := read(w.Look(t.Context(), at)); !room.Cancelled || room.Known || room.Place != at {
				t.Errorf("%s, ended: %+v", mode, room)
			}
		})
	}
}
