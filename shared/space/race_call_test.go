package space_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"

	"switchboard/shared/problem"
	"switchboard/shared/space"
	"switchboard/shared/testbed"
)

// atOnce does something n times at once, by four instances, and gives the errors.
func (w *world) atOnce(n int, do func(by *space.Registry, i int) error) []error {
	var instances [4]*space.Registry
	for i := range instances {
		instances[i] = w.registry(w.store, w.clock.Now)
	}
	failed := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { failed[i] = do(instances[i%len(instances)], i) })
	}
	all.Wait()
	return failed
}

// crowded is an open club with an owner and so many members.
func (w *world) crowded(t testing.TB, n int) (id, owner string, members []string) {
	t.Helper()
	owner = w.people.join("owner")
	id = w.opened(t, owner, space.Open)
	for i := range n {
		members = append(members, w.people.join(fmt.Sprint("member ", i)))
	}
	ok(t, testbed.Crowd(t.Context(), w.store, id, w.clock.Now(), members...))
	ok(t, testbed.Places(t.Context(), w.store, id, w.clock.Now(), members...))
	return id, owner, members
}

// told is the call that a starter comes to know: the one begun, or the one that is live.
func told(c space.Call, err error) (string, error) {
	var p *problem.Error
	if errors.As(err, &p) && p.GroupID != "" {
		return p.GroupID, nil
	}
	return c.ID, err
}

// TestStartersRace: whether they share a call of their own or start one, all end in one.
func TestStartersRace(t *testing.T) {
	t.Parallel()
	const starters = 200
	w, ctx := newWorld(t), t.Context()
	id, owner, members := w.crowded(t, starters)
	past := map[string]bool{}
	for range 3 { // the later calls race over the remains of the one before
		ids, begun := make([]string, starters), make([]bool, starters)
		for i, err := range w.atOnce(starters, func(by *space.Registry, i int) (err error) {
			var c space.Call
			if i%2 == 0 {
				c, begun[i], err = by.Share(ctx, members[i], id, uuid.NewString(), anyVersion)
			} else {
				c, begun[i], err = by.Start(ctx, members[i], id, "")
			}
			ids[i], err = told(c, err)
			return err
		}) {
			if err != nil {
				t.Errorf("starter %d: %v", i, err)
			}
		}
		first := 0
		for i := range ids {
			if ids[i] != ids[0] {
				t.Fatalf("starter %d is in %s, the first in %s", i, ids[i], ids[0])
			}
			if begun[i] {
				first++
			}
		}
		if first != 1 || past[ids[0]] {
			t.Errorf("%d have begun the call %s, which was over before: %v", first, ids[0], past[ids[0]])
		}
		past[ids[0]] = true
		ok(t, w.End(ctx, owner, id, anyVersion))
		_, err := w.Ticket(ctx, members[0], id)
		refused(t, err, "call_not_live")
		_, _, err = w.Share(ctx, members[0], id, ids[0], anyVersion)
		refused(t, err, "group_id_used")
	}
}

// begin shares a call of the client's own, or starts one.
func begin(ctx context.Context, by *space.Registry, user, id string, own bool) (string, error) {
	if own {
		c, _, err := by.Share(ctx, user, id, uuid.NewString(), anyVersion)
		return told(c, err)
	}
	c, _, err := by.Start(ctx, user, id, "")
	return told(c, err)
}

// TestEndsRaceStarts: calls are begun, joined and ended at once; one that was over never
// comes back.
func TestEndsRaceStarts(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	id, owner, members := w.crowded(t, 40)
	var mu sync.Mutex
	over := map[string]bool{}
	before := func() map[string]bool {
		mu.Lock()
		defer mu.Unlock()
		known := map[string]bool{}
		for call := range over {
			known[call] = true
		}
		return known
	}
	for _, err := range w.atOnce(160, func(by *space.Registry, i int) error {
		was := before()
		switch i % 4 {
		case 0: // the call that is live now
			c, err := by.Current(ctx, owner, id)
			if err != nil {
				return err
			}
			err = by.End(ctx, owner, id, func(version string) error {
				if version != c.ID {
					return problem.New(problem.Stale, "version_stale", "Another.")
				}
				return nil
			})
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				over[c.ID] = true
			}
			return err
		case 1:
			ticket, err := by.Ticket(ctx, members[i%len(members)], id)
			if was[roomOf(ticket)] {
				t.Errorf("a ticket for %s, which was over", roomOf(ticket))
			}
			return err
		}
		call, err := begin(ctx, by, members[i%len(members)], id, i%2 == 0)
		if was[call] {
			t.Errorf("%s is on again", call)
		}
		return err
	}) {
		if !expected(err) && !problem.Is(err, problem.Stale) && !problem.Is(err, problem.Unavailable) {
			t.Error(err)
		}
	}
	ok(t, w.settle(ctx, "s:"+id))
	if c, err := w.Current(ctx, owner, id); err == nil && (over[c.ID] || w.media.hasEnded(c.ID)) {
		t.Error("the live call was ended")
	}
	for call := range over {
		if !w.media.hasEnded(call) {
			t.Errorf("the provider never heard of the end of %s", call)
		}
	}
}
