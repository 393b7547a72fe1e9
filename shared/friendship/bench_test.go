package friendship_test

import (
	"fmt"
	"testing"

	"switchboard/shared/friendship"
)

// BenchmarkList reads a page of 50 of lists of several lengths: one query each, and
// the requests do not grow with the list. (The local store looks at every document
// of a partition; Cosmos DB has an index.)
func BenchmarkList(b *testing.B) {
	for _, length := range []int{50, 500, 5000} {
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			limits := plenty()
			limits.Friends, limits.Pending, limits.PerMin[friendship.Ask] = length, length, length
			w := newWorld(b, limits)
			ada := w.people.join("ada")
			for i := range length {
				if _, err := w.Ask(b.Context(), ada, w.people.join(fmt.Sprintf("friend %04d", i)), anyVersion); err != nil {
					b.Fatal(err)
				}
			}
			w.forgetNews(b, ada)
			for b.Loop() {
				page, _, err := w.List(b.Context(), ada, friendship.Requested, "", 50)
				if err != nil || len(page) != 50 {
					b.Fatal(len(page), err)
				}
			}
		})
	}
}

// forgetNews empties a user's outbox, as it is when everybody has heard.
func (w *world) forgetNews(b *testing.B, user string) {
	for {
		waiting, err := w.entries(b.Context(), user)
		ok(b, err)
		if len(waiting) == 0 {
			return
		}
		for _, e := range waiting {
			ok(b, w.store.Delete(b.Context(), e))
		}
	}
}
