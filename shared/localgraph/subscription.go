package localgraph

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// subscription is Graph's subscription, as far as it is served here.
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

// watched is what can be subscribed to, with its limits ("subscription
// resource type", maximum length and latency; quotas of "Change notifications
// overview").
type watched struct {
	user         string   // of the calendar; empty for a meeting
	permissions  []string // any of them, of application or user
	changes      []string
	longest      time.Duration
	quota        int // subscriptions to the same thing
	perApp       bool
	announceOver time.Duration // a longer one needs lifecycleNotificationUrl; 0: none does
}

// The least life of a subscription: shorter ones are made as long.
const leastLife = 45 * time.Minute

var (
	eventsResource = regexp.MustCompile(`^/?(?:me|users/([^/]+))/events$`)
	callsResource  = regexp.MustCompile(`^/?communications/onlineMeetings\(joinWebUrl='[^']+'\)/meetingCallEvents$`)
)

// watch says what a resource is. Calls of meetings are in /beta only.
func (s *Server) watch(c call, resource string) (watched, error) {
	if calls := callsResource.MatchString(resource); calls && strings.HasSuffix(c.root, "/beta") {
		return watched{permissions: []string{"OnlineMeetings.Read.All", "OnlineMeetings.ReadWrite.All"}, changes: []string{"updated"},
			longest: 4320 * time.Minute, quota: 1, perApp: true, announceOver: time.Hour}, nil
	}
	parts := eventsResource.FindStringSubmatch(resource)
	if parts == nil {
		return watched{}, badRequest("The resource '" + resource + "' cannot be subscribed to.")
	}
	name := parts[1]
	if name == "" {
		name = c.caller.user
	}
	user, ok := s.mailbox(name)
	if !ok || c.caller.user != "" && c.caller.user != user.ID {
		return watched{}, notFound("ErrorInvalidUser", "The requested user is invalid.")
	}
	return watched{user: user.ID, permissions: []string{"Calendars.Read", "Calendars.ReadWrite"},
		changes: []string{"created", "updated", "deleted"}, longest: 10080 * time.Minute, quota: 1000}, nil
}

// check holds a subscription against the limits of what it watches, and
// settles its expiry.
func (sub *subscription) check(w watched, caller caller, now time.Time) error {
	if !slices.ContainsFunc(caller.granted, func(p string) bool { return slices.Contains(w.permissions, p) }) {
		return failure{http.StatusForbidden, "ExtensionError", "The permissions do not suffice for the resource."}
	}
	for kind := range strings.SplitSeq(sub.ChangeType, ",") {
		if !slices.Contains(w.changes, kind) {
			return badRequest("The changeType '" + kind + "' is not supported for the resource.")
		}
	}
	addresses := []string{sub.NotificationURL}
	if sub.LifecycleNotificationURL != nil {
		addresses = append(addresses, *sub.LifecycleNotificationURL)
	}
	for _, address := range addresses {
		if !postable(address) {
			return badRequest("A notification URL must be https, or http on this machine.")
		}
	}
	if err := sub.extend(w, sub.ExpirationDateTime, now); err != nil {
		return err
	}
	switch {
	case w.announceOver > 0 && sub.ExpirationDateTime.Sub(now) > w.announceOver && sub.LifecycleNotificationURL == nil:
		return badRequest("The lifecycleNotificationUrl is required for the resource when the subscription is longer than an hour.")
	case sub.ClientState != nil && len(*sub.ClientState) > 128:
		return badRequest("The clientState is longer than 128 characters.")
	case sub.IncludeResourceData != nil && *sub.IncludeResourceData:
		return badRequest("Notifications with resource data are not served here.")
	}
	return nil
}

// extend sets the expiry, within the limits.
func (sub *subscription) extend(w watched, expiry, now time.Time) error {
	if !expiry.After(now) || expiry.Sub(now) > w.longest {
		return badRequest("The expirationDateTime must be in the future, and not further than the resource allows.")
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
