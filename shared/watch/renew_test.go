package watch_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/problem"
)

const day = 24 * time.Hour

// One query finds what is due, and what is not due costs nothing at Graph.
func TestRenewing(t *testing.T) {
	w := newWorld(t)
	for i, organizer := range []string{ada, grace} {
		ok(t, w.Follow(t.Context(), organizer, "event", "meeting", w.clock.Now().Add(time.Duration(1+19*i)*day)))
	}
	w.settle()
	before := w.known(grace)
	renew := func(store, graph int) {
		t.Helper()
		w.broken.Record()
		w.front.Record()
		ok(t, w.Renew(t.Context()))
		if s, g := len(w.broken.Calls()), len(w.front.Calls()); s != store || g != graph {
			t.Errorf("%d requests to the store, %d to Graph: %v, %v", s, g, w.broken.Calls(), w.front.Calls())
		}
	}
	renew(1, 0)
	w.clock.Move(2*day + time.Hour) // Ada's is not needed any more
	adas := w.known(ada).Subscription
	renew(3, 1)
	if w.atGraph(adas) || len(w.documents("subscription")) != 1 {
		t.Error("what nobody needs is there still")
	}
	renew(1, 0)
	w.clock.Move(2 * day) // less than two of six days are left
	renew(4, 1)
	renew(1, 0)
	after := w.known(grace)
	if after.Subscription != before.Subscription || after.ClientState != before.ClientState || after.Expires.Sub(w.clock.Now()) < 6*day-time.Minute {
		t.Errorf("%+v became %+v", before, after)
	}
	w.settle()
	if got := w.looked(); got != "meeting" {
		t.Errorf("%q was looked at", got)
	}
}

// What Graph has no more is made anew, and everything that is followed and not over is
// looked at, in pieces.
func TestWhatGraphHasLost(t *testing.T) {
	w := newWorld(t)
	const events = 130
	for i := range events {
		ok(t, w.Follow(t.Context(), ada, fmt.Sprint(i), fmt.Sprintf("m%03d", i), w.clock.Now().Add(20*day)))
	}
	ok(t, w.Follow(t.Context(), ada, "over", "over", w.clock.Now().Add(day)))
	w.settle()
	w.looked()
	before := w.known(ada)
	w.must("DELETE", "/subscriptions/"+before.Subscription, "")
	w.clock.Move(4*day + time.Hour)
	ok(t, w.Renew(t.Context()))
	w.settle()
	after := w.known(ada)
	if !w.atGraph(after.Subscription) || after.ClientState == before.ClientState {
		t.Errorf("%+v became %+v", before, after)
	}
	if got := strings.Fields(w.looked()); len(got) != events || got[0] != "m000" || w.waiting() > 0 {
		t.Errorf("%d were looked at, %d are left", len(got), w.waiting())
	}
	w.clock.Move(7 * day) // nobody was there, and it has expired
	ok(t, w.Renew(t.Context()))
	w.settle()
	if got := strings.Fields(w.looked()); len(got) != events || !w.atGraph(w.known(ada).Subscription) {
		t.Errorf("%d were looked at after a week", len(got))
	}
}

// One that fails keeps no other, and is tried again.
func TestRenewingWhatFails(t *testing.T) {
	w := newWorld(t)
	for _, organizer := range []string{ada, grace} {
		ok(t, w.Follow(t.Context(), organizer, "event", "meeting", w.clock.Now().Add(20*day)))
	}
	adas, graces := w.known(ada), w.known(grace)
	w.clock.Move(5 * day)
	w.front.Add(faults.Rule{Method: "PATCH", Contains: adas.Subscription, Status: http.StatusForbidden})
	err := w.Renew(t.Context())
	if !problem.Is(err, problem.Upstream) || !strings.Contains(err.Error(), ada) || strings.Contains(err.Error(), grace) {
		t.Errorf("%v", err)
	}
	if !w.known(grace).Expires.After(graces.Expires) || w.known(ada).Expires.After(adas.Expires) {
		t.Error("the wrong one was renewed")
	}
	ok(t, w.Renew(t.Context()))
	if !w.known(ada).Expires.After(adas.Expires) {
		t.Error("it was not tried again")
	}
	w.broken.Add(faults.Rule{Contains: "/docs", Status: http.StatusBadRequest})
	if err := w.Renew(t.Context()); err == nil {
		t.Error("without a store it went well")
	}
}

// What is ended while somebody follows another event of the calendar: whoever comes first,
// the event is watched in the end.
func TestEndingWhileOthersFollow(t *testing.T) {
	w := newWorld(t)
	for round := range 12 {
		organizer := []string{ada, grace}[round%2]
		ok(t, w.Follow(t.Context(), organizer, fmt.Sprint(round), "old", w.clock.Now().Add(time.Hour)))
		w.clock.Move(3 * day)
		var all sync.WaitGroup
		for i := range 6 {
			r := w.registry()
			all.Go(func() {
				if i%2 == 0 {
					if err := r.Renew(t.Context()); err != nil {
						t.Error(err)
					}
					return
				}
				if err := r.Follow(t.Context(), organizer, fmt.Sprint(round, "new"), "new", w.clock.Now().Add(time.Hour)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		s := w.known(organizer)
		if !w.atGraph(s.Subscription) || !s.Followed.After(w.clock.Now()) {
			t.Fatalf("round %d: it is not watched: %+v", round, s)
		}
	}
}

// Instances that renew at once make no second subscription.
func TestManyRenewAtOnce(t *testing.T) {
	w := newWorld(t)
	for _, organizer := range []string{ada, grace} {
		ok(t, w.Follow(t.Context(), organizer, "event", "meeting", w.clock.Now().Add(20*day)))
	}
	for _, gone := range []bool{false, true} {
		w.clock.Move(5 * day)
		if gone {
			w.must("DELETE", "/subscriptions/"+w.known(ada).Subscription, "")
			w.must("DELETE", "/subscriptions/"+w.known(grace).Subscription, "")
		}
		w.front.Record()
		var all sync.WaitGroup
		for range 8 {
			r := w.registry()
			all.Go(func() {
				if err := r.Renew(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := w.calls("POST /v1.0/subscriptions"); gone && n != 2 || !gone && n != 0 {
			t.Errorf("gone %t: %d were made", gone, n)
		}
		for _, organizer := range []string{ada, grace} {
			if s := w.known(organizer); !w.atGraph(s.Subscription) || s.Expires.Sub(w.clock.Now()) < 5*day {
				t.Errorf("%+v", s)
			}
		}
	}
}
