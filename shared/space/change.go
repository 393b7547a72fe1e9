package space

import (
	"context"
	"time"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// Create makes a space that the user owns. With an idempotency key that the user has
// made one with, it is given again, and created is false. Invalid with every fault of
// the draft; NotFound for users without a mapping; Conflict for a key that was used
// for another draft and for who is in too many spaces.
func (r *Registry) Create(ctx context.Context, user string, d Draft, idempotencyKey string) (out Space, created bool, err error) {
	d = d.clean()
	id := r.spaceID(user, idempotencyKey)
	err = storage.Retry(ctx, func() error {
		s, me, count := spaceAt(id), memberAt(id, user), tallyAt(id)
		if idempotencyKey != "" {
			if err := r.Store.Snapshot(ctx, s, me, count); err != nil {
				return err
			}
		}
		if s.ETag != "" {
			out, created = r.show(s, me, count), false
			return s.same(me, d.digest())
		}
		if err := d.check(r.Now(), nil); err != nil {
			return err
		}
		p, err := r.person(ctx, user)
		if err != nil {
			return err
		}
		now := r.Now().UTC()
		s.Draft, s.CreatedAt, s.Request = d, now.Truncate(time.Second), d.digest()
		s.Secret, s.Version, s.Seq = r.NewID(), r.NewID(), next(0, now)
		count.Owners, count.Members = 1, 1
		me.begin(Owner, p, now)
		news, err := r.news(id, kindMember, memberNews{Space: id, User: user, Role: Owner, Cause: causeCreated})
		if err != nil {
			return err
		}
		var b storage.Batch
		b.Put(s)
		b.Put(count)
		b.Put(me)
		b.Put(news)
		out, created = r.show(s, me, count), true
		return r.Store.Write(ctx, b)
	})
	if err == nil && created {
		r.settled(ctx, id, user)
	}
	return out, created, err
}

// same refuses an idempotency key that was used for something else.
func (s *space) same(me *member, request string) error {
	if s.Request != request || s.Closed || me.Role.rank() < joined {
		return problem.New(problem.Conflict, "idempotency_key_used", "A space was made with this Idempotency-Key that is another, or that you are not in any more. Take a new key.")
	}
	return nil
}

func (m *member) begin(role Role, p Person, now time.Time) {
	now = now.UTC().Truncate(time.Millisecond)
	m.Name, m.NameAt, m.JoinedAt = p.Name, p.At, now
	m.become(role, now)
}

func (m *member) become(role Role, now time.Time) {
	m.Role, m.Since, m.Seq = role, now.UTC().Truncate(time.Second), next(m.Seq, now)
	m.settle()
}

// Update changes a space as change says, which may run several times, each time on
// what is there. For hosts and owners. Invalid with every fault, Stale by match.
func (r *Registry) Update(ctx context.Context, user, id string, match Match, change func(*Draft)) (Space, error) {
	var out Space
	err := storage.Retry(ctx, func() error {
		count := tallyAt(id)
		s, me, err := r.enter(ctx, id, user, host, count)
		if err != nil {
			return err
		}
		if err := match(s.Version); err != nil {
			return err
		}
		was := s.Draft
		change(&s.Draft)
		s.Draft = s.Draft.clean()
		if s.Draft == was {
			out = r.show(s, me, count)
			return nil
		}
		if err := s.Draft.check(r.Now(), &was); err != nil {
			return err
		}
		n := spread{Cause: causeChanged, By: user}
		if s.Call != nil && s.Kind == Event {
			n.Ended = r.reschedule(s)
		}
		s.Version, s.Seq = r.NewID(), next(s.Seq, r.Now())
		out = r.show(s, me, count)
		return r.storeSpace(ctx, s, me, n)
	})
	return out, err
}

// reschedule lets a call end with its event. One that cannot be joined any more ends now
// and is returned: it must not come back when the event is put off again.
func (r *Registry) reschedule(s *space) (ended string) {
	if !r.live(s.Draft, s.Call) {
		ended, s.Call = s.Call.ID, nil
		return ended
	}
	s.Call.ExpiresAt = earlier(s.Call.ExpiresAt, s.EndsAt.Add(r.Closes))
	return ""
}

// storeSpace writes a changed space, with news for its members, provided that who
// changed it still is what they were, and more documents.
func (r *Registry) storeSpace(ctx context.Context, s *space, by *member, n spread, more ...storage.Document) error {
	n.Space, n.Seq = s.id(), s.Seq
	news, err := r.news(s.id(), kindSpread, n)
	if err != nil {
		return err
	}
	var b storage.Batch
	b.Put(s)
	b.Put(by)
	for _, d := range more {
		b.Put(d)
	}
	b.Put(news)
	return r.Store.Write(ctx, b)
}

// Delete removes a space, for its owners: nobody finds it from now on, and the outbox
// removes what is left of it.
func (r *Registry) Delete(ctx context.Context, user, id string, match Match) error {
	begun := false
	err := storage.Retry(ctx, func() error {
		s, me, err := r.enter(ctx, id, user, owner)
		if begun && problem.Is(err, problem.NotFound) && !s.there() {
			return nil // the answer was lost, and by now also what would have told that the batch was done
		}
		if err != nil {
			return err
		}
		if err := match(s.Version); err != nil {
			return err
		}
		begun = true
		b, err := r.closing(s)
		if err != nil {
			return err
		}
		b.Put(me)
		return r.Store.Write(ctx, b)
	})
	if err == nil {
		r.settled(ctx, id, user)
	}
	return err
}

// closing is the batch that closes a space, with what takes the rest of it away.
func (r *Registry) closing(s *space) (storage.Batch, error) {
	n := teardown{Space: s.id()}
	if s.Call != nil {
		n.Ended = s.Call.ID
	}
	s.Closed, s.Call, s.Seq = true, nil, next(s.Seq, r.Now())
	news, err := r.news(s.id(), kindClosed, n)
	var b storage.Batch
	b.Put(s)
	b.Adjust(s.PK, tallyType, map[string]int64{"closed": 1}, "c.closed = 0")
	b.Put(news)
	return b, err
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
