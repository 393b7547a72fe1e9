package local_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"switchboard/shared/function"
	"switchboard/shared/hosting"
	"switchboard/shared/local"
	"switchboard/shared/storage"
	"switchboard/shared/testbed"
)

// TestAFeedComesAgainUntilItIsHandled: a batch that fails, by an error or a panic, comes
// again, and nothing before the first start is missed. The end waits for the handler;
// what was not handled then comes after the next start.
func TestAFeedComesAgainUntilItIsHandled(t *testing.T) {
	c := testbed.Cloud(t, &testbed.Clock{})
	store, err := storage.Open(storage.Config{
		Endpoint: "https://cosmos.localhost", Key: c.Cosmos.Key(), Transport: c.Cosmos, NewID: rand.Text,
		Schema: storage.Schema{Database: "switchboard", Container: "main"},
	})
	if err != nil {
		t.Fatal(err)
	}
	put := func(id string) {
		if err := store.Create(t.Context(), &struct{ storage.Head }{storage.Head{PK: "p", ID: id, Type: "x"}}); err != nil {
			t.Error(err)
		}
	}
	log := &testbed.Log{}
	put("first")
	got := make(chan string)
	answers := make(chan func() error)
	stop := start(t, c, log, func(ctx context.Context, documents json.RawMessage) error {
		got <- ids(t, documents)
		return (<-answers)()
	})
	expect := func(want string, answer func() error) {
		t.Helper()
		select {
		case ids := <-got:
			if ids != want {
				t.Errorf("got %q, want %q", ids, want)
			}
			answers <- answer
		case <-time.After(10 * time.Second):
			t.Fatalf("%q never came; log: %s", want, log)
		}
	}
	expect("first", func() error { return errors.New("not now") })
	expect("first", func() error { panic("not now") })
	expect("first", func() error { return nil })
	put("second")
	expect("second", func() error { return nil })
	put("third")
	ended := make(chan bool)
	expect("third", func() error {
		go func() { stop(); close(ended) }()
		time.Sleep(10 * time.Millisecond)
		select {
		case <-ended:
			t.Error("it ended before the handler")
		default:
		}
		return errors.New("not now")
	})
	<-ended
	start(t, c, log, func(_ context.Context, documents json.RawMessage) error {
		got <- ids(t, documents)
		return (<-answers)()
	})
	expect("third", func() error { return nil })
	if n := strings.Count(log.String(), "started again"); n != 2 {
		t.Errorf("started again %d times: %s", n, log)
	}
}

// start fires a handler with what changes until the test ends, or the returned function
// is called.
func start(t *testing.T, c *local.Cloud, log *testbed.Log, handle hosting.EventHandler) (stop func()) {
	row := function.Function{Name: "feed", Event: &function.Event{
		Trigger: map[string]any{"type": hosting.CosmosDBTrigger, "startFromBeginning": true},
	}}
	timer := function.Function{Name: "tick", Event: &function.Event{Trigger: map[string]any{"type": hosting.TimerTrigger}}}
	program := &hosting.App{Events: map[string]hosting.EventHandler{"feed": handle}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Trigger(ctx, program, slog.New(slog.NewTextHandler(log, nil)), timer, row, function.Function{Name: "http"})
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return stop
}

func ids(t *testing.T, documents json.RawMessage) string {
	var all []storage.Head
	if err := json.Unmarshal(documents, &all); err != nil {
		t.Error(err)
	}
	var out []string
	for _, h := range all {
		out = append(out, h.ID)
	}
	return strings.Join(out, " ")
}

// TestTimersTick, one tick after the other, whether the last one went well or not, until
// the end, which waits for a handler. Without a Tick they never do.
func TestTimersTick(t *testing.T) {
	row := function.Function{Name: "tick", Event: &function.Event{Trigger: map[string]any{"type": hosting.TimerTrigger}}}
	for _, every := range []time.Duration{time.Millisecond, 0} {
		c, err := local.Open(t.Context(), local.Options{Issuer: testbed.Issuer, Tick: every})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		ticks, log := 0, &testbed.Log{}
		program := &hosting.App{Events: map[string]hosting.EventHandler{"tick": func(_ context.Context, payload json.RawMessage) error {
			var timer struct{ IsPastDue *bool }
			if err := json.Unmarshal(payload, &timer); err != nil || timer.IsPastDue == nil {
				t.Errorf("the tick says %s: %v", payload, err)
			}
			switch ticks++; ticks {
			case 1:
				return errors.New("not now")
			case 2:
				panic("not now")
			}
			stop()
			return nil
		}}}
		c.Trigger(ctx, program, slog.New(slog.NewTextHandler(log, nil)), row)
		if want := map[bool]int{true: 3, false: 0}[every > 0]; ticks != want || strings.Count(log.String(), "ERROR") != min(want, 2) {
			t.Errorf("every %v: %d ticks; log: %s", every, ticks, log)
		}
	}
}
