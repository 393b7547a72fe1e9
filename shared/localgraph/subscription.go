package localgraph

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// subscription is Graph's subscription to the events of a calendar.
type subscription struct {
	User string `json:"user,omitempty"` // object id of whose calendar it watches; never sent

	ID                       string    `json:"id"`
	Resource                 string    `json:"resource"`
	ChangeType               string    `json:"changeType"`
	ApplicationID            string    `json:"applicationId"`
	CreatorID                string    `json:"creatorId"`
	ClientState              *string   `json:"clientState"`
	NotificationURL          string    `json:"notificationUrl"`
	LifecycleNotificationURL *string   `json:"lifecycleNotificationUrl"`
	ExpirationDateTime       time.Time `json:"expirationDateTime"`
	LatestTLS                *string   `json:"latestSupportedTlsVersion"`
	IncludeResourceData      *bool     `json:"includeResourceData"`
}

// The limits of subscriptions to events ("subscription resource type", and
// "Outlook service limits").
const (
	leastLife     = 45 * time.Minute // shorter ones are made as long
	longestLife   = 10080 * time.Minute
	perMailbox    = 1000
	longestSecret = 128 // of clientState, in characters
)

var eventsResource = regexp.MustCompile(`^/?(?:me|users/([^/]+))/events$`)

// watched is the user whose events a resource is.
func (s *Server) watched(c call, resource string) (User, error) {
	parts := eventsResource.FindStringSubmatch(resource)
	if parts == nil {
		return User{}, badRequest("The resource '" + resource + "' cannot be subscribed to.")
	}
	name := parts[1]
	if name == "" { // "me"
		name = c.caller.user
	}
	user, ok := s.mailbox(name)
	if !ok || c.caller.user != "" && c.caller.user != user.ID {
		return User{}, notFound("ErrorInvalidUser", "The requested user is invalid.")
	}
	return user, nil
}

// check holds a request against the limits, and settles its expiry.
func (sub *subscription) check(now time.Time) error {
	for kind := range strings.SplitSeq(sub.ChangeType, ",") {
		if !slices.Contains([]string{"created", "updated", "deleted"}, kind) {
			return badRequest("The changeType '" + kind + "' is not supported for the resource.")
		}
	}
	for _, address := range sub.addresses() {
		if !postable(address) {
			return badRequest("A notification URL must be https, or http on this machine.")
		}
	}
	switch {
	case sub.ClientState != nil && len(*sub.ClientState) > longestSecret:
		return badRequest("The clientState is longer than 128 characters.")
	case sub.IncludeResourceData != nil && *sub.IncludeResourceData:
		return badRequest("Notifications with resource data are not served here.")
	}
	return sub.extend(sub.ExpirationDateTime, now)
}

// addresses are where it posts to, each once.
func (sub *subscription) addresses() []string {
	if sub.LifecycleNotificationURL == nil || *sub.LifecycleNotificationURL == sub.NotificationURL {
		return []string{sub.NotificationURL}
	}
	return []string{sub.NotificationURL, *sub.LifecycleNotificationURL}
}

// extend sets the expiry, within the limits.
func (sub *subscription) extend(expiry, now time.Time) error {
	if !expiry.After(now) || expiry.Sub(now) > longestLife {
		return failure{http.StatusBadRequest, "ValidationError", "Subscription expiration can only be 10080 minutes in the future."}
	}
	sub.ExpirationDateTime = expiry.UTC()
	if least := now.Add(leastLife); expiry.Before(least) {
		sub.ExpirationDateTime = least
	}
	return nil
}

// postable reports whether Graph would post there: to https, and here to this
// machine as well.
func postable(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && local(u.Hostname()))
}
