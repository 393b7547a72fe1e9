package localcosmos_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"
	"pgregory.net/rapid"

	"switchboard/shared/localcosmos"
)

// model is what a container with the unique key /u should hold, by id, and the
// ids in the order of their last commits.
type model struct {
	items map[string]int
	feed  []string
}

// do applies one operation, or gives the status that refuses it.
func (m *model) do(kind, id string, u int) int32 {
	_, there := m.items[id]
	switch {
	case kind == "create" && there:
		return 409
	case (kind == "replace" || kind == "delete") && !there:
		return 404
	}
	m.feed = slices.DeleteFunc(m.feed, func(other string) bool { return other == id })
	if kind == "delete" {
		delete(m.items, id)
		return 0
	}
	for other, taken := range m.items {
		if other != id && taken == u {
			return 409
		}
	}
	m.items[id] = u
	m.feed = append(m.feed, id)
	return 0
}

func (m *model) clone() *model {
	return &model{maps.Clone(m.items), slices.Clone(m.feed)}
}

// TestModel runs random batches on a store that is opened again now and then:
// each is done as a whole or, with the status of its first refused operation,
// not at all; no two items ever have the same unique key; and the change feed
// has every item once, in the order of commits.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), "store.db")
		store, c := reopen(t, path, nil)
		defer func() { ok(t, store.Close()) }()
		now := &model{items: map[string]int{}}
		for range rapid.IntRange(1, 25).Draw(rt, "batches") {
			next, want := now.clone(), int32(0)
			batch := c.NewTransactionalBatch(pk("a"))
			for range rapid.IntRange(1, 6).Draw(rt, "operations") {
				kind := rapid.SampledFrom([]string{"upsert", "create", "replace", "delete", "upsert"}).Draw(rt, "kind")
				id, u := rapid.StringMatching("[a-d]").Draw(rt, "id"), rapid.IntRange(0, 2).Draw(rt, "u")
				add(&batch, kind, id, u)
				if want == 0 {
					want = next.do(kind, id, u)
				}
			}
			answer := besideOthers(t, c, batch)
			if want == 0 {
				now = next
			}
			if got := refusal(answer); got != want {
				rt.Fatalf("the batch was refused with %d, want %d", got, want)
			}
			if rapid.Bool().Draw(rt, "reopen") {
				store, c = reopen(t, path, store)
			}
			now.check(rt, t, store, c)
		}
	})
}

// besideOthers runs a batch while others write, so that it shares their commit:
// one that is refused has to undo its own part only.
func besideOthers(t *testing.T, c *azcosmos.ContainerClient, batch azcosmos.TransactionalBatch) azcosmos.TransactionalBatchResponse {
	var others sync.WaitGroup
	for i := range 4 {
		others.Go(func() {
			_, err := c.UpsertItem(t.Context(), pk("b"), fmt.Appendf(nil, `{"id":"other%d","pk":"b","u":%d}`, i, i), nil)
			if err != nil {
				t.Error(err)
			}
		})
	}
	answer, err := c.ExecuteTransactionalBatch(t.Context(), batch, nil)
	ok(t, err)
	others.Wait()
	return answer
}

func reopen(t *testing.T, path string, old *localcosmos.Store) (*localcosmos.Store, *azcosmos.ContainerClient) {
	if old != nil {
		ok(t, old.Close())
	}
	store, err := localcosmos.Open(localcosmos.Options{Path: path})
	ok(t, err)
	client := connect(t, "http://cosmos.local", store.Key(), store)
	if old == nil {
		return store, container(t, client, azcosmos.ContainerProperties{UniqueKeyPolicy: &azcosmos.UniqueKeyPolicy{
			UniqueKeys: []azcosmos.UniqueKey{{Paths: []string{"/u"}}}}})
	}
	c, err := client.NewContainer("app", "main")
	ok(t, err)
	return store, c
}

func add(batch *azcosmos.TransactionalBatch, kind, id string, u int) {
	item := fmt.Appendf(nil, `{"id":%q,"pk":"a","u":%d}`, id, u)
	switch kind {
	case "create":
		batch.CreateItem(item, nil)
	case "upsert":
		batch.UpsertItem(item, nil)
	case "replace":
		batch.ReplaceItem(id, item, nil)
	case "delete":
		batch.DeleteItem(id, nil)
	}
}

// refusal is the status of the operation that undid a batch, or 0.
func refusal(answer azcosmos.TransactionalBatchResponse) int32 {
	for _, result := range answer.OperationResults {
		if result.StatusCode >= 400 && result.StatusCode != 424 {
			return result.StatusCode
		}
	}
	return 0
}

func (m *model) check(rt *rapid.T, t *testing.T, store *localcosmos.Store, c *azcosmos.ContainerClient) {
	var want []string
	for _, id := range slices.Sorted(maps.Keys(m.items)) {
		want = append(want, fmt.Sprintf(`{"id":%q,"u":%d}`, id, m.items[id]))
	}
	if got := rows(t, c, pk("a"), "SELECT c.id, c.u FROM c", nil); !slices.Equal(got, want) {
		rt.Fatalf("the container holds %v, want %v", got, want)
	}
	changes, _ := feed(t, store, `["a"]`, "")
	if got := ids(changes); got != strings.Join(m.feed, " ") {
		rt.Fatalf("the change feed has %s, want %v", got, m.feed)
	}
}
