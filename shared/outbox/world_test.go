package outbox_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/localcosmos"
	"switchboard/shared/outbox"
	"switchboard/shared/storage"
	"switchboard/shared/testbed"
)

var schema = storage.Schema{Database: "app", Container: "main"}

// world is a store, and a log of the consumers over it.
type world struct {
	t      *testing.T
	store  *localcosmos.Store
	faults *faults.Injector
	*storage.Container
	log *testbed.Log
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store, err := localcosmos.Open(localcosmos.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w := &world{t: t, store: store, faults: faults.Wrap(store), log: &testbed.Log{}}
	w.Container = w.open(w.faults)
	if err := w.Provision(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// open gives the container by a way of its own.
func (w *world) open(way *faults.Injector) *storage.Container {
	w.t.Helper()
	c, err := storage.Open(storage.Config{
		Endpoint: "https://cosmos.localhost", Key: w.store.Key(), Schema: schema, NewID: rand.Text,
		Transport: faults.Transport{Handler: way},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// consumer handles the kind "do".
func (w *world) consumer(do outbox.Handler) *outbox.Consumer {
	return &outbox.Consumer{
		Store: w.Container, Handlers: map[string]outbox.Handler{"do": do}, Now: time.Now,
		Log: slog.New(slog.NewJSONHandler(w.log, nil)),
	}
}

// pump feeds a consumer with what changes until the test ends, or the returned
// function is called.
func (w *world) pump(name string, c *outbox.Consumer) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		err := w.store.Pump(ctx, localcosmos.Trigger{
			Database: schema.Database, Container: schema.Container, Name: name, FromBeginning: true,
			Attempts: 1000, Backoff: time.Millisecond, Handle: c.Feed,
		})
		if err != nil {
			w.t.Error(err)
		}
	})
	stop = func() {
		cancel()
		running.Wait()
	}
	w.t.Cleanup(stop)
	return stop
}

// cause is a document whose change leaves something to do.
type cause struct{ storage.Head }

// put stores an entry of the kind "do" with its cause, and returns it.
func (w *world) put(pk string, data any, at time.Time) *outbox.Entry {
	w.t.Helper()
	e, err := outbox.New(pk, "do", data, rand.Text(), at)
	if err != nil {
		w.t.Fatal(err)
	}
	var b storage.Batch
	b.Put(&cause{storage.Head{PK: pk, ID: "cause-of-" + e.ID, Type: "cause"}})
	b.Put(e)
	if err := w.Write(w.t.Context(), b); err != nil {
		w.t.Fatal(err)
	}
	return e
}

// fill stores n entries of the kind "do", a hundred to a partition.
func (w *world) fill(n int, entry func(i int) (data any, at time.Time)) {
	w.t.Helper()
	var b storage.Batch
	for i := range n {
		data, at := entry(i)
		e, err := outbox.New(fmt.Sprint("p", i/storage.MaxBatch), "do", data, rand.Text(), at)
		if err != nil {
			w.t.Fatal(err)
		}
		if b.Put(e); b.Len() < storage.MaxBatch && i < n-1 {
			continue
		}
		if err := w.Write(w.t.Context(), b); err != nil {
			w.t.Fatal(err)
		}
		b = storage.Batch{}
	}
}

// left are the entries that are stored.
func (w *world) left() []outbox.Entry {
	w.t.Helper()
	var all []outbox.Entry
	for q := (storage.Query{Text: "SELECT * FROM c WHERE c.type = 'outbox'", Limit: 1000}); ; {
		page, err := w.QueryAll(w.t.Context(), q)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, text := range page.Documents {
			var e outbox.Entry
			if err := json.Unmarshal(text, &e); err != nil {
				w.t.Fatal(err)
			}
			all = append(all, e)
		}
		if q.Continuation = page.Continuation; q.Continuation == "" {
			return all
		}
	}
}

// until waits for something to become true.
func (w *world) until(what string, true func() bool) {
	w.t.Helper()
	began := time.Now()
	for !true() {
		waited := time.Since(began)
		time.Sleep(waited/20 + time.Millisecond)
		if waited > 2*time.Minute {
			w.t.Fatalf("never %s; log:\n%s", what, w.log)
		}
	}
}

func (w *world) untilDone() {
	w.t.Helper()
	w.until("all entries are done", func() bool { return len(w.left()) == 0 })
}

// asFed is what a change feed tells of entries.
func asFed(t *testing.T, entries ...*outbox.Entry) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// seen remembers what Handlers were asked to do, by partition.
type seen struct {
	mu  sync.Mutex
	all map[string][]string
}

func (s *seen) note(e *outbox.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string][]string{}
	}
	s.all[e.PK] = append(s.all[e.PK], string(e.Data))
}

func (s *seen) in(pk string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprint(s.all[pk])
}
