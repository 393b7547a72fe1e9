package storage

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"switchboard/shared/problem"
)

const statusRetryWith = 449 // "concurrent write race": azcosmos leaves the retry to the application

// again runs a write, and repeats it a few times when the store reports a race
// (449), within ctx.
func again(ctx context.Context, write func() error) error {
	for attempt := 1; ; attempt++ {
		err := write()
		if status(err) != statusRetryWith || attempt == 4 {
			return err
		}
		if err := pause(ctx, time.Duration(attempt)*10*time.Millisecond); err != nil {
			return err
		}
	}
}

// maxAttempts is how often Retry runs an attempt. With the waits between, it takes less
// than a second beside the attempts themselves.
const maxAttempts = 10

// Retry runs an attempt again while others change what it reads: while it ends in
// ErrStale or ErrExists, at most 10 times and within ctx. An attempt reads anew what it
// decides on. After the last one the error is Unavailable, "contended".
func Retry(ctx context.Context, attempt func() error) error {
	for turn := range maxAttempts {
		if turn > 0 {
			if err := pause(ctx, min(5*time.Millisecond<<(turn-1), 100*time.Millisecond)); err != nil {
				return err
			}
		}
		err := attempt()
		if !errors.Is(err, ErrStale) && !errors.Is(err, ErrExists) {
			return err
		}
	}
	return problem.New(problem.Unavailable, "contended", "Too many changes at once. Try again.").After(time.Second)
}

// Settle repeats a step that brings a copy in line with what it is a copy of, until the
// step finds nothing left to do: since all of it may change meanwhile, what was written is
// looked at again. It runs under Retry, and a step reads anew what it decides on.
func Settle(ctx context.Context, step func() (done bool, err error)) error {
	return Retry(ctx, func() error {
		const looks = 3 // as many as it takes where nobody else changes anything
		for range looks {
			done, err := step()
			if err != nil || done {
				return err
			}
		}
		return ErrStale
	})
}

// pause waits about so long, give or take a half, so that those who met once do not
// meet again.
func pause(ctx context.Context, about time.Duration) error {
	select {
	case <-time.After(about/2 + rand.N(about)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
