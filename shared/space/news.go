package space

import (
	"context"
	"time"

	"switchboard/shared/outbox"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
	"switchboard/shared/ticket"
)

// The kinds of news that Handlers take. What is stored with one is a promise to later
// versions: they find entries of earlier ones.
const (
	kindSpread = "space.spread" // what all members see of a space changed: its call, or the space
	kindMember = "space.member" // somebody's role in a space changed
	kindClosed = "space.closed" // a space was deleted
	kindCard   = "space.card"   // a user's name changed
	kindForget = "space.forget" // a user is being erased, and is in spaces
)

// The causes of news, for whoever tells people of them.
const (
	causeShared    = "shared"    // a member's client began the call
	causeStarted   = "started"   // the call was begun here
	causeConfirmed = "confirmed" // the call's end was put off
	causeRotated   = "rotated"   // the call goes on under a new id
	causeEnded     = "ended"
	causeChanged   = "changed"

	causeCreated  = "created"
	causeJoined   = "joined" // or asked to
	causeAdmitted = "admitted"
	causeRejected = "rejected"
	causePromoted = "promoted"
	causeDemoted  = "demoted"
	causeRemoved  = "removed"
	causeBanned   = "banned"
	causeUnbanned = "unbanned"
	causeLeft     = "left"
	causeErased   = "erased"
	causeInherits = "inherits" // owns the space now, whose owner was erased
)

// spread says what happened to a space, which call ended with it, and after which
// member to go on with those who are told.
type spread struct {
	Space string `json:"space"`
	Seq   int64  `json:"seq"` // of the space, with the change
	Cause string `json:"cause"`
	By    string `json:"by,omitempty"`
	Ended string `json:"ended,omitempty"`
	After string `json:"after,omitempty"`
}

// memberNews says whose role changed, why, and what it is now.
type memberNews struct {
	Space string `json:"space"`
	User  string `json:"user"`
	Role  Role   `json:"role,omitempty"`
	Cause string `json:"cause"`
	By    string `json:"by,omitempty"`
}

// teardown says what is left to be removed.
type teardown struct {
	Space string `json:"space"`
	Ended string `json:"ended,omitempty"` // the call
}

// cardNews says whose name changed, and after which place to go on.
type cardNews struct {
	User  string `json:"user"`
	After string `json:"after,omitempty"`
}

// causeOf tells what a change of role is called.
func causeOf(from, to Role, bySelf bool) string {
	switch {
	case to == None && bySelf:
		return causeLeft
	case to == None && from == Pending:
		return causeRejected
	case to == None && from == Banned:
		return causeUnbanned
	case to == None:
		return causeRemoved
	case to == Banned:
		return causeBanned
	case from == Pending:
		return causeAdmitted
	case to.rank() > from.rank():
		return causePromoted
	}
	return causeDemoted
}

// NameChanged is the news to write in one batch with a change of a user's name. id is
// random.
func NameChanged(user, id string, now time.Time) (*outbox.Entry, error) {
	return outbox.New(userPartition(user), kindCard, cardNews{User: user}, id, now)
}

// Handlers are what delivers the package's news.
func (r *Registry) Handlers() map[string]outbox.Handler {
	return map[string]outbox.Handler{
		kindSpread: outbox.Reading(r.spread),
		kindMember: outbox.Reading(r.tell),
		kindClosed: outbox.Reading(r.teardown),
		kindCard:   outbox.Reading(r.rename),
		kindForget: outbox.Reading(r.forgetOn),
	}
}

// piece is how many of many are worked on before the outbox goes on: ten thousand take
// some fifty.
const piece = 200

// spread brings the places of a space's people up to date, a piece at a time, after
// the provider ended the call that ended. Whoever comes meanwhile has news of their
// own, and who was told of the change before is not told again.
func (r *Registry) spread(ctx context.Context, n spread) (next any, err error) {
	if n.Ended != "" {
		if err := r.Calls.End(ctx, ticket.Call{Space: n.Space, ID: n.Ended}); err != nil {
			return nil, err
		}
		n.Ended = ""
	}
	s := spaceAt(n.Space)
	if err := r.Store.Snapshot(ctx, s); err != nil || !s.there() {
		return nil, err
	}
	if n.After == "" && n.Seq < s.Seq {
		return nil, nil // a later change has news of its own, which bring this one, too
	}
	people, err := r.after(ctx, n.Space, n.After)
	if err != nil {
		return nil, err
	}
	err = outbox.Each(ctx, people, func(ctx context.Context, m *member) error { return r.renew(ctx, s, m.User) })
	if err != nil || len(people) < piece {
		return nil, err
	}
	n.After = people[len(people)-1].ID
	return n, nil
}

// after gives a piece of the people of a space, in the order of their ids.
func (r *Registry) after(ctx context.Context, id, after string) ([]*member, error) {
	return storage.Find[member](ctx, r.Store, storage.Query{
		PK:         partition(id),
		Text:       "SELECT c.id, c.user FROM c WHERE c.type = @member AND c.id > @after AND c.role != @banned ORDER BY c.id OFFSET 0 LIMIT @piece",
		Parameters: map[string]any{"@member": memberType, "@after": after, "@banned": Banned, "@piece": piece},
		Limit:      piece,
	}, piece)
}

// tell brings somebody's place up to date after their role changed.
func (r *Registry) tell(ctx context.Context, n memberNews) (any, error) {
	return nil, r.reflect(ctx, n.Space, n.User)
}

// outdated reports whether somebody has another name by now. A space does not learn
// what becomes of those who are banned from it.
func (m *member) outdated(p Person) bool { return m.NameAt < p.At && m.Role != Banned }

// name gives somebody in a space the name that they have now.
func (r *Registry) name(ctx context.Context, m *member, p Person) error {
	m.Name, m.NameAt = p.Name, p.At
	m.settle()
	return r.Store.Replace(ctx, m)
}

// rename gives a user a new name in every space, a piece at a time.
func (r *Registry) rename(ctx context.Context, n cardNews) (next any, err error) {
	p, err := r.People.Person(ctx, n.User)
	if problem.Is(err, problem.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	places, err := r.places(ctx, n.User, n.After)
	if err != nil {
		return nil, err
	}
	err = outbox.Each(ctx, places, func(ctx context.Context, in *place) error {
		return storage.Retry(ctx, func() error {
			m := memberAt(in.Space, n.User)
			if err := r.Store.Snapshot(ctx, m); err != nil || m.ETag == "" || !m.outdated(p) {
				return err
			}
			return r.name(ctx, m, p)
		})
	})
	if err != nil || len(places) < piece {
		return nil, err
	}
	n.After = places[len(places)-1].ID
	return n, nil
}
