package meeting

import (
	"context"
	"time"

	"switchboard/shared/outbox"
	"switchboard/shared/storage"
)

// debt is the document of what the service has not been told yet: that a meeting is over,
// or that a plan was given up. It is written with that, and goes when the service has done
// it. Who made it tries once, then the outbox once, and Upkeep from then on: so a service
// that is down, or refuses, for as long as it may, holds nothing else up.
type debt struct {
	storage.Head
	Place Place     `json:"place,omitzero"` // to be ended; empty where
	Plan  *Plan     `json:"plan,omitempty"` // this is to be undone
	Due   time.Time `json:"due"`            // when Upkeep looks at it
}

func debtAt(meetingID, id string) *debt {
	return &debt{Head: head(partition(meetingID), debtType+":"+id, debtType)}
}

// owe makes the document of a debt, to be stored.
func (r *Registry) owe(m *meeting, place Place, plan *Plan) (id string, d *debt) {
	id = r.NewID()
	d = debtAt(m.id(), id)
	d.Place, d.Plan, d.Due, d.TTL = place, plan, r.Now().UTC().Add(lease).Truncate(time.Second), int(markLife.Seconds())
	return id, d
}

// pay tells the service what it is to be told, and removes the debt.
func (r *Registry) pay(ctx context.Context, by Actor, d *debt) error {
	if r.Scheduler == nil { // another program has Graph: this one's settings need mending
		return notConfigured()
	}
	var err error
	if d.Plan != nil {
		err = r.Scheduler.Undo(ctx, *d.Plan)
	} else {
		err = r.Scheduler.End(ctx, by, d.Place)
	}
	if err != nil {
		return err
	}
	return unlessStale(r.Store.Delete(ctx, d)) // or another was as far
}

// payNow is pay; if it fails that is left to Upkeep.
func (r *Registry) payNow(ctx context.Context, by Actor, d *debt) {
	if err := r.pay(ctx, by, d); err != nil {
		r.Log.WarnContext(ctx, "the end of a meeting is left to upkeep", "debt", d.ID, "error", err)
	}
}

// payOne pays a debt now if it is still there.
func (r *Registry) payOne(ctx context.Context, d *debt) error {
	if err := storage.Look(ctx, r.Store, d); err != nil || d.ETag == "" {
		return err
	}
	r.payNow(ctx, Actor{}, d)
	return nil
}

// payAll pays what is left.
func (r *Registry) payAll(ctx context.Context) error {
	left, err := storage.Find[debt](ctx, everywhere{r.Store}, storage.Query{
		Text:       "SELECT * FROM c WHERE c.type = @debt AND c.due < @now",
		Parameters: map[string]any{"@debt": debtType, "@now": r.Now().UTC().Truncate(time.Second)},
	}, atATime)
	if err != nil {
		return err
	}
	return outbox.All(ctx, left, func(ctx context.Context, d *debt) error { return r.pay(ctx, Actor{}, d) })
}
