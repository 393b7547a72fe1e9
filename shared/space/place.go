package space

import (
	"context"
	"time"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// place is what a user has of a space in the user's own partition, so that all spaces
// of a user are found there: a copy, brought up to date by the outbox. It never has
// the id of a call.
type place struct {
	storage.Head
	Space     string    `json:"space"`
	Role      Role      `json:"role"`
	Since     time.Time `json:"since"`
	MemberSeq int64     `json:"memberSeq"` // Seq of the member that the role was copied from
	Draft
	Call     *call  `json:"call,omitempty"`
	SpaceSeq int64  `json:"spaceSeq"`        // Seq of the space that the rest was copied from
	Order    string `json:"order,omitempty"` // what lists go by; absent for those who are banned
}

func placeAt(id, user string) *place {
	return &place{Head: head(userPartition(user), "space:"+id, placeType), Space: id}
}

// reflect makes a place what it is a copy of, as that was read after the place, and
// reports whether that changed anything. Whoever is banned has no copy of the space:
// news of it do not reach them.
func (p *place) reflect(s *space, m *member) bool {
	was := *p
	p.Role, p.Since, p.MemberSeq = m.Role, m.Since, m.Seq
	changed := p.MemberSeq != was.MemberSeq || p.Role != was.Role || !p.Since.Equal(was.Since)
	if p.Role == Banned {
		p.Draft, p.Call, p.SpaceSeq, p.Order = Draft{}, nil, 0, ""
		return changed
	}
	if s.Seq == p.SpaceSeq {
		return changed
	}
	p.copy(s)
	return true
}

// copy puts on a place what members see of the space.
func (p *place) copy(s *space) {
	p.Draft, p.SpaceSeq, p.Call = s.Draft, s.Seq, nil
	if s.Call != nil {
		p.Call = &call{StartedBy: s.Call.StartedBy, StartedAt: s.Call.StartedAt, ExpiresAt: s.Call.ExpiresAt}
	}
	p.Order = sortable(p.Name) + orderSeparator + p.Space
}

// List returns the spaces that a user is in, or has asked to join, by name: at most
// limit of them, after the place where another page ended; next is where this one
// did, "" if there is no more. It costs one query. What it shows of a space may be as
// old as the outbox; of a call it has no id, and no count of members.
func (r *Registry) List(ctx context.Context, user, after string, limit int) (spaces []Space, next string, err error) {
	q := storage.Query{
		PK:         userPartition(user),
		Text:       "SELECT * FROM c WHERE c.type = @place AND c[\"order\"] > @after ORDER BY c[\"order\"] OFFSET 0 LIMIT @limit",
		Parameters: map[string]any{"@place": placeType, "@after": after, "@limit": limit + 1},
		Limit:      limit + 1,
	}
	found, err := storage.Find[place](ctx, r.Store, q, limit+1)
	if err != nil {
		return nil, "", err
	}
	if len(found) > limit {
		found = found[:limit]
		next = found[limit-1].Order
	}
	for _, p := range found {
		out := Space{ID: p.Space, Draft: p.Draft, Role: p.Role}
		if r.live(p.Draft, p.Call) && p.Role.rank() >= joined {
			out.Call = p.Call.show()
		}
		spaces = append(spaces, out)
	}
	return spaces, next, nil
}

// renew puts a space that was read before on a place, if there is one that is older.
func (r *Registry) renew(ctx context.Context, s *space, user string) error {
	return storage.Retry(ctx, func() error {
		p := placeAt(s.id(), user)
		if err := r.Store.Snapshot(ctx, p); err != nil || p.ETag == "" || p.Role == Banned || s.Seq <= p.SpaceSeq {
			return err
		}
		p.copy(s)
		return r.Store.Replace(ctx, p)
	})
}

// reflect makes a user's place what the space and the user's role in it are now.
func (r *Registry) reflect(ctx context.Context, id, user string) error {
	return storage.Settle(ctx, func() (bool, error) { return r.reflectOnce(ctx, id, user) })
}

func (r *Registry) reflectOnce(ctx context.Context, id, user string) (done bool, err error) {
	p, s, m := placeAt(id, user), spaceAt(id), memberAt(id, user)
	if err := r.Store.Snapshot(ctx, p); err != nil {
		return false, err
	}
	if err := r.Store.Snapshot(ctx, s, m); err != nil {
		return false, err
	}
	if !s.there() || m.ETag == "" {
		return p.ETag == "", r.remove(ctx, p)
	}
	person, err := r.People.Person(ctx, user)
	switch {
	case problem.Is(err, problem.NotFound): // erased while it was under way
		return false, r.withdraw(ctx, id, user, m.JoinedAt)
	case err != nil:
		return false, err
	case m.JoinedAt.Before(person.Since): // and back since
		return false, r.withdraw(ctx, id, user, m.JoinedAt)
	case m.outdated(person):
		return false, r.name(ctx, m, person) // whose name changed before there was a place to find it by
	case !p.reflect(s, m):
		return true, nil
	}
	var b storage.Batch
	b.Put(p)
	return false, r.Store.Write(ctx, b)
}

// remove deletes a place, if there is one.
func (r *Registry) remove(ctx context.Context, p *place) error {
	if p.ETag == "" {
		return nil
	}
	return r.Store.Delete(ctx, p)
}

// places gives a piece of the places of a user, in the order of their ids.
func (r *Registry) places(ctx context.Context, user, after string) ([]*place, error) {
	return storage.Find[place](ctx, r.Store, storage.Query{
		PK:         userPartition(user),
		Text:       "SELECT * FROM c WHERE c.type = @place AND c.id > @after ORDER BY c.id OFFSET 0 LIMIT @piece",
		Parameters: map[string]any{"@place": placeType, "@after": after, "@piece": piece},
		Limit:      piece,
	}, piece)
}
