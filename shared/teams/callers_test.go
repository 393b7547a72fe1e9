package teams_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/meeting"
	"switchboard/shared/problem"
	"switchboard/shared/teams"
)

// TestOrganizer: who holds a meeting, by who asks and what is set.
func TestOrganizer(t *testing.T) {
	foreign := ada
	foreign.TenantID = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	upper := ada
	upper.TenantID = strings.ToUpper(ada.TenantID)
	full := teams.Config{Tenant: ada.TenantID, Organizer: organizer, Callers: teams.Application, Business: business, Service: service}
	with := func(change func(*teams.Config)) teams.Config {
		c := full
		change(&c)
		return c
	}
	for _, tt := range []struct {
		name   string
		config teams.Config
		by     meeting.Actor
		mode   meeting.Mode
		want   string
		code   string // of the error
		names  string // the setting in it
	}{
		{"a colleague", full, ada, meeting.Standalone, ada.ObjectID, "", ""},
		{"a colleague, in other letters", full, upper, meeting.Calendar, ada.ObjectID, "", ""},
		{"a colleague on whose behalf we act", with(func(c *teams.Config) { c.Callers = teams.Delegated }), ada, meeting.Standalone, ada.ObjectID, "", ""},
		{"a colleague where callers do not organize", with(func(c *teams.Config) { c.Callers = teams.None }), ada, meeting.Standalone, organizer, "", ""},
		{"somebody of another tenant", full, foreign, meeting.Standalone, organizer, "", ""},
		{"somebody of none", full, stranger, meeting.Calendar, organizer, "", ""},
		{"nobody's account is set", with(func(c *teams.Config) { c.Organizer = "" }), stranger, meeting.Calendar, "", "organizer_not_configured", "SWITCHBOARD_GRAPH_ORGANIZER"},
		{"a booking", full, ada, meeting.Booking, "", "", ""},
		{"no business", with(func(c *teams.Config) { c.Business = "" }), ada, meeting.Booking, "", "bookings_not_configured", "SWITCHBOARD_GRAPH_BOOKINGS_BUSINESS"},
		{"no service", with(func(c *teams.Config) { c.Service = "" }), ada, meeting.Booking, "", "bookings_not_configured", "SWITCHBOARD_GRAPH_BOOKINGS_SERVICE"},
	} {
		got, err := teams.New(tt.config).Organizer(tt.by, tt.mode)
		if tt.code != "" {
			fails(t, tt.name, err, tt.code)
			if !problem.Is(err, problem.Upstream) || !strings.Contains(problem.From(err).Detail, tt.names) {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%s: %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
}

// TestOnBehalf: where the service acts on behalf of callers, what they organize takes no
// permission of the application's; what others organize is the application's.
func TestOnBehalf(t *testing.T) {
	in(t, options{callers: teams.Delegated, noPolicy: true}, func(t *testing.T, w *world) {
		by, made := grace, must[meeting.Room](t)
		by.Token = must[string](t)(w.server.UserToken(grace.ObjectID, clientID))
		w.faults.Record()
		for _, mode := range []meeting.Mode{meeting.Standalone, meeting.Calendar} {
			p := plan(mode)
			p.Organizer = must[string](t)(w.Organizer(by, mode))
			p.Emails, p.Lobby = []string{"ada@contoso.example"}, "everyone"
			room := made(w.Make(t.Context(), by, p))
			if room.Place.Organizer != grace.ObjectID || room.Lobby != "everyone" {
				t.Errorf("%s: %+v", mode, room)
			}
			if found := made(w.Find(t.Context(), by, meeting.Wanted{ID: room.Join.ID})); found.Place != room.Place {
				t.Errorf("%s: found %+v, not %+v", mode, found.Place, room.Place)
			}
			made(w.Change(t.Context(), by, room.Place, p))
			if mode == meeting.Calendar {
				day, err := w.Occasions(t.Context(), by, p.StartsAt, p.EndsAt)
				if err != nil || len(day) != 1 {
					t.Errorf("the day: %+v, %v", day, err)
				}
			}
			ok(t, w.End(t.Context(), by, room.Place))
		}
		if calls := w.calls(); slices.ContainsFunc(calls, func(call string) bool { return !strings.Contains(call, " /me/") }) {
			t.Errorf("not on behalf of the caller: %q", calls)
		}
		_, err := w.Make(t.Context(), by, plan(meeting.Standalone))
		fails(t, "another's", err, "graph_access_policy_missing")

		asApplication := w.Config
		asApplication.Callers = teams.Application
		p := plan(meeting.Standalone)
		p.Organizer = grace.ObjectID
		_, err = teams.New(asApplication).Make(t.Context(), by, p)
		fails(t, "where nobody is acted on behalf of", err, "graph_access_policy_missing")
	})
}

// TestCalendars: who has one to look at.
func TestCalendars(t *testing.T) {
	signedIn := ada
	signedIn.Token = "a token"
	for _, tt := range []struct {
		callers teams.Callers
		by      meeting.Actor
		want    bool
	}{
		{teams.Application, ada, true},
		{teams.Application, stranger, false},
		{teams.Delegated, ada, false},
		{teams.Delegated, signedIn, true},
		{teams.None, signedIn, false},
		{"", signedIn, false},
	} {
		s := teams.New(teams.Config{Tenant: ada.TenantID, Callers: tt.callers})
		if got := s.HasCalendar(tt.by); got != tt.want {
			t.Errorf("%s %+v: %v", tt.callers, tt.by, got)
		}
		if !tt.want {
			if day, err := s.Occasions(t.Context(), tt.by, time.Now(), time.Now()); err != nil || len(day) != 0 {
				t.Errorf("%s %+v: %+v, %v", tt.callers, tt.by, day, err)
			}
		}
	}
}

// TestOccasions are Teams meetings, one's own and others', and those that were cancelled.
func TestOccasions(t *testing.T) {
	in(t, options{callers: teams.Application}, func(t *testing.T, w *world) {
		start, event := plan(meeting.Calendar).StartsAt, must[graph.Event](t)
		add := func(user, subject string, hours int, online bool, invited ...string) graph.Event {
			t.Helper()
			e := graph.NewEvent{Subject: subject, Start: start.Add(time.Duration(hours) * time.Hour), OnlineMeeting: online}
			e.End = e.Start.Add(time.Hour)
			for _, address := range invited {
				e.Invitees = append(e.Invitees, graph.Invitee{Address: address})
			}
			return event(w.truth.User(user).CreateEvent(t.Context(), subject, e))
		}
		mine := add(ada.ObjectID, "Mine", 0, true)
		add(ada.ObjectID, "Dentist", 1, false)
		hers := add(grace.ObjectID, "Hers", 2, true, "ada@contoso.example")
		off := add(grace.ObjectID, "Off", 3, true, "ada@contoso.example")
		ok(t, w.truth.User(grace.ObjectID).DeleteEvent(t.Context(), off.ID))
		add(ada.ObjectID, "Next week", 24*7, true)

		w.faults.Record()
		day, err := w.Occasions(t.Context(), ada, start, start.Add(24*time.Hour))
		if err != nil || len(day) != 3 || len(w.calls()) != 1 {
			t.Fatalf("%+v, %v, after %q", day, err, w.calls())
		}
		want := []meeting.Occasion{
			{Subject: "Mine", StartsAt: mine.Start, EndsAt: mine.End, Link: mine.JoinURL},
			{Subject: "Hers", StartsAt: hers.Start, EndsAt: hers.End, Link: hers.JoinURL},
			{Subject: "Canceled: Off", StartsAt: off.Start, EndsAt: off.End, Link: off.JoinURL, Cancelled: true},
		}
		if !slices.Equal(day, want) {
			t.Errorf("the day is %+v, want %+v", day, want)
		}
		w.faults.Add(faults.Rule{Contains: "/v1.0/", Status: 503})
		_, err = w.Occasions(t.Context(), ada, start, start.Add(time.Hour))
		fails(t, "down", err, "graph_unavailable")
	})
}
