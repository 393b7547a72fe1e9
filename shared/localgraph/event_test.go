package localgraph_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"switchboard/shared/localgraph"
)

const appointment = `{"subject":"Consultation","body":{"contentType":"HTML","content":"See you."},
 "start":{"dateTime":"2026-11-22T14:30:00","timeZone":"UTC"},"end":{"dateTime":"2026-11-22T15:00:00","timeZone":"UTC"},
 "attendees":[{"emailAddress":{"address":"patient@example.com","name":"P"},"type":"required"},{"emailAddress":{"address":"grace@contoso.example"}}],
 "isOnlineMeeting":true,"onlineMeetingProvider":"teamsForBusiness","transactionId":"7E163156-0000-4000-8000-000000000000","hideAttendees":false}`

// TestCreateEvent holds the answer against the documented one ("Create
// Event", v1.0), and the meeting behind it against a meeting made alone.
func TestCreateEvent(t *testing.T) {
	n := meetingTenant(t)
	ada := localgraph.SeedUserID("ada")
	a := n.must(http.StatusCreated, "POST", "/v1.0/users/ada@contoso.example/events", appointment, "Prefer", `outlook.timezone="UTC"`)
	for _, member := range []struct {
		path []any
		want any
	}{
		{[]any{"@odata.context"}, n.url + "/v1.0/$metadata#users('" + ada + "')/events/$entity"},
		{[]any{"subject"}, "Consultation"},
		{[]any{"start", "dateTime"}, "2026-11-22T14:30:00.0000000"},
		{[]any{"start", "timeZone"}, "UTC"},
		{[]any{"end", "dateTime"}, "2026-11-22T15:00:00.0000000"},
		{[]any{"isOnlineMeeting"}, true},
		{[]any{"onlineMeetingProvider"}, "teamsForBusiness"},
		{[]any{"onlineMeetingUrl"}, nil},
		{[]any{"isOrganizer"}, true},
		{[]any{"isCancelled"}, false},
		{[]any{"organizer", "emailAddress", "address"}, "ada@contoso.example"},
		{[]any{"responseStatus", "response"}, "organizer"},
		{[]any{"seriesMasterId"}, nil},
		{[]any{"mailbox"}, nil},
	} {
		if got := at(t, a.Body, member.path...); got != member.want {
			t.Errorf("%v is %v, want %v", member.path, got, member.want)
		}
	}
	link := a.text(t, "onlineMeeting", "joinUrl")
	filter := "/onlineMeetings?$filter=" + url.QueryEscape("JoinWebUrl eq '"+link+"'")
	found := n.must(http.StatusOK, "GET", user("ada")+filter, "")
	if at(t, found.Body, "value", 0, "audioConferencing", "conferenceId") != a.text(t, "onlineMeeting", "conferenceId") ||
		at(t, found.Body, "value", 0, "startDateTime") != "2026-11-22T14:30:00Z" {
		t.Errorf("the meeting behind the event is %s", found.Text)
	}
	n.refused("invited", n.call("GET", user("grace")+filter, ""), http.StatusForbidden, "Forbidden", "")

	again := n.must(http.StatusCreated, "POST", user("ada")+"/events", appointment)
	if again.text(t, "id") != a.text(t, "id") {
		t.Error("a repeated transactionId makes a second event")
	}
	other := n.must(http.StatusCreated, "POST", user("linus")+"/events", appointment)
	if other.text(t, "id") == a.text(t, "id") {
		t.Error("a transactionId of another mailbox finds the event")
	}
}

// day asks for the calendar of a user on 22 November in Berlin.
func (n *tenant) day(name, options string, headers ...string) reply {
	n.t.Helper()
	return n.must(http.StatusOK, "GET", user(name)+"/calendarView?startDateTime=2026-11-22T00:00:00%2B01:00&endDateTime=2026-11-23T00:00:00%2B01:00"+options, "", headers...)
}

// subjects are those of a list, joined.
func (a reply) subjects(t testing.TB) string {
	t.Helper()
	var all []string
	for _, item := range at(t, a.Body, "value").([]any) {
		all = append(all, at(t, item, "subject").(string))
	}
	return strings.Join(all, ", ")
}

// TestInvitations follows an event through the calendars of all that it
// concerns.
func TestInvitations(t *testing.T) {
	n := meetingTenant(t)
	made := n.must(http.StatusCreated, "POST", user("ada")+"/events", appointment)
	path := user("ada") + "/events/" + made.text(t, "id")
	invitation := n.day("grace", "")
	if at(t, invitation.Body, "value", 0, "iCalUId") != made.text(t, "iCalUId") || at(t, invitation.Body, "value", 0, "isOrganizer") != false ||
		at(t, invitation.Body, "value", 0, "onlineMeeting", "joinUrl") != made.text(t, "onlineMeeting", "joinUrl") {
		t.Fatalf("the invitation is %s", invitation.Text)
	}
	graces := user("grace") + "/events/" + at(t, invitation.Body, "value", 0, "id").(string)
	n.refused("not the organizer", n.call("PATCH", graces, `{"subject":"Mine"}`), http.StatusForbidden, "ErrorAccessDenied", "")
	n.refused("not the organizer", n.call("POST", graces+"/cancel", `{}`), http.StatusBadRequest, "ErrorInvalidRequest", "organizer")
	n.refused("not on her calendar", n.call("GET", user("grace")+"/events/"+made.text(t, "id"), ""), http.StatusNotFound, "ErrorItemNotFound", "")

	link := url.QueryEscape("JoinWebUrl eq '" + made.text(t, "onlineMeeting", "joinUrl") + "'")
	found := n.must(http.StatusOK, "GET", user("ada")+"/onlineMeetings?$filter="+link, "")
	meeting := user("ada") + "/onlineMeetings/" + at(t, found.Body, "value", 0, "id").(string)
	n.must(http.StatusOK, "PATCH", meeting, `{"participants":{"attendees":[{"upn":"grace@contoso.example","role":"presenter"}]}}`)

	moved := n.must(http.StatusOK, "PATCH", path, `{"subject":"Later","isOnlineMeeting":false,
		"start":{"dateTime":"2026-11-22T17:00:00","timeZone":"W. Europe Standard Time"},"end":{"dateTime":"2026-11-22T17:30:00","timeZone":"Europe/Berlin"}}`)
	if moved.text(t, "start", "dateTime") != "2026-11-22T16:00:00.0000000" || at(t, moved.Body, "isOnlineMeeting") != true {
		t.Errorf("the moved event is %s", moved.Text)
	}
	if m := n.must(http.StatusOK, "GET", meeting, ""); m.text(t, "startDateTime") != "2026-11-22T16:00:00Z" || m.text(t, "subject") != "Later" ||
		at(t, m.Body, "participants", "attendees", 1, "role") != "presenter" {
		t.Errorf("the moved meeting is %s", m.Text)
	}
	if a := n.must(http.StatusOK, "GET", graces, ""); a.text(t, "subject") != "Later" || a.text(t, "start", "dateTime") != "2026-11-22T16:00:00.0000000" {
		t.Errorf("the moved invitation is %s", a.Text)
	}
	n.must(http.StatusAccepted, "POST", path+"/cancel", `{"comment":"sorry"}`)
	n.must(http.StatusNotFound, "GET", path, "")
	if a := n.must(http.StatusOK, "GET", graces, ""); at(t, a.Body, "isCancelled") != true {
		t.Errorf("the cancelled invitation is %s", a.Text)
	}
	n.must(http.StatusNoContent, "DELETE", graces, "")
	if a := n.day("grace", ""); a.subjects(t) != "" {
		t.Errorf("there is still %s", a.Text)
	}
	n.must(http.StatusNotFound, "GET", meeting, "")
}

// TestGuests: who is no longer invited sees the event cancelled, once, and
// nobody sees hidden guests.
func TestGuests(t *testing.T) {
	n := meetingTenant(t)
	made := n.must(http.StatusCreated, "POST", user("ada")+"/events", strings.Replace(appointment, `"hideAttendees":false`, `"hideAttendees":true`, 1))
	if guests := at(t, n.day("grace", "").Body, "value", 0, "attendees").([]any); len(guests) != 1 || len(at(t, made.Body, "attendees").([]any)) != 2 {
		t.Errorf("Grace sees %v", guests)
	}
	path := user("ada") + "/events/" + made.text(t, "id")
	n.must(http.StatusOK, "PATCH", path, `{"attendees":[{"emailAddress":{"address":"linus@contoso.example"}}]}`)
	n.must(http.StatusOK, "PATCH", path, `{"subject":"Moved"}`)
	if a := n.day("grace", ""); a.subjects(t) != "Canceled: Consultation" || at(t, a.Body, "value", 0, "isCancelled") != true {
		t.Errorf("Grace, no longer invited, sees %s", a.Text)
	}
	if a := n.day("linus", ""); a.subjects(t) != "Moved" {
		t.Errorf("Linus, now invited, sees %s", a.Text)
	}
}

// TestLateLinks: a link that is not in the first answer is there later.
func TestLateLinks(t *testing.T) {
	n := newTenant(t, localgraph.Options{Settings: localgraph.Settings{LateLinks: true}})
	made := n.must(http.StatusCreated, "POST", user("ada")+"/events", appointment)
	read := n.must(http.StatusOK, "GET", user("ada")+"/events/"+made.text(t, "id"), "")
	if at(t, made.Body, "onlineMeeting") != nil || at(t, read.Body, "onlineMeeting", "joinUrl") == nil {
		t.Errorf("the answers are %s and %s", made.Text, read.Text)
	}
}

// TestCalendarsWithoutTeams: isOnlineMeeting is ignored in silence.
func TestCalendarsWithoutTeams(t *testing.T) {
	n := meetingTenant(t)
	if a := n.must(http.StatusOK, "GET", user("ada")+"/calendar", ""); at(t, a.Body, "allowedOnlineMeetingProviders", 0) != "teamsForBusiness" {
		t.Errorf("the calendar is %s", a.Text)
	}
	if err := n.Configure(localgraph.Settings{NoTeams: true}); err != nil {
		t.Fatal(err)
	}
	if a := n.must(http.StatusOK, "GET", user("ada")+"/calendar", ""); len(at(t, a.Body, "allowedOnlineMeetingProviders").([]any)) != 0 {
		t.Errorf("the calendar is %s", a.Text)
	}
	a := n.must(http.StatusCreated, "POST", user("ada")+"/events", appointment)
	if at(t, a.Body, "isOnlineMeeting") != false || at(t, a.Body, "onlineMeeting") != nil {
		t.Errorf("the event is %s", a.Text)
	}
}

func TestEventRefusals(t *testing.T) {
	n := meetingTenant(t)
	events := user("ada") + "/events"
	const end = `"end":{"dateTime":"2026-11-22T15:00:00","timeZone":"UTC"}`
	for _, c := range []struct{ name, body, code, message string }{
		{"no start", `{` + end + `}`, "TimeZoneNotSupportedException", "TimeZone"},
		{"an unknown zone", `{"start":{"dateTime":"2026-11-22T14:00:00","timeZone":"Mars/Olympus"},` + end + `}`, "TimeZoneNotSupportedException", "'Mars/Olympus'"},
		{"no time", `{"start":{"dateTime":"noon","timeZone":"UTC"},` + end + `}`, "BadRequest", "'noon'"},
		{"end before start", `{"start":{"dateTime":"2026-11-22T16:00:00","timeZone":"UTC"},` + end + `}`, "BadRequest", "before"},
		{"a recurrence", `{"recurrence":{},"start":{"dateTime":"2026-11-22T14:00:00","timeZone":"UTC"},` + end + `}`, "BadRequest", "'recurrence'"},
		{"nobody invited", `{"attendees":[{}],"start":{"dateTime":"2026-11-22T14:00:00","timeZone":"UTC"},` + end + `}`, "BadRequest", "address"},
	} {
		n.refused(c.name, n.call("POST", events, c.body), http.StatusBadRequest, c.code, c.message)
	}
	id := n.must(http.StatusCreated, "POST", events, appointment).text(t, "id")
	n.refused("a later transactionId", n.call("PATCH", events+"/"+id, `{"transactionId":"x"}`), http.StatusBadRequest, "BadRequest", "'transactionId'")
	n.refused("an unknown mailbox", n.call("POST", "/v1.0/users/nobody@contoso.example/events", appointment), http.StatusNotFound, "ErrorInvalidUser", "")
}

// held is a body that tells when it is read and then waits.
type held struct{ reading, release chan struct{} }

func (h held) Read([]byte) (int, error) {
	h.reading <- struct{}{}
	<-h.release
	return 0, io.EOF
}

// TestMailboxConcurrency holds four requests in a mailbox: the fifth is too
// many, but not in another mailbox, and not later.
func TestMailboxConcurrency(t *testing.T) {
	n := meetingTenant(t)
	h := held{make(chan struct{}), make(chan struct{})}
	var running sync.WaitGroup
	for range 4 {
		r := httptest.NewRequest("POST", user("ada")+"/events", h)
		r.Header.Set("Authorization", "Bearer "+n.token)
		running.Go(func() { n.ServeHTTP(httptest.NewRecorder(), r) })
		<-h.reading
	}
	n.refused("the fifth", n.call("GET", user("ada")+"/calendar", ""), http.StatusTooManyRequests, "ApplicationThrottled", "MailboxConcurrency")
	n.must(http.StatusOK, "GET", user("grace")+"/calendar", "")
	close(h.release)
	running.Wait()
	n.must(http.StatusOK, "GET", user("ada")+"/calendar", "")
}
