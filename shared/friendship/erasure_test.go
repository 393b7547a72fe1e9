package friendship_test

import (
	"testing"

	"switchboard/shared/friendship"
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
