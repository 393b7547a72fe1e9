package outbox_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/outbox"
)

// drainFor runs one Drain under a host that gives it so long, and waits until what failed
// may be tried again. (Ten are over before the SDK, after five minutes, looks for its
// regions beside other requests, with a race.)
func drainFor(t *testing.T, c *outbox.Consumer, d time.Duration) (int, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	done, err := c.Drain(ctx)
	time.Sleep(6 * time.Second)
	return done, err
}

// What takes longer than the host gives a Drain is a failure of its own: it does not
// hold the others up, and is parked in the end.
func TestADrainOutlastsWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		began := time.Now()
		bad := w.put("p", "bad", began)
		w.put("p", "good", began.Add(1))
		w.put("q", "good", began.Add(2))
		var handled seen
		c := w.consumer(func(ctx context.Context, e *outbox.Entry) (any, error) {
			handled.note(e)
			if string(e.Data) == `"bad"` {
				<-ctx.Done()
			}
			return nil, ctx.Err()
		})
		for range 2 {
			if _, err := drainFor(t, c, 3*time.Second); err != nil {
				t.Error(err)
			}
		}
		if left := w.left(); len(left) != 1 || left[0].ID != bad.ID || left[0].Attempts != 2 {
			t.Errorf("handled %v, left %+v", handled.all, left)
		}
		for range 8 {
			if _, err := drainFor(t, c, 3*time.Second); err != nil {
				t.Error(err)
			}
		}
		if left := w.left(); len(left) != 1 || !left[0].Parked {
			t.Errorf("left %+v", left)
		}
	})
}

// More entries than can be looked up in the time a Drain has are done bit by bit.
func TestADrainGetsOnWithALongOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.fill(2600, func(i int) (any, time.Time) { return i, time.Now() }) // three pages of the query
		c := w.consumer(func(context.Context, *outbox.Entry) (any, error) { return nil, nil })
		w.faults.Add(faults.Rule{Method: "POST", Contains: "/docs", Delay: faults.Duration(900 * time.Millisecond), Times: -1})
		for drains := 1; len(w.left()) > 0; drains++ {
			if done, err := drainFor(t, c, 3*time.Second); done == 0 || err != nil || drains > 10 {
				t.Fatalf("drain %d: %d done, %v", drains, done, err)
			}
		}
	})
}
