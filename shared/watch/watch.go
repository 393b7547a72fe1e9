// Package watch follows calendar events whose changes matter, by change notifications of
// Microsoft Graph ("Receive change notifications through webhooks", v1.0): when somebody
// moves or cancels a meeting in Outlook, the meeting is looked at again.
//
// For each organizer with a followed event there is one subscription to all events of
// their calendar. Deliveries are believed by the secret that came with the subscription
// (its clientState), put into the outbox, and answered; nothing of them but the ids is
// used. Renew, by a timer, keeps subscriptions alive, makes those anew that Graph has
// lost, and ends those that are not needed any more: when the last event that was followed
// is over or unfollowed.
//
// What can be relied on:
//
//   - After a change of a followed event Sync is called for its meetings, at least once.
//   - Where notifications may have been missed, because Graph says so or because a
//     subscription had to be made anew, Sync is called for everything that is followed
//     in that calendar.
//   - Several instances, and kills at any point, leave one subscription that is known.
//     Another may be left at Graph: its notifications are not believed, and it ends by
//     itself within six days.
//
// The package does not know what a meeting is, nor read events: that is Sync's.
package watch

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"switchboard/shared/graph"
	"switchboard/shared/outbox"
	"switchboard/shared/storage"
)

// Store is where the documents are; *storage.Container is one. Its errors are those of
// package storage.
type Store interface {
	storage.Querier
	Read(ctx context.Context, pk, id string, d storage.Document) error
	Create(ctx context.Context, d storage.Document) error
	Replace(ctx context.Context, d storage.Document) error
	Delete(ctx context.Context, d storage.Document) error
}

// Graph has the subscriptions; *graph.Client is one.
type Graph interface {
	CreateSubscription(ctx context.Context, s graph.NewSubscription) (graph.Subscription, error)
	RenewSubscription(ctx context.Context, id string, expires time.Time) (graph.Subscription, error)
	ReauthorizeSubscription(ctx context.Context, id string) error
	DeleteSubscription(ctx context.Context, id string) error
}

// Config is what a Registry needs.
type Config struct {
	Store Store
	Graph Graph  // nil: nothing is watched
	URL   string // to which /notifications and /lifecycle are added; "": nothing is watched
	// Sync looks at a meeting again. It is idempotent, and may be called several times at
	// once. Its errors are those of an outbox.Handler.
	Sync  func(ctx context.Context, meetingID string) error
	Now   func() time.Time
	NewID func() string // a new random text each time, as crypto/rand.Text gives
	Log   *slog.Logger
}

// Registry is all that is watched. It is safe for concurrent use.
type Registry struct{ Config }

// New returns a Registry. It makes no request.
func New(cfg Config) *Registry { return &Registry{cfg} }

func (r *Registry) watching() bool { return r.Graph != nil && r.URL != "" }

// Follow has Sync called for a meeting when an event on an organizer's calendar changes,
// until a time. Both ids are Graph's, the organizer's an object id. An event may be
// followed for several meetings, and for each of them until the latest of several times.
//
// It may be repeated, and does nothing where nothing is watched, for an empty id or a
// time in the past. Without an error the event is followed; the subscription may still
// be in the making, by somebody else or, where that failed, by the next Renew. The error
// is a *problem.Error, but for an id that cannot be one.
func (r *Registry) Follow(ctx context.Context, organizer, event, meetingID string, until time.Time) error {
	organizer, until = strings.ToLower(organizer), until.UTC().Truncate(time.Second)
	switch {
	case !r.watching() || organizer == "" || event == "" || !until.After(r.Now()):
		return nil
	case !objectID.MatchString(organizer):
		return errors.New("watch: an organizer is not named by an object id")
	}
	if err := r.note(ctx, organizer, event, meetingID, until); err != nil {
		return err
	}
	return r.subscribe(ctx, organizer, until)
}

// Unfollow ends what Follow began for a meeting; where that was the last event of the
// organizer's calendar, the next Renew ends the subscription. What is not followed is no
// error. It may be repeated, and has to be after an error, which is a *problem.Error.
//
// Where Follow is called at once for the same meeting either may come last: who calls them
// looks afterwards whether that was right. It forgets also where nothing is watched any more.
func (r *Registry) Unfollow(ctx context.Context, organizer, event, meetingID string) error {
	organizer = strings.ToLower(organizer)
	if event == "" || !objectID.MatchString(organizer) {
		return nil
	}
	err := storage.Retry(ctx, func() error {
		f := followedAt(organizer, event, meetingID)
		if err := storage.Look(ctx, r.Store, f); err != nil || f.ETag == "" {
			return err
		}
		return r.Store.Delete(ctx, f)
	})
	if err != nil {
		return err
	}
	return r.relax(ctx, organizer)
}

// note stores that an event is followed for a meeting.
func (r *Registry) note(ctx context.Context, organizer, event, meetingID string, until time.Time) error {
	return storage.Retry(ctx, func() error {
		f := followedAt(organizer, event, meetingID)
		if err := storage.Look(ctx, r.Store, f); err != nil || !f.Until.Before(until) {
			return err
		}
		f.Until = until
		f.TTL = int((min(f.Until.Sub(r.Now()), farthest) + kept) / time.Second)
		return r.put(ctx, f)
	})
}

// put stores a document that was read or found missing.
func (r *Registry) put(ctx context.Context, d storage.Document) error {
	if d.Header().ETag == "" {
		return r.Store.Create(ctx, d)
	}
	return r.Store.Replace(ctx, d)
}

// leave puts work for an organizer into the outbox.
func (r *Registry) leave(ctx context.Context, organizer, kind string, data any) error {
	e, err := outbox.New(partition(organizer), kind, data, r.NewID(), r.Now())
	if err != nil {
		return err
	}
	return r.Store.Create(ctx, e)
}
