package watch

import (
	"crypto/sha256"
	"encoding/base32"
	"regexp"
	"strings"
	"time"

	"switchboard/shared/storage"
)

// subscription is the document of what is known of Graph's subscription to an organizer's
// events. All of them are in one partition, so that one query finds those that are to be
// renewed; the id is the organizer's, so that a delivery costs one point read.
type subscription struct {
	storage.Head
	ClientState  string    `json:"clientState"`            // stored before Graph has it: deliveries may come during the call
	Subscription string    `json:"subscription,omitempty"` // Graph's id; empty until it is known, and once it is gone
	Expires      time.Time `json:"expires"`
	Followed     time.Time `json:"followed"` // until when it is needed: never too late, and where it is too early Renew finds out
	Lease        time.Time `json:"lease"`    // until when whoever stored the clientState is making it
}

// followed is the document of an event that is followed for a meeting: one event may be
// brought here by many. It outlives Until, since events that are over may still be moved.
type followed struct {
	storage.Head
	Event   string    `json:"event"`
	Meeting string    `json:"meeting"`
	Until   time.Time `json:"until"`
}

// The types of documents.
const (
	subscriptionType = "subscription"
	followedType     = "followed"
)

const subscriptions = "g:subscriptions" // partition

const (
	kept     = 7 * 24 * time.Hour        // a followed event, after its end
	farthest = 50 * 365 * 24 * time.Hour // a document's life is a number of 31 bits, in seconds
)

func partition(organizer string) string { return "g:" + organizer }

func subscriptionAt(organizer string) *subscription {
	return &subscription{Head: storage.Head{PK: subscriptions, ID: organizer, Type: subscriptionType}}
}

func followedAt(organizer, event, meeting string) *followed {
	id := eventKey(event) + keySeparator + meeting
	return &followed{Head: storage.Head{PK: partition(organizer), ID: id, Type: followedType}, Event: event, Meeting: meeting}
}

// keySeparator is between the key of an event and the meeting, in the id of a document.
const keySeparator = "|"

// key is that of the event.
func (f *followed) key() string {
	key, _, _ := strings.Cut(f.ID, keySeparator)
	return key
}

// eventKey names an event in the ids of documents. Events' own ids are long, and have
// characters that ids of documents may not have.
func eventKey(event string) string {
	sum := sha256.Sum256([]byte(event))
	return "event:" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))
}

// objectID is how Entra ID names users, here in lower case.
var objectID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// A clientState names the organizer, for the notifications that name no resource, and
// then has the secret: 63 characters of the 128 that there may be.
const stateSeparator = "."

// organizerOf is the organizer whom a clientState names, "" where it is none of ours.
func organizerOf(clientState string) string {
	organizer, _, _ := strings.Cut(clientState, stateSeparator)
	if !objectID.MatchString(organizer) {
		return ""
	}
	return organizer
}

// dayAfter is when the day of a time is over, in UTC. Subscriptions are needed for whole days,
// so that not each of a day's events writes to the document that all share.
func dayAfter(t time.Time) time.Time {
	const day = 24 * time.Hour
	return t.UTC().Truncate(day).Add(day)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
