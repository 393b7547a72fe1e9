package friendship_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchboard/shared/friendship"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) wantStates(t testing.TB, ada, grace string, wantAda, wantGrace friendship.State) {
	t.Helper()
	a, err := w.state(t.Context(), ada, grace)
	ok(t, err)
	g, err := w.state(t.Context(), grace, ada)
	ok(t, err)
	if a != wantAda || g != wantGrace {
		t.Errorf("for Ada it is %q, for Grace %q; want %q and %q", a, g, wantAda, wantGrace)
	}
}

func (w *world) befriend(t testing.TB, a, b string) {
	t.Helper()
	_, err := w.Ask(t.Context(), a, b, anyVersion)
	ok(t, err)
	ok(t, w.settle(t.Context(), a, b))
	_, err = w.Ask(t.Context(), b, a, anyVersion)
	ok(t, err)
	ok(t, w.settle(t.Context(), a, b))
	w.wantStates(t, a, b, friendship.Friends, friendship.Friends)
}

// pair is what the states of two users should be, by the rules as people know
// them: one wish each, and an answer ends what was asked.
type pair struct{ wants, blocks [2]bool }

func (p *pair) state(i int) friendship.State {
	switch {
	case p.blocks[i]:
		return friendship.Blocked
	case p.blocks[1-i]:
		return friendship.None
	case p.wants[0] && p.wants[1]:
		return friendship.Friends
	case p.wants[i]:
		return friendship.Requested
	case p.wants[1-i]:
		return friendship.Invited
	}
	return friendship.None
}

// do returns the kind of refusal, or -1.
func (p *pair) do(i int, act string) problem.Kind {
	switch hidden := p.blocks[1-i] && !p.blocks[i]; act {
	case "ask":
		if p.blocks[i] {
			return problem.Conflict
		}
		if hidden {
			return problem.NotFound
		}
		p.wants[i] = true
	case "end":
		if !p.blocks[i] {
			p.wants = [2]bool{}
		}
	case "block":
		if hidden {
			return problem.NotFound
		}
		p.blocks[i], p.wants = true, [2]bool{}
	case "unblock":
		p.blocks[i] = false
	}
	return -1
}

// TestRules: as long as news arrive before anything else happens, the states are
// those that the rules say.
func TestRules(t *testing.T) {
	w := newWorld(t, plenty())
	rapid.Check(t, func(rt *rapid.T) {
		users := [2]string{w.people.join("ada"), w.people.join("grace")}
		var want pair
		for range rapid.IntRange(1, 12).Draw(rt, "acts") {
			i := rapid.IntRange(0, 1).Draw(rt, "who")
			act := rapid.SampledFrom([]string{"ask", "ask", "end", "block", "unblock"}).Draw(rt, "act")
			refusal := want.do(i, act)
			var err error
			switch act {
			case "ask":
				_, err = w.Ask(t.Context(), users[i], users[1-i], anyVersion)
			case "end":
				err = w.End(t.Context(), users[i], users[1-i], anyVersion)
			case "block":
				_, err = w.Block(t.Context(), users[i], users[1-i], anyVersion)
			case "unblock":
				err = w.Unblock(t.Context(), users[i], users[1-i], anyVersion)
			}
			if (err != nil || refusal >= 0) && !problem.Is(err, refusal) {
				rt.Fatalf("%s: %v, want a refusal of kind %v", act, err, refusal)
			}
			ok(t, w.settle(t.Context(), users[:]...))
			for k := range users {
				got, err := w.state(t.Context(), users[k], users[1-k])
				if err != nil || got != want.state(k) {
					rt.Fatalf("user %d: %q, %v; want %q", k, got, err, want.state(k))
				}
			}
		}
	})
}

// between is a store that lets something happen between two of its reads.
type between struct {
	*storage.Container
	reads  int // to go
	happen func()
}

func (b *between) Read(ctx context.Context, pk, id string, d storage.Document) error {
	err := b.Container.Read(ctx, pk, id, d)
	if b.reads--; b.reads == 0 {
		b.happen()
	}
	return err
}

// News are delivered while what they tell of changes, and the news of that are done
// first: the older stance must not come back.
func TestNewsOvertaken(t *testing.T) {
	for reads := 1; reads <= 3; reads++ {
		w, ctx := newWorld(t, plenty()), t.Context()
		ada, grace := w.people.join("ada"), w.people.join("grace")
		_, err := w.Ask(ctx, ada, grace, anyVersion)
		ok(t, err)
		ok(t, w.settle(ctx, ada, grace))
		ok(t, w.End(ctx, ada, grace, anyVersion))
		told, err := w.entries(ctx, ada)
		ok(t, err)
		slow := w.registry(&between{Container: w.store, reads: reads, happen: func() {
			_, err := w.Ask(ctx, ada, grace, anyVersion)
			ok(t, err)
			ok(t, w.settle(ctx, ada, grace))
		}}, plenty())
		ok(t, deliver(ctx, slow, told[0]))
		w.wantStates(t, ada, grace, friendship.Requested, friendship.Invited)
	}
}

// The same for the answer, which the other side gives meanwhile.
func TestAnswerOvertaken(t *testing.T) {
	for reads := 1; reads <= 4; reads++ {
		w, ctx := newWorld(t, plenty()), t.Context()
		ada, grace := w.people.join("ada"), w.people.join("grace")
		_, err := w.Ask(ctx, ada, grace, anyVersion)
		ok(t, err)
		told, err := w.entries(ctx, ada)
		ok(t, err)
		ok(t, w.settle(ctx, ada, grace))
		_, err = w.Ask(ctx, grace, ada, anyVersion)
		ok(t, err)
		slow := w.registry(&between{Container: w.store, reads: reads, happen: func() {
			ok(t, w.End(ctx, grace, ada, anyVersion))
			ok(t, w.settle(ctx, ada, grace))
		}}, plenty())
		ok(t, deliver(ctx, slow, told[0]))
		w.wantStates(t, ada, grace, friendship.None, friendship.None)
	}
}

// leaves has a user erased, without anybody being told yet.
func (w *world) leaves(t testing.TB, user string) {
	t.Helper()
	w.people.leave(user)
	ok(t, w.Forget(t.Context(), user))
	w.left = time.Now()
}

func (w *world) returns(user, name string) {
	time.Sleep(2 * time.Millisecond)
	w.people.set(user, name, w.left)
}

// A user who was erased and comes back begins anew, also toward friends who have
// not heard of it.
func TestComingBack(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada, grace := w.people.join("ada"), w.people.join("grace")
	_, err := w.Ask(ctx, ada, grace, anyVersion)
	ok(t, err)
	ok(t, w.settle(ctx, ada, grace))
	_, err = w.Ask(ctx, grace, ada, anyVersion)
	ok(t, err)
	ok(t, w.settle(ctx, ada, grace))
	w.wantStates(t, ada, grace, friendship.Friends, friendship.Friends)

	time.Sleep(2 * time.Millisecond)
	w.leaves(t, ada)
	w.returns(ada, "ada")
	w.wantStates(t, ada, grace, friendship.None, friendship.Friends) // Grace has not heard
	asked, err := w.Ask(ctx, ada, grace, anyVersion)
	ok(t, err)
	if asked.State != friendship.Requested {
		t.Errorf("Ada's request is %q at once", asked.State)
	}
	news, err := w.entries(ctx, ada)
	ok(t, err)
	for _, e := range news {
		if e.Kind == "friend.sync" { // overtakes the news of her leaving
			ok(t, deliver(ctx, w.Registry, e))
			ok(t, w.store.Delete(ctx, e))
		}
	}
	w.wantStates(t, ada, grace, friendship.Requested, friendship.Invited)
	ok(t, w.settle(ctx, ada, grace))
	w.wantStates(t, ada, grace, friendship.Requested, friendship.Invited)
}

// What the other wanted since the user came back is not lost with the old edge.
func TestAskedAgainBeforeTheNewsOfLeaving(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada, grace := w.people.join("ada"), w.people.join("grace")
	_, err := w.Ask(ctx, ada, grace, anyVersion)
	ok(t, err)
	ok(t, w.settle(ctx, ada, grace))
	w.leaves(t, ada)
	left, err := w.entries(ctx, ada)
	ok(t, err)
	w.returns(ada, "ada")
	ok(t, w.End(ctx, grace, ada, anyVersion))
	_, err = w.Ask(ctx, grace, ada, anyVersion)
	ok(t, err)
	fresh, err := w.entries(ctx, grace)
	ok(t, err)
	for _, e := range slices.Concat(left, fresh) {
		ok(t, deliver(ctx, w.Registry, e))
	}
	ok(t, w.settle(ctx, ada, grace))
	w.wantStates(t, ada, grace, friendship.Invited, friendship.Requested)
}

// News of a request arrive when whoever made it has been erased, and that is done.
func TestNewsOfSomebodyGone(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada, grace := w.people.join("ada"), w.people.join("grace")
	_, err := w.Ask(ctx, ada, grace, anyVersion)
	ok(t, err)
	told, err := w.entries(ctx, ada)
	ok(t, err)
	// The delivery has seen the request and is about to tell Grace.
	slow := w.registry(&between{Container: w.store, reads: 3, happen: func() {
		w.leaves(t, ada)
		ok(t, w.settle(ctx, ada, grace))
	}}, plenty())
	ok(t, deliver(ctx, slow, told[0]))
	ok(t, deliver(ctx, w.Registry, told[0])) // it was cut short, and comes again
	w.wantStates(t, ada, grace, friendship.None, friendship.None)
}

// Nothing is left of a user who was erased, on neither side, in no list or count.
func TestForget(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada := w.people.join("ada")
	users := []string{ada}
	for i := range 60 { // more than one batch
		other := w.people.join("grace")
		users = append(users, other)
		var err error
		switch i % 4 {
		case 0:
			_, err = w.Ask(ctx, ada, other, anyVersion)
		case 1:
			_, err = w.Ask(ctx, other, ada, anyVersion)
		case 2:
			_, err = w.Block(ctx, other, ada, anyVersion)
		case 3:
			_, err = w.Block(ctx, ada, other, anyVersion)
		}
		ok(t, err)
	}
	_, _, err := w.Invite(ctx, ada, 1, time.Hour, "")
	ok(t, err)
	ok(t, w.settle(ctx, users...))
	w.leaves(t, ada)
	w.leaves(t, ada) // again does nothing
	ok(t, w.settle(ctx, users...))
	for i, user := range users {
		page, err := w.store.Query(ctx, storage.Query{PK: "u:" + user, Text: "SELECT * FROM c WHERE c.type <> 'friends'"})
		ok(t, err)
		if len(page.Documents) > 0 {
			t.Errorf("user %d still has %s", i, page.Documents)
		}
		var head struct {
			storage.Head
			Friends, Requested int
		}
		if err := w.store.Read(ctx, "u:"+user, "friends", &head); err != nil || head.Friends+head.Requested != 0 || (head.TTL > 0) != (i == 0) {
			t.Errorf("user %d: %+v, %v", i, head, err)
		}
	}
}

// A handle finds nobody who has given it up, has blocked whoever looks, or does not want
// to be found by any but friends.
func TestFind(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada, grace := w.people.join("ada"), w.people.join("grace")
	find := func(handle string, want friendship.State) {
		t.Helper()
		f, err := w.Find(ctx, ada, handle, grace)
		if want == friendship.None && !problem.Is(err, problem.NotFound) || want != friendship.None && (err != nil || f.State != want) {
			t.Errorf("%+v, %v; want %q", f, err, want)
		}
	}
	discoverable := func(yes bool) { w.people.change(grace, func(p *friendship.Person) { p.Discoverable = yes }) }
	_, err := w.Ask(ctx, ada, grace, anyVersion)
	ok(t, err)
	find("grace", friendship.Requested)
	find("former", friendship.None)
	discoverable(false)
	find("grace", friendship.None)
	discoverable(true)
	w.befriend(t, ada, grace)
	discoverable(false)
	find("grace", friendship.Friends)
	find("former", friendship.None)
	discoverable(true)
	_, err = w.Block(ctx, grace, ada, anyVersion)
	ok(t, err)
	_, err = w.Block(ctx, ada, grace, anyVersion)
	ok(t, err)
	find("grace", friendship.Blocked)
	ok(t, w.settle(ctx, ada, grace))
	w.wantStates(t, ada, grace, friendship.Blocked, friendship.Blocked)
	find("grace", friendship.None)
}
