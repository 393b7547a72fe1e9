package meetings_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/teamslink"
	"switchboard/shared/testbed"
)

// unwatched has Graph tell nothing of what changes in its calendars.
var unwatched = map[string]string{"SWITCHBOARD_GRAPH_NOTIFY_URL": ""}

// colleague signs somebody of the tenant in who has a mapping.
func (w world) colleague(name string) (c testbed.Client, id string) {
	w.t.Helper()
	c = w.AsTeams(name)
	return c, c.Do("POST", "/api/user", "").Text("userId")
}

// imports brings a meeting here, whose details Graph knows.
func imports(c testbed.Client, link string, more ...string) string {
	c.T.Helper()
	body := "{" + strings.Join(append([]string{fmt.Sprintf(`"link":%q`, link)}, more...), ",") + "}"
	return c.Do("POST", "/api/meetings/import", body).Want(http.StatusCreated).Text("id")
}

// What is kept here and what is on the calendar is one agenda, in which the same meeting is
// there once; the calendar knows best when it is, and whether.
func TestOneAgendaOfTwo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, unwatched)
	ada, _ := w.colleague("ada")
	grace, graceID := w.colleague("grace")
	at := func(hour int) time.Time { return w.day(0).Add(time.Duration(hour) * time.Hour) }
	shown := func(c testbed.Client, want ...string) []listed {
		t.Helper()
		w.Drain()
		got := agenda(c, "tz=UTC")
		var all []string
		for _, i := range got.Items {
			one := i.Subject + i.StartsAt.Format(" 15")
			if i.ID == "" && i.Join.MeetingLink == "" || (i.ID == "") != (i.Role == "") {
				t.Errorf("an item that cannot be used: %+v", i)
			}
			if i.ID != "" {
				one += " " + i.Role
			}
			all = append(all, one)
		}
		if !slices.Equal(all, want) || got.Calendar != "merged" {
			t.Errorf("%q, %s; want %q", all, got.Calendar, want)
		}
		return got.Items
	}

	lesson := hosts(ada, "Lesson", at(10), at(11), `"mode":"calendar"`, attendees("grace@contoso.example", graceID))
	hosts(ada, "Chat", at(9), at(10))
	review := w.plans("grace", "Review", at(12), "ada")
	_, err := w.outlook("grace").CreateEvent(t.Context(), "lunch", graph.NewEvent{Subject: "Lunch", Start: at(13), End: at(14), Invitees: []graph.Invitee{{Address: "ada@contoso.example"}}})
	w.ok(err)
	w.plans("grace", "Tomorrow", w.day(1), "ada")
	shown(ada, "Chat 09 host", "Lesson 10 host", "Review 12")
	if items := shown(grace, "Lesson 10 attendee", "Review 12"); items[0].ID != lesson || items[1].Join.MeetingLink != review.JoinURL {
		t.Errorf("Grace's: %+v", items)
	}

	// Imported it has an id, and those whom Ada invites here have it as well.
	id := imports(ada, review.JoinURL)
	shown(ada, "Chat 09 host", "Lesson 10 host", "Review 12 host")
	shown(grace, "Lesson 10 attendee", "Review 12")
	ada.Do("PATCH", "/api/meetings/"+id, "{"+attendees(graceID)+"}").Want(http.StatusOK)
	if items := shown(grace, "Lesson 10 attendee", "Review 12 attendee"); items[1].ID != id {
		t.Errorf("Grace's: %+v", items)
	}

	// Who brings the same meeting here that they are invited to has it once.
	imports(grace, review.JoinURL)
	if items := shown(grace, "Lesson 10 attendee", "Review 12 attendee"); items[1].ID != id {
		t.Errorf("Grace's: %+v", items)
	}

	// Moved and renamed in Outlook it is where the calendar has it, although nobody told.
	subject := "Retrospective"
	_, err = w.outlook("grace").UpdateEvent(t.Context(), review.ID, graph.EventChange{Subject: &subject, Start: at(8), End: at(9)})
	w.ok(err)
	shown(ada, "Retrospective 08 host", "Chat 09 host", "Lesson 10 host")

	// Cancelled in Outlook it is out, although only the calendar knows.
	w.ok(w.outlook("grace").DeleteEvent(t.Context(), review.ID))
	shown(ada, "Chat 09 host", "Lesson 10 host")
	ada.Get("/api/meetings/" + id).Want(http.StatusOK)

	// Cancelled here it is out of both.
	ada.Do("DELETE", "/api/meetings/"+lesson, "").Want(http.StatusNoContent)
	shown(ada, "Chat 09 host")
}

// event is one on a calendar as Graph writes it, of an hour, with more members or others.
func event(subject string, start time.Time, link string, more ...string) string {
	members := append([]string{
		fmt.Sprintf(`"id":"AAMk%d","subject":%q`, start.Unix(), subject), when("start", start), when("end", start.Add(time.Hour)),
		`"isOnlineMeeting":true,"onlineMeetingProvider":"teamsForBusiness"`, fmt.Sprintf(`"onlineMeeting":{"joinUrl":%q}`, link),
	}, more...)
	return "{" + strings.Join(members, ",") + "}"
}

func when(member string, at time.Time) string {
	return fmt.Sprintf(`%q:{"dateTime":%q,"timeZone":"UTC"}`, member, at.UTC().Format("2006-01-02T15:04:05.0000000"))
}

// calendarIs has every calendar hold these.
func (w world) calendarIs(events ...string) {
	w.Cloud.GraphFaults.Clear()
	w.Cloud.GraphFaults.Add(faults.Rule{Contains: "/calendarView", Times: -1, Status: http.StatusOK, Header: map[string]string{"Content-Type": "application/json"},
		Body: `{"value":[` + strings.Join(events, ",") + `]}`})
}

// foreign is a link to a meeting of another tenant.
func foreign(thread string) string {
	return "https://teams.microsoft.com/l/meetup-join/19%3ameeting_" + thread + "%40thread.v2/0?context=%7b%22Tid%22%3a%2272f988bf-86f1-41af-91ab-2d7cd011db47%22%2c%22Oid%22%3a%22550fae72-d251-43ec-868c-373732c2704f%22%7d"
}

// What real calendars hold: series, other spellings of links, doubles, whole days, and what
// is no meeting to have.
func TestOddCalendars(t *testing.T) {
	t.Parallel()
	w := newWorld(t, unwatched)
	ada, _ := w.colleague("ada")
	at := func(day, hour int) time.Time { return w.day(day).Add(time.Duration(hour) * time.Hour) }
	series := foreign("Series")
	id := imports(ada, series, fmt.Sprintf(`"subject":"As it was told","startsAt":%q,"endsAt":%q`, at(1, 9).Format(time.RFC3339), at(1, 10).Format(time.RFC3339)))
	hosts(ada, "Kept", at(1, 12), at(1, 13))
	week := "from=" + at(1, 0).Format(time.RFC3339) + "&to=" + at(30, 0).Format(time.RFC3339)
	for name, test := range map[string]struct {
		events []string
		want   string // subjects
		kept   []int  // which of them are the imported one
	}{
		"a series": {[]string{
			event("Weekly", at(1, 10), series), event("Weekly, later", at(8, 11), series),
			event("Canceled: Weekly", at(15, 10), series, `"isCancelled":true`), event("Weekly", at(22, 10), series),
		}, "Weekly, Kept, Weekly, later, Weekly", []int{0, 2, 3}},
		"a series that is over":    {[]string{event("Canceled: Weekly", at(1, 9), series, `"isCancelled":true`)}, "Kept", nil},
		"the link in capitals":     {[]string{event("Weekly", at(1, 10), strings.ReplaceAll(series, "%3a", "%3A"))}, "Weekly, Kept", []int{0}},
		"the link with more of it": {[]string{event("Weekly", at(1, 10), series+"&anon=true")}, "Weekly, Kept", []int{0}},
		"one that is there twice":  {[]string{event("Weekly", at(1, 10), series), event("Weekly", at(1, 10), series)}, "Weekly, Kept", []int{0}},
		"another at the same time": {[]string{event("Weekly", at(1, 10), series), event("Other", at(1, 10), foreign("Other"))}, "Other, Weekly, Kept", []int{1}},
		"declined, and kept here":  {[]string{event("Weekly", at(1, 10), series, `"responseStatus":{"response":"declined"}`)}, "As it was told, Kept", []int{0}},
		"what is none to join": {[]string{
			event("Declined", at(1, 10), foreign("A"), `"responseStatus":{"response":"declined"}`),
			event("Skype", at(1, 10), "https://meet.lync.com/x", `"onlineMeetingProvider":"skypeForBusiness"`),
			event("No link", at(1, 10), ""), event("Offline", at(1, 10), foreign("B"), `"isOnlineMeeting":false`),
			event("Null", at(1, 10), "", `"onlineMeeting":null`),
		}, "As it was told, Kept", []int{0}},
		"in doubt and without a name": {[]string{
			event("", at(1, 10), foreign("A"), `"responseStatus":{"response":"notResponded"}`),
			event("Perhaps", at(1, 11), foreign("B"), `"responseStatus":{"response":"tentativelyAccepted"}`),
		}, "As it was told, Teams meeting, Perhaps, Kept", []int{0}},
		"one on a host that is new": {[]string{event("New", at(1, 10), "https://teams.example.com/meet/1")}, "As it was told, New, Kept", []int{0}},
	} {
		w.calendarIs(test.events...)
		got := agenda(ada, week)
		var kept []int
		for n, i := range got.Items {
			if i.ID == id {
				kept = append(kept, n)
			}
		}
		if got.subjects() != test.want || !slices.Equal(kept, test.kept) || got.Calendar != "merged" {
			t.Errorf("%s: %s %v, %s; want %s %v", name, got.subjects(), kept, got.Calendar, test.want, test.kept)
		}
	}
	if link, err := teamslink.Parse(series); err != nil || link.URL != series {
		t.Errorf("the link is not as Graph writes it: %+v, %v", link, err)
	}
}

// A meeting of whole days is of those days where the caller is.
func TestWholeDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, unwatched)
	ada, _ := w.colleague("ada")
	first := w.day(2)
	w.calendarIs(event("Fair", first, foreign("Fair"), `"isAllDay":true`, when("end", first.AddDate(0, 0, 2))))
	for zone, offset := range map[string]time.Duration{"UTC": 0, "Asia/Kolkata": 5*time.Hour + 30*time.Minute, "Pacific/Honolulu": -10 * time.Hour, "Pacific/Kiritimati": 14 * time.Hour} {
		for day, there := range []bool{false, false, true, true, false} {
			got := agenda(ada, "tz="+zone+"&day="+w.day(day).Format(time.DateOnly))
			if len(got.Items) > 0 != there {
				t.Errorf("%s, day %d: %+v", zone, day, got)
			}
			if from := first.Add(-offset); there && (!got.Items[0].AllDay || !got.Items[0].StartsAt.Equal(from) || !got.Items[0].EndsAt.Equal(from.AddDate(0, 0, 2))) {
				t.Errorf("%s: %+v, want it from %s", zone, got.Items[0], from)
			}
		}
	}
}
