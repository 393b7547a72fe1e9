package space

import (
	"context"
	"errors"
	"time"

	"switchboard/shared/outbox"
	"switchboard/shared/storage"
	"switchboard/shared/ticket"
)

// leaver says who is being erased, since when.
type leaver struct {
	User  string    `json:"user"`
	At    time.Time `json:"at"`
	After string    `json:"after,omitempty"` // the place to go on after
}

// Forget erases a user: takes them out of every space, bans included. A space that is
// theirs alone goes to the host who has been one longest, and is closed where there is
// none. When it returns the user's part is gone; should it be cut short, news of its
// own go on with it. It may run again. The user must not have a mapping any more, so
// that what is under way ends there, too.
func (r *Registry) Forget(ctx context.Context, user string) error {
	n := leaver{User: user, At: r.Now().UTC()}
	places, err := r.places(ctx, user, "")
	if err != nil || len(places) == 0 {
		return err
	}
	news, err := r.news("", kindForget, n)
	if err != nil {
		return err
	}
	news.PK = userPartition(user)
	if err := r.Store.Create(ctx, news); err != nil {
		return err
	}
	for more := true; more && err == nil; {
		n, more, err = r.leaveSome(ctx, n)
	}
	return err
}

// forgetOn is Forget, a piece at a time.
func (r *Registry) forgetOn(ctx context.Context, n leaver) (next any, err error) {
	n, more, err := r.leaveSome(ctx, n)
	if err != nil || !more {
		return nil, err
	}
	return n, nil
}

// leaveSome takes a user out of some spaces, but not of those that the user joined since:
// then they have come back. more is false when there are no others.
func (r *Registry) leaveSome(ctx context.Context, n leaver) (further leaver, more bool, err error) {
	places, err := r.places(ctx, n.User, n.After)
	if err != nil {
		return n, false, err
	}
	err = outbox.Each(ctx, places, func(ctx context.Context, p *place) error {
		err := r.withdraw(ctx, p.Space, n.User, n.At)
		if err != nil {
			return err
		}
		return r.reflect(ctx, p.Space, n.User)
	})
	if err != nil || len(places) < piece {
		return n, false, err
	}
	n.After = places[len(places)-1].ID
	return n, true, nil
}

// withdraw takes somebody out of a space who is erased, if they joined until then.
func (r *Registry) withdraw(ctx context.Context, id, user string, until time.Time) error {
	return storage.Retry(ctx, func() error {
		s, m, count := spaceAt(id), memberAt(id, user), tallyAt(id)
		if err := r.Store.Snapshot(ctx, s, m, count); err != nil {
			return err
		}
		if !s.there() || m.ETag == "" || m.JoinedAt.After(until) {
			return nil
		}
		var more storage.Batch
		if err := r.disown(s, user, &more); err != nil {
			return err
		}
		was := m.Role
		if was == Owner && count.Owners <= 1 {
			heir, err := r.heir(ctx, id)
			if err != nil {
				return err
			}
			if heir == nil {
				return r.abandon(ctx, s, m)
			}
			return r.inherit(ctx, m, heir, more)
		}
		m.become(None, r.Now())
		return r.storeMember(ctx, m, was, memberNews{Cause: causeErased}, more)
	})
}

// disown takes somebody's name off the call that they began, who is in the space no
// more: when they are erased nobody finds it there.
func (r *Registry) disown(s *space, user string, b *storage.Batch) error {
	if s.Call == nil || s.Call.StartedBy != user {
		return nil
	}
	c := *s.Call
	c.StartedBy = ""
	s.Call, s.Seq = &c, next(s.Seq, r.Now())
	news, err := r.news(s.id(), kindSpread, spread{Space: s.id(), Seq: s.Seq, Cause: causeChanged})
	if err != nil {
		return err
	}
	b.Put(s)
	b.Put(news)
	return nil
}

// heir is the host of a space who has been one longest, nil if there is none.
func (r *Registry) heir(ctx context.Context, id string) (*member, error) {
	hosts, err := storage.Find[member](ctx, r.Store, storage.Query{
		PK:         partition(id),
		Text:       "SELECT * FROM c WHERE c.type = @member AND c.role = @host ORDER BY c.since OFFSET 0 LIMIT 1",
		Parameters: map[string]any{"@member": memberType, "@host": Host},
		Limit:      1,
	}, 1)
	if err != nil || len(hosts) == 0 {
		return nil, err
	}
	return hosts[0], nil
}

// inherit makes a host the owner of a space in the place of the last one.
func (r *Registry) inherit(ctx context.Context, last, heir *member, b storage.Batch) error {
	id := heir.space()
	heir.become(Owner, r.Now())
	b.Put(heir)
	b.Delete(last)
	b.Adjust(heir.PK, tallyType, map[string]int64{"members": -1}, "c.closed = 0")
	for _, n := range []memberNews{
		{Space: id, User: heir.User, Role: Owner, Cause: causeInherits},
		{Space: id, User: last.User, Cause: causeErased},
	} {
		news, err := r.news(id, kindMember, n)
		if err != nil {
			return err
		}
		b.Put(news)
	}
	return r.Store.Write(ctx, b)
}

// abandon closes a space whose last owner is gone, with nobody to take it over.
func (r *Registry) abandon(ctx context.Context, s *space, last *member) error {
	b, err := r.closing(s)
	if err != nil {
		return err
	}
	b.Delete(last)
	return r.Store.Write(ctx, b)
}

// teardown removes what is left of a closed space, a piece at a time: its people, each
// with their place, then the rest. For a while a mark stays, without anything of what
// the space was, so that nothing which is under way finds another in its place.
func (r *Registry) teardown(ctx context.Context, n teardown) (next any, err error) {
	if n.Ended != "" {
		if err := r.Calls.End(ctx, ticket.Call{Space: n.Space, ID: n.Ended}); err != nil {
			return nil, err
		}
		n.Ended = ""
	}
	s, count := spaceAt(n.Space), tallyAt(n.Space)
	if err := r.Store.Snapshot(ctx, s, count); err != nil || !s.Closed || count.ETag == "" {
		return nil, err
	}
	for _, types := range [][]string{{memberType}, {inviteType, usedType}} {
		found, err := storage.Find[member](ctx, r.Store, storage.Query{ // of the others, what all have at their head
			PK:         partition(n.Space),
			Text:       "SELECT * FROM c WHERE ARRAY_CONTAINS(@types, c.type) OFFSET 0 LIMIT @some",
			Parameters: map[string]any{"@types": types, "@some": storage.MaxBatch},
			Limit:      storage.MaxBatch,
		}, storage.MaxBatch)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return n, r.removeAll(ctx, n.Space, found)
		}
	}
	mark := &space{Head: s.Head, Seq: s.Seq, Closed: true}
	mark.TTL = int(markLife.Seconds())
	var b storage.Batch
	b.Put(mark)
	b.Delete(count)
	err = r.Store.Write(ctx, b)
	if errors.Is(err, storage.ErrStale) { // another delivery was as far: look again
		return n, nil
	}
	return nil, err
}

// markLife is how long the mark of a deleted space stays: longer than any request or
// delivery takes.
const markLife = 24 * time.Hour

// removeAll deletes documents of a closed space and the places of those who were in it.
func (r *Registry) removeAll(ctx context.Context, id string, found []*member) error {
	err := outbox.Each(ctx, found, func(ctx context.Context, m *member) error {
		if m.Type != memberType {
			return nil
		}
		return r.reflect(ctx, id, m.User)
	})
	if err != nil {
		return err
	}
	var b storage.Batch
	for _, m := range found {
		b.Delete(m)
	}
	if err := r.Store.Write(ctx, b); !errors.Is(err, storage.ErrStale) {
		return err
	}
	return nil // something changed or expired meanwhile: look again
}
