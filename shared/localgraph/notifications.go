package localgraph

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The events in the life of a subscription ("Reduce missing subscriptions and
// change notifications").
const (
	ReauthorizationRequired = "reauthorizationRequired"
	SubscriptionRemoved     = "subscriptionRemoved"
	Missed                  = "missed"
)

// notification is an item of a delivery, of a change or of a life.
type notification struct {
	ID             string    `json:"id,omitempty"`
	SubscriptionID string    `json:"subscriptionId"`
	Expiration     time.Time `json:"subscriptionExpirationDateTime"`
	ClientState    *string   `json:"clientState"`
	TenantID       string    `json:"tenantId"`
	ChangeType     string    `json:"changeType,omitempty"`
	Resource       string    `json:"resource,omitempty"`
	ResourceData   object    `json:"resourceData,omitempty"`
	LifecycleEvent string    `json:"lifecycleEvent,omitempty"`
}

func (s *Server) notificationOf(sub subscription) notification {
	return notification{SubscriptionID: sub.ID, Expiration: sub.ExpirationDateTime, ClientState: sub.ClientState, TenantID: s.tenant}
}

// notify tells the subscribers of calendars what has changed there.
func (s *Server) notify(changes []change) error {
	if len(changes) == 0 {
		return nil
	}
	var subscriptions []subscription
	err := s.store.update(func(t *tx) error {
		subscriptions = slices.Collect(all[subscription](t, subscriptionBucket))
		return nil
	})
	if err != nil {
		return err
	}
	for _, change := range changes {
		for _, sub := range subscriptions {
			if sub.User != change.event.Mailbox || !sub.ExpirationDateTime.After(s.now()) ||
				!slices.Contains(strings.Split(sub.ChangeType, ","), change.kind) {
				continue
			}
			if err := s.post(sub.NotificationURL, s.changeNotification(sub, change)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Server) changeNotification(sub subscription, change change) notification {
	n := s.notificationOf(sub)
	n.ID, n.ChangeType = s.ids(), change.kind
	n.Resource = "Users/" + change.event.Mailbox + "/Events/" + change.event.ID
	n.ResourceData = object{"@odata.type": "#Microsoft.Graph.Event", "@odata.id": n.Resource, "@odata.etag": change.event.ETag, "id": change.event.ID}
	return n
}

// post sends one item in a delivery of its own.
func (s *Server) post(address string, n notification) error {
	body, err := json.Marshal(object{"value": []notification{n}})
	if err != nil {
		return err
	}
	s.webhooks.send(address, body)
	return nil
}

// Lifecycle sends an event in the life of a subscription to its
// lifecycleNotificationUrl. SubscriptionRemoved also removes it.
func (s *Server) Lifecycle(subscriptionID, event string) error {
	if !slices.Contains([]string{ReauthorizationRequired, SubscriptionRemoved, Missed}, event) {
		return fmt.Errorf("localgraph: there is no lifecycle event %q", event)
	}
	var sub subscription
	err := s.store.update(func(t *tx) error {
		var ok bool
		if sub, ok = get[subscription](t, subscriptionBucket, subscriptionID); !ok || sub.LifecycleNotificationURL == nil {
			return fmt.Errorf("localgraph: there is no subscription %q with a lifecycleNotificationUrl", subscriptionID)
		}
		if event == SubscriptionRemoved {
			t.remove(subscriptionBucket, sub.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	n := s.notificationOf(sub)
	n.LifecycleEvent = event
	return s.post(*sub.LifecycleNotificationURL, n)
}

// serveLifecycle is Lifecycle over HTTP.
func (s *Server) serveLifecycle(w http.ResponseWriter, r *http.Request) {
	var body struct {
		SubscriptionID string `json:"subscriptionId"`
		LifecycleEvent string `json:"lifecycleEvent"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&body)
	if err == nil {
		err = s.Lifecycle(body.SubscriptionID, body.LifecycleEvent)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
