package graph_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchboard/shared/graph"
	"switchboard/shared/problem"
)

const (
	preferBoth = `include-unknown-enum-members, outlook.timezone="UTC"`

	eventSelect = "?$select=id,subject,start,end,isAllDay,isCancelled,isOrganizer,organizer,responseStatus," +
		"isOnlineMeeting,onlineMeetingProvider,onlineMeeting,iCalUId,seriesMasterId,webLink"

	eventJSON = `{"@odata.etag":"W/\"x\"","id":"AAMk=","iCalUId":"0400","seriesMasterId":null,"subject":"Consultation","isAllDay":false,"isCancelled":false,"isOrganizer":true,
 "start":{"dateTime":"2026-11-22T14:30:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-11-22T15:00:00.0000000","timeZone":"UTC"},
 "organizer":{"emailAddress":{"name":"Ada","address":"ada@contoso.com"}},"responseStatus":{"response":"organizer","time":"0001-01-01T00:00:00Z"},
 "isOnlineMeeting":true,"onlineMeetingProvider":"teamsForBusiness","onlineMeeting":{"joinUrl":"` + joinURL + `","conferenceId":"291633251","tollNumber":"+1"},
 "onlineMeetingUrl":null,"webLink":"https://outlook.office365.com/x"}`
)

func wholeEvent() graph.Event {
	return graph.Event{
		ID: "AAMk=", ICalUID: "0400", Subject: "Consultation", Start: start, End: end,
		Organizer: graph.Invitee{Address: "ada@contoso.com", Name: "Ada"}, Mine: true, Response: "organizer",
		Online: true, Provider: graph.TeamsProvider, JoinURL: joinURL, WebLink: "https://outlook.office365.com/x",
		DialIn: &graph.DialIn{ConferenceID: "291633251", TollNumber: "+1"},
	}
}

func TestCreateEvent(t *testing.T) {
	client, service, _ := behind(t, answers{"POST " + users + "/events": "201 " + eventJSON})
	user := client.User(organizer)
	got, err := user.CreateEvent(t.Context(), "7E163156", graph.NewEvent{
		Subject: "Consultation", HTML: "<p>...</p>", Start: start.In(time.FixedZone("", -3600)), End: end, OnlineMeeting: true,
		Invitees: []graph.Invitee{{Address: "patient@example.com", Name: "P"}, {Address: "nurse@contoso.com", Optional: true}},
	})
	if diff := cmp.Diff(wholeEvent(), got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if !got.IsTeamsMeeting() {
		t.Error("it is no Teams meeting")
	}
	sent := service.last(t)
	wantBody(t, sent, `{"subject":"Consultation","body":{"contentType":"HTML","content":"<p>...</p>"},
		"start":{"dateTime":"2026-11-22T14:30:00","timeZone":"UTC"},"end":{"dateTime":"2026-11-22T15:00:00","timeZone":"UTC"},
		"attendees":[{"emailAddress":{"address":"patient@example.com","name":"P"},"type":"required"},{"emailAddress":{"address":"nurse@contoso.com"},"type":"optional"}],
		"isOnlineMeeting":true,"onlineMeetingProvider":"teamsForBusiness","transactionId":"7E163156"}`)
	if got := sent.header.Values("Prefer"); !slices.Equal(got, []string{preferBoth}) {
		t.Errorf("preferred %q, want %q", got, preferBoth)
	}
	if _, err := user.CreateEvent(t.Context(), "plain", graph.NewEvent{Subject: "S", Start: start, End: end, HideInvitees: true}); err != nil {
		t.Fatal(err)
	}
	wantBody(t, service.last(t), `{"subject":"S","start":{"dateTime":"2026-11-22T14:30:00","timeZone":"UTC"},"end":{"dateTime":"2026-11-22T15:00:00","timeZone":"UTC"},
		"hideAttendees":true,"transactionId":"plain"}`)
}

func TestEventsOneByOne(t *testing.T) {
	const path = users + "/events/AAMk="
	name, text := "Other", "<p>later</p>"
	client, service, injector := behind(t, answers{
		"GET " + path + eventSelect: "200 " + eventJSON,
		"PATCH " + path:             "200 " + eventJSON,
		"DELETE " + path:            "204",
		"POST " + path + "/cancel":  "202",
	})
	user := client.User(organizer)
	got, err := user.Event(t.Context(), "AAMk=")
	if diff := cmp.Diff(wholeEvent(), got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, tt := range []struct {
		change graph.EventChange
		want   string
	}{
		{graph.EventChange{Subject: &name}, `{"subject":"Other"}`},
		{graph.EventChange{HTML: &text, Invitees: []graph.Invitee{}}, `{"body":{"contentType":"HTML","content":"<p>later</p>"},"attendees":[]}`},
		{graph.EventChange{Start: start, End: end}, `{"start":{"dateTime":"2026-11-22T14:30:00","timeZone":"UTC"},"end":{"dateTime":"2026-11-22T15:00:00","timeZone":"UTC"}}`},
	} {
		if _, err := user.UpdateEvent(t.Context(), "AAMk=", tt.change); err != nil {
			t.Fatal(err)
		}
		wantBody(t, service.last(t), tt.want)
	}
	if err := user.CancelEvent(t.Context(), "AAMk=", "ill"); err != nil {
		t.Error(err)
	}
	wantBody(t, service.last(t), `{"comment":"ill"}`)
	if err := user.DeleteEvent(t.Context(), "AAMk="); err != nil {
		t.Error(err)
	}

	injector.Add(saysJSON(404, `{"error":{"code":"ErrorItemNotFound","message":"The specified object was not found in the store."}}`))
	_, get := user.Event(t.Context(), "AAMk=")
	_, update := user.UpdateEvent(t.Context(), "AAMk=", graph.EventChange{})
	for name, err := range map[string]error{"get": get, "update": update, "cancel": user.CancelEvent(t.Context(), "AAMk=", ""), "delete": user.DeleteEvent(t.Context(), "AAMk=")} {
		if !errors.Is(err, graph.ErrNotFound) {
			t.Errorf("%s of an event that is gone: %v", name, err)
		}
	}
}

const firstPage = users + "/calendarView?startDateTime=2026-10-24T22%3A00%3A00Z&endDateTime=2026-10-25T23%3A00%3A00Z&" +
	"$select=id,subject,start,end,isAllDay,isCancelled,isOrganizer,organizer,responseStatus,isOnlineMeeting,onlineMeetingProvider,onlineMeeting,iCalUId,seriesMasterId,webLink" +
	"&$orderby=start/dateTime&$top=50"

// aDay is one of 25 hours, in Berlin.
func aDay(t *testing.T) (from, to time.Time) {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here:", err)
	}
	return time.Date(2026, 10, 25, 0, 0, 0, 0, berlin), time.Date(2026, 10, 26, 0, 0, 0, 0, berlin)
}

func eventAt(id, at string) string {
	return fmt.Sprintf(`{"id":"%s","start":{"dateTime":"%s","timeZone":"UTC"},"end":{"dateTime":"%[2]s","timeZone":"UTC"}}`, id, at)
}

// TestCalendarView follows pages to their end, as they are given, and tells
// apart the two half past twos of the night in which clocks go back.
func TestCalendarView(t *testing.T) {
	const second = "/v1.0/users/" + organizer + "/calendarView?$skip=2&x=%3A%27y'+z"
	client, service, injector := behind(t, answers{
		"GET " + firstPage: `200 {"value":[` + eventAt("a", "2026-10-25T00:30:00.0000000") + `,` + eventAt("b", "2026-10-25T01:30:00.0000000") + `],
			"@odata.nextLink":"https://graph.microsoft.com` + second + `"}`,
		"GET " + second: `200 {"value":[` + eventJSON + `]}`,
	})
	from, to := aDay(t)
	events, err := client.User(organizer).CalendarView(t.Context(), from, to)
	if err != nil || len(events) != 3 {
		t.Fatalf("%+v, %v", events, err)
	}
	if gap := events[1].Start.Sub(events[0].Start); gap != time.Hour || events[0].Start.In(from.Location()).Hour() != 2 || events[1].Start.In(from.Location()).Hour() != 2 {
		t.Errorf("from %v to %v", events[0].Start, events[1].Start)
	}
	if diff := cmp.Diff(wholeEvent(), events[2]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if n := len(injector.Calls()); n != 2 {
		t.Errorf("%d requests for two pages", n)
	}
	for _, r := range service.asked {
		if r.header.Get("Prefer") != preferBoth {
			t.Errorf("%s does not ask for UTC", r.line)
		}
	}
}

func TestWhichEventsAreTeamsMeetings(t *testing.T) {
	for _, tt := range []struct {
		event graph.Event
		want  bool
	}{
		{graph.Event{Online: true, Provider: "teamsForBusiness"}, true},
		{graph.Event{Online: true, Provider: "teamsForBusiness", Cancelled: true}, false},
		{graph.Event{Online: true, Provider: "skypeForBusiness"}, false},
		{graph.Event{Provider: "teamsForBusiness"}, false},
	} {
		if tt.event.IsTeamsMeeting() != tt.want {
			t.Errorf("%+v: %v", tt.event, !tt.want)
		}
	}
}

// TestBadCalendarViews: pages that lead elsewhere, never end, or make no sense.
func TestBadCalendarViews(t *testing.T) {
	from, to := aDay(t)
	next := func(link string) string { return `{"value":[],"@odata.nextLink":"` + link + `"}` }
	for name, tt := range map[string]struct {
		body, code string
		requests   int
	}{
		"a page elsewhere":       {next("https://graph.microsoft.com.example.com/v1.0/" + leak), "graph_failed", 1},
		"a page beside":          {next("https://graph.microsoft.com/beta/" + leak), "graph_failed", 1},
		"a page that is no URL":  {next("https://graph.microsoft.com/v1.0/%zz"), "graph_failed", 1},
		"pages without end":      {next("https://graph.microsoft.com" + firstPage), "calendar_too_full", 20},
		"an event without id":    {`{"value":[{"subject":"` + leak + `"}]}`, "graph_failed", 1},
		"an event without times": {`{"value":[{"id":"1"}]}`, "graph_failed", 1},
		"a time of another zone": {strings.ReplaceAll(`{"value":[`+eventAt("a", "2026-10-25T02:30:00")+`]}`, "UTC", "Europe/Berlin"), "graph_failed", 1},
		"no list":                {`{"value":7}`, "graph_failed", 1},
	} {
		client, _, injector := behind(t, nil)
		injector.Add(saysJSON(http.StatusOK, tt.body))
		_, err := client.User(organizer).CalendarView(t.Context(), from, to)
		p, ok := errors.AsType[*problem.Error](err)
		if !ok || p.Code != tt.code {
			t.Errorf("%s: %v, want %s", name, err, tt.code)
			continue
		}
		wantNoLeak(t, name, err)
		if n := len(injector.Calls()); n != tt.requests {
			t.Errorf("%s: %d requests, want %d", name, n, tt.requests)
		}
	}
}

func TestAllowedProviders(t *testing.T) {
	client, service, _ := behind(t, nil)
	for body, want := range map[string][]string{
		`{"id":"x","allowedOnlineMeetingProviders":["teamsForBusiness","other"]}`: {"teamsForBusiness", "other"},
		`{"allowedOnlineMeetingProviders":[]}`:                                    {},
	} {
		service.answers = answers{"GET " + users + "/calendar": "200 " + body}
		got, err := client.User(organizer).AllowedProviders(t.Context())
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %q, %v", body, got, err)
		}
	}
	service.answers = answers{"GET " + users + "/calendar": "200 {}"}
	_, err := client.User(organizer).AllowedProviders(t.Context())
	wantProblem(t, "no list", err, problem.Upstream, "graph_failed")
}

func TestNoIDNoRequestForEvents(t *testing.T) {
	client, _, injector := behind(t, nil)
	ctx, user := t.Context(), client.User(organizer)
	call := map[string]error{"cancel": user.CancelEvent(ctx, "", ""), "delete": user.DeleteEvent(ctx, "")}
	_, call["create"] = user.CreateEvent(ctx, "", graph.NewEvent{})
	_, call["get"] = user.Event(ctx, "")
	_, call["update"] = user.UpdateEvent(ctx, "", graph.EventChange{})
	_, call["update of one time"] = user.UpdateEvent(ctx, "1", graph.EventChange{End: end})
	_, call["view of nobody"] = client.User("").CalendarView(ctx, start, end)
	_, call["calendar of nobody"] = client.User("").AllowedProviders(ctx)
	for name, err := range call {
		if _, is := errors.AsType[*problem.Error](err); err == nil || is {
			t.Errorf("%s: %v", name, err)
		}
	}
	if calls := injector.Calls(); len(calls) != 0 {
		t.Errorf("requests were made: %q", calls)
	}
}

// FuzzAnswers: whatever Graph answers is an event with an id, or a problem.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{eventJSON, `{"value":[` + eventJSON + `]}`, meetingJSON, eventAt("a", "2026-10-25T02:30:00+25:00"), `{"value":[null],"@odata.nextLink":"https://graph.microsoft.com/v1.0/%"}`, `[`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		client, _, injector := behind(t, nil)
		injector.Add(saysJSON(http.StatusOK, body))
		event, err := client.User(organizer).Event(t.Context(), "1")
		if _, ok := errors.AsType[*problem.Error](err); ok == (event.ID != "") {
			t.Errorf("an event %+v, %v", event, err)
		}
		meeting, err := client.User(organizer).Meeting(t.Context(), "1")
		if _, ok := errors.AsType[*problem.Error](err); ok == (meeting.ID != "") {
			t.Errorf("a meeting %+v, %v", meeting, err)
		}
		events, err := client.User(organizer).CalendarView(t.Context(), start, end)
		if _, ok := errors.AsType[*problem.Error](err); ok && events != nil || !ok && err != nil {
			t.Errorf("events %+v, %v", events, err)
		}
	})
}
