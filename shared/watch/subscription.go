package watch

import (
	"context"
	"errors"
	"time"

	"switchboard/shared/graph"
	"switchboard/shared/storage"
)

const (
	life  = 6 * 24 * time.Hour // of a subscription; Graph takes less than 7 days for events
	lease = time.Minute        // for making one; Graph posts to both URLs meanwhile, 10 s each at most
)

// live reports whether Graph has the subscription, as far as is known.
func (s *subscription) live(now time.Time) bool { return s.Subscription != "" && s.Expires.After(now) }

// subscribe makes sure that there is a subscription until a time, or that somebody is
// making it.
func (r *Registry) subscribe(ctx context.Context, organizer string, until time.Time) error {
	until = dayAfter(until)
	var mine *subscription
	err := storage.Retry(ctx, func() error {
		mine = nil
		s, err := r.subscription(ctx, organizer)
		if err != nil {
			return err
		}
		now := r.Now()
		vacant := !s.live(now) && !s.Lease.After(now)
		if !vacant && !s.Followed.Before(until) {
			return nil
		}
		s.Followed = later(s.Followed, until)
		if vacant {
			r.claim(s)
			mine = s
		}
		return r.put(ctx, s)
	})
	if err != nil || mine == nil {
		return err
	}
	return r.create(ctx, mine)
}

// relax makes a subscription needed for no longer than it is, after an event is not followed
// any more. It is read before the events: so who stores what they found later than this does
// would be stale, and reads again.
func (r *Registry) relax(ctx context.Context, organizer string) error {
	return storage.Retry(ctx, func() error {
		s, err := r.subscription(ctx, organizer)
		if err != nil || s.ETag == "" {
			return err
		}
		until, err := r.needed(ctx, organizer)
		if err != nil || until.Equal(s.Followed) {
			return err
		}
		s.Followed = until
		return r.Store.Replace(ctx, s)
	})
}

// subscription reads an organizer's; its ETag is empty if there is none.
func (r *Registry) subscription(ctx context.Context, organizer string) (*subscription, error) {
	s := subscriptionAt(organizer)
	return s, storage.Look(ctx, r.Store, s)
}

// needed is until when an organizer's subscription is, by the events that are followed: the
// zero time where none of them is left.
func (r *Registry) needed(ctx context.Context, organizer string) (until time.Time, err error) {
	last, err := storage.Find[followed](ctx, r.Store, storage.Query{
		PK:         partition(organizer),
		Text:       "SELECT c.until FROM c WHERE c.type = @type AND c.until > @now ORDER BY c.until DESC OFFSET 0 LIMIT 1",
		Parameters: map[string]any{"@type": followedType, "@now": r.Now().UTC().Format(time.RFC3339)},
		Limit:      1,
	}, 1)
	if err != nil || len(last) == 0 {
		return time.Time{}, err
	}
	return dayAfter(last[0].Until), nil
}

// claim is what is stored before a subscription is made. Each one has a secret of its own,
// so that one whose answer was lost, or came too late, is not believed beside the next.
func (r *Registry) claim(s *subscription) {
	s.ClientState = s.ID + stateSeparator + r.NewID()
	s.Subscription, s.Expires, s.Lease = "", time.Time{}, r.Now().Add(lease).UTC()
}

// create makes the subscription of a claim that was stored. If it fails, nobody tries
// again before the lease ends: Renew does it then.
func (r *Registry) create(ctx context.Context, s *subscription) error {
	ctx, cancel := context.WithTimeout(ctx, lease)
	defer cancel()
	made, err := r.Graph.CreateSubscription(ctx, graph.NewSubscription{
		Resource:     graph.UserEvents(s.ID),
		ChangeTypes:  "updated,deleted",
		NotifyURL:    r.URL + "/notifications",
		LifecycleURL: r.URL + "/lifecycle",
		ClientState:  s.ClientState,
		Expires:      r.Now().Add(life),
	})
	if err != nil {
		return err
	}
	// Nobody told of what changed until now. This comes before the subscription is known:
	// a kill in between makes another one, and looks at all of it again.
	if err := r.leave(ctx, s.ID, kindAll, listing{Organizer: s.ID}); err != nil {
		return err
	}
	known, err := r.update(ctx, s, func(latest *subscription) {
		latest.Subscription, latest.Expires, latest.Lease = made.ID, made.Expires, time.Time{}
	})
	if err != nil || known {
		return err
	}
	return r.end(ctx, made.ID) // another one took its place, or nobody needs it any more
}

// update changes an organizer's subscription if it still is the one that was read; others
// may have moved on the time until when it is needed.
func (r *Registry) update(ctx context.Context, s *subscription, change func(*subscription)) (known bool, err error) {
	err = storage.Retry(ctx, func() error {
		latest, err := r.subscription(ctx, s.ID)
		if known = err == nil && latest.ClientState == s.ClientState; !known {
			return err
		}
		change(latest)
		return r.Store.Replace(ctx, latest)
	})
	return known, err
}

// end ends a subscription at Graph. One that is gone is no error.
func (r *Registry) end(ctx context.Context, id string) error {
	err := r.Graph.DeleteSubscription(ctx, id)
	if errors.Is(err, graph.ErrNotFound) {
		return nil
	}
	return err
}
