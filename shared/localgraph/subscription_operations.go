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
	user, err := s.watched(c, sub.Resource)
	if err != nil {
		return answer{}, err
	}
	if err := sub.check(s.now()); err != nil {
		return answer{}, err
	}
	for _, address := range sub.addresses() {
		if err := s.webhooks.validate(c.Context(), address); err != nil {
			return answer{}, failure{http.StatusBadRequest, "ValidationError", "Subscription validation request failed. " + err.Error()}
		}
	}
	sub.ID, sub.User, sub.ApplicationID, sub.CreatorID = s.ids(), user.ID, c.caller.app, c.caller.app
	if c.caller.user != "" {
		sub.CreatorID = c.caller.user
	}
	return s.atomic(func(c call) (answer, error) {
		if s.countLiving(c.tx, user) >= perMailbox {
			return answer{}, failure{http.StatusForbidden, "ExtensionError", "The limit of subscriptions to the mailbox has been reached."}
		}
		c.put(subscriptionBucket, sub.ID, sub)
		return c.subscription(http.StatusCreated, sub)
	})(c)
}

// countLiving counts the subscriptions to a mailbox, and clears away those that
// have expired.
func (s *Server) countLiving(t *tx, user User) (n int) {
	for sub := range all[subscription](t, subscriptionBucket) {
		switch {
		case !sub.ExpirationDateTime.After(s.now()):
			t.remove(subscriptionBucket, sub.ID)
		case sub.User == user.ID:
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
	if err := sub.extend(body.ExpirationDateTime, s.now()); err != nil {
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
