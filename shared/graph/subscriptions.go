package graph

import (
	"context"
	"net/http"
	"time"
)

// subscriptionsPath takes no user: what a subscription is about is in its resource.
const subscriptionsPath = "/subscriptions"

// NewSubscription asks for change notifications. While Graph makes it, it posts
// a validationToken to both URLs, which must be answered within 10 s: the
// service must serve them during the call.
type NewSubscription struct {
	Resource     string // such as UserEvents gives
	ChangeTypes  string // of created, updated and deleted, with commas
	NotifyURL    string // https
	LifecycleURL string // https; cannot be added later
	ClientState  string // comes with every notification, at most 128 bytes: proves that it is Graph's
	Expires      time.Time
}

// Subscription is what Graph has agreed to. Expires is Graph's, which raises
// lives under 45 minutes and refuses those over a resource's limit: just under 7
// days for calendar events.
type Subscription struct {
	ID       string
	Resource string
	Expires  time.Time // UTC
}

type wireSubscription struct {
	ID       string    `json:"id"`
	Resource string    `json:"resource"`
	Expires  time.Time `json:"expirationDateTime"`
}

// UserEvents is the resource of the changes to a user's calendar events; there
// is none for the calendar view, nor for meetings that are on no calendar.
func UserEvents(user string) string {
	return pathf("users/%s/events", user)
}

// CreateSubscription makes a subscription. It is not repeated after a lost
// answer; a subscription that nobody knows ends by itself, and its
// notifications can be told by their ClientState.
func (c *Client) CreateSubscription(ctx context.Context, s NewSubscription) (Subscription, error) {
	call := operation{name: "create subscription", method: http.MethodPost, path: subscriptionsPath,
		want: []int{http.StatusCreated}, permission: readCalendars, once: true}
	if s.Resource == "" {
		call.path = "" // UserEvents of nobody
	}
	call.body = struct {
		ChangeType   string    `json:"changeType"`
		NotifyURL    string    `json:"notificationUrl"`
		LifecycleURL string    `json:"lifecycleNotificationUrl,omitempty"`
		Resource     string    `json:"resource"`
		Expires      time.Time `json:"expirationDateTime"`
		ClientState  string    `json:"clientState"`
		TLS          string    `json:"latestSupportedTlsVersion"`
	}{s.ChangeTypes, s.NotifyURL, s.LifecycleURL, s.Resource, s.Expires.UTC(), s.ClientState, "v1_2"}
	return c.subscription(ctx, call)
}

// RenewSubscription moves the end of a subscription. It returns ErrNotFound if
// Graph has it no more: then another is made.
func (c *Client) RenewSubscription(ctx context.Context, id string, expires time.Time) (Subscription, error) {
	call := operation{name: "renew subscription", method: http.MethodPatch, path: pathf(subscriptionsPath+"/%s", id),
		want: []int{http.StatusOK}, permission: readCalendars, object: true}
	call.body = struct {
		Expires time.Time `json:"expirationDateTime"`
	}{expires.UTC()}
	return c.subscription(ctx, call)
}

// ReauthorizeSubscription answers the lifecycle notification
// reauthorizationRequired: notifications go on until the subscription's end. It
// returns ErrNotFound if Graph has it no more.
func (c *Client) ReauthorizeSubscription(ctx context.Context, id string) error {
	_, err := c.app("").do(ctx, operation{name: "reauthorize subscription", method: http.MethodPost, path: pathf(subscriptionsPath+"/%s/reauthorize", id),
		want: []int{http.StatusOK, http.StatusAccepted, http.StatusNoContent}, permission: readCalendars, object: true}, nil)
	return err
}

// DeleteSubscription ends a subscription; notifications under way still come. It
// returns ErrNotFound if Graph has it no more.
func (c *Client) DeleteSubscription(ctx context.Context, id string) error {
	_, err := c.app("").do(ctx, operation{name: "delete subscription", method: http.MethodDelete, path: pathf(subscriptionsPath+"/%s", id),
		want: []int{http.StatusNoContent}, permission: readCalendars, object: true}, nil)
	return err
}

// subscription makes a call that answers with a subscription.
func (c *Client) subscription(ctx context.Context, call operation) (Subscription, error) {
	var answer wireSubscription
	if _, err := c.app("").do(ctx, call, &answer); err != nil {
		return Subscription{}, err
	}
	if answer.ID == "" || answer.Expires.IsZero() {
		return Subscription{}, call.nonsense("the subscription has no id or no end")
	}
	return Subscription{answer.ID, answer.Resource, answer.Expires.UTC()}, nil
}
