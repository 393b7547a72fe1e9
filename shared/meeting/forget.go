package meeting

import (
	"context"

	"switchboard/shared/outbox"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// leaver says who is being erased, and where to go on.
type leaver struct {
	User  string `json:"user"`
	After string `json:"after,omitempty"` // the entry to go on after
}

// piece is how many of somebody's meetings are worked on before the outbox goes on.
const piece = 200

// Forget erases a user: takes them out of every meeting, and cancels those that they host.
// When it returns the user's part is gone; should it be cut short, news of its own go on
// with it. It may run again. The user must not have a mapping any more, so that what is
// under way ends there, too.
func (r *Registry) Forget(ctx context.Context, user string) error {
	n := leaver{User: user}
	found, err := r.agendaOf(ctx, user, "")
	if err != nil || len(found) == 0 {
		return err
	}
	news, err := outbox.New(userPartition(user), kindForget, n, r.NewID(), r.Now())
	if err != nil {
		return err
	}
	if err := r.Store.Create(ctx, news); err != nil {
		return err
	}
	for more := true; more && err == nil; {
		n, more, err = r.leaveSome(ctx, n)
	}
	return err
}

// forgetOn is Forget, a piece at a time. Who has a mapping has come back, and could only
// after all of it was done.
func (r *Registry) forgetOn(ctx context.Context, n leaver) (next any, err error) {
	if err := r.People.Known(ctx, n.User); !problem.Is(err, problem.NotFound) {
		return nil, err
	}
	n, more, err := r.leaveSome(ctx, n)
	if err != nil || !more {
		return nil, err
	}
	return n, nil
}

// leaveSome takes a user out of some meetings. more is false when there are no others.
func (r *Registry) leaveSome(ctx context.Context, n leaver) (further leaver, more bool, err error) {
	found, err := r.agendaOf(ctx, n.User, n.After)
	if err != nil {
		return n, false, err
	}
	err = outbox.Each(ctx, found, func(ctx context.Context, e *entry) error {
		if err := r.withdraw(ctx, e.Meeting, n.User); err != nil {
			return err
		}
		return r.reflect(ctx, e.Meeting, n.User)
	})
	if err != nil || len(found) < piece {
		return n, false, err
	}
	n.After = found[len(found)-1].ID
	return n, true, nil
}

// agendaOf gives a piece of a user's entries, in the order of their ids.
func (r *Registry) agendaOf(ctx context.Context, user, after string) ([]*entry, error) {
	return storage.Find[entry](ctx, r.Store, storage.Query{
		PK:         userPartition(user),
		Text:       "SELECT * FROM c WHERE c.type = @agenda AND c.id > @after ORDER BY c.id OFFSET 0 LIMIT @piece",
		Parameters: map[string]any{"@agenda": agendaType, "@after": after, "@piece": piece},
		Limit:      piece,
	}, piece)
}

// withdraw takes somebody out of a meeting who has no mapping: what they host is over.
func (r *Registry) withdraw(ctx context.Context, id, user string) error {
	return storage.Retry(ctx, func() error {
		m := meetingAt(id)
		if err := storage.Look(ctx, r.Store, m); err != nil || m.State != ready {
			return err
		}
		switch m.role(user) {
		case Host:
			_, err := r.close(ctx, m, changed{Cause: causeErased, Users: m.users()})
			return err
		case Attendee:
			return r.dismissAttendee(ctx, m, user, causeErased)
		}
		return nil
	})
}
