package storage_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

func TestRetryGoesOnUntilNobodyIsInTheWay(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name string
		ends []error // of the attempts
	}{
		{"at once", []error{nil}},
		{"in the end", []error{storage.ErrStale, storage.ErrExists, storage.ErrStale, nil}},
		{"with another error", []error{storage.ErrStale, broken}},
		{"with nothing there", []error{storage.ErrNotFound}},
	} {
		t.Run(test.name, func(t *testing.T) {
			turn := 0
			err := storage.Retry(t.Context(), func() error { turn++; return test.ends[turn-1] })
			if turn != len(test.ends) || err != test.ends[turn-1] {
				t.Errorf("%v after %d attempts", err, turn)
			}
		})
	}
}

func TestRetryGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turn, start := 0, time.Now()
		p := problem.From(storage.Retry(t.Context(), func() error { turn++; return storage.ErrStale }))
		if turn != 10 || p.Kind != problem.Unavailable || p.Code != "contended" || p.RetryAfter != time.Second {
			t.Errorf("%v, again after %v, %d attempts", p, p.RetryAfter, turn)
		}
		if waited := time.Since(start); waited < 250*time.Millisecond || waited > time.Second {
			t.Errorf("it waited %v", waited)
		}
	})
}

func TestRetryEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := storage.Retry(ctx, func() error { return storage.ErrExists })
		if waited := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || waited != 100*time.Millisecond {
			t.Errorf("%v after %v", err, waited)
		}
	})
}
