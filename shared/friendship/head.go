package friendship

import (
	"time"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// head is the document that every change of a user's edges goes through: it is
// written in the same batch. So its counts are exact, and while the user is being
// erased, no edge is added.
type head struct {
	storage.Head
	Friends   int       `json:"friends"`
	Requested int       `json:"requested"`
	Closed    bool      `json:"closed,omitempty"`  // the user is being erased, or has been:
	ErasedAt  time.Time `json:"erasedAt,omitzero"` // then it is a mark, for a user who comes back to begin on
	Born      int64     `json:"born"`              // milliseconds; what others wanted before is void

	Window  time.Time   `json:"window,omitzero"` // the minute that the counts below are of
	Counted map[Act]int `json:"counted,omitempty"`
}

const headType = "friends"

func newHead(user string) *head {
	return &head{Head: storage.Head{PK: partition(user), ID: headType, Type: headType}}
}

// Act is what a user may do only so often in a minute.
type Act string

// The acts.
const (
	Ask    Act = "ask"
	Search Act = "search"
	Invite Act = "invite"
)

// Limits bound what a user may have and do. They are settings.
type Limits struct {
	Friends int         // friends and open requests of one's own, together
	Pending int         // open requests of one's own
	Invites int         // open invites
	PerMin  map[Act]int // per minute
}

// count notes that an act is done, or refuses it with Throttled.
func (h *head) count(act Act, limits Limits, now time.Time) error {
	minute := now.UTC().Truncate(time.Minute)
	if !h.Window.Equal(minute) {
		h.Window, h.Counted = minute, map[Act]int{}
	}
	if h.Counted[act] >= limits.PerMin[act] {
		return problem.New(problem.Throttled, "friends_too_often", "Too many requests of this kind. Wait a minute.").After(minute.Add(time.Minute).Sub(now))
	}
	h.Counted[act]++
	return nil
}

// move counts an edge that goes from one state to another.
func (h *head) move(from, to State) {
	h.add(from, -1)
	h.add(to, 1)
}

func (h *head) add(state State, n int) {
	switch state {
	case Friends:
		h.Friends += n
	case Requested:
		h.Requested += n
	}
}

// room refuses what would take the user over a limit: one more friend, or one
// more request, which becomes a friend without the user's doing.
func (h *head) room(from, to State, limits Limits) error {
	more := *h
	more.move(from, to)
	switch {
	case to != Friends && to != Requested || from == Friends || from == Requested:
		return nil
	case more.Friends+more.Requested > limits.Friends:
		return problem.New(problem.Conflict, "friends_full", "There can be %d friends and open requests at most. End some first.", limits.Friends)
	case to == Requested && more.Requested > limits.Pending:
		return problem.New(problem.Conflict, "requests_full", "There can be %d open requests at most. Cancel some, or wait for answers.", limits.Pending)
	}
	return nil
}
