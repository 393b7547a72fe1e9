package meetings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/shared/testbed"
)

// listed is an item of an agenda, and page an answer.
type listed struct {
	ID, Subject, Role string
	StartsAt, EndsAt  time.Time
	AllDay            bool
	Join              struct{ MeetingLink string }
}

type page struct {
	Items                []listed
	NextCursor, Calendar string
	From, To             time.Time
}

// agenda is somebody's, of what a query says.
func agenda(c testbed.Client, query string) (p page) {
	c.T.Helper()
	if err := json.Unmarshal(c.Get("/api/meetings?"+query).Want(http.StatusOK).Body, &p); err != nil {
		c.T.Fatal(err)
	}
	return p
}

func (p page) subjects() string {
	var all []string
	for _, i := range p.Items {
		all = append(all, i.Subject)
	}
	return strings.Join(all, ", ")
}

// hosts makes a standalone meeting and gives its id.
func hosts(c testbed.Client, subject string, from, to time.Time, more ...string) string {
	c.T.Helper()
	parts := append([]string{fmt.Sprintf(`"subject":%q,"startsAt":%q,"endsAt":%q`, subject, from.Format(time.RFC3339), to.Format(time.RFC3339))}, more...)
	return c.Do("POST", "/api/meetings", "{"+strings.Join(parts, ",")+"}").Want(http.StatusCreated).Text("id")
}

// changing is the next date of a place that is longer or shorter than a day.
func changing(t *testing.T, after time.Time, zone string, longer bool) (from, to time.Time) {
	t.Helper()
	place, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	for from = after.In(place); ; from = to {
		y, m, d := from.Date()
		from, to = time.Date(y, m, d, 0, 0, 0, 0, place), time.Date(y, m, d+1, 0, 0, 0, 0, place)
		if length := to.Sub(from); length != 24*time.Hour && length > 24*time.Hour == longer {
			return from, to
		}
	}
}

// A day is as long as it is where the caller is, and has what overlaps it: a meeting over
// midnight is in both days.
func TestDaysWhereTheClockChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	for _, zone := range []string{"Europe/Berlin", "Australia/Lord_Howe"} {
		for _, longer := range []bool{false, true} {
			from, to := changing(t, w.day(2), zone, longer)
			hosts(ada, "out of yesterday", from.Add(-time.Hour), from.Add(time.Second))
			hosts(ada, "yesterday's last", from.Add(-time.Hour), from)
			hosts(ada, "first", from, from.Add(time.Hour))
			hosts(ada, "last", to.Add(-time.Hour), to)
			hosts(ada, "into tomorrow", to.Add(-time.Second), to.Add(time.Hour))
			hosts(ada, "tomorrow's first", to, to.Add(time.Hour))
			for _, day := range []struct {
				from, to time.Time
				want     string
			}{
				{from.AddDate(0, 0, -1), from, "yesterday's last, out of yesterday"},
				{from, to, "out of yesterday, first, last, into tomorrow"},
				{to, to.AddDate(0, 0, 1), "into tomorrow, tomorrow's first"},
			} {
				got := agenda(ada, "tz="+zone+"&day="+day.from.Format(time.DateOnly))
				if got.subjects() != day.want || !got.From.Equal(day.from) || !got.To.Equal(day.to) || got.Calendar != "none" {
					t.Errorf("%s in %s: %+v, want %q from %s to %s", day.from.Format(time.DateOnly), zone, got, day.want, day.from, day.to)
				}
				times := url.Values{"from": {day.from.Format(time.RFC3339)}, "to": {day.to.Format(time.RFC3339)}}
				if same := agenda(ada, times.Encode()); !slices.Equal(same.Items, got.Items) || !same.From.Equal(got.From) {
					t.Errorf("from %v: %+v", times, same)
				}
			}
		}
	}
}

// Without a day it is today, where the caller is; without a zone, in UTC.
func TestToday(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	now := w.Clock.Now()
	hosts(ada, "now", now, now.Add(time.Minute))
	hosts(ada, "tonight", w.day(1).Add(-time.Hour), w.day(1))
	tomorrow := w.day(1).Format(time.DateOnly)
	for query, want := range map[string]string{
		"":                                "now, tonight",
		"tz=UTC":                          "now, tonight",
		"day=&tz=&from=&to=":              "now, tonight",
		"tz=Pacific/Kiritimati":           "now",          // at 22:00; tonight is tomorrow
		"tz=Pacific/Honolulu":             "now",          // at 22:00 of yesterday
		"tz=Asia/Kolkata":                 "now",          // tonight is at 04:30
		"tz=America/Bogota":               "now, tonight", // at 03:00 and 18:00
		"day=" + tomorrow:                 "",
		"tz=Asia/Kolkata&day=" + tomorrow: "tonight",
	} {
		if got := agenda(ada, query); got.subjects() != want || !got.To.After(got.From) {
			t.Errorf("%q: %+v, want %q", query, got, want)
		}
	}
	w.Clock.Move(24 * time.Hour)
	if got := agenda(w.As("ada"), ""); len(got.Items) > 0 {
		t.Errorf("tomorrow: %+v", got)
	}
}

// What is no period is refused where it is wrong.
func TestBadPeriods(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	const from, to = "from=2027-03-01T00:00:00Z", "to=2027-03-02T00:00:00Z"
	for _, bad := range []struct{ query, code, location string }{
		{"tz=Europe/Atlantis", "agenda_invalid", "query.tz"},
		{"tz=Local", "agenda_invalid", "query.tz"},
		{"tz=../UTC", "agenda_invalid", "query.tz"},
		{"tz=%2B01:00", "agenda_invalid", "query.tz"},
		{"tz=" + strings.Repeat("A", 65), "request_invalid", "query.tz"},
		{"day=2027-02-29", "agenda_invalid", "query.day"},
		{"day=2027-3-01", "agenda_invalid", "query.day"},
		{"day=tomorrow", "agenda_invalid", "query.day"},
		{"day=2027-03-01T00:00:00Z", "request_invalid", "query.day"},
		{"day=0000-01-01", "agenda_invalid", "query.day"},
		{"day=9999-12-31", "agenda_invalid", "query.day"},
		{"day=2027-03-01&" + from + "&" + to, "agenda_invalid", "query.day"},
		{"day=2027-03-01&" + from, "agenda_invalid", "query.day"},
		{from, "agenda_invalid", "query.to"},
		{to, "agenda_invalid", "query.from"},
		{from + "&to=2027-03-01T00:00:00Z", "agenda_invalid", "query.to"},
		{from + "&to=2027-02-28T00:00:00Z", "agenda_invalid", "query.to"},
		{from + "&to=2027-04-01T00:00:01Z", "agenda_invalid", "query.to"},
		{"from=2027-03-01T00:00:00+01:00&" + to, "request_invalid", "query.from"}, // + is a blank
		{from + "&to=2027-03-02T00:00:00+01:00", "request_invalid", "query.to"},
		{"from=2027-03-01&" + to, "request_invalid", "query.from"},
		{"from=9999-12-31T00:00:00Z&to=9999-12-31T23:00:00-02:00", "agenda_invalid", "query.to"},
		{"from=0000-01-01T00:00:00%2B10:00&to=0000-01-02T00:00:00Z", "agenda_invalid", "query.from"},
		{"limit=0", "request_invalid", "query.limit"},
		{"limit=101", "request_invalid", "query.limit"},
		{"limit=all", "request_invalid", "query.limit"},
	} {
		answer := ada.Get("/api/meetings?"+bad.query).Problem(http.StatusBadRequest, bad.code)
		faults, _ := answer.JSON()["errors"].([]any)
		if len(faults) != 1 || faults[0].(map[string]any)["location"] != bad.location {
			t.Errorf("%s: %s", bad.query, answer.Body)
		}
	}
	ada.Get("/api/meetings?cursor=x").Problem(http.StatusBadRequest, "cursor_invalid")
	for _, good := range []string{
		from + "&to=2027-04-01T00:00:00Z", "day=0001-01-01&tz=Pacific/Kiritimati", "day=9998-12-31&tz=Pacific/Pago_Pago",
		"day=2011-12-30&tz=Pacific/Apia", "from=2027-03-01T00:00:00.5Z&to=2027-03-01T00:00:00.6Z",
	} {
		for _, c := range []testbed.Client{ada, w.AsTeams("ada")} {
			if got := agenda(c, good); len(got.Items) > 0 || got.Calendar == "unavailable" {
				t.Errorf("%s: %+v", good, got)
			}
		}
	}
}
