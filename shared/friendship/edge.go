package friendship

import (
	"strings"
	"time"

	"switchboard/shared/storage"
)

// State is how a user stands to another, as the user sees it.
type State string

// The states.
const (
	None      State = "none"
	Requested State = "requested" // the user has asked
	Invited   State = "invited"   // the other has asked
	Friends   State = "friend"
	Blocked   State = "blocked" // by the user
)

// What a user wants of another.
const (
	nothing = ""
	wants   = "want"
	blocks  = "block"
)

// stance is what one user wants of another, at a version: a clock's milliseconds,
// or one more than the version before where that is later. Only the user's own
// requests change it, so of two copies the one with the higher version is right,
// in whatever order they arrive.
type stance struct {
	Wish  string `json:"wish,omitempty"`
	At    int64  `json:"at,omitempty"`
	Voids int64  `json:"voids,omitempty"` // the other's wants up to this version count for nothing
}

// next is the stance after this one.
func (s stance) next(wish string, now time.Time) stance {
	return stance{Wish: wish, At: max(s.At+1, now.UnixMilli()), Voids: s.Voids}
}

// voiding ends whatever the other has wanted so far.
func (s stance) voiding(other stance) stance {
	s.Voids = max(s.Voids, other.At)
	return s
}

func (s stance) counts(against stance) bool { return s.Wish == wants && s.At > against.Voids }

// between is the state of a user with a stance toward one with another.
func between(mine, theirs stance) State {
	asked, wanted := mine.counts(theirs), theirs.counts(mine)
	switch {
	case mine.Wish == blocks:
		return Blocked
	case theirs.Wish == blocks:
		return None
	case asked && wanted:
		return Friends
	case asked:
		return Requested
	case wanted:
		return Invited
	}
	return None
}

// Card is what a user shows to another.
type Card struct {
	Name      string `json:"name,omitempty"`
	CallingID string `json:"callingId,omitempty"` // the calling identity
	Phone     string `json:"phone,omitempty"`     // E.164; only if friends may see it
	At        int64  `json:"at,omitempty"`        // version: of two the higher one is right
}

// edge is the document of what is between a user, whose partition it is in, and
// one other: the user's stance, a copy of the other's, and what follows of the
// two. The other has an edge too, with the same stances the other way round.
type edge struct {
	storage.Head
	Other  string    `json:"other"`
	Mine   stance    `json:"mine"`
	Theirs stance    `json:"theirs"`
	State  State     `json:"state"`
	Since  time.Time `json:"since"`
	Card   Card      `json:"card,omitzero"`   // the other's
	Order  string    `json:"order,omitempty"` // what lists go by; absent while there is nothing to list
}

const edgeType = "friend"

func partition(userID string) string { return "u:" + userID }

func edgeID(other string) string { return edgeType + ":" + other }

// owner is the user whose edge it is.
func (e *edge) owner() string { return strings.TrimPrefix(e.PK, "u:") }

// hidden tells that the other has blocked the user, who must not notice.
func (e *edge) hidden() bool { return e.Theirs.Wish == blocks }

// forgotten is how long an edge on which nothing is left is kept, so that news
// that arrive late still meet the versions that they are older than.
const forgotten = 30 * 24 * time.Hour

// settle brings what follows of the stances up to date.
func (e *edge) settle(now time.Time) {
	if state := between(e.Mine, e.Theirs); state != e.State {
		e.State, e.Since = state, now.UTC().Truncate(time.Second)
	}
	e.TTL, e.Order = 0, ""
	switch {
	case e.State == Blocked:
		e.Card = Card{Name: e.Card.Name}
	case e.State == Requested: // the other has not agreed to show more
		e.Card = Card{Name: e.Card.Name, At: e.Card.At}
	case e.State == None:
		e.Card = Card{}
		if e.Theirs.Wish != blocks {
			e.TTL = int(forgotten.Seconds())
		}
		return
	}
	e.Order = e.orderKey()
}

// orderKey sorts edges by state, then by name whatever the case, then by user.
func (e *edge) orderKey() string {
	const longest = 64 // characters of the name
	name := []rune(strings.ToLower(e.Card.Name))
	return string(e.State) + orderSeparator + string(name[:min(len(name), longest)]) + orderSeparator + e.Other
}

// No state or user id holds it, and orderEnd follows it in the order of ASCII.
const (
	orderSeparator = "|"
	orderEnd       = "}"
)
