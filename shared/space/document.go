package space

import (
	"strings"
	"time"

	"switchboard/shared/storage"
)

// Kind is what a space is for.
type Kind string

// The kinds.
const (
	Club  Kind = "club"  // its call can be started and joined at any time
	Event Kind = "event" // only around the time that it is scheduled for
)

// Policy is how strangers come in, besides by an invite.
type Policy string

// The policies.
const (
	Open     Policy = "open"    // whoever knows the space's id may join
	Request  Policy = "request" // may ask to, and a host admits them
	ByInvite Policy = "invite"  // may not know that it exists
)

// Draft is what members choose of a space.
type Draft struct {
	Kind        Kind      `json:"kind"`
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	StartsAt    time.Time `json:"startsAt,omitzero"` // of an event
	EndsAt      time.Time `json:"endsAt,omitzero"`
	JoinPolicy  Policy    `json:"joinPolicy"`
}

// space is the document that every change of a space or of its call goes through.
type space struct {
	storage.Head
	Draft
	CreatedAt time.Time `json:"createdAt"`
	Request   string    `json:"request,omitempty"` // what the request was that made it, to tell a repeated one
	Secret    string    `json:"secret,omitempty"`  // from which ids of calls are made for idempotency keys
	Version   string    `json:"version"`           // of the Draft: the entity tag that clients see
	Seq       int64     `json:"seq"`               // counts up with whatever members' places show
	Call      *call     `json:"call,omitempty"`    // the last one, unless it was ended
	Closed    bool      `json:"closed,omitempty"`  // deleted; what is left of it is being removed
}

// call is a call of a space. It is live until it expires.
type call struct {
	ID        string    `json:"groupId"`
	StartedBy string    `json:"startedBy,omitempty"` // user; empty once that user is in the space no more
	StartedAt time.Time `json:"startedAt"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// used is the document that keeps the id of a call from being used again. It tells
// nobody who was in it.
type used struct {
	storage.Head
	At time.Time `json:"at"`
}

// tally counts a space's people. Joins change it by amounts and conditions, without
// reading it, so that a thousand people at once do not wait for each other.
type tally struct {
	storage.Head
	Owners  int `json:"owners"`
	Members int `json:"members"` // with owners and hosts
	Pending int `json:"pending"`
	Closed  int `json:"closed"` // 1 when the space is
}

// member is the document of somebody's role in a space.
type member struct {
	storage.Head
	User     string    `json:"user"`
	Role     Role      `json:"role"`
	Name     string    `json:"name,omitempty"`   // as it was when a ban began; empty for who was never in the space
	NameAt   int64     `json:"nameAt,omitempty"` // version: of two names the one with the higher is right
	JoinedAt time.Time `json:"joinedAt"`         // or asked to
	Since    time.Time `json:"since"`            // of the role
	Seq      int64     `json:"seq"`              // counts up with the role
	Order    string    `json:"order"`            // what lists go by
}

// The types of documents; the two that each partition has one of are their own ids.
const (
	spaceType  = "space"
	tallyType  = "tally"
	memberType = "member"
	usedType   = "call"
	inviteType = "invite"
	placeType  = "place"
)

func partition(spaceID string) string { return "s:" + spaceID }

func userPartition(userID string) string { return "u:" + userID }

func head(pk, id, documentType string) storage.Head {
	return storage.Head{PK: pk, ID: id, Type: documentType}
}

func spaceAt(id string) *space { return &space{Head: head(partition(id), spaceType, spaceType)} }

func tallyAt(id string) *tally { return &tally{Head: head(partition(id), tallyType, tallyType)} }

func memberAt(id, user string) *member {
	return &member{Head: head(partition(id), memberType+":"+user, memberType), User: user}
}

// id is the space whose document it is.
func (s *space) id() string { return strings.TrimPrefix(s.PK, "s:") }

// space is the space that somebody is in.
func (m *member) space() string { return strings.TrimPrefix(m.PK, "s:") }

// there reports whether the document was found and the space is not deleted.
func (s *space) there() bool { return s.ETag != "" && !s.Closed }

// sortable is what of a name lists go by.
func sortable(name string) string {
	const longest = 64 // characters
	runes := []rune(strings.ToLower(name))
	return string(runes[:min(len(runes), longest)])
}

// What lists go by has parts; orderEnd follows the separator in the order of ASCII.
const (
	orderSeparator = "|"
	orderEnd       = "}"
)

// next is the number after one that counts up, also if it began anew after an end.
func next(seq int64, now time.Time) int64 { return max(seq+1, now.UnixMilli()) }

// digit sorts roles, those who may do more first.
func (r Role) digit() string { return string('0' + rune(owner-r.rank())) }

func (m *member) settle() {
	m.Order = m.Role.digit() + orderSeparator + sortable(m.Name) + orderSeparator + m.User
}
