package friendship_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/shared/friendship"
	"switchboard/shared/storage"
)

// edge is the stored form of a friend, for lists that are too long to be made by asking.
type edge struct {
	storage.Head
	Other  string          `json:"other"`
	Mine   json.RawMessage `json:"mine"`
	Theirs json.RawMessage `json:"theirs"`
	State  string          `json:"state"`
	Since  time.Time       `json:"since"`
	Card   json.RawMessage `json:"card"`
	Order  string          `json:"order"`
}

// popular gives a new user n friends, named by number.
func (w *world) popular(t testing.TB, n int) string {
	t.Helper()
	user := w.people.join("ada")
	ok(t, w.Allow(t.Context(), user, friendship.Search)) // makes the head
	wish := json.RawMessage(`{"wish":"want","at":1000}`)
	for i := 0; i < n; i += storage.MaxBatch {
		var b storage.Batch
		for j := i; j < min(i+storage.MaxBatch, n); j++ {
			other, name := fmt.Sprintf("usr_%052d", j), fmt.Sprintf("friend %04d", j)
			b.Put(&edge{
				Head:  storage.Head{PK: "u:" + user, ID: "friend:" + other, Type: "friend"},
				Other: other, Mine: wish, Theirs: wish, State: "friend", Since: time.Now(),
				Card: json.RawMessage(fmt.Sprintf(`{"name":%q,"at":1}`, name)), Order: "friend|" + name + "|" + other,
			})
		}
		ok(t, w.store.Write(t.Context(), b))
	}
	return user
}

// counting is a store that counts the requests made of it.
type counting struct {
	*storage.Container
	queries, others int
}

func (c *counting) Query(ctx context.Context, q storage.Query) (storage.Page, error) {
	c.queries++
	return c.Container.Query(ctx, q)
}

func (c *counting) Read(ctx context.Context, pk, id string, d storage.Document) error {
	c.others++
	return c.Container.Read(ctx, pk, id, d)
}

// Every page of a list of 5,000 costs one query, and together they have everybody once.
func TestALongList(t *testing.T) {
	n := 5000
	if raceDetector {
		n = 1000
	}
	w := newWorld(t, plenty())
	ada := w.popular(t, n)
	store := &counting{Container: w.store}
	r := w.registry(store, plenty())
	var names []string
	for after := ""; ; {
		page, next, err := r.List(t.Context(), ada, friendship.Friends, after, 100)
		ok(t, err)
		for _, f := range page {
			names = append(names, f.Card.Name)
		}
		if after = next; after == "" {
			break
		}
	}
	if len(names) != n || !slices.IsSorted(names) || names[n-1] != fmt.Sprintf("friend %04d", n-1) {
		t.Errorf("%d friends", len(names))
	}
	if store.queries != n/100 || store.others != 0 {
		t.Errorf("%d pages cost %d queries and %d other requests", n/100, store.queries, store.others)
	}
}

// Names may hold anything that a name may: what separates the parts of the order, and
// what follows it, too.
func TestOddNames(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada := w.people.join("ada")
	names := []string{"|", "}", "~zed", "a|b", "A}", "", `"quoted"`, "\\", "日本", "🦊", "İstanbul", "ﬀ", strings.Repeat("Ω", 256), strings.Repeat("🦊", 256), "bob", "Bob", "friend|x", "zoë"}
	for _, name := range names {
		_, err := w.Ask(ctx, ada, w.people.join(name), anyVersion)
		ok(t, err)
	}
	for _, state := range []friendship.State{"", friendship.Requested} {
		seen := map[string]int{}
		var order []string
		for after := ""; ; {
			page, next, err := w.List(ctx, ada, state, after, 1)
			ok(t, err)
			for _, f := range page {
				seen[f.UserID]++
				order = append(order, f.Card.Name)
			}
			if after = next; after == "" {
				break
			}
		}
		if len(order) != len(names) || len(seen) != len(names) {
			t.Errorf("%q: %d of %d: %q", state, len(order), len(names), order)
		}
		if i := slices.IndexFunc(order, func(name string) bool { return strings.EqualFold(name, "bob") }); !strings.EqualFold(order[i+1], "bob") {
			t.Errorf("the case of names counts: %q", order)
		}
		for _, other := range []friendship.State{friendship.Friends, friendship.Invited, friendship.Blocked} {
			if page, _, err := w.List(ctx, ada, other, "", 100); err != nil || len(page) > 0 {
				t.Errorf("%q has %d, %v", other, len(page), err)
			}
		}
	}
}

// An edge on which nothing is left goes by itself; one that hides somebody stays.
func TestWhatIsKept(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada, grace := w.people.join("ada"), w.people.join("grace")
	expires := func(user, other string, want bool) {
		t.Helper()
		if got := strings.Contains(w.raw(t, user, other), `"ttl":`); got != want {
			t.Errorf("expires: %v, want %v", got, want)
		}
	}
	w.befriend(t, ada, grace)
	expires(ada, grace, false)
	ok(t, w.End(ctx, ada, grace, anyVersion))
	ok(t, w.settle(ctx, ada, grace))
	expires(ada, grace, true)
	expires(grace, ada, true)
	_, err := w.Block(ctx, ada, grace, anyVersion)
	ok(t, err)
	ok(t, w.settle(ctx, ada, grace))
	expires(ada, grace, false)
	expires(grace, ada, false)
}
