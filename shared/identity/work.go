package identity

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"switchboard/shared/calling"
)

// arrival is what a request found when it came: what was erased before that does
// not concern it, what is erased after ends it.
type arrival struct {
	generation int  // of the record
	givenUp    bool // it was being erased, and its holder had given up
}

// since runs work for a request that found rec when it came. Work that others
// have begun earlier may end with what the request should not see: a token from
// before a revocation, or the news of an erasure that was over. Then it is begun
// anew.
func (r *Registry) since(rec *Record, work func(arrival) (outcome, error)) (outcome, error) {
	from := arrival{
		generation: rec.Generation,
		givenUp:    rec.Change != nil && rec.Change.Do == erase && r.Now().After(rec.Change.Until),
	}
	for range tries {
		done, err := work(from)
		gone, ended := errors.AsType[erased](err)
		switch {
		case ended && gone.generation <= from.generation:
		case err == nil && done.record.Generation < from.generation:
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
