package localcosmos_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	"switchboard/shared/localcosmos"
)

// pumped is a trigger whose handler sends the ids of every batch to batches.
type pumped struct {
	batches chan string
	done    chan error
	stop    context.CancelFunc
}

// pump runs a trigger on container "main". Its handler first asks fail, which
// may be nil.
func pump(t testing.TB, store *localcosmos.Store, trigger localcosmos.Trigger, fail func() error) *pumped {
	ctx, stop := context.WithCancel(t.Context())
	p := &pumped{batches: make(chan string, 100), done: make(chan error, 1), stop: stop}
	trigger.Database, trigger.Container = "app", "main"
	trigger.Handle = func(_ context.Context, documents json.RawMessage) error {
		var items []feedItem
		if err := json.Unmarshal(documents, &items); err != nil {
			return err
		}
		p.batches <- ids(items)
		if fail != nil {
			return fail()
		}
		return nil
	}
	go func() { p.done <- store.Pump(ctx, trigger) }()
	return p
}

func (p *pumped) want(t testing.TB, batches ...string) {
	t.Helper()
	for _, want := range batches {
		select {
		case got := <-p.batches:
			if got != want {
				t.Errorf("the handler got %q, want %q", got, want)
			}
		case err := <-p.done:
			t.Fatalf("the pump ended before %q came: %v", want, err)
		}
	}
}

// end stops the pump and demands that the handler got nothing else.
func (p *pumped) end(t testing.TB) {
	t.Helper()
	p.stop()
	ok(t, <-p.done)
	close(p.batches)
	for batch := range p.batches {
		t.Errorf("the handler also got %q", batch)
	}
}

func createAll(t testing.TB, c *azcosmos.ContainerClient, ids ...string) {
	t.Helper()
	for _, id := range ids {
		create(t, c, "a", fmt.Sprintf(`{"id":%q,"pk":"a"}`, id))
	}
}

// "Azure Cosmos DB trigger": changes come in order, in batches of up to
// maxItemsPerInvocation, new ones as they are made, and after a restart those
// since the last call that ended well.
func TestPumpResumes(t *testing.T) {
	store, c := feedStore(t, localcosmos.Options{})
	trigger := localcosmos.Trigger{FromBeginning: true, MaxItems: 2}
	createAll(t, c, "1", "2", "3")
	first := pump(t, store, trigger, nil)
	first.want(t, "1 2", "3")
	createAll(t, c, "4")
	first.want(t, "4")
	first.end(t)

	createAll(t, c, "5")
	second := pump(t, store, trigger, nil)
	second.want(t, "5")
	second.end(t)
	trigger.Name = "other"
	other := pump(t, store, trigger, nil)
	other.want(t, "1 2", "3 4", "5")
	other.end(t)
}

// The lease lies in the store: it outlasts the process.
func TestPumpResumesAfterReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	t.Run("before", func(t *testing.T) {
		store, c := feedStore(t, localcosmos.Options{Path: path})
		createAll(t, c, "1")
		p := pump(t, store, localcosmos.Trigger{FromBeginning: true}, nil)
		p.want(t, "1")
		p.end(t)
	})
	store := open(t, localcosmos.Options{Path: path})
	c, err := connect(t, "http://cosmos.local", store.Key(), store).NewContainer("app", "main")
	ok(t, err)
	createAll(t, c, "2")
	p := pump(t, store, localcosmos.Trigger{FromBeginning: true}, nil)
	p.want(t, "2")
	p.end(t)
}

// "Azure Cosmos DB trigger", startFromBeginning: by default a new trigger starts
// from its own start, and a stop does not make it lose anything.
func TestPumpFromNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, c := feedStore(t, localcosmos.Options{})
		createAll(t, c, "before")
		p := pump(t, store, localcosmos.Trigger{}, nil)
		synctest.Wait()
		p.end(t)
		createAll(t, c, "between")
		p = pump(t, store, localcosmos.Trigger{}, nil)
		p.want(t, "between")
		p.end(t)
	})
}

// "Error handling and retries": while a batch is retried nothing behind it
// comes. The pauses double and vary by up to a half.
func TestPumpRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, c := feedStore(t, localcosmos.Options{})
		createAll(t, c, "1", "2")
		var at []time.Time
		p := pump(t, store, localcosmos.Trigger{FromBeginning: true, MaxItems: 1, Backoff: time.Second}, func() error {
			if at = append(at, time.Now()); len(at) < 4 {
				return errors.New("not yet")
			}
			return nil
		})
		p.want(t, "1", "1", "1", "1", "2")
		p.end(t)
		for n, full := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			if pause := at[n+1].Sub(at[n]); pause < full/2 || pause > full {
				t.Errorf("pause %d took %v of %v", n, pause, full)
			}
		}
	})
}

// A batch that cannot be handled ends the pump and comes again, or is given up
// where the trigger says so.
func TestPumpGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, c := feedStore(t, localcosmos.Options{})
		createAll(t, c, "bad", "good")
		bad := errors.New("bad batch")
		trigger := localcosmos.Trigger{FromBeginning: true, MaxItems: 1, Attempts: 2}
		p := pump(t, store, trigger, func() error { return bad })
		p.want(t, "bad", "bad")
		if err := <-p.done; !errors.Is(err, bad) {
			t.Errorf("the pump ended with %v", err)
		}

		calls := 0
		var lost []string
		trigger.GaveUp = func(documents json.RawMessage, err error) {
			lost = append(lost, fmt.Sprint(len(documents) > 0, err))
		}
		p = pump(t, store, trigger, func() error {
			if calls++; calls <= 2 {
				return bad
			}
			return nil
		})
		p.want(t, "bad", "bad", "good")
		p.end(t)
		if want := []string{"true bad batch"}; !slices.Equal(lost, want) {
			t.Errorf("given up: %q", lost)
		}
	})
}

// A call has a deadline. A pump stops at once while it waits to try again.
func TestPumpDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, c := feedStore(t, localcosmos.Options{})
		createAll(t, c, "1")
		start := time.Now()
		err := store.Pump(t.Context(), localcosmos.Trigger{
			Database: "app", Container: "main", FromBeginning: true, Attempts: 1, Timeout: time.Minute,
			Handle: func(ctx context.Context, _ json.RawMessage) error { <-ctx.Done(); return ctx.Err() },
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		p := pump(t, store, localcosmos.Trigger{FromBeginning: true, Backoff: time.Hour}, func() error { return errors.New("bad") })
		p.want(t, "1")
		stopped := time.Now()
		p.end(t)
		if waited := time.Since(stopped); waited != 0 {
			t.Errorf("the stop took %v", waited)
		}
	})
}

// What a trigger cannot run on is an error, at once or when it happens.
func TestPumpRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, c := feedStore(t, localcosmos.Options{})
		handle := func(context.Context, json.RawMessage) error { return nil }
		for says, trigger := range map[string]localcosmos.Trigger{
			"handler":   {Database: "app", Container: "main"},
			"exist":     {Database: "app", Container: "none", Handle: handle},
			"of their":  {Database: "app", Container: "main", Leases: "main", Handle: handle},
			"negative":  {Database: "app", Container: "main", MaxItems: -1, Handle: handle},
			"not exist": {Database: "none", Container: "main", Handle: handle},
		} {
			if err := store.Pump(t.Context(), trigger); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%q: %v", says, err)
			}
		}
		p := pump(t, store, localcosmos.Trigger{}, nil)
		synctest.Wait()
		if err := store.Pump(t.Context(), localcosmos.Trigger{Database: "app", Container: "main", Handle: handle}); err == nil || !strings.Contains(err.Error(), "already") {
			t.Errorf("a second pump: %v", err)
		}
		_, err := c.Delete(t.Context(), nil)
		ok(t, err)
		if err := <-p.done; err == nil || !strings.Contains(err.Error(), "404") {
			t.Errorf("the container went: %v", err)
		}
	})
}

// A container that is made in the place of another is not the trigger's.
func TestPumpEndsWithContainer(t *testing.T) {
	store, c := feedStore(t, localcosmos.Options{})
	createAll(t, c, "1")
	p := pump(t, store, localcosmos.Trigger{FromBeginning: true, MaxItems: 1}, func() error {
		if _, err := c.Delete(t.Context(), nil); err != nil {
			return err
		}
		createAll(t, container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{}), "other", "another")
		return nil
	})
	p.want(t, "1")
	select {
	case batch := <-p.batches:
		t.Errorf("the handler got %q of another container", batch)
	case err := <-p.done:
		if err == nil || !strings.Contains(err.Error(), "404") {
			t.Errorf("the pump ended with %v", err)
		}
	}
}

// A closed store ends its pumps.
func TestPumpEndsWithStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := feedStore(t, localcosmos.Options{})
		p := pump(t, store, localcosmos.Trigger{}, nil)
		synctest.Wait()
		ok(t, store.Close())
		if err := <-p.done; err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("the pump ended with %v", err)
		}
	})
}

// A pump goes on, and keeps its lease, where clients have used the throughput
// up.
func TestPumpBesideThrottledClients(t *testing.T) {
	now := time.Now()
	store := open(t, localcosmos.Options{Throttle: true, Now: func() time.Time { return now }})
	_, c := provisioned(t, connect(t, "http://cosmos.local", store.Key(), store), 400, 0)
	var created []string
	for n := 0; ; n++ {
		id := fmt.Sprint(n)
		_, err := c.CreateItem(t.Context(), pk("a"), fmt.Appendf(nil, `{"id":%q,"pk":"a"}`, id), nil)
		if status(err) == http.StatusTooManyRequests {
			break
		}
		ok(t, err)
		created = append(created, id)
	}
	trigger := localcosmos.Trigger{FromBeginning: true, MaxItems: 1000}
	p := pump(t, store, trigger, nil)
	p.want(t, strings.Join(created, " "))
	p.end(t)
	now = now.Add(time.Second)
	createAll(t, c, "later")
	p = pump(t, store, trigger, nil)
	p.want(t, "later")
	p.end(t)
}
