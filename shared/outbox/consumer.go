package outbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

const (
	maxAttempts  = 10                     // in a row; then an entry is parked
	firstPause   = 100 * time.Millisecond // after a failure; doubles, less up to a half at random
	longestPause = 5 * time.Second
	workTime     = 20 * time.Second    // of one call of a Handler
	patience     = 24 * time.Hour      // with services that are away
	keptParked   = 30 * 24 * time.Hour // "time to live" of a parked entry
	maxAway      = 3                   // partitions that wait for a service, before all do
)

// Handler does a bounded piece of what an entry asks for: some seconds of work, and 20
// at most, or four fifths of the time that the host has left, after which ctx ends and
// the attempt has failed. It is idempotent, stops when ctx does, and leaves the entry as
// it is.
//
// A nil next means that all is done. Otherwise next is stored as the entry's Data and
// the entry is delivered again, behind the others: so work of any length goes on in
// pieces, from the last one that was stored. (A nil pointer in next is not nil.)
//
// An error that is problem.Unavailable, problem.UpstreamTimeout or of a context says
// that a service is away, and is waited out for a day. Any other counts as a failed
// attempt, and so does a panic. Errors are logged and must not tell personal data.
type Handler func(ctx context.Context, e *Entry) (next any, err error)

// Consumer handles entries. It is safe for concurrent use.
type Consumer struct {
	Store    *storage.Container
	Handlers map[string]Handler // by the kind of entry
	Now      func() time.Time
	Log      *slog.Logger
}

// progress is what became of a delivery.
type progress int

const (
	none  progress = iota // the entry was not touched
	moved                 // it has been stored with its progress, or its failure
	ended                 // it is done and gone
)

// each delivers to the entries in turn. Where a service is away for one, those behind it
// in its partition wait for another delivery and the others go on, since it may be away
// for that one alone; after three it is away for all. The error is the first there was.
func (c *Consumer) each(ctx context.Context, entries []*Entry, late func() bool) (done int, idle bool, first error) {
	waiting := map[string]bool{} // partitions
	idle = true
	for _, e := range entries {
		if len(waiting) == maxAway || ctx.Err() != nil || late() {
			break
		}
		if waiting[e.PK] {
			continue
		}
		p, err := c.deliver(ctx, e)
		if err != nil {
			waiting[e.PK] = true
			first = cmp.Or(first, err)
			continue
		}
		if p == ended {
			done++
		}
		idle = idle && p == none
	}
	return done, idle, cmp.Or(first, ctx.Err())
}

// deliver does what an entry asks for, if it still does: what told of the entry may be
// older than what others have done about it since, or than an erasure that took it
// away. The error asks for another delivery of the same.
func (c *Consumer) deliver(ctx context.Context, told *Entry) (progress, error) {
	e := &Entry{}
	switch err := c.Store.Read(ctx, told.PK, told.ID, e); {
	case errors.Is(err, storage.ErrNotFound):
		return none, nil
	case err != nil:
		return none, err
	}
	handle := c.Handlers[e.Kind]
	if e.Parked || handle == nil {
		return none, nil
	}
	if err := c.await(ctx, e.NotBefore); err != nil {
		return none, err
	}
	next, err := c.try(ctx, handle, e)
	if err == nil && next == nil {
		return ended, unlessStale(c.Store.Delete(ctx, e))
	}
	if err == nil {
		err = c.advance(ctx, e, next)
	}
	if err == nil || c.away(e, err) {
		return moved, err
	}
	return moved, c.fail(ctx, e, err)
}

// await waits until an entry's next attempt is due: never long, whatever the clocks
// of other instances say.
func (c *Consumer) await(ctx context.Context, due time.Time) error {
	wait := min(due.Sub(c.Now()), longestPause)
	if due.IsZero() || wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try calls the Handler. What it does not do in time, while ctx lasts, is the entry's
// own failure and no sign of a service that is away.
func (c *Consumer) try(ctx context.Context, handle Handler, e *Entry) (next any, err error) {
	allowed := allowed(ctx)
	limited, cancel := context.WithTimeout(ctx, allowed)
	defer cancel()
	defer func() {
		if p := recover(); p != nil { // its value may tell data
			c.Log.Error("panic", "kind", e.Kind, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			next, err = nil, errors.New("panic")
		}
	}()
	next, err = handle(limited, e)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("not done within %v", allowed)
	}
	return next, err
}

// allowed is how long a Handler may work: a fifth of what is left until ctx's deadline is
// kept, to store what came of it. Else an entry that outlasts every ctx would come first
// for ever.
func allowed(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return workTime
	}
	return min(workTime, time.Until(deadline)/5*4)
}

// away reports whether an error is of the services that a Handler works with. After
// a day without progress it is taken for the entry's: then it is one that no service
// will ever do, and must not hold up the rest.
func (c *Consumer) away(e *Entry, err error) bool {
	return (problem.Is(err, problem.Unavailable) || problem.Is(err, problem.UpstreamTimeout) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) &&
		c.Now().Sub(e.At) < patience
}

// advance stores how far the work is. The change brings the entry through the feed
// again.
func (c *Consumer) advance(ctx context.Context, e *Entry, next any) error {
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	further := *e
	further.Data, further.At, further.Attempts, further.NotBefore = data, c.Now().UTC(), 0, time.Time{}
	return unlessStale(c.Store.Replace(ctx, &further))
}

// fail counts a failed attempt, and parks the entry after too many. The error says
// that not even this could be stored.
func (c *Consumer) fail(ctx context.Context, e *Entry, cause error) error {
	e.Attempts++
	pause := min(firstPause<<(e.Attempts-1), longestPause)
	e.NotBefore = c.Now().Add(pause - rand.N(pause/2)).UTC()
	if e.Attempts >= maxAttempts {
		e.Parked, e.TTL, e.NotBefore = true, int(keptParked/time.Second), time.Time{}
	}
	if err := c.Store.Replace(ctx, e); err != nil {
		return unlessStale(err)
	}
	log := c.Log.With("kind", e.Kind, "id", e.ID, "attempts", e.Attempts, "error", cause.Error())
	if e.Parked {
		log.Error("an outbox entry was given up")
	} else {
		log.Warn("an outbox entry was not handled")
	}
	return nil
}

// unlessStale forgives a write that came too late: another consumer has got on with
// the entry, or an erasure has removed it.
func unlessStale(err error) error {
	if errors.Is(err, storage.ErrStale) {
		return nil
	}
	return err
}
