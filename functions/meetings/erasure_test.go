package meetings_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/localgraph"
	"switchboard/shared/testbed"
)

// nowhere fails the test if anything in the store tells of somebody, but the marks of
// identities that were erased, which last for minutes.
func (w world) nowhere(what string, traces ...string) {
	w.t.Helper()
	for _, doc := range w.Stored(`SELECT * FROM c WHERE NOT IS_DEFINED(c.erasedAt)`) {
		for _, trace := range traces {
			if strings.Contains(strings.ToLower(string(doc)), strings.ToLower(trace)) {
				w.t.Errorf("%s: %s is left in %.400s", what, trace, doc)
			}
		}
	}
}

// held counts the meetings and events that Graph was told to make, less those that it was
// told to remove.
func (w world) held() int {
	w.t.Helper()
	n := 0
	for _, call := range w.Cloud.GraphFaults.Calls() {
		switch {
		case strings.HasSuffix(call, "/createOrGet"), strings.HasPrefix(call, "POST") && strings.HasSuffix(call, "/events"):
			n++
		case strings.HasPrefix(call, "DELETE"):
			n--
		}
	}
	return n
}

// An attendee who is erased is in no meeting any more, and who comes back is a stranger.
func TestErasureOfAnAttendee(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	grace, graceID := w.user("grace")
	linus, linusID := w.user("linus")
	path := w.schedule(ada, w.draft(0, attendees(graceID, linusID, "patient@example.com")))
	imported := "/api/meetings/" + grace.Do("POST", "/api/meetings/import", w.foreign("2451234567890", attendees(linusID))).Want(http.StatusCreated).Text("id")
	w.Drain()
	before := ada.Get(path).Header.Get("ETag")
	grace.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
	w.Drain()
	w.nowhere("an attendee", graceID)
	got := ada.Get(path).Want(http.StatusOK)
	if got.Header.Get("ETag") == before || strings.Contains(string(got.Body), graceID) || len(got.JSON()["attendees"].([]any)) != 2 {
		t.Errorf("the meeting is %s", got.Body)
	}
	linus.Get(imported).Problem(http.StatusNotFound, "meeting_unknown")
	if _, ids := today(linus); len(ids) != 1 || "/api/meetings/"+ids[0] != path {
		t.Errorf("who was invited by both has %v", ids)
	}

	grace, again := w.user("grace")
	if _, ids := today(grace); len(ids) != 0 || again != graceID {
		t.Errorf("back, she has %v", ids)
	}
	grace.Get(path).Problem(http.StatusNotFound, "meeting_unknown")
	grace.Do("POST", path+"/join", "").Problem(http.StatusNotFound, "meeting_unknown")
	ada.Do("PATCH", path, "{"+attendees(graceID)+"}").Want(http.StatusOK)
	grace.Do("POST", "/api/meetings/import", w.foreign("2451234567890")).Want(http.StatusCreated)
	w.Drain()
	if _, ids := today(grace); len(ids) != 2 {
		t.Errorf("invited again, she has %v", ids)
	}
}

// foreign is a request for a meeting of another tenant by its number.
func (w world) foreign(number string, more ...string) string {
	return strings.Replace(w.draft(0, more...), "{", fmt.Sprintf(`{"link":"https://teams.microsoft.com/meet/%s?p=abc",`, number), 1)
}

// What an erased user hosts is over for everybody, at Graph as well; what they brought here
// is only gone here.
func TestErasureOfAHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, adaID := w.user("ada")
	grace, graceID := w.user("grace")
	w.Cloud.GraphFaults.Record()
	guests := attendees(graceID, "patient@example.com")
	paths := []string{w.schedule(ada, w.draft(0, guests)), w.schedule(ada, w.draft(0, guests, `"mode":"calendar"`)), w.schedule(ada, w.draft(60, guests))}
	imported := "/api/meetings/" + ada.Do("POST", "/api/meetings/import", w.foreign("2451234567890", attendees(graceID))).Want(http.StatusCreated).Text("id")
	cancelled := w.schedule(ada, w.draft(0, guests))
	ada.Do("DELETE", cancelled, "").Want(http.StatusNoContent)
	ticket := w.visit(link(ada, paths[0]), "")
	w.Drain()
	made := w.held()
	if _, ids := today(grace); len(ids) != 4 {
		t.Fatalf("Grace has %v", ids)
	}
	ada.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
	w.Drain()
	w.nowhere("the host", adaID, "patient@example.com", "Consultation")
	for _, path := range append(slices.Clone(paths), imported) {
		grace.Get(path).Problem(http.StatusNotFound, "meeting_unknown")
	}
	if _, ids := today(grace); len(ids) != 0 {
		t.Errorf("Grace still has %v", ids)
	}
	if now := w.held(); now != made-len(paths) {
		t.Errorf("Graph held %d, and then %d", made, now)
	}
	if w.alive(ticket) {
		t.Error("a guest of an erased host is in")
	}
	ada, _ = w.user("ada")
	if _, ids := today(ada); len(ids) != 0 {
		t.Errorf("back, she has %v", ids)
	}
	ada.Do("DELETE", paths[0], "").Want(http.StatusNoContent) // she was the one who made it
	grace.Do("DELETE", paths[0], "").Problem(http.StatusNotFound, "meeting_unknown")
}

// What was on the calendar of somebody of the tenant is not watched for longer than it is
// there: when all of it is cancelled, and they are erased, nothing tells of them, nor does
// Graph tell us of their mailbox, however far off a meeting was.
func TestErasureOfAnOrganizer(t *testing.T) {
	t.Parallel()
	for _, cancel := range []bool{true, false} {
		w := watched(t)
		w.Cloud.GraphFaults.Record()
		ada, adaID := w.colleague("ada")
		grace, _ := w.user("grace")
		far := w.day(700)
		path := "/api/meetings/" + ada.Do("POST", "/api/meetings", "{"+told("Lesson", far, far.Add(time.Hour))+`,"mode":"calendar"}`).Want(http.StatusCreated).Text("id")
		imported := "/api/meetings/" + imports(grace, w.plans("ada", "Review", far).JoinURL)
		w.Drain()
		if followed := w.Stored("SELECT * FROM c WHERE c.type = 'followed'"); len(followed) != 2 {
			t.Fatalf("followed are %s", followed)
		}
		s := w.subscription()
		if cancel {
			ada.Do("DELETE", path, "").Want(http.StatusNoContent)
		}
		grace.Do("DELETE", imported, "").Want(http.StatusNoContent)
		ada.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
		w.wantUpkeep()
		w.nowhere("an organizer", adaID, localgraph.SeedUserID("ada"))
		if calls := w.graphCalls(); !slices.Contains(calls, "DELETE /v1.0/subscriptions/"+s.Subscription) {
			t.Errorf("her mailbox is watched still, after %q", calls)
		}
	}
}

// The store fails at each step of an erasure in turn: once the erasure has begun it goes on
// by itself, to the end, and else repeating it does it.
func TestErasureThatIsCutShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	grace, graceID := w.user("grace")
	finished := 0
	for step := range 11 {
		ada, adaID := w.user("ada")
		w.schedule(ada, w.draft(0, attendees(graceID, "patient@example.com")))
		path := w.schedule(grace, w.draft(0, attendees(adaID)))
		w.Drain()
		fault := faults.Rule{Skip: step + 1, Status: http.StatusForbidden}
		if step > 8 {
			fault = faults.Rule{Skip: step, Drop: "after"}
		}
		w.Cloud.CosmosFaults.Add(fault)
		cut := ada.Do("DELETE", "/api/user", "").Status != http.StatusNoContent
		w.Cloud.CosmosFaults.Clear()
		w.Drain()
		invited, _ := grace.Get(path).JSON()["attendees"].([]any)
		switch _, ids := today(grace); {
		case cut && len(ids) == step+1 && len(invited) == 0:
			finished++
		case len(ids) == step+2 && len(invited) == 1 && cut: // it has not begun
		case len(ids) != step+1 || len(invited) != 0:
			t.Errorf("step %d, cut short: %v, Grace has %d meetings, with %d", step, cut, len(ids), len(invited))
		}
		if cut {
			w.Clock.Move(10 * time.Second) // the lease lapses
			ada.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
			w.Drain()
		}
		w.nowhere(fmt.Sprintf("step %d, %+v", step, fault), adaID, "patient@example.com")
	}
	if finished == 0 {
		t.Error("no erasure that was cut short went on")
	}
}

// Users are erased while they schedule, and while others invite them.
func TestErasureWhileMeetingsAreMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	other := w.Start()
	linus, linusID := w.user("linus")
	mine := w.schedule(linus, w.draft(0))
	for round := range 3 {
		ada, adaID := w.user("ada")
		grace, graceID := w.user("grace")
		path := w.schedule(ada, w.draft(0, attendees(linusID)))
		var racing sync.WaitGroup
		answers := map[string]*testbed.Answer{}
		do := func(name string, c testbed.Client, method, path, body string, headers ...string) {
			a := &testbed.Answer{}
			answers[name] = a
			racing.Go(func() { *a = c.Do(method, path, body, headers...) })
		}
		do("schedule", ada.At(other), "POST", "/api/meetings", w.draft(0, attendees(graceID, linusID)), "Idempotency-Key: 1")
		do("invite", linus, "PATCH", mine, "{"+attendees(adaID, graceID)+"}")
		do("change", ada, "PATCH", path, "{"+attendees(graceID)+"}")
		do("erase Ada", ada, "DELETE", "/api/user", "")
		do("erase Grace", grace.At(other), "DELETE", "/api/user", "")
		racing.Wait()
		for name, a := range answers {
			if strings.HasPrefix(name, "erase") {
				a.Want(http.StatusNoContent)
			} else if a.Status >= 500 {
				t.Errorf("%s: %d %s", name, a.Status, a.Body)
			}
		}
		w.Drain()
		w.nowhere(fmt.Sprint("round ", round), adaID, graceID)
		if _, ids := today(linus); len(ids) != 1 {
			t.Errorf("round %d: who is left has %v", round, ids)
		}
	}
}

// A host is erased whose request for a meeting was cut short: upkeep undoes it, and
// nothing of it is left.
func TestErasureOfAPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, adaID := w.user("ada")
	w.Cloud.GraphFaults.Record()
	w.Cloud.CosmosFaults.Add(faults.Rule{Method: "POST", Contains: "/docs", Skip: 1, Times: -1, Status: http.StatusForbidden})
	ada.Do("POST", "/api/meetings", w.draft(30, attendees("patient@example.com"))).Problem(http.StatusBadGateway, "storage_failed")
	w.Cloud.CosmosFaults.Clear()
	if w.held() != 1 {
		t.Fatalf("Graph was told %v", w.Cloud.GraphFaults.Calls())
	}
	ada.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
	w.Clock.Move(20 * time.Minute)
	w.wantUpkeep()
	w.nowhere("a plan", adaID, "patient@example.com", "Consultation")
	if calls := w.Cloud.GraphFaults.Calls(); !strings.HasPrefix(calls[len(calls)-1], "DELETE") {
		t.Errorf("what was made is still there: %v", calls)
	}
}
