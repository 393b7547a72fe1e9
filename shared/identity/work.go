package identity

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"switchboard/shared/calling"
)

// since runs work for a request that found rec when it came, together with others
// that want the same. Work that others have begun earlier may end with what this
// request should not see: a token from before a revocation, or the news of an
// erasure that was over. Then it is begun anew.
func (r *Registry) since(ctx context.Context, rec *Record, what string, work func(context.Context) (outcome, error)) (outcome, error) {
	if rec.erasing(r.Now()) {
		return outcome{}, beingErased()
	}
	for range tries {
		var mine atomic.Bool
		done, err := r.together(ctx, Key{rec.PK, rec.ID}, what, func(ctx context.Context) (outcome, error) {
			mine.Store(true)
			return work(ctx)
		})
		if mine.Load() {
			return done, err
		}
		done.created = false
		gone, ended := errors.AsType[erased](err)
		switch {
		case ended && gone.generation <= rec.Generation:
		case err == nil && done.record.Generation < rec.Generation:
		default:
			return done, err
		}
	}
	return outcome{}, contended()
}

// outcome is what a piece of work ends with.
type outcome struct {
	record  *Record
	token   calling.Token
	created bool
}

// together runs work once for all callers in this process that want the same
// of the same document. The work does not end with the caller that began it: a
// client that gives up and comes back finds it done.
func (r *Registry) together(ctx context.Context, key Key, what string, work func(context.Context) (outcome, error)) (outcome, error) {
	result := r.flight.DoChan(key.pk+"\x00"+key.id+"\x00"+what, func() (done any, err error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), workTime)
		defer cancel()
		defer func() {
			if p := recover(); p != nil { // beside the request, where no middleware sees it
				done, err = outcome{}, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		return work(ctx)
	})
	select {
	case res := <-result:
		done, _ := res.Val.(outcome)
		return done, res.Err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return outcome{}, ctx.Err()
		}
		return outcome{}, pending(ctx)
	}
}

// alone runs work for one caller only: a revocation or an erasure that others
// began earlier may have been over for what this one means to end, and each
// caller has conditions of its own.
func (r *Registry) alone(ctx context.Context, key Key, work func(context.Context) (outcome, error)) (outcome, error) {
	return r.together(ctx, key, "alone "+r.NewID(), work)
}
