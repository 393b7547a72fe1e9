package meeting

import (
	"context"
	"errors"
	"time"

	"switchboard/shared/outbox"
	"switchboard/shared/storage"
)

// Upkeep mends what requests left that were cut short, tells the service what it was not
// told yet, and sends off the guests of meetings that are over. A timer calls it. What
// fails is for the next time.
func (r *Registry) Upkeep(ctx context.Context) error {
	return errors.Join(r.mend(ctx), r.payAll(ctx), r.sweep(ctx))
}

// patience is how long after the end of a lease a plan is left to whoever repeats the
// request.
const patience = 10 * time.Minute

// mend looks for work that nobody goes on with.
func (r *Registry) mend(ctx context.Context) error {
	left, err := storage.Find[meeting](ctx, everywhere{r.Store}, storage.Query{
		Text:       "SELECT * FROM c WHERE c.type = @meeting AND c.work.until < @now",
		Parameters: map[string]any{"@meeting": meetingType, "@now": r.Now().UTC().Add(-lease).Truncate(time.Second)},
	}, atATime)
	if err != nil {
		return err
	}
	return outbox.All(ctx, left, func(ctx context.Context, m *meeting) error {
		switch {
		case m.State == planned && r.Now().After(m.Work.Until.Add(patience)):
			err := r.undo(ctx, m, true)
			if errors.Is(err, storage.ErrStale) { // somebody went on with it
				return nil
			}
			return err
		case m.State == ready:
			return r.Sync(ctx, m.id())
		}
		return nil
	})
}

// undo gives a plan up: from now on nobody makes it, and the outbox removes what may have
// been made of it.
func (r *Registry) undo(ctx context.Context, m *meeting, made bool) error {
	plan := m.plan(true)
	mark := &meeting{Head: m.Head, State: undone, Request: m.Request, Attempt: m.Attempt, Seq: m.Seq}
	mark.TTL = int(markLife.Seconds())
	if !made {
		return r.Store.Replace(ctx, mark)
	}
	id, d := r.owe(m, Place{}, &plan)
	return r.write(ctx, mark, kindUndo, unmade{Meeting: m.id(), Debt: id}, d)
}

// sweep looks for guests whose time is over.
func (r *Registry) sweep(ctx context.Context) error {
	gone, err := storage.Find[guest](ctx, everywhere{r.Store}, storage.Query{
		Text:       "SELECT * FROM c WHERE c.type = @guest AND c.until < @now",
		Parameters: map[string]any{"@guest": guestType, "@now": r.Now().UTC().Truncate(time.Second)},
	}, atATime)
	if err != nil {
		return err
	}
	return outbox.All(ctx, gone, func(ctx context.Context, g *guest) error {
		m := meetingAt(g.meeting())
		if err := storage.Look(ctx, r.Store, m); err != nil {
			return err
		}
		if m.lets(g) && r.Now().Before(r.guestsGo(m)) { // moved, and the outbox will tell
			return nil
		}
		return r.sendOff(ctx, g)
	})
}

// atATime is about how many documents one Upkeep works on.
const atATime = 1000

// everywhere is a Store whose queries are over all partitions.
type everywhere struct{ Store }

func (e everywhere) Query(ctx context.Context, q storage.Query) (storage.Page, error) {
	return e.QueryAll(ctx, q)
}
