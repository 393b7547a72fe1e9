package localgraph

import (
	"net/http"
	"time"
)

const subscriptionContext = "subscriptions/$entity"

func (c call) subscription(status int, sub subscription) (answer, error) {
	sub.User = ""
	return c.entity(status, subscriptionContext, sub)
}

// createSubscription makes a new one each time. The request waits for the
// handshakes with its addresses, so whoever serves them must not wait for it.
func (s *Server) createSubscription(c call) (answer, error) {
	var sub subscription
	if err := c.read(&sub, "changeType", "notificationUrl", "lifecycleNotificationUrl", "resource", "expirationDateTime",
		"clientState", "latestSupportedTlsVersion", "includeResourceData"); err != nil {
		return answer{}, err
	}
	w, err := s.watch(c, sub.Resource)
	if err != nil {
		return answer{}, err
	}
	if err := sub.check(w, c.caller, s.now()); err != nil {
		return answer{}, err
	}
	addresses := []string{sub.NotificationURL}
	if sub.LifecycleNotificationURL != nil && *sub.LifecycleNotificationURL != sub.NotificationURL {
		addresses = append(addresses, *sub.LifecycleNotificationURL)
	}
	for _, address := range addresses {
		if err := s.webhooks.validate(c.Context(), address); err != nil {
			return answer{}, failure{http.StatusBadRequest, "ValidationError", "Subscription validation request failed. " + err.Error()}
		}
	}
	sub.ID, sub.User, sub.ApplicationID, sub.CreatorID = s.ids(), w.user, c.caller.app, c.caller.app
	if c.caller.user != "" {
		sub.CreatorID = c.caller.user
	}
	err = s.store.update(func(t *tx) error {
		s.dropExpired(t)
		if countLike(t, sub, w) >= w.quota {
			return failure{http.StatusForbidden, "ExtensionError", "The limit of subscriptions to the resource has been reached."}
		}
		t.put(subscriptionBucket, sub.ID, sub)
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	return c.subscription(http.StatusCreated, sub)
}

func (s *Server) dropExpired(t *tx) {
	for sub := range all[subscription](t, subscriptionBucket) {
		if !sub.ExpirationDateTime.After(s.now()) {
			t.remove(subscriptionBucket, sub.ID)
		}
	}
}

// countLike counts the subscriptions to the same thing.
func countLike(t *tx, sub subscription, w watched) (n int) {
	for other := range all[subscription](t, subscriptionBucket) {
		same := other.User == sub.User && (sub.User != "" || other.Resource == sub.Resource)
		if same && (!w.perApp || other.ApplicationID == sub.ApplicationID) {
			n++
		}
	}
	return n
}

// ownSubscription is the living one that the path names, of the application
// that asks.
func (s *Server) ownSubscription(t *tx, c call) (subscription, error) {
	sub, ok := get[subscription](t, subscriptionBucket, c.PathValue("id"))
	if !ok || sub.ApplicationID != c.caller.app || !sub.ExpirationDateTime.After(s.now()) {
		return subscription{}, notFound("ResourceNotFound", "The object was not found.")
	}
	return sub, nil
}

func (s *Server) getSubscription(c call) (answer, error) {
	var sub subscription
	err := s.store.update(func(t *tx) (err error) {
		sub, err = s.ownSubscription(t, c)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	return c.subscription(http.StatusOK, sub)
}

// renewSubscription changes the expiry, which is all that can be changed.
func (s *Server) renewSubscription(c call) (answer, error) {
	var body struct {
		ExpirationDateTime time.Time `json:"expirationDateTime"`
	}
	if err := c.read(&body, "expirationDateTime"); err != nil {
		return answer{}, err
	}
	var sub subscription
	err := s.store.update(func(t *tx) (err error) {
		if sub, err = s.ownSubscription(t, c); err != nil {
			return err
		}
		w, err := s.watch(c, sub.Resource)
		if err != nil {
			return err
		}
		if err := sub.extend(w, body.ExpirationDateTime, s.now()); err != nil {
			return err
		}
		t.put(subscriptionBucket, sub.ID, sub)
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	return c.subscription(http.StatusOK, sub)
}

// reauthorizeSubscription changes nothing here, where authorization never
// runs out.
func (s *Server) reauthorizeSubscription(c call) (answer, error) {
	err := s.store.update(func(t *tx) error {
		_, err := s.ownSubscription(t, c)
		return err
	})
	return answer{status: http.StatusNoContent}, err
}

func (s *Server) deleteSubscription(c call) (answer, error) {
	err := s.store.update(func(t *tx) error {
		sub, err := s.ownSubscription(t, c)
		if err != nil {
			return err
		}
		t.remove(subscriptionBucket, sub.ID)
		return nil
	})
	return answer{status: http.StatusNoContent}, err
}
