package meetings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/localgraph"
	"switchboard/shared/testbed"
)

// watched is a world that Graph tells of what changes in its calendars.
func watched(t *testing.T) world {
	t.Helper()
	w := newWorld(t, nil)
	w.later(0)
	return w
}

// moves has a subject and a start of an event changed in Outlook.
func (w world) moves(organizer, event, subject string, start time.Time) {
	w.t.Helper()
	_, err := w.outlook(organizer).UpdateEvent(w.t.Context(), event, graph.EventChange{Subject: &subject, Start: start, End: start.Add(time.Hour)})
	w.ok(err)
}

// follows waits until somebody's agenda has a meeting under a subject, from a time on.
func (w world) follows(c testbed.Client, id, subject string, start time.Time) {
	w.t.Helper()
	w.until(subject, func() bool { return c.Get("/api/meetings/"+id).Want(http.StatusOK).Text("subject") == subject })
	w.Drain()
	got := agenda(c, "from="+start.Add(-time.Hour).Format(time.RFC3339)+"&to="+start.Add(time.Minute).Format(time.RFC3339))
	if len(got.Items) != 1 || got.Items[0].ID != id || got.Items[0].Subject != subject || !got.Items[0].StartsAt.Equal(start) || !got.Items[0].EndsAt.Equal(start.Add(time.Hour)) {
		w.t.Errorf("%s: %+v", subject, got)
	}
}

// gone waits until a meeting is.
func (w world) gone(c testbed.Client, id string) {
	w.t.Helper()
	w.until("gone", func() bool { return c.Get("/api/meetings/"+id).Status == http.StatusNotFound })
	w.Drain()
	c.Do("POST", "/api/meetings/"+id+"/join", "").Problem(http.StatusNotFound, "meeting_unknown")
	if got := agenda(c, "from="+w.day(0).Format(time.RFC3339)+"&to="+w.day(30).Format(time.RFC3339)); len(got.Items) > 0 {
		w.t.Errorf("still in the agenda: %+v", got)
	}
}

// eventOf is the event behind a meeting that is kept here.
func (w world) eventOf(id string) string {
	w.t.Helper()
	var m struct{ Place struct{ Event string } }
	found := w.Stored(fmt.Sprintf("SELECT * FROM c WHERE c.pk = 'm:%s' AND c.type = 'meeting'", id))
	if len(found) != 1 || json.Unmarshal(found[0], &m) != nil || m.Place.Event == "" {
		w.t.Fatalf("stored are %s", found)
	}
	return m.Place.Event
}

// What Ada scheduled here she moves, renames and cancels in Outlook, and whoever is invited
// finds it so.
func TestWhatIsDoneInOutlook(t *testing.T) {
	t.Parallel()
	w := watched(t)
	ada, _ := w.colleague("ada")
	grace, graceID := w.user("grace")
	at := func(hour int) time.Time { return w.day(0).Add(time.Duration(hour) * time.Hour) }
	made := ada.Do("POST", "/api/meetings", "{"+told("Lesson", at(9), at(10))+`,"mode":"calendar",`+attendees(graceID, "patient@example.com")+"}").Want(http.StatusCreated)
	id, path := made.Text("id"), "/api/meetings/"+made.Text("id")
	w.Drain()
	event := w.eventOf(id)

	w.moves("ada", event, "Exam", at(12))
	w.follows(grace, id, "Exam", at(12))
	moved := ada.Get(path).Want(http.StatusOK)
	if moved.Header.Get("ETag") == made.Header.Get("ETag") || !strings.Contains(string(moved.Body), "patient@") || join(moved)["meetingLink"] != join(made)["meetingLink"] {
		t.Errorf("moved it is %s, %s", moved.Header.Get("ETag"), moved.Body)
	}
	ada.Do("PATCH", path, `{"subject":"Party"}`, "If-Match: "+made.Header.Get("ETag")).Problem(http.StatusPreconditionFailed, "version_stale")
	grace.Do("POST", path+"/join", "").Problem(http.StatusConflict, "meeting_not_open")

	// What agendas do not show is no change, nor is what was changed here the first time.
	for what, change := range map[string]func(){
		"the text": func() {
			text := "Bring a pencil."
			_, err := w.outlook("ada").UpdateEvent(t.Context(), event, graph.EventChange{HTML: &text})
			w.ok(err)
		},
		"here": func() { ada.Do("PATCH", path, `{"subject":"Oral exam"}`).Want(http.StatusOK) },
	} {
		w.Cloud.GraphFaults.Record()
		change()
		before := ada.Get(path).Header.Get("ETag")
		w.until("looked at", func() bool {
			return strings.Contains(fmt.Sprint(w.graphCalls()), "GET /v1.0/users/"+localgraph.SeedUserID("ada")+"/events/"+event)
		})
		w.Drain()
		if after := ada.Get(path).Header.Get("ETag"); after != before {
			t.Errorf("%s: %s became %s", what, before, after)
		}
	}
	w.follows(grace, id, "Oral exam", at(12))

	w.Cloud.GraphFaults.Record()
	w.ok(w.outlook("ada").DeleteEvent(t.Context(), event))
	w.gone(grace, id)
	w.gone(ada, id)
	for _, call := range w.graphCalls() {
		if !strings.HasPrefix(call, "GET ") {
			t.Errorf("what is gone was asked for: %s", call)
		}
	}
}

// What people made and others brought here follows too, for everybody who brought it.
func TestImportedMeetingsFollow(t *testing.T) {
	t.Parallel()
	w := watched(t)
	at := func(hour int) time.Time { return w.day(0).Add(time.Duration(hour) * time.Hour) }
	review := w.plans("grace", "Review", at(9), "ada")
	people := map[string]testbed.Client{}
	ids := map[string]string{}
	for _, name := range []string{"ada", "joseph", "linus"} {
		people[name], _ = w.user(name)
		ids[name] = imports(people[name], review.JoinURL)
		w.Drain()
	}
	people["ada"].Do("DELETE", "/api/meetings/"+ids["ada"], "").Want(http.StatusNoContent)
	delete(people, "ada")
	w.moves("grace", review.ID, "Retrospective", at(12))
	for name, c := range people {
		w.follows(c, ids[name], "Retrospective", at(12))
	}
	w.ok(w.outlook("grace").CancelEvent(t.Context(), review.ID, "ill"))
	for name, c := range people {
		w.gone(c, ids[name])
	}
}

// Of a meeting that is on no calendar nobody tells that it was removed in Teams. Who tries to
// change it finds out, and soon nobody has it any more.
func TestRemovedInTeams(t *testing.T) {
	t.Parallel()
	w := newWorld(t, unwatched)
	ada, _ := w.colleague("ada")
	id := hosts(ada, "Lesson", w.Clock.Now(), w.Clock.Now().Add(time.Hour))
	var stored struct{ Place struct{ Meeting string } }
	w.ok(json.Unmarshal(w.Stored("SELECT * FROM c WHERE c.type = 'meeting'")[0], &stored))
	w.graphDo("DELETE", "/users/"+localgraph.SeedUserID("ada")+"/onlineMeetings/"+stored.Place.Meeting, "", nil)
	ada.Do("PATCH", "/api/meetings/"+id, `{"subject":"Review"}`).Problem(http.StatusNotFound, "meeting_gone")
	w.Clock.Move(time.Minute)
	w.wantUpkeep()
	w.gone(ada, id)
}

// subscription is what is known of the one that there is.
func (w world) subscription() (s struct {
	Subscription, ClientState string
	Expires                   time.Time
}) {
	w.t.Helper()
	found := w.Stored("SELECT * FROM c WHERE c.type = 'subscription'")
	if len(found) != 1 || json.Unmarshal(found[0], &s) != nil {
		w.t.Fatalf("stored are %s", found)
	}
	return s
}

// dated is a followed meeting of Ada's that begins in an hour, some days on.
func (w world) dated(days int) (ada testbed.Client, id, event string, start time.Time) {
	w.t.Helper()
	ada, _ = w.user("ada")
	start = w.day(days).Add(9 * time.Hour)
	lesson := w.plans("grace", "Lesson", start)
	id = imports(ada, lesson.JoinURL)
	w.Drain()
	return ada, id, lesson.ID, start
}

// Who does not know the secret cannot have anything looked at, and who knows it nothing but
// what the subscription is to.
func TestForgedNotifications(t *testing.T) {
	t.Parallel()
	w := watched(t)
	ada, id, event, start := w.dated(0)
	s := w.subscription()
	w.graphDo("DELETE", "/subscriptions/"+s.Subscription, "", nil) // so that none is true
	w.moves("grace", event, "Later", start.Add(time.Hour))
	grace := localgraph.SeedUserID("grace")
	tell := func(path, subscription, state, resource, event string) {
		t.Helper()
		w.Nobody().Do("POST", "/api/graph/"+path, fmt.Sprintf(`{"value":[{"subscriptionId":%q,"clientState":%q,"changeType":"updated","resource":%q,"lifecycleEvent":%q}]}`, subscription, state, resource, event)).Want(http.StatusAccepted)
	}
	w.Cloud.GraphFaults.Record()
	resource := "Users/" + grace + "/Events/" + event
	for _, state := range []string{"", grace, grace + ".", s.ClientState + "x", strings.ToUpper(s.ClientState), localgraph.SeedUserID("ada") + s.ClientState[len(grace):]} {
		tell("notifications", s.Subscription, state, resource, "")
		tell("lifecycle", s.Subscription, state, "", localgraph.Missed)
		tell("lifecycle", s.Subscription, state, "", localgraph.SubscriptionRemoved)
	}
	tell("notifications", "another", s.ClientState, resource, "")
	tell("notifications", s.Subscription, s.ClientState, strings.Replace(resource, grace, localgraph.SeedUserID("ada"), 1), "")
	tell("notifications", s.Subscription, s.ClientState, resource+"x", "")
	w.Drain()
	if calls := w.graphCalls(); len(calls) > 0 || ada.Get("/api/meetings/"+id).Text("subject") != "Lesson" {
		t.Errorf("somebody was believed: %q", calls)
	}
	tell("notifications", s.Subscription, s.ClientState, resource, "")
	w.follows(ada, id, "Later", start.Add(time.Hour))
}

// Whatever happens to a subscription, changes are not lost.
func TestTheLifeOfASubscription(t *testing.T) {
	t.Parallel()
	w := watched(t)
	ada, id, event, start := w.dated(25)
	first := w.subscription()
	calls := func(part string) bool { return strings.Contains(fmt.Sprint(w.graphCalls()), part) }

	w.Cloud.GraphFaults.Record()
	w.ok(w.Cloud.Graph.Lifecycle(first.Subscription, localgraph.ReauthorizationRequired))
	w.until("authorized again", func() bool { return calls("POST /v1.0/subscriptions/" + first.Subscription + "/reauthorize") })
	w.ok(w.Cloud.Graph.Lifecycle(first.Subscription, localgraph.SubscriptionRemoved))
	w.moves("grace", event, "Unheard", start)
	w.follows(ada, id, "Unheard", start)
	second := w.subscription()
	w.moves("grace", event, "Heard", start)
	w.follows(ada, id, "Heard", start)

	// It is renewed in time.
	w.ok(w.Fire("upkeep"))
	if calls("PATCH /v1.0/subscriptions") {
		t.Error("a new subscription was renewed")
	}
	w.later(5 * 24 * time.Hour)
	w.Cloud.GraphFaults.Record()
	w.ok(w.Fire("upkeep"))
	third := w.subscription()
	if !calls("PATCH /v1.0/subscriptions/"+second.Subscription) || third.Subscription != second.Subscription || third.Expires.Sub(w.Clock.Now()) < 5*24*time.Hour {
		t.Errorf("%+v became %+v by %q", second, third, w.graphCalls())
	}
	w.moves("grace", event, "Heard still", start)
	w.follows(w.As("ada"), id, "Heard still", start)

	// Where nobody renewed it, it is made anew, and what was missed is seen.
	w.later(8 * 24 * time.Hour)
	w.moves("grace", event, "Missed", start)
	w.ok(w.Fire("upkeep"))
	w.follows(w.As("ada"), id, "Missed", start)

	// While Graph is away the change waits.
	w.Cloud.GraphFaults.Add(faults.Rule{Method: "GET", Contains: "/events/", Times: -1, Status: http.StatusForbidden})
	w.Cloud.GraphFaults.Record()
	w.moves("grace", event, "In time", start)
	w.until("looked at in vain", func() bool { return calls("GET /v1.0/users/" + localgraph.SeedUserID("grace") + "/events/") })
	w.later(10 * time.Minute)
	w.ok(w.Fire("upkeep"))
	w.follows(w.As("ada"), id, "In time", start)

	// After the meeting it ends.
	w.later(20 * 24 * time.Hour)
	w.Cloud.GraphFaults.Record()
	w.ok(w.Fire("upkeep"))
	if left := w.Stored("SELECT * FROM c WHERE c.type = 'subscription'"); len(left) > 0 {
		t.Errorf("left are %s after %q", left, w.graphCalls())
	}
}
