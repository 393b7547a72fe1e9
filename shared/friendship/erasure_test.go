package friendship_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"switchboard/shared/friendship"
	"switchboard/shared/problem"
)

// A block outlives news from before the other was erased and came back.
func TestOldNewsDoNotUndoABlock(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada, grace := w.people.join("ada"), w.people.join("grace")
	_, err := w.Ask(ctx, ada, grace, anyVersion)
	ok(t, err)
	told, err := w.entries(ctx, ada)
	ok(t, err)
	ok(t, w.settle(ctx, ada, grace))
	w.leaves(t, ada)
	w.returns(ada, "ada")
	_, err = w.Block(ctx, grace, ada, anyVersion)
	ok(t, err)
	ok(t, deliver(ctx, w.Registry, told[0])) // once more
	ok(t, w.settle(ctx, ada, grace))
	w.wantStates(t, ada, grace, friendship.None, friendship.Blocked)
}

// News of a request are being delivered while whoever made it is erased.
func TestNewsOvertakenByErasure(t *testing.T) {
	for reads := 1; reads <= 4; reads++ {
		w, ctx := newWorld(t, plenty()), t.Context()
		ada, grace := w.people.join("ada"), w.people.join("grace")
		_, err := w.Ask(ctx, ada, grace, anyVersion)
		ok(t, err)
		told, err := w.entries(ctx, ada)
		ok(t, err)
		slow := w.registry(&between{Container: w.store, reads: reads, happen: func() {
			w.leaves(t, ada)
			ok(t, w.settle(ctx, ada, grace))
		}}, plenty())
		ok(t, deliver(ctx, slow, told[0]))
		w.wantStates(t, ada, grace, friendship.None, friendship.None)
	}
}

// A request that is under way when the user is erased does not bring anything back.
func TestRequestsOvertakenByErasure(t *testing.T) {
	for name, act := range map[string]func(r *friendship.Registry, ada, grace string) error{
		"ask": func(r *friendship.Registry, ada, grace string) error {
			_, err := r.Ask(context.Background(), ada, grace, anyVersion)
			return err
		},
		"block": func(r *friendship.Registry, ada, grace string) error {
			_, err := r.Block(context.Background(), ada, grace, anyVersion)
			return err
		},
		"invite": func(r *friendship.Registry, ada, _ string) error {
			_, _, err := r.Invite(context.Background(), ada, 1, time.Hour, "")
			return err
		},
		"search": func(r *friendship.Registry, ada, _ string) error {
			return r.Allow(context.Background(), ada, friendship.Search)
		},
	} {
		w, ctx := newWorld(t, plenty()), t.Context()
		ada, grace := w.people.join("ada"), w.people.join("grace")
		person, err := w.people.Person(ctx, ada)
		ok(t, err)
		slow := w.registry(&between{Container: w.store, reads: 1, happen: func() { w.leaves(t, ada) }}, plenty())
		slow.People = &before{people: w.people, user: ada, person: person}
		if err := act(slow, ada, grace); err == nil {
			t.Errorf("%s: done for a user who is gone", name)
		}
		ok(t, w.settle(ctx, ada, grace))
		w.returns(ada, "ada")
		w.wantStates(t, ada, grace, friendship.None, friendship.None)
		if open, err := w.Invites(ctx, ada); err != nil || len(open) > 0 {
			t.Errorf("%s: invites %v, %v", name, open, err)
		}
	}
}

// before is people of whom one was looked up before something happened: the first
// answer is the old one.
type before struct {
	*people
	user   string
	person friendship.Person
	asked  bool
}

func (b *before) Person(ctx context.Context, id string) (friendship.Person, error) {
	if id == b.user && !b.asked {
		b.asked = true
		return b.person, nil
	}
	return b.people.Person(ctx, id)
}

// The clock of the instance that erases is behind the one that took the request.
func TestErasedByASlowClock(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada, grace := w.people.join("ada"), w.people.join("grace")
	w.befriend(t, ada, grace)
	w.now = func() time.Time { return time.Now().Add(-3 * time.Second) }
	slow := w.registry(w.store, plenty())
	w.people.leave(ada)
	ok(t, slow.Forget(ctx, ada))
	ok(t, w.settle(ctx, ada, grace))
	w.wantStates(t, ada, grace, friendship.None, friendship.None)
}

// Coming back is no way around the limits.
func TestLimitsOutliveErasure(t *testing.T) {
	limits := plenty()
	limits.PerMin[friendship.Search] = 2
	w, ctx := newWorld(t, limits), t.Context()
	now := time.Now().Truncate(time.Minute)
	w.now = func() time.Time { return now }
	w.Registry = w.registry(w.store, limits)
	ada := w.people.join("ada")
	for range 2 {
		ok(t, w.Allow(ctx, ada, friendship.Search))
		w.leaves(t, ada)
		w.returns(ada, "ada")
	}
	if err := w.Allow(ctx, ada, friendship.Search); !problem.Is(err, problem.Throttled) {
		t.Errorf("a third search: %v", err)
	}
}

// An erasure that is cut short, by a store that is slow for a list that is long, goes on
// without whoever began it.
func TestErasureGoesOn(t *testing.T) {
	for writes := 1; writes <= 3; writes++ {
		w, ctx := newWorld(t, plenty()), t.Context()
		ada := w.people.join("ada")
		users := []string{ada}
		for range 60 { // two batches
			other := w.people.join("grace")
			users = append(users, other)
			_, err := w.Ask(ctx, ada, other, anyVersion)
			ok(t, err)
		}
		ok(t, w.settle(ctx, ada))
		w.people.leave(ada)
		err := w.registry(&cutter{Container: w.store, left: writes, after: true}, plenty()).Forget(ctx, ada)
		if !errors.Is(err, errCut) {
			t.Fatalf("cut after write %d: %v", writes, err)
		}
		ok(t, w.settle(ctx, ada))
		w.returns(ada, "ada")
		if all, _, err := w.List(ctx, ada, "", "", 100); err != nil || len(all) > 0 {
			t.Errorf("cut after write %d: Ada has %d, %v", writes, len(all), err)
		}
		for _, other := range users[1:] {
			w.wantStates(t, ada, other, friendship.None, friendship.None)
		}
		_, err = w.Ask(ctx, ada, users[1], anyVersion)
		ok(t, err)
	}
}
