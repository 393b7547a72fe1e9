package watch

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"switchboard/shared/graph"
	"switchboard/shared/outbox"
	"switchboard/shared/storage"
)

// The kinds of outbox entries. What is stored with one is a promise to later versions:
// they find entries of earlier ones.
const (
	kindEvents      = "watch.events"      // events changed
	kindAll         = "watch.all"         // any followed event of an organizer may have changed
	kindReauthorize = "watch.reauthorize" // a subscription will send no more unless it is authorized again
	kindRemoved     = "watch.removed"     // Graph has removed a subscription
)

// lifecycleKinds are what the events in the life of a subscription leave to do. All take a
// lapse; kindAll reads it as a listing.
var lifecycleKinds = map[string]string{
	ReauthorizationRequired: kindReauthorize,
	SubscriptionRemoved:     kindRemoved,
	Missed:                  kindAll,
}

// changed names events by their keys, or by the ids of their documents for one meeting each.
type changed struct {
	Organizer string   `json:"organizer"`
	Events    []string `json:"events"`
}

// listing says after which document of a followed event to go on.
type listing struct {
	Organizer string `json:"organizer"`
	After     string `json:"after,omitempty"`
}

// lapse says which subscription something happened to.
type lapse struct {
	Organizer    string `json:"organizer"`
	Subscription string `json:"subscription"`
}

// Handlers are what does the package's work in the outbox.
func (r *Registry) Handlers() map[string]outbox.Handler {
	return map[string]outbox.Handler{
		kindEvents:      outbox.Reading(r.sync),
		kindAll:         outbox.Reading(r.syncAll),
		kindReauthorize: outbox.Reading(r.reauthorize),
		kindRemoved:     outbox.Reading(r.removed),
	}
}

const (
	syncPiece = 20  // events, whose meetings ask Graph
	syncOnce  = 4   // at once, which is what Graph takes for a mailbox
	listPiece = 100 // followed events of one entry

	mostMeetings = 10_000 // of one event
)

// sync looks at the meetings of events that changed, a piece at a time. Those that fail
// go behind the rest as long as any other gets done, so that they hold up nobody.
func (r *Registry) sync(ctx context.Context, n changed) (next any, err error) {
	piece, rest := n.Events, []string(nil)
	if len(piece) > syncPiece {
		piece, rest = piece[:syncPiece], piece[syncPiece:]
	}
	failures := make([]error, len(piece))
	var group errgroup.Group
	group.SetLimit(syncOnce)
	for i, event := range piece {
		group.Go(func() error {
			failures[i] = r.syncOne(ctx, n.Organizer, event)
			return nil
		})
	}
	group.Wait()
	n.Events = rest
	failed := 0
	for i, event := range piece {
		if failures[i] != nil {
			failed, err = failed+1, failures[i]
			n.Events = append(n.Events, event)
		}
	}
	switch {
	case len(n.Events) == 0:
		return nil, nil
	case failed == len(piece):
		return nil, err
	case failed > 0:
		r.Log.WarnContext(ctx, "meetings were not looked at and will be again", "failed", failed, "of", len(piece), "error", err)
	}
	return n, nil
}

// syncOne looks at the meeting of an event. Where there are several, each looks at Graph, and
// so many may have brought the event here that no time is enough for all: they are left to
// entries of their own.
func (r *Registry) syncOne(ctx context.Context, organizer, event string) error {
	if _, meeting, one := strings.Cut(event, keySeparator); one {
		return r.Sync(ctx, meeting)
	}
	found, err := storage.Find[followed](ctx, r.Store, storage.Query{
		PK:         partition(organizer),
		Text:       "SELECT * FROM c WHERE c.type = @type AND STARTSWITH(c.id, @event)",
		Parameters: map[string]any{"@type": followedType, "@event": event + keySeparator},
	}, mostMeetings)
	if err == nil && len(found) == 1 {
		return r.Sync(ctx, found[0].Meeting)
	}
	for some := range slices.Chunk(found, listPiece) {
		ids := make([]string, len(some))
		for i, f := range some {
			ids[i] = f.ID
		}
		err = cmp.Or(err, r.leave(ctx, organizer, kindEvents, changed{Organizer: organizer, Events: ids}))
	}
	return err
}

// syncAll leaves all followed events of an organizer that are not over to sync, a piece
// at a time.
func (r *Registry) syncAll(ctx context.Context, n listing) (next any, err error) {
	found, err := storage.Find[followed](ctx, r.Store, storage.Query{
		PK:         partition(n.Organizer),
		Text:       "SELECT c.id FROM c WHERE c.type = @type AND c.until > @now AND c.id > @after ORDER BY c.id OFFSET 0 LIMIT @piece",
		Parameters: map[string]any{"@type": followedType, "@now": r.Now().UTC().Format(time.RFC3339), "@after": n.After, "@piece": listPiece},
		Limit:      listPiece,
	}, listPiece)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	events := make([]string, len(found))
	for i, f := range found {
		events[i] = f.key()
	}
	err = r.leave(ctx, n.Organizer, kindEvents, changed{Organizer: n.Organizer, Events: slices.Compact(events)})
	if err != nil || len(found) < listPiece {
		return nil, err
	}
	n.After = found[len(found)-1].ID
	return n, nil
}

// reauthorize keeps a subscription sending.
func (r *Registry) reauthorize(ctx context.Context, l lapse) (any, error) {
	if !r.watching() {
		return nil, nil
	}
	s, err := r.subscription(ctx, l.Organizer)
	if err != nil || !s.is(l) {
		return nil, err
	}
	err = r.Graph.ReauthorizeSubscription(ctx, s.Subscription)
	if errors.Is(err, graph.ErrNotFound) {
		return r.removed(ctx, l)
	}
	return nil, err
}

// removed makes another subscription for one that Graph has removed.
func (r *Registry) removed(ctx context.Context, l lapse) (any, error) {
	if !r.watching() {
		return nil, nil
	}
	return nil, storage.Retry(ctx, func() error {
		s, err := r.subscription(ctx, l.Organizer)
		if err != nil || !s.is(l) {
			return err
		}
		s.Subscription, s.Expires = "", time.Time{} // where keep gets no further, Renew finds it
		return r.keep(ctx, s)
	})
}

// is reports whether it happened to the subscription, and not to one that it replaced.
func (s *subscription) is(l lapse) bool {
	return s.Subscription != "" && s.Subscription == l.Subscription
}
