package watch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"switchboard/shared/graph"
	"switchboard/shared/outbox"
	"switchboard/shared/storage"
)

const (
	renewBefore = life / 3
	renewMost   = 5000 // subscriptions of one Renew; the rest is the next one's
)

// Renew puts all subscriptions in order. It is for a timer, every few minutes: those that
// have less than a third of their life left are renewed, those that Graph has no more, or
// that were never finished, are made anew, and those without an event that is still
// followed are ended.
//
// Each is tried, whatever becomes of the others; the error joins theirs. What failed is
// tried again by the next Renew.
func (r *Registry) Renew(ctx context.Context) error {
	if !r.watching() {
		return nil
	}
	due, err := r.due(ctx)
	if err != nil {
		return err
	}
	return outbox.All(ctx, due, func(ctx context.Context, s *subscription) error {
		err := r.keep(ctx, s)
		if err == nil || errors.Is(err, storage.ErrStale) { // then others are at it
			return nil
		}
		return fmt.Errorf("watch: the subscription to the calendar of %s: %w", s.ID, err)
	})
}

// due finds the subscriptions that there may be something to do for. Times compare as
// texts: they are in UTC, and what a fraction of a second makes of it is for keep.
func (r *Registry) due(ctx context.Context) ([]*subscription, error) {
	now := r.Now().UTC()
	return storage.Find[subscription](ctx, r.Store, storage.Query{
		PK:   subscriptions,
		Text: "SELECT * FROM c WHERE c.type = @type AND (c.expires < @soon OR c.followed < @now)",
		Parameters: map[string]any{
			"@type": subscriptionType,
			"@soon": now.Add(renewBefore).Format(time.RFC3339),
			"@now":  now.Format(time.RFC3339),
		},
		Limit: renewMost,
	}, renewMost)
}

// keep puts one subscription in order, as it was read: ErrStale if others have changed it
// since. Whatever there is to do, it looks first whether an event is still followed.
func (r *Registry) keep(ctx context.Context, s *subscription) error {
	now := r.Now()
	passed, expiring := !s.Followed.After(now), !s.live(now) || s.Expires.Sub(now) < renewBefore
	if s.Lease.After(now) || !passed && !expiring {
		return nil
	}
	until, err := r.needed(ctx, s.ID)
	switch {
	case err != nil:
		return err
	case until.IsZero() && passed:
		return r.drop(ctx, s)
	case !until.Equal(s.Followed):
		s.Followed = until
		if err := r.Store.Replace(ctx, s); err != nil {
			return err
		}
	}
	switch {
	case until.IsZero(): // as from now on everybody sees: look again, and drop it
		return r.keep(ctx, s)
	case !s.live(now):
		return r.remake(ctx, s)
	case expiring:
		return r.extend(ctx, s)
	}
	return nil
}

// remake makes the subscription anew.
func (r *Registry) remake(ctx context.Context, s *subscription) error {
	r.claim(s)
	if err := r.Store.Replace(ctx, s); err != nil {
		return err
	}
	return r.create(ctx, s)
}

func (r *Registry) extend(ctx context.Context, s *subscription) error {
	renewed, err := r.Graph.RenewSubscription(ctx, s.Subscription, r.Now().Add(life))
	if errors.Is(err, graph.ErrNotFound) {
		return r.remake(ctx, s)
	}
	if err != nil {
		return err
	}
	_, err = r.update(ctx, s, func(latest *subscription) { latest.Expires = later(latest.Expires, renewed.Expires) })
	return err
}

// drop ends a subscription that nobody needs. It was seen to be needed no longer before the
// events were looked for, and goes as it was seen: who followed one before that was found,
// and who follows one since writes to it, so that it stays, or makes another. The document
// goes first: what a kill leaves at Graph ends by itself.
func (r *Registry) drop(ctx context.Context, s *subscription) error {
	if err := r.Store.Delete(ctx, s); err != nil || !s.live(r.Now()) {
		return err
	}
	return r.end(ctx, s.Subscription)
}
