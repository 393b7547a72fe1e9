package friendship

import (
	"context"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// Match decides whether a change may be made to the version that is there; its
// error ends the change.
type Match func(version string) error

// Ask asks another to be friends, or accepts. It does nothing where that was done
// before. NotFound for whom the user may not know, Conflict where the user has
// blocked them or reached a limit, Throttled. Accepting costs two reads and a
// batch.
func (r *Registry) Ask(ctx context.Context, user, other string, match Match) (Friend, error) {
	if user == other {
		return Friend{}, problem.New(problem.Invalid, "friend_self", "Nobody can be their own friend.")
	}
	return r.change(ctx, user, other, match, func(h *head, e *edge) error {
		switch e.State {
		case Blocked:
			return problem.New(problem.Conflict, "friend_blocked", "You have blocked this user. Unblock first.")
		case Friends, Requested:
			return nil
		case None:
			if _, err := r.stranger(ctx, e); err != nil {
				return err
			}
			if err := h.count(Ask, r.Limits, r.Now()); err != nil {
				return err
			}
		}
		e.Mine = e.Mine.next(wants, r.Now())
		return nil
	})
}

// End declines, cancels or ends a friendship; a block stays. There being nothing
// to end is no error.
func (r *Registry) End(ctx context.Context, user, other string, match Match) error {
	_, err := r.change(ctx, user, other, match, func(_ *head, e *edge) error {
		if e.State != None && e.State != Blocked {
			e.Mine = e.Mine.next(nothing, r.Now()).voiding(e.Theirs)
		}
		return nil
	})
	return err
}

// Block ends what there is and hides the user from the other. NotFound for whom
// the user may not know.
func (r *Registry) Block(ctx context.Context, user, other string, match Match) (Friend, error) {
	if user == other {
		return Friend{}, problem.New(problem.Invalid, "friend_self", "Nobody can block themselves.")
	}
	return r.change(ctx, user, other, match, func(_ *head, e *edge) error {
		if e.State == Blocked {
			return nil
		}
		if e.State == None {
			if _, err := r.stranger(ctx, e); err != nil {
				return err
			}
		}
		e.Mine = e.Mine.next(blocks, r.Now()).voiding(e.Theirs)
		return nil
	})
}

// Unblock ends a block; nothing is between the two then. There being no block is
// no error.
func (r *Registry) Unblock(ctx context.Context, user, other string, match Match) error {
	_, err := r.change(ctx, user, other, match, func(_ *head, e *edge) error {
		if e.State == Blocked {
			e.Mine = e.Mine.next(nothing, r.Now()).voiding(e.Theirs)
		}
		return nil
	})
	return err
}

// change applies decide to the user's stance and stores what came of it, with
// news for the other. decide may run several times, each on what is stored now.
func (r *Registry) change(ctx context.Context, user, other string, match Match, decide func(*head, *edge) error) (Friend, error) {
	var done Friend
	err := storage.Retry(ctx, func() error {
		h, e, err := r.both(ctx, user, other)
		if err != nil {
			return err
		}
		if err := match(e.friend().Version); err != nil {
			return err
		}
		was := *e
		if err := decide(h, e); err != nil {
			return err
		}
		if e.Mine == was.Mine {
			done = was.friend()
			return nil
		}
		if err := h.room(was.State, between(e.Mine, e.Theirs), r.Limits); err != nil {
			return err
		}
		news, err := r.news(user, kindSync, sync{From: user, To: other})
		if err != nil {
			return err
		}
		if err := r.store(ctx, h, e, news); err != nil {
			return err
		}
		done = e.friend()
		return nil
	})
	return done, err
}

// begin makes a new edge one of a user who came when the head says: what the
// other wanted before is void.
func (e *edge) begin(h *head) {
	if e.Mine.At == 0 {
		e.Mine = stance{At: h.Born, Voids: h.Born}
	}
}

// store writes an edge with its head, and more, all or nothing.
func (r *Registry) store(ctx context.Context, h *head, e *edge, more ...storage.Document) error {
	was := e.State
	e.settle(r.Now())
	h.move(was, e.State)
	var b storage.Batch
	b.Put(e)
	b.Put(h)
	for _, d := range more {
		b.Put(d)
	}
	return r.Store.Write(ctx, b)
}
