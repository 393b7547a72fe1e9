package watch

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Sender is what a notification is believed by.
type Sender struct {
	SubscriptionID string
	ClientState    string
}

func (s Sender) sender() Sender { return s }

// Notification says that an event changed or was deleted.
type Notification struct {
	Sender
	Resource string // Users/{object id}/Events/{event id}
}

// LifecycleNotification is about a subscription itself.
type LifecycleNotification struct {
	Sender
	Event string // one of the events below; others are ignored
}

// The events in the life of a subscription ("Reduce missing subscriptions and change
// notifications").
const (
	ReauthorizationRequired = "reauthorizationRequired"
	SubscriptionRemoved     = "subscriptionRemoved"
	Missed                  = "missed"
)

// maxOrganizers bounds the reads that one request causes: it can name anybody.
const maxOrganizers = 100

// atOnce is how many organizers of a delivery are looked up at once.
const atOnce = 8

// Notify takes a delivery: when it returns nil, the outbox has what is to be done.
// Notifications that cannot be believed, that are of another calendar than their
// subscription, or of other organizers than the first hundred in the delivery, are ignored
// and counted in the log. The error, with which Graph should deliver again, is a
// *problem.Error.
//
// It costs one point read and one write for each organizer.
func (r *Registry) Notify(ctx context.Context, all []Notification) error {
	return take(ctx, r, all, func(ctx context.Context, organizer string, theirs []Notification) (int, error) {
		var events []string
		for _, n := range theirs {
			if event := eventOf(n.Resource, organizer); event != "" {
				events = append(events, eventKey(event))
			}
		}
		taken := len(events)
		if taken == 0 {
			return 0, nil
		}
		slices.Sort(events)
		return taken, r.leave(ctx, organizer, kindEvents, changed{Organizer: organizer, Events: slices.Compact(events)})
	})
}

// Lifecycle takes a delivery about subscriptions themselves, as Notify does.
func (r *Registry) Lifecycle(ctx context.Context, all []LifecycleNotification) error {
	return take(ctx, r, all, func(ctx context.Context, organizer string, theirs []LifecycleNotification) (taken int, err error) {
		seen := map[LifecycleNotification]bool{}
		for _, n := range theirs {
			kind := lifecycleKinds[n.Event]
			if kind == "" {
				continue
			}
			taken++
			if seen[n] {
				continue
			}
			seen[n] = true
			if err := r.leave(ctx, organizer, kind, lapse{Organizer: organizer, Subscription: n.SubscriptionID}); err != nil {
				return taken, err
			}
		}
		return taken, nil
	})
}

// take gives the notifications that Graph sent to leave, by organizer, which tells how
// many of them it took.
func take[T interface{ sender() Sender }](ctx context.Context, r *Registry, all []T, leave func(ctx context.Context, organizer string, theirs []T) (int, error)) error {
	groups := map[string][]T{}
	for _, n := range all {
		organizer := organizerOf(n.sender().ClientState)
		if _, known := groups[organizer]; organizer != "" && (known || len(groups) < maxOrganizers) {
			groups[organizer] = append(groups[organizer], n)
		}
	}
	var taken atomic.Int64
	group, limited := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for organizer, theirs := range groups {
		group.Go(func() error {
			s, err := r.subscription(limited, organizer)
			if err != nil {
				return err
			}
			theirs = slices.DeleteFunc(theirs, func(n T) bool { return !s.sent(n.sender()) })
			n, err := leave(limited, organizer, theirs)
			taken.Add(int64(n))
			return err
		})
	}
	err := group.Wait()
	if ignored := len(all) - int(taken.Load()); err == nil && ignored > 0 {
		r.Log.InfoContext(ctx, "notifications were ignored", "ignored", ignored, "taken", taken.Load())
	}
	return err
}

// sent reports whether a notification is of the subscription. While it is being made, or
// if that was never finished, its id is not known yet.
func (s *subscription) sent(by Sender) bool {
	// Of equal length, so that the time tells nothing of the secret.
	want, got := sha256.Sum256([]byte(s.ClientState)), sha256.Sum256([]byte(by.ClientState))
	return s.ETag != "" && subtle.ConstantTimeCompare(want[:], got[:]) == 1 &&
		(s.Subscription == "" || s.Subscription == by.SubscriptionID)
}

// eventResource is the path of an event. Outlook may put the tenant behind the user.
var eventResource = regexp.MustCompile(`(?i)^/?users/([0-9a-f-]{36})(?:@[^/]*)?/events/([^/]+)$`)

// eventOf is the event that a resource names, "" where it is none of the organizer's.
func eventOf(resource, organizer string) string {
	parts := eventResource.FindStringSubmatch(resource)
	if parts == nil || !strings.EqualFold(parts[1], organizer) {
		return ""
	}
	return parts[2]
}
