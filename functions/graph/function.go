// Package graph is the function that Microsoft Graph calls when an event changes on a
// calendar that is watched ("Receive change notifications through webhooks", v1.0).
//
// Whoever calls is believed by the secret in each notification, not by a token; package
// watch does that, and leaves what is to be done to the outbox, so that the answer comes
// within the three seconds that Graph likes.
package graph

import (
	"context"
	"net/http"

	"switchboard/shared/api"
	"switchboard/shared/function"
	"switchboard/shared/watch"
)

// Function is the row of the table.
func Function() function.Function {
	return function.Function{
		Name:    "graph",
		Summary: "Takes change notifications of Microsoft Graph about events on watched calendars",
		Route:   "graph/{*rest}",
		Needs:   []function.Need{function.Storage},
		Mount:   mount,
	}
}

// maxDelivery is the largest delivery in bytes: more than a thousand notifications. How
// many Graph puts into one is not published.
const maxDelivery = 1 << 20

func mount(a *api.API, s function.Services) {
	h := handler{watch: s.Watch}
	api.Register(a, webhook(api.Operation{
		ID: "take-graph-notifications", Path: "/graph/notifications",
		Summary:     "Take change notifications of Microsoft Graph",
		Description: "For Microsoft Graph alone: what does not carry the clientState of a subscription is ignored. 202 when the rest is stored; after any answer of failure Graph delivers again.",
	}), h.notifications)
	api.Register(a, webhook(api.Operation{
		ID: "take-graph-lifecycle", Path: "/graph/lifecycle",
		Summary:     "Take lifecycle notifications of Microsoft Graph",
		Description: "For Microsoft Graph alone, about its subscriptions: one has to be authorized again, was removed, or has missed changes. Otherwise as the change notifications.",
	}), h.lifecycle)
}

// webhook fills in what both operations are.
func webhook(op api.Operation) api.Operation {
	op.Method, op.Tag, op.Access, op.Status = http.MethodPost, "graph", api.Anyone, http.StatusAccepted
	op.Errors = []int{
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	}
	op.MaxBody, op.Handshake = maxDelivery, "validationToken"
	return op
}

type handler struct{ watch *watch.Registry }

// Sender is what both kinds of notifications begin with. Nothing is required: what is not
// there cannot be believed, and must not keep the rest of a delivery out. It is exported
// for huma, which describes only such fields, embedded ones too.
type Sender struct {
	SubscriptionID string  `json:"subscriptionId,omitempty"`
	ClientState    *string `json:"clientState,omitempty" nullable:"true" doc:"The secret that the subscription was made with"`
}

func (f Sender) sender() watch.Sender {
	s := watch.Sender{SubscriptionID: f.SubscriptionID}
	if f.ClientState != nil {
		s.ClientState = *f.ClientState
	}
	return s
}

type notification struct {
	_ struct{} `json:"-" additionalProperties:"true"`
	Sender
	Resource string `json:"resource,omitempty" example:"Users/622eaaff-0683-4862-9de4-f2ec83c2bd98/Events/AAMkAGUwNjQ4"`
}

type notifications struct {
	Body struct {
		_     struct{}       `json:"-" additionalProperties:"true"`
		Value []notification `json:"value"`
	}
}

func (h handler) notifications(ctx context.Context, in *notifications) (*struct{}, error) {
	all := make([]watch.Notification, len(in.Body.Value))
	for i, n := range in.Body.Value {
		all[i] = watch.Notification{Sender: n.sender(), Resource: n.Resource}
	}
	return nil, h.watch.Notify(ctx, all)
}

type lifecycleNotification struct {
	_ struct{} `json:"-" additionalProperties:"true"`
	Sender
	Event string `json:"lifecycleEvent,omitempty" doc:"reauthorizationRequired, subscriptionRemoved or missed; others are ignored"`
}

type lifecycle struct {
	Body struct {
		_     struct{}                `json:"-" additionalProperties:"true"`
		Value []lifecycleNotification `json:"value"`
	}
}

func (h handler) lifecycle(ctx context.Context, in *lifecycle) (*struct{}, error) {
	all := make([]watch.LifecycleNotification, len(in.Body.Value))
	for i, n := range in.Body.Value {
		all[i] = watch.LifecycleNotification{Sender: n.sender(), Event: n.Event}
	}
	return nil, h.watch.Lifecycle(ctx, all)
}
