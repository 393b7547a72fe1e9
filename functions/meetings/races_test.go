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
	"switchboard/shared/testbed"
)

// instances are some that run beside the first.
func (l *lossy) instances() []string {
	l.t.Helper()
	l.Set("SWITCHBOARD_MEETINGS_TIMEOUT", "15s")
	return []string{l.URL, l.Start(), l.Start(), l.Start()}
}

// until sends a request again and again, until it is not asked to.
func until(send func() testbed.Answer) testbed.Answer {
	for range 500 {
		if a := send(); a.Header.Get("Retry-After") == "" {
			return a
		}
		time.Sleep(2 * time.Millisecond)
	}
	return send()
}

// TestManyMakeOne: one request that comes twenty times at once makes one meeting, and
// one of the twenty is told that it did.
func TestManyMakeOne(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"standalone", "calendar", "booking"} {
		l := newLossy(t, mode)
		urls, tr := l.instances(), l.trial(0, "one")
		l.Cloud.GraphFaults.Add(faults.Rule{Times: -1, Delay: faults.Duration(10 * time.Millisecond)}) // else one is done before the next begins
		answers := make([]testbed.Answer, 20)
		var racing sync.WaitGroup
		for i := range answers {
			racing.Go(func() { answers[i] = until(func() testbed.Answer { return create(l.ada.At(urls[i%len(urls)]), tr) }) })
		}
		racing.Wait()
		made := 0
		for _, a := range answers {
			if a.Status == http.StatusCreated {
				made++
			} else {
				a.Want(http.StatusOK)
			}
			if a.Text("id") != answers[0].Text("id") {
				t.Errorf("%s: two meetings", mode)
			}
		}
		if made != 1 {
			t.Errorf("%s: %d were told that they made it", mode, made)
		}
		l.settle()
		l.agree([]*trial{tr}, once)
	}
}

// TestTwoMakeOneAndSeeItDifferently: Teams shows the meeting behind an event to one request
// and not to another, of the same key. The event stays, whoever comes first.
func TestTwoMakeOneAndSeeItDifferently(t *testing.T) {
	t.Parallel()
	refused := faults.Rule{Contains: "JoinWebUrl", Status: http.StatusForbidden, Header: map[string]string{"Content-Type": "application/json"},
		Body: `{"error":{"code":"Forbidden","message":"No application access policy found for this app."}}`}
	shown := faults.Rule{Contains: "JoinWebUrl"}
	for _, looks := range [][2]faults.Rule{{refused, shown}, {shown, refused}} {
		w := newWorld(t, unwatched)
		ada, _ := w.colleague("ada")
		body := w.draft(30, `"mode":"calendar"`)
		for i, rule := range looks {
			rule.Delay = faults.Duration(time.Duration(i+1) * 150 * time.Millisecond) // both have looked before either stores
			w.Cloud.GraphFaults.Add(rule)
		}
		var racing sync.WaitGroup
		for range 2 {
			racing.Go(func() { ada.Do("POST", "/api/meetings", body, "Idempotency-Key: 1") })
		}
		racing.Wait()
		w.Drain()
		held, err := w.Cloud.Graph.Schedule()
		if _, ids := today(ada); err != nil || len(held) != 2 || len(ids) != 1 { // an event, and its meeting
			t.Errorf("Graph has %+v (%v), and Ada %v", held, err, ids)
		}
	}
}

// TestChangesRace: the last change that Graph has is the one that is stored.
func TestChangesRace(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"standalone", "calendar"} {
		l := newLossy(t, mode)
		urls, tr := l.instances(), l.trial(0, "one")
		l.make(tr)
		var racing sync.WaitGroup
		for i := range 8 {
			racing.Go(func() {
				until(func() testbed.Answer {
					return l.ada.At(urls[i%len(urls)]).Do("PATCH", "/api/meetings/"+tr.id, fmt.Sprintf(`{"subject":"Subject %d","lobby":%q}`, i, []string{"everyone", "invited"}[i%2]))
				}).Want(http.StatusOK)
			})
		}
		racing.Wait()
		l.settle()
		l.agree([]*trial{tr}, once)
	}
}

// TestAChangeMeetsACancellation: whoever comes first, nothing is left.
func TestAChangeMeetsACancellation(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"standalone", "calendar", "booking"} {
		l := newLossy(t, mode)
		urls := l.instances()
		var all []*trial
		for i := range 6 {
			tr := l.trial(i, fmt.Sprint(i))
			all = append(all, tr)
			l.make(tr)
			var racing sync.WaitGroup
			racing.Go(func() {
				a := l.ada.At(urls[1]).Do("PATCH", "/api/meetings/"+tr.id, fmt.Sprintf(`{"subject":"Other","attendees":[],"startsAt":%q}`, tr.start.Format(time.RFC3339)))
				if !slices.Contains([]int{http.StatusOK, http.StatusNotFound, http.StatusConflict}, a.Status) {
					t.Errorf("%s: changed, the status is %d: %s", mode, a.Status, a.Body)
				}
			})
			racing.Go(func() {
				until(func() testbed.Answer { return l.ada.At(urls[2]).Do("DELETE", "/api/meetings/"+tr.id, "") }).Want(http.StatusNoContent)
			})
			racing.Wait()
		}
		l.settle()
		l.agree(all, none)
	}
}

// TestRemovedWhileJoining: who is taken off the list joins before, or not at all.
func TestRemovedWhileJoining(t *testing.T) {
	t.Parallel()
	l := newLossy(t, "standalone")
	urls, tr := l.instances(), l.trial(0, "one")
	l.make(tr)
	join := func(url string) testbed.Answer { return l.grace.At(url).Do("POST", "/api/meetings/"+tr.id+"/join", "") }
	var racing sync.WaitGroup
	for i := range 12 {
		racing.Go(func() {
			if a := join(urls[i%len(urls)]); a.Status != http.StatusOK {
				a.Problem(http.StatusNotFound, "meeting_unknown")
			}
		})
	}
	racing.Go(func() {
		l.ada.At(urls[1]).Do("PATCH", "/api/meetings/"+tr.id, `{"attendees":null}`).Want(http.StatusOK)
	})
	racing.Wait()
	for _, url := range urls {
		join(url).Problem(http.StatusNotFound, "meeting_unknown")
	}
	l.settle()
	if found := l.agenda(l.grace); len(found) > 0 {
		t.Errorf("Grace still finds %v", found)
	}
}

// TestUpkeepOvertakesAMaker: an instance sleeps so long after Graph has made its meeting
// that upkeep gives it up, and then goes on.
func TestUpkeepOvertakesAMaker(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"standalone", "calendar", "booking"} {
		l := newLossy(t, mode)
		l.Set("SWITCHBOARD_MEETINGS_TIMEOUT", "15s")
		tr := l.trial(0, "one")
		ada, store := l.apart(false)
		store.Add(faults.Rule{Skip: 2, Delay: faults.Duration(150 * time.Millisecond)}) // the batch
		made := make(chan testbed.Answer, 1)
		go func() { made <- create(ada, tr) }()
		for len(store.Calls()) < 3 && len(made) == 0 {
			time.Sleep(time.Millisecond)
		}
		l.Clock.Move(forever)
		l.settle()
		if a := <-made; a.Status != http.StatusCreated {
			t.Errorf("%s: the status is %d: %s (%s)", mode, a.Status, a.Body, strings.Join(store.Calls(), ", "))
		}
		l.settle()
		l.agree([]*trial{tr}, once)
	}
}
