package upkeep_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/functions/upkeep"
	"switchboard/shared/app"
	"switchboard/shared/faults"
	"switchboard/shared/function"
	"switchboard/shared/graph"
	"switchboard/shared/meeting"
	"switchboard/shared/outbox"
	"switchboard/shared/storage"
	"switchboard/shared/testbed"
	"switchboard/shared/watch"
)

// organizer is somebody's object id.
const organizer = "f4053f86-17cc-42e7-85f4-f0389ac980d6"

// leave puts something into the outbox.
func leave(t *testing.T, s *storage.Container, kind string) {
	t.Helper()
	e, err := outbox.New("g:"+organizer, kind, map[string]string{"organizer": organizer}, rand.Text(), time.Now())
	if err == nil {
		err = s.Create(t.Context(), e)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func left(b *testbed.Bed) int { return len(b.Stored("SELECT * FROM c WHERE c.type = 'outbox'")) }

// Whatever a tick looks like, and whichever host it comes from, the outbox is worked off.
func TestATickOfAnyForm(t *testing.T) {
	rows := []function.Function{upkeep.Function()}
	b := testbed.New(t, rows, nil)
	settings := b.Cloud.Settings()
	program, err := app.New(t.Context(), b.Cloud.Options(), func(name string) string { return settings[name] }, slog.New(slog.DiscardHandler), rows...)
	if err != nil {
		t.Fatal(err)
	}
	tick := func(payload string) error { return program.Events["upkeep"](t.Context(), json.RawMessage(payload)) }
	for _, payload := range []string{
		`{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":false}`,
		`{"version":"0","detail-type":"Scheduled Event","source":"aws.events","detail":{}}`,
		`[]`, `"x"`, `null`, ``,
	} {
		leave(t, b.Store(), "watch.all")
		if err := tick(payload); err != nil || left(b) > 0 {
			t.Errorf("after %q: %v, %d left", payload, err, left(b))
		}
	}
	b.Cloud.CosmosFaults.Add(faults.Rule{Status: http.StatusServiceUnavailable, Times: -1})
	if tick("{}") == nil {
		t.Error("without a store it went well")
	}
}

// stuck is a Graph that never answers, or answers with an error.
type stuck struct {
	watch.Graph
	err error
}

func (s stuck) CreateSubscription(ctx context.Context, _ graph.NewSubscription) (graph.Subscription, error) {
	if s.err == nil {
		<-ctx.Done()
		s.err = ctx.Err()
	}
	return graph.Subscription{}, s.err
}

// A task that fails or hangs keeps no other, and is told of.
func TestEachTaskIsTried(t *testing.T) {
	refused := errors.New("Graph refuses")
	for name, graph := range map[string]stuck{"it fails": {err: refused}, "it hangs": {}} {
		t.Run(name, func(t *testing.T) {
			b := testbed.New(t, []function.Function{upkeep.Function()}, nil)
			ahead := time.Duration(0)
			now := func() time.Time { return time.Now().Add(ahead) }
			w := watch.New(watch.Config{Store: b.Store(), Graph: stuck{err: refused}, URL: "https://api.example.com/api/graph", Now: now, NewID: rand.Text, Log: slog.New(slog.DiscardHandler)})
			if err := w.Follow(t.Context(), organizer, "event", "meeting", time.Now().Add(time.Hour)); !errors.Is(err, refused) {
				t.Fatal(err)
			}
			ahead, w.Graph = 2*time.Minute, graph
			done := 0
			tick := upkeep.Function().Event.Handler(function.Services{Watch: w, Meetings: meeting.New(meeting.Config{Store: b.Store(), Now: now}), Outbox: &outbox.Consumer{
				Store: b.Store(), Now: now, Log: slog.New(slog.DiscardHandler),
				Handlers: map[string]outbox.Handler{"x": func(context.Context, *outbox.Entry) (any, error) { done++; return nil, nil }},
			}})
			leave(t, b.Store(), "x")
			ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
			defer cancel()
			want := graph.err
			if want == nil {
				want = context.DeadlineExceeded
			}
			if err := tick(ctx, nil); !errors.Is(err, want) || !strings.Contains(err.Error(), organizer) {
				t.Errorf("%v", err)
			}
			if done != 1 {
				t.Errorf("the outbox was worked off %d times", done)
			}
		})
	}
}
