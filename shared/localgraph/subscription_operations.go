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
	return s.atomic(func(c call) (answer, error) {
		s.dropExpired(c.tx)
		if countLike(c.tx, sub, w) >= w.quota {
			return answer{}, failure{http.StatusForbidden, "ExtensionError", "The limit of subscriptions to the resource has been reached."}
		}
		c.put(subscriptionBucket, sub.ID, sub)
		return c.subscription(http.StatusCreated, sub)
	})(c)
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
func (s *Server) ownSubscription(c call) (subscription, error) {
	sub, ok := get[subscription](c.tx, subscriptionBucket, c.PathValue("id"))
	if !ok || sub.ApplicationID != c.caller.app || !sub.ExpirationDateTime.After(s.now()) {
		return subscription{}, notFound("ResourceNotFound", "The object was not found.")
	}
	return sub, nil
}

func (s *Server) getSubscription(c call) (answer, error) {
	sub, err := s.ownSubscription(c)
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
	sub, err := s.ownSubscription(c)
	if err != nil {
		return answer{}, err
	}
	w, err := s.watch(c, sub.Resource)
	if err != nil {
		return answer{}, err
	}
	if err := sub.extend(w, body.ExpirationDateTime, s.now()); err != nil {
		return answer{}, err
	}
	c.put(subscriptionBucket, sub.ID, sub)
	return c.subscription(http.StatusOK, sub)
}

// reauthorizeSubscription changes nothing here, where authorization never
// runs out.
func (s *Server) reauthorizeSubscription(c call) (answer, error) {
	_, err := s.ownSubscription(c)
	return answer{status: http.StatusNoContent}, err
}

func (s *Server) deleteSubscription(c call) (answer, error) {
	sub, err := s.ownSubscription(c)
	if err != nil {
		return answer{}, err
	}
	c.remove(subscriptionBucket, sub.ID)
	return answer{status: http.StatusNoContent}, nil
}
