package friendship

import (
	"cmp"
	"context"
	"time"

	"switchboard/shared/outbox"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// The kinds of news that Handlers take.
const (
	kindSync = "friend.sync" // a user's stance toward another changed
	kindCard = "friend.card" // what a user shows of themselves changed
	kindGone = "friend.gone" // a user is erased who had an edge to another

	kindForget = "friend.forget" // a user is being erased, and has edges
)

// leaver says who is being erased.
type leaver struct {
	User string `json:"user"`
}

// sync says whose edge changed, and toward whom.
type sync struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// gone says who was erased, when, and who had been on the other side.
type gone struct {
	From string `json:"from"`
	To   string `json:"to"`
	At   int64  `json:"at"` // milliseconds
}

// card says whose card changed, and after which edge to go on.
type card struct {
	User  string `json:"user"`
	After string `json:"after,omitempty"`
}

// CardChanged is the news to write in one batch with a change of what a user
// shows: name, number, who sees it, calling identity. id is random.
func CardChanged(user, id string, now time.Time) (*outbox.Entry, error) {
	return outbox.New(partition(user), kindCard, card{User: user}, id, now)
}

// Handlers are what delivers the package's news.
func (r *Registry) Handlers() map[string]outbox.Handler {
	return map[string]outbox.Handler{
		kindSync:   outbox.Reading(r.sync),
		kindCard:   outbox.Reading(r.spread),
		kindGone:   outbox.Reading(r.leave),
		kindForget: outbox.Reading(r.forgetOn),
	}
}

// sync brings the two edges between two users to the same stances, after the one
// of From changed.
func (r *Registry) sync(ctx context.Context, n sync) (any, error) {
	return nil, storage.Retry(ctx, func() error {
		from, err := r.edge(ctx, n.From, n.To)
		if err != nil {
			return err
		}
		to, err := r.edge(ctx, n.To, n.From)
		if err != nil {
			return err
		}
		if from.ETag == "" {
			return r.void(ctx, to)
		}
		h, err := r.head(ctx, n.To)
		if leaving(err) {
			return r.drop(ctx, from)
		}
		if err != nil {
			return err
		}
		if to.begin(h); to.Theirs.At < from.Mine.At {
			to.Theirs = from.Mine
			if err := r.introduce(ctx, to); err != nil {
				return err
			}
			if err := r.store(ctx, h, to); err != nil {
				return err
			}
			// If From has been erased meanwhile, the news of that may have come before there
			// was anything to remove.
			if now, err := r.edge(ctx, n.From, n.To); err != nil || now.ETag != from.ETag {
				return cmp.Or(err, storage.ErrStale)
			}
		}
		if err := r.answer(ctx, from, to); err != nil {
			return err
		}
		if err := r.catchUp(ctx, from); err != nil {
			return err
		}
		return r.catchUp(ctx, to)
	})
}

// introduce gives an edge on which there is something now the other's card.
func (r *Registry) introduce(ctx context.Context, e *edge) error {
	if state := between(e.Mine, e.Theirs); state == None || state == Blocked {
		return nil
	}
	person, err := r.People.Person(ctx, e.Other)
	if problem.Is(err, problem.NotFound) {
		return nil // being erased: the news of that follows
	}
	if err == nil && person.Card.At >= e.Card.At {
		e.Card = person.Card
	}
	return err
}

// catchUp renews the card on an edge if it changed before both edges were there, which
// is how the news of a card find their way.
func (r *Registry) catchUp(ctx context.Context, e *edge) error {
	if e.Order == "" || e.State == Blocked {
		return nil
	}
	person, err := r.People.Person(ctx, e.Other)
	if problem.Is(err, problem.NotFound) {
		return nil
	}
	if err != nil || e.Card.At >= person.Card.At {
		return err
	}
	return r.renew(ctx, e.owner(), e.Other, person.Card)
}

// answer copies the stance of to, of which from may not know, onto from.
func (r *Registry) answer(ctx context.Context, from, to *edge) error {
	if from.Theirs.At >= to.Mine.At {
		return nil
	}
	h, err := r.head(ctx, from.owner())
	if leaving(err) {
		return nil // the news of that follows
	}
	if err != nil {
		return err
	}
	from.Theirs = to.Mine
	if err := r.introduce(ctx, from); err != nil {
		return err
	}
	return r.store(ctx, h, from)
}

// void ends what the other wanted, who has no edge any more. What the user wants is
// left to the news of the other's erasure, which know whether it is from before.
func (r *Registry) void(ctx context.Context, e *edge) error {
	switch {
	case e.Theirs.Wish == nothing:
		return nil
	case e.Mine.Wish == nothing:
		return r.drop(ctx, e)
	}
	h, err := r.head(ctx, e.owner())
	if leaving(err) {
		return nil
	}
	if err != nil {
		return err
	}
	e.Theirs = stance{}
	return r.store(ctx, h, e)
}

// drop removes an edge whose other side is gone.
func (r *Registry) drop(ctx context.Context, e *edge) error {
	if e.ETag == "" {
		return nil
	}
	h, err := r.head(ctx, e.owner())
	if leaving(err) {
		return nil
	}
	if err != nil {
		return err
	}
	h.move(e.State, None)
	var b storage.Batch
	b.Delete(e)
	b.Put(h)
	return r.Store.Write(ctx, b)
}

// leaving reports whether an error of head says that the user is erased, or about
// to be.
func leaving(err error) bool {
	return problem.Is(err, problem.NotFound) || problem.Is(err, problem.Conflict)
}

// leave removes what another has of a user who was erased. If the user has come
// back since, and one of the two wants something anew, that stays.
func (r *Registry) leave(ctx context.Context, n gone) (any, error) {
	return nil, storage.Retry(ctx, func() error {
		h, e, err := r.both(ctx, n.To, n.From)
		if leaving(err) {
			return nil
		}
		switch {
		case err != nil || e.ETag == "" || e.Theirs.At > n.At:
			return err
		case e.Mine.At <= n.At:
			return r.drop(ctx, e)
		}
		e.Theirs = stance{}
		return r.store(ctx, h, e)
	})
}

// spreadPage is how many cards are renewed at a time.
const spreadPage = 20

// spread renews a user's card on the edges of others, a page at a time.
func (r *Registry) spread(ctx context.Context, n card) (next any, err error) {
	person, err := r.People.Person(ctx, n.User)
	if problem.Is(err, problem.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	others, after, err := r.others(ctx, n.User, n.After, spreadPage)
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		if err := r.renew(ctx, other, n.User, person.Card); err != nil {
			return nil, err
		}
	}
	if after == "" {
		return nil, nil
	}
	return card{User: n.User, After: after}, nil
}

// renew puts a newer card on an edge that shows one.
func (r *Registry) renew(ctx context.Context, user, other string, c Card) error {
	return storage.Retry(ctx, func() error {
		e, err := r.edge(ctx, user, other)
		if err != nil || e.Order == "" || e.State == Blocked || e.Card.At >= c.At {
			return err
		}
		e.Card = c
		e.settle(r.Now())
		return r.Store.Replace(ctx, e)
	})
}
