package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/outbox"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// Both ways handle every entry of every partition, in its order, and leave alone what
// is not theirs.
func TestEntriesAreHandledInOrder(t *testing.T) {
	for _, way := range []string{"feed", "drain"} {
		t.Run(way, func(t *testing.T) {
			w := newWorld(t)
			other, err := outbox.New("p0", "other", "x", "other", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Create(t.Context(), other); err != nil {
				t.Fatal(err)
			}
			var want []int
			for i := range 12 {
				want = append(want, i)
				for p := range 3 {
					w.put(fmt.Sprint("p", p), i, time.Now())
				}
			}
			var handled seen
			c := w.consumer(func(_ context.Context, e *outbox.Entry) (any, error) {
				handled.note(e)
				return nil, nil
			})
			if way == "feed" {
				w.pump("", c)
				w.until("done", func() bool { return len(w.left()) == 1 })
			} else if done, err := c.Drain(t.Context()); done != 36 || err != nil {
				t.Errorf("drained %d, %v", done, err)
			}
			for p := range 3 {
				if got := handled.in(fmt.Sprint("p", p)); got != fmt.Sprint(want) {
					t.Errorf("partition %d: %s, want %v", p, got, want)
				}
			}
			if left := w.left(); len(left) != 1 || left[0].Kind != "other" || left[0].Attempts != 0 {
				t.Errorf("left: %+v", left)
			}
			if warned := strings.Contains(w.log.String(), "unknown kind"); warned != (way == "feed") {
				t.Errorf("log: %s", w.log)
			}
		})
	}
}

// Many consumers at once, some told twice, with answers that get lost: every entry is
// handled, and no page of its work is left out or stored over a later one.
func TestManyConsumersAtOnce(t *testing.T) {
	w := newWorld(t)
	const pages = 3
	var handled seen
	handle := func(_ context.Context, e *outbox.Entry) (any, error) {
		handled.note(e)
		var page int
		if _, err := fmt.Sscan(string(e.Data), &page); err != nil {
			return nil, err
		}
		if page++; page < pages {
			return page, nil
		}
		return nil, nil
	}
	for range 3 {
		w.faults.Add(faults.Rule{Method: "PUT", Drop: "after", Skip: rand.N(10)}, faults.Rule{Method: "DELETE", Drop: "after", Skip: rand.N(10)})
	}
	var entries []*outbox.Entry
	for i := range 20 {
		entries = append(entries, w.put(fmt.Sprint("p", i), 0, time.Now()))
	}
	told := asFed(t, entries...)
	w.pump("one", w.consumer(handle))
	w.pump("two", w.consumer(handle))
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if err := w.consumer(handle).Feed(t.Context(), told); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			if _, err := w.consumer(handle).Drain(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w.untilDone()
	for i := range 20 {
		work := handled.in(fmt.Sprint("p", i))
		at := -1
		for page := range pages { // the first of each, in turn
			next := strings.Index(work, fmt.Sprint(page))
			if next < at || next < 0 {
				t.Errorf("partition %d: %s", i, work)
			}
			at = next
		}
	}
}

// What fails comes again after a pause, and the rest goes on meanwhile.
func TestAFailureIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var handled seen
		fails, began := 4, time.Now()
		w.put("p", "bad", began)
		w.put("p", "good", began)
		w.pump("", w.consumer(func(_ context.Context, e *outbox.Entry) (any, error) {
			handled.note(e)
			if fails--; string(e.Data) == `"bad"` && fails >= 0 {
				return nil, problem.New(problem.Upstream, "broken", "Broken.")
			}
			return nil, nil
		}))
		w.untilDone()
		if got := handled.in("p"); got != `["bad" "good" "bad" "bad" "bad"]` {
			t.Errorf("handled %s", got)
		}
		if took := time.Since(began); took < 350*time.Millisecond || took > 800*time.Millisecond { // 100+200+400, up to a half less
			t.Errorf("the pauses took %v", took)
		}
	})
}

// What always fails is parked: told once, kept for 30 days, skipped from then on, and
// no more in the way of others than for some seconds.
func TestPoisonIsParked(t *testing.T) {
	for name, test := range map[string]struct {
		poison outbox.Handler
		within time.Duration
	}{
		"an error": {func(context.Context, *outbox.Entry) (any, error) { return nil, errors.New("cannot be done") }, 25 * time.Second},
		"a panic":  {func(context.Context, *outbox.Entry) (any, error) { panic("+15550100") }, 25 * time.Second},
		"no end":   {func(ctx context.Context, _ *outbox.Entry) (any, error) { <-ctx.Done(); return nil, ctx.Err() }, 4 * time.Minute},
		"no JSON":  {func(context.Context, *outbox.Entry) (any, error) { return func() {}, nil }, 25 * time.Second},
		"too large": {func(_ context.Context, e *outbox.Entry) (any, error) {
			if e.Attempts > 0 { // once is enough: it takes long
				return nil, errors.New("cannot be done")
			}
			return strings.Repeat("x", 2<<20), nil
		}, 25 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				began, good := time.Now(), 0
				poison := w.put("p", "+15550100", began)
				c := w.consumer(func(ctx context.Context, e *outbox.Entry) (any, error) {
					if string(e.Data) == `"+15550100"` {
						return test.poison(ctx, e)
					}
					good++
					return nil, nil
				})
				w.pump("", c)
				time.Sleep(time.Second)
				w.put("p", "good", time.Now())
				var kept outbox.Entry
				for !kept.Parked {
					time.Sleep(time.Second)
					if err := w.Read(t.Context(), "p", poison.ID, &kept); err != nil || time.Since(began) > test.within {
						t.Fatalf("after %v: %+v, %v", time.Since(began), kept, err)
					}
				}
				synctest.Wait()
				if good != 1 || kept.TTL != 30*24*60*60 || kept.Attempts != 10 || string(kept.Data) != `"+15550100"` {
					t.Errorf("%d good ones, parked %+v", good, kept)
				}
				if done, err := c.Drain(t.Context()); done != 0 || err != nil {
					t.Errorf("drained %d, %v", done, err)
				}
				if err := c.Feed(t.Context(), asFed(t, poison)); err != nil {
					t.Error(err)
				}
				told := slices.DeleteFunc(strings.Split(w.log.String(), "\n"), func(line string) bool { return !strings.Contains(line, "was given up") })
				if len(told) != 1 || !strings.Contains(told[0], poison.ID) || !strings.Contains(told[0], `"kind":"do"`) || !strings.Contains(told[0], "ERROR") {
					t.Errorf("told of it: %v", told)
				}
				if strings.Contains(w.log.String(), "+15550100") {
					t.Errorf("the log tells data: %s", w.log)
				}
			})
		})
	}
}

// While the store is away nothing is lost or counted.
func TestTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.consumer(func(context.Context, *outbox.Entry) (any, error) { return nil, nil })
		e := w.put("p", 1, time.Now())
		for _, method := range []string{"GET", "DELETE"} {
			w.faults.Add(faults.Rule{Method: method, Contains: "outbox", Status: 503, Times: -1})
			if err := c.Feed(t.Context(), asFed(t, e)); !problem.Is(err, problem.Unavailable) {
				t.Errorf("%s: %v", method, err)
			}
			if _, err := c.Drain(t.Context()); !problem.Is(err, problem.Unavailable) {
				t.Errorf("%s: %v", method, err)
			}
			w.faults.Clear()
		}
		if left := w.left(); len(left) != 1 || left[0].Attempts != 0 {
			t.Errorf("left %+v", left)
		}
		w.faults.Add(faults.Rule{Contains: "outbox", Status: 503, Times: -1})
		w.pump("", c)
		time.Sleep(time.Minute)
		w.faults.Clear()
		w.untilDone()
	})
}

// A service that is away for one entry holds up that entry's partition and no other,
// is waited out, and after a day is no excuse any more.
func TestAServiceIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var handled seen
		away := problem.New(problem.Unavailable, "away", "Away.")
		c := w.consumer(func(_ context.Context, e *outbox.Entry) (any, error) {
			handled.note(e)
			if string(e.Data) == `"bad"` {
				return nil, away
			}
			return nil, nil
		})
		bad := w.put("p", "bad", time.Now())
		behind, beside := w.put("p", "behind", time.Now().Add(1)), w.put("q", "beside", time.Now())
		told := asFed(t, bad, behind, beside)
		for range 20 {
			if err := c.Feed(t.Context(), told); !errors.Is(err, away) {
				t.Fatal(err)
			}
		}
		if handled.in("q") != `["beside"]` || strings.Contains(handled.in("p"), "behind") {
			t.Errorf("handled %v", handled.all)
		}
		if done, err := c.Drain(t.Context()); done != 0 || !errors.Is(err, away) {
			t.Errorf("drained %d, %v", done, err)
		}
		c.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
		if err := c.Feed(t.Context(), told); err != nil {
			t.Error(err)
		}
		if left := w.left(); len(left) != 1 || left[0].ID != bad.ID || left[0].Attempts != 1 {
			t.Errorf("left %+v", left)
		}
	})
}

// A service that is away for all is not asked for each entry of a long list.
func TestAServiceIsAwayForAll(t *testing.T) {
	w := newWorld(t)
	var entries []*outbox.Entry
	for i := range 10 {
		entries = append(entries, w.put(fmt.Sprint("p", i), i, time.Now()))
	}
	asked := 0
	err := w.consumer(func(context.Context, *outbox.Entry) (any, error) {
		asked++
		return nil, context.DeadlineExceeded
	}).Feed(t.Context(), asFed(t, entries...))
	if !errors.Is(err, context.DeadlineExceeded) || asked != 3 {
		t.Errorf("asked %d times, %v", asked, err)
	}
}

// A consumer that is killed between two pieces of work loses neither; the one after it
// goes on from the last that was stored, though the feed tells of the first.
func TestWorkGoesOnAfterAKill(t *testing.T) {
	w := newWorld(t)
	var handled seen
	e := w.put("p", 1, time.Now())
	told := asFed(t, e)
	way := faults.Wrap(w.store)
	count := func(die bool) outbox.Handler {
		return func(_ context.Context, e *outbox.Entry) (any, error) {
			handled.note(e)
			switch page := string(e.Data); {
			case page == "2" && die:
				way.Add(faults.Rule{Drop: "before", Times: -1}) // nothing that it does from now on has an effect
				return 3, nil
			case page == "4":
				return nil, nil
			default:
				return page[0] - '0' + 1, nil
			}
		}
	}
	dying := w.consumer(count(true))
	dying.Store = w.open(way)
	for range 2 {
		if err := dying.Feed(t.Context(), told); (err != nil) != (handled.in("p") == "[1 2]") {
			t.Fatal(err)
		}
	}
	w.pump("", w.consumer(count(false)))
	w.untilDone()
	if got := handled.in("p"); got != "[1 2 2 3 4]" {
		t.Errorf("handled %s", got)
	}
}

// What an erasure has removed is not done, whatever the feed still tells; documents
// that are no entries, or broken ones, hold nothing up.
func TestTheFeedIsOnlyAHint(t *testing.T) {
	w := newWorld(t)
	var handled seen
	c := w.consumer(func(_ context.Context, e *outbox.Entry) (any, error) {
		handled.note(e)
		return nil, nil
	})
	gone := w.put("p", "gone", time.Now())
	told := asFed(t, gone)
	if err := w.Delete(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	broken := struct {
		storage.Head
		Kind   string `json:"kind"`
		Parked bool   `json:"parked"`
		At     int    `json:"at"`
	}{Head: storage.Head{PK: "p", ID: "broken", Type: "outbox"}, Kind: "do"}
	if err := w.Create(t.Context(), &broken); err != nil {
		t.Fatal(err)
	}
	if err := c.Feed(t.Context(), told); err != nil || handled.in("p") != "[]" {
		t.Errorf("%s, %v", handled.in("p"), err)
	}
	w.put("p", "good", time.Now())
	w.pump("", c)
	w.until("handled", func() bool { return handled.in("p") == `["good"]` })
	if _, err := c.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(w.log.String(), "cannot be read") {
		t.Errorf("log: %s", w.log)
	}
}

// A drain that has not the time for all takes the oldest, ends before its deadline and
// leaves the rest to the next.
func TestDrainTakesTheOldestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		now := time.Now()
		var ages []int
		const all = 1100 // two pages of the query
		w.fill(all, func(i int) (any, time.Time) {
			ages = append(ages, all-i)
			return all - i, now.Add(-time.Duration(i) * time.Second) // the last has waited longest
		})
		slices.Reverse(ages)
		var order []string
		pace := time.Second
		c := w.consumer(func(_ context.Context, e *outbox.Entry) (any, error) {
			time.Sleep(pace)
			order = append(order, string(e.Data))
			return nil, nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		done, err := c.Drain(ctx)
		if err != nil || done < 7 || done > 9 || ctx.Err() != nil {
			t.Errorf("drained %d, %v", done, err)
		}
		if want := fmt.Sprint(ages[:done]); fmt.Sprint(order) != want {
			t.Errorf("handled %v, want %s", order, want)
		}
		pace = 0
		if again, err := c.Drain(t.Context()); done+again != all || err != nil {
			t.Errorf("then %d, %v", again, err)
		}
	})
}

func FuzzFeed(f *testing.F) {
	for _, seed := range []string{`[]`, `{}`, `null`, `[1,null,"x",[]]`, `[{"type":"outbox"}]`, `[{"type":"outbox","id":"x","kind":1}]`, `[{"type":1}]`, `[`} {
		f.Add([]byte(seed))
	}
	c := outbox.Consumer{Log: slog.New(slog.DiscardHandler)}
	f.Fuzz(func(t *testing.T, documents []byte) {
		err := c.Feed(t.Context(), documents)
		text := strings.TrimSpace(string(documents))
		if err == nil && !strings.HasPrefix(text, "[") && text != "null" {
			t.Errorf("%q is no list", documents)
		}
	})
}
