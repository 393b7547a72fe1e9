package meetings_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/localgraph"
	"switchboard/shared/testbed"
)

// Of another tenant's meeting its link tells how to join and, in the long form, the chat.
// Without Graph that is all meetings.
func TestImportWhatGraphDoesNotShow(t *testing.T) {
	t.Parallel()
	for _, tenant := range []string{localgraph.DefaultTenant, ""} {
		w := newWorld(t, map[string]string{"SWITCHBOARD_GRAPH_TENANT": tenant, "SWITCHBOARD_GRAPH_NOTIFY_URL": ""})
		ada, _ := w.user("ada")
		start := w.day(0).Add(8 * time.Hour)
		long := bring(ada, linked(safe(capitals(foreign("M2Iz"))), told("  Theirs ", start, start.Add(time.Hour)))).Want(http.StatusCreated)
		if long.Text("subject") != "Theirs" || join(long)["meetingLink"] != foreign("M2Iz") || thread(long) != "19:meeting_M2Iz@thread.v2" || long.JSON()["dialIn"] != nil {
			t.Errorf("imported is %s", long.Body)
		}
		const link = "https://teams.microsoft.com/meet/2345678901234?p=aB3dE-f_9"
		short := bring(ada, linked(link, told("Short", start, start.Add(time.Hour)))).Want(http.StatusCreated)
		if join(short)["meetingLink"] != link || short.JSON()["chat"] != nil {
			t.Errorf("imported is %s", short.Body)
		}
		if lobby := short.JSON()["lobby"].(map[string]any); lobby["mayWait"] != true || lobby["scope"] != nil {
			t.Errorf("its lobby is %v", lobby)
		}
		if got := agenda(ada, ""); got.subjects() != "Theirs, Short" && got.subjects() != "Short, Theirs" {
			t.Errorf("%+v", got)
		}
		// What nobody else tells can be changed here.
		ada.Do("PATCH", "/api/meetings/"+long.Text("id"), `{"subject":"Ours","endsAt":"`+start.Add(2*time.Hour).Format(time.RFC3339)+`"}`).Want(http.StatusOK)
		ada.Do("PATCH", "/api/meetings/"+long.Text("id"), `{"lobby":"everyone"}`).Problem(http.StatusConflict, "meeting_imported")
	}
}

// Who sends the same import several times at once has it once.
func TestImportsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, unwatched)
	ada, _ := w.colleague("ada")
	id, passcode := w.protected("ada")
	held, err := w.outlook("ada").MeetingByJoinID(t.Context(), id)
	w.ok(err)
	answers := make([]testbed.Answer, 8)
	var all sync.WaitGroup
	for n := range answers {
		all.Go(func() { answers[n] = bring(ada, [...]string{numbered(id, passcode), linked(held.JoinURL)}[n%2]) })
	}
	all.Wait()
	made := 0
	for _, a := range answers {
		if a.Status == http.StatusCreated {
			made++
		} else {
			a.Want(http.StatusOK)
		}
		if a.Text("id") != answers[0].Text("id") {
			t.Errorf("another: %s", a.Body)
		}
	}
	if made != 1 {
		t.Errorf("made %d times", made)
	}
	w.Drain()
	if got := agenda(ada, ""); got.subjects() != "Protected" {
		t.Errorf("%+v", got)
	}
}

// While Graph fails nothing is imported: what it would tell is better than what people know,
// and it can be asked again. Where it may not be asked at all, what they know will do.
func TestImportWhileGraphFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"SWITCHBOARD_MEETINGS_TIMEOUT": "1s", "SWITCHBOARD_GRAPH_NOTIFY_URL": ""})
	ada, _ := w.colleague("ada")
	start := w.day(0).Add(10 * time.Hour)
	review := w.plans("grace", "Review", start)
	details := told("As it was told", start, start.Add(time.Hour))
	for _, test := range []struct {
		fault  faults.Rule
		status int
		code   string
	}{
		{faults.Rule{Status: http.StatusInternalServerError}, http.StatusBadGateway, "graph_failed"},
		{faults.Rule{Drop: "before"}, http.StatusBadGateway, "graph_failed"},
		{faults.Rule{Status: http.StatusServiceUnavailable, Header: map[string]string{"Retry-After": "30"}}, http.StatusServiceUnavailable, "graph_unavailable"},
		{faults.Rule{Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "30"}}, http.StatusServiceUnavailable, "graph_throttled"},
		{faults.Rule{Delay: faults.Duration(time.Minute)}, http.StatusGatewayTimeout, "graph_timeout"},
	} {
		test.fault.Contains, test.fault.Times, test.fault.Body = "/onlineMeetings", -1, `{"error":{"code":"x","message":"Graph's own"}}`
		w.Cloud.GraphFaults.Add(test.fault)
		answer := bring(ada, linked(review.JoinURL, details)).Problem(test.status, test.code)
		if strings.Contains(string(answer.Body), "own") || test.fault.Header != nil && answer.Header.Get("Retry-After") == "" {
			t.Errorf("%v %s", answer.Header, answer.Body)
		}
		w.Cloud.GraphFaults.Clear()
	}
	w.ok(w.Cloud.Graph.Configure(localgraph.Settings{PolicyUsers: []string{localgraph.SeedUserID("meetings")}}))
	bring(ada, linked(review.JoinURL)).Problem(http.StatusBadGateway, "graph_access_policy_missing")
	if got := agenda(ada, ""); len(got.Items) > 0 {
		t.Errorf("nothing was imported, and there is %+v", got)
	}
	made := bring(ada, linked(review.JoinURL, details)).Want(http.StatusCreated)
	if made.Text("subject") != "As it was told" || join(made)["meetingLink"] != review.JoinURL || thread(made) == "" {
		t.Errorf("without the policy: %s", made.Body)
	}
	grace, _ := w.user("grace")
	w.ok(w.Cloud.Graph.Configure(localgraph.Settings{PolicyGlobal: true}))
	if made := bring(grace, linked(review.JoinURL)).Want(http.StatusCreated); made.Text("subject") != "Review" {
		t.Errorf("with the policy: %s", made.Body)
	}
}

// An imported meeting is people's own: what is done with it here touches Graph never, each
// who brought it has it for themselves, and it may be brought again.
func TestAnImportedMeetingStaysAsItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, unwatched)
	ada, _ := w.user("ada")
	grace, _ := w.user("grace")
	joseph, josephID := w.user("joseph")
	fair := graph.NewEvent{Subject: "Fair", Start: w.day(1), End: w.day(4), OnlineMeeting: true} // longer than one that is made here
	made, err := w.outlook("ada").CreateEvent(t.Context(), "fair", fair)
	w.ok(err)
	hers, his := imports(ada, made.JoinURL), imports(grace, made.JoinURL)
	if hers == his {
		t.Error("two have one meeting, and either may take it away from the other")
	}
	bring(ada, linked(made.JoinURL, attendees(slices.Repeat([]string{"nobody@"}, 2)...))).Want(http.StatusOK)
	bring(joseph, linked(made.JoinURL, attendees("nobody@"))).Problem(http.StatusBadRequest, "meeting_invalid")

	w.Cloud.GraphFaults.Record()
	path := "/api/meetings/" + hers
	for _, change := range []string{`{"subject":"Ours"}`, `{"startsAt":"` + w.at(60) + `","endsAt":"` + w.at(90) + `"}`, `{"lobby":"everyone"}`, `{"subject":"Ours",` + attendees(josephID) + `}`} {
		ada.Do("PATCH", path, change).Problem(http.StatusConflict, "meeting_imported")
	}
	ada.Do("PATCH", path, `{"subject":"Fair",`+attendees(josephID, "patient@example.com")+`}`).Want(http.StatusOK)
	grace.Do("PATCH", path, `{"attendees":[]}`).Problem(http.StatusNotFound, "meeting_unknown")
	w.Drain()
	for day := range 5 {
		if got := agenda(joseph, "day="+w.day(day).Format(time.DateOnly)); len(got.Items) > 0 != (day >= 1 && day <= 3) {
			t.Errorf("day %d: %+v", day, got)
		}
	}
	ada.Do("DELETE", path, "").Want(http.StatusNoContent)
	ada.Do("DELETE", path, "").Want(http.StatusNoContent)
	w.Drain()
	for name, c := range map[string]testbed.Client{"ada": ada, "joseph": joseph} {
		c.Get(path).Problem(http.StatusNotFound, "meeting_unknown")
		if got := agenda(c, "day="+w.day(2).Format(time.DateOnly)); len(got.Items) > 0 {
			t.Errorf("%s has %+v", name, got)
		}
	}
	grace.Get("/api/meetings/" + his).Want(http.StatusOK)
	if calls := w.graphCalls(); len(calls) > 0 {
		t.Errorf("Graph was asked: %q", calls)
	}
	if again := imports(ada, made.JoinURL); again != hers {
		t.Errorf("brought again it is %s, and was %s", again, hers)
	}
	w.Drain()
	if got := agenda(ada, "day="+w.day(2).Format(time.DateOnly)); got.subjects() != "Fair" {
		t.Errorf("brought again: %+v", got)
	}
	ada.Get(path).Want(http.StatusOK)
}

// A series without an end is imported as it is, and followed when it gets one.
func TestASeriesWithoutAnEnd(t *testing.T) {
	t.Parallel()
	w := watched(t)
	ada, _ := w.user("ada")
	start := w.day(1)
	endless, err := w.outlook("grace").CreateEvent(t.Context(), "endless", graph.NewEvent{
		Subject: "Endless", Start: start, End: time.Date(4500, 9, 1, 0, 0, 0, 0, time.UTC), OnlineMeeting: true})
	w.ok(err)
	id := imports(ada, endless.JoinURL)
	w.Drain()
	if got := agenda(ada, "day="+w.day(400).Format(time.DateOnly)); got.subjects() != "Endless" {
		t.Errorf("the agenda has %+v", got)
	}
	w.moves("grace", endless.ID, "Ended", start)
	w.follows(ada, id, "Ended", start)
}
