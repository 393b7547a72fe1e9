package space_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"switchboard/shared/faults"
	"switchboard/shared/outbox"
	"switchboard/shared/problem"
	"switchboard/shared/space"
	"switchboard/shared/storage"
)

// tap counts what a store did: the places that were written, by whose they are, and how
// many of them in a piece of the work at most.
type tap struct {
	http.Handler
	mu      sync.Mutex
	written map[string]int
	piece   int
	longest int
	pieces  int
	left    int // requests to the kill
	kill    func()
}

func (p *tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	p.Handler.ServeHTTP(status, r)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left--; p.left == 0 {
		p.kill()
	}
	switch whose := r.Header.Get("x-ms-documentdb-partitionkey"); {
	case r.Method != http.MethodPut || status.status != http.StatusOK:
	case strings.Contains(whose, `"u:`):
		p.written[whose]++
		p.piece++
		p.longest = max(p.longest, p.piece)
	case strings.Contains(r.URL.Path, "outbox"):
		p.piece = 0
		p.pieces++
	}
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// TestAFanOutLosesNobody: the consumer is stopped again and again while it tells a
// thousand members that a call has begun, and the store fails and loses answers; in the
// end everybody's list tells of it, and nobody was told twice.
func TestAFanOutLosesNobody(t *testing.T) {
	t.Parallel()
	crowd := 1000
	if raceDetector {
		crowd = 250
	}
	w, ctx := newWorld(t), t.Context()
	id, owner, members := w.crowded(t, crowd)
	ok(t, w.settle(ctx, "s:"+id))
	call, _, err := w.Start(ctx, owner, id, "")
	ok(t, err)

	tap := &tap{Handler: w.cosmos, written: map[string]int{}}
	flaky := faults.Wrap(tap)
	store, err := storage.Open(storage.Config{
		Endpoint: "https://cosmos.localhost", Key: w.cosmos.Key(), Transport: faults.Transport{Handler: flaky}, NewID: rand.Text,
		Schema: storage.Schema{Database: "app", Container: "main"},
	})
	ok(t, err)
	registry := w.registry(store, w.clock.Now)
	kills := 0
	for done := 0; done == 0; kills++ {
		if kills > 200 {
			t.Fatal("it never ends")
		}
		ctx, kill := context.WithCancel(ctx)
		tap.mu.Lock()
		tap.left, tap.kill = 50+mathrand.IntN(crowd), kill
		tap.mu.Unlock()
		flaky.Clear()
		flaky.Add(
			faults.Rule{Skip: mathrand.IntN(100), Drop: []string{"before", "after"}[kills%2], Times: mathrand.IntN(3)},
			faults.Rule{Method: http.MethodPut, Skip: mathrand.IntN(200), Status: http.StatusServiceUnavailable, Times: mathrand.IntN(5)},
		)
		consumer := &outbox.Consumer{Store: store, Handlers: registry.Handlers(), Now: w.clock.Now, Log: slog.New(slog.DiscardHandler)}
		done, err = consumer.Drain(ctx)
		if err != nil && ctx.Err() == nil && !problem.Is(err, problem.Unavailable) && !problem.Is(err, problem.UpstreamTimeout) {
			t.Fatal(err)
		}
		kill()
	}
	for _, user := range append(members, owner) {
		list, _, err := w.List(ctx, user, "", 10)
		ok(t, err)
		if len(list) != 1 || list[0].Call == nil || list[0].Call.StartedBy != owner || !list[0].Call.StartedAt.Equal(call.StartedAt) {
			t.Fatalf("the list of %s tells %+v", user, list)
		}
		if n := tap.written[fmt.Sprintf("[%q]", "u:"+user)]; n != 1 {
			t.Errorf("the place of %s was written %d times", user, n)
		}
	}
	const piece = 200
	if tap.longest > piece || tap.pieces < crowd/piece {
		t.Errorf("%d pieces, the longest of %d places", tap.pieces, tap.longest)
	}
	if kills < 3 {
		t.Errorf("stopped %d times only", kills)
	}
	t.Logf("%d runs, %d pieces", kills, tap.pieces)
}

// Who joins or leaves while others are told is told, too.
func TestMembersComeAndGoDuringAFanOut(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	id, owner, members := w.crowded(t, 250)
	ok(t, w.settle(ctx, "s:"+id))
	early, late := w.people.join("early"), w.people.join("late")
	_, _, err := w.Start(ctx, owner, id, "")
	ok(t, err)
	told, err := w.entries(ctx, "s:"+id)
	ok(t, err)
	w.joined(t, id, early)
	if done, err := deliver(ctx, w.Registry, told[0], 1); err != nil || done {
		t.Fatalf("the first piece: %v, %v", done, err)
	}
	w.joined(t, id, late)
	gone := members[0]
	_, err = w.Decide(ctx, owner, id, gone, space.Ruling{}, anyVersion)
	ok(t, err)
	ok(t, w.settle(ctx, "s:"+id))
	for _, user := range append([]string{early, late, owner}, members[1:]...) {
		if list, _, err := w.List(ctx, user, "", 10); err != nil || len(list) != 1 || list[0].Call == nil {
			t.Fatalf("the list of %s tells %+v, %v", user, list, err)
		}
	}
	if list, _, err := w.List(ctx, gone, "", 10); err != nil || len(list) != 0 {
		t.Errorf("who is gone has %+v, %v", list, err)
	}
}
