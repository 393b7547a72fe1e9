package localcosmos_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	"switchboard/shared/localcosmos"
)

const (
	docs = "dbs/app/colls/main/docs"
	// everyKey is the header for operations that concern no single partition.
	everyKey = ""
)

// feedItem is what these tests look at in a change.
type feedItem struct {
	ID  string
	N   int
	LSN int `json:"_lsn"`
}

// feed reads one page of the change feed: its items and the etag to go on from.
func feed(t testing.TB, store *localcosmos.Store, key, etag string, headers ...string) ([]feedItem, string) {
	t.Helper()
	headers = append([]string{"A-IM", "Incremental feed", "x-ms-documentdb-partitionkey", key, "If-None-Match", etag}, headers...)
	response := send(t, store, "GET", docs, "", headers...)
	body := bodyOf(t, response)
	next := response.Header.Get("etag")
	if response.StatusCode == http.StatusNotModified && body == "" && next != "" {
		return nil, next
	}
	var page struct {
		Documents []feedItem
		Count     int `json:"_count"`
	}
	ok(t, json.Unmarshal([]byte(body), &page))
	if response.StatusCode != http.StatusOK || len(page.Documents) == 0 || page.Count != len(page.Documents) || next == "" {
		t.Fatalf("%d, etag %q: %s", response.StatusCode, next, body)
	}
	return page.Documents, next
}

func ids(items []feedItem) string {
	var list []string
	for _, item := range items {
		list = append(list, item.ID)
	}
	return strings.Join(list, " ")
}

// feedStore is a store with an empty container.
func feedStore(t testing.TB, options localcosmos.Options) (*localcosmos.Store, *azcosmos.ContainerClient) {
	store := open(t, options)
	ttl := int32(-1)
	return store, container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{DefaultTimeToLive: &ttl})
}

// "Change feed modes", latest version mode: the newest version of each item in
// the order of changes; intermediate versions and deletes do not appear.
func TestChangeFeedLatestVersion(t *testing.T) {
	store, c := feedStore(t, localcosmos.Options{})
	create(t, c, "a", `{"id":"x","pk":"a","n":1}`)
	create(t, c, "a", `{"id":"gone","pk":"a"}`)
	create(t, c, "b", `{"id":"z","pk":"b"}`)
	_, err := c.UpsertItem(t.Context(), pk("a"), []byte(`{"id":"x","pk":"a","n":2}`), nil)
	ok(t, err)
	_, err = c.DeleteItem(t.Context(), pk("a"), "gone", nil)
	ok(t, err)

	all, etag := feed(t, store, everyKey, "")
	if ids(all) != "z x" || all[1].N != 2 || all[0].LSN >= all[1].LSN {
		t.Errorf("the whole container: %+v", all)
	}
	if again, same := feed(t, store, everyKey, etag); again != nil || same != etag {
		t.Errorf("nothing changed since %s: %v, %s", etag, again, same)
	}
	one, _ := feed(t, store, `["b"]`, "")
	if ids(one) != "z" {
		t.Errorf("partition b: %+v", one)
	}
	create(t, c, "b", `{"id":"new","pk":"b"}`)
	if later, _ := feed(t, store, everyKey, etag); ids(later) != "new" {
		t.Errorf("after %s: %+v", etag, later)
	}
	if other, _ := feed(t, store, `["a"]`, etag); other != nil {
		t.Errorf("partition a did not change: %+v", other)
	}
}

// "Service quotas": an answer has up to 4 MB, so a page may be short.
func TestChangeFeedLargePages(t *testing.T) {
	store, c := feedStore(t, localcosmos.Options{})
	for i := range 5 {
		create(t, c, "a", fmt.Sprintf(`{"id":"%d","pk":"a","d":"%s"}`, i, strings.Repeat("x", 3<<19)))
	}
	first, etag := feed(t, store, everyKey, "")
	second, etag := feed(t, store, everyKey, etag)
	third, _ := feed(t, store, everyKey, etag)
	if ids(first) != "0 1" || ids(second) != "2 3" || ids(third) != "4" {
		t.Errorf("pages %q, %q, %q", ids(first), ids(second), ids(third))
	}
}

// The feed of a container is not another's, though both are as old, nor is a
// continuation.
func TestContainersApart(t *testing.T) {
	store := open(t, localcosmos.Options{})
	client, continuation := connect(t, "http://cosmos.local", store.Key(), store), ""
	for n, name := range []string{"main", "other"} {
		c := container(t, client, azcosmos.ContainerProperties{ID: name})
		create(t, c, "a", fmt.Sprintf(`{"id":"%d","pk":"a"}`, 2*n))
		create(t, c, "a", fmt.Sprintf(`{"id":"%d","pk":"a"}`, 2*n+1))
		path := "dbs/app/colls/" + name + "/docs"
		changes := bodyOf(t, send(t, store, "GET", path, "", "A-IM", "Incremental feed"))
		if want := fmt.Sprintf(`"id":"%d"`, 2*n+1); !strings.Contains(changes, want) {
			t.Errorf("no %s in the feed of %s: %s", want, name, changes)
		}
		// What is kept of parsed items is the container's too.
		if got := rows(t, c, pk("a"), "SELECT VALUE c.id FROM c", nil); got[1] != fmt.Sprintf(`"%d"`, 2*n+1) {
			t.Errorf("%s holds %v", name, got)
		}
		page := send(t, store, "GET", path, "", "x-ms-max-item-count", "1", "x-ms-continuation", continuation)
		if want := map[int]int{0: 200, 1: 400}[n]; page.StatusCode != want {
			t.Errorf("%s: %d", name, page.StatusCode)
		}
		continuation = page.Header.Get("x-ms-continuation")
	}
}

// "List documents": If-None-Match * gives what changes from now on.
func TestChangeFeedFromNow(t *testing.T) {
	store, c := feedStore(t, localcosmos.Options{})
	create(t, c, "a", `{"id":"before","pk":"a"}`)
	none, etag := feed(t, store, everyKey, "*")
	if none != nil {
		t.Errorf("changes before now: %+v", none)
	}
	create(t, c, "a", `{"id":"after","pk":"a"}`)
	if items, _ := feed(t, store, everyKey, etag); ids(items) != "after" {
		t.Errorf("after now: %+v", items)
	}
}

// "List documents": pages of x-ms-max-item-count, each going on from the etag of
// the one before, also while items move to the end of the feed.
func TestChangeFeedPages(t *testing.T) {
	store, c := feedStore(t, localcosmos.Options{})
	for n := range 5 {
		create(t, c, "a", fmt.Sprintf(`{"id":"%d","pk":"a"}`, n))
	}
	var pages []string
	for etag, n := "", 0; ; n++ {
		items, next := feed(t, store, everyKey, etag, "x-ms-max-item-count", "2")
		if items == nil {
			break
		}
		pages = append(pages, ids(items))
		if etag = next; n == 0 {
			_, err := c.UpsertItem(t.Context(), pk("a"), []byte(`{"id":"2","pk":"a","n":1}`), nil)
			ok(t, err)
		}
	}
	if want := []string{"0 1", "3 4", "2"}; !slices.Equal(pages, want) {
		t.Errorf("pages %q, want %q", pages, want)
	}
}

// "Azure Cosmos DB trigger", maxItemsPerInvocation: the scope of a transaction
// is preserved, so a page may hold more items than it was asked for. _lsn is the
// transaction's ("Change feed modes").
func TestChangeFeedKeepsBatchesTogether(t *testing.T) {
	store, c := feedStore(t, localcosmos.Options{})
	batch := c.NewTransactionalBatch(pk("a"))
	for _, id := range []string{"1", "2", "3"} {
		batch.CreateItem([]byte(`{"id":"`+id+`","pk":"a"}`), nil)
	}
	result, err := c.ExecuteTransactionalBatch(t.Context(), batch, nil)
	ok(t, err)
	if !result.Success {
		t.Fatalf("batch: %+v", result)
	}
	create(t, c, "a", `{"id":"4","pk":"a"}`)

	items, etag := feed(t, store, everyKey, "", "x-ms-max-item-count", "1")
	if ids(items) != "1 2 3" || items[0].LSN != items[2].LSN {
		t.Errorf("the batch: %+v", items)
	}
	rest, _ := feed(t, store, everyKey, etag, "x-ms-max-item-count", "1")
	if ids(rest) != "4" || rest[0].LSN != items[0].LSN+1 {
		t.Errorf("after the batch: %+v", rest)
	}
}

// "Common request headers": If-Modified-Since gives what changed after that
// second, and is ignored beside If-None-Match. "Time to live": what has expired
// is not there.
func TestChangeFeedByTime(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	store, c := feedStore(t, localcosmos.Options{Now: func() time.Time { return now }})
	create(t, c, "a", `{"id":"old","pk":"a"}`)
	start := now.Format(http.TimeFormat)
	_, first := feed(t, store, everyKey, "")
	now = now.Add(time.Second)
	create(t, c, "a", `{"id":"brief","pk":"a","ttl":5}`)
	create(t, c, "a", `{"id":"new","pk":"a"}`)

	if items, _ := feed(t, store, everyKey, "", "If-Modified-Since", start); ids(items) != "brief new" {
		t.Errorf("since %s: %+v", start, items)
	}
	late := now.Add(time.Hour).Format(http.TimeFormat)
	if items, _ := feed(t, store, everyKey, first, "If-Modified-Since", late); ids(items) != "brief new" {
		t.Errorf("If-None-Match comes before If-Modified-Since: %+v", items)
	}
	now = now.Add(5 * time.Second)
	if items, _ := feed(t, store, everyKey, ""); ids(items) != "old new" {
		t.Errorf("after one expired: %+v", items)
	}
}

// Positions that are none of this feed's are refused: to go on from them would
// lose changes.
func TestChangeFeedRefusals(t *testing.T) {
	store, _ := feedStore(t, localcosmos.Options{})
	for _, headers := range [][]string{
		{"If-None-Match", `"9"`}, {"If-None-Match", `"x"`}, {"If-Modified-Since", "yesterday"}, {"x-ms-max-item-count", "0"},
	} {
		response := send(t, store, "GET", docs, "", append(headers, "A-IM", "Incremental feed")...)
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %d", headers, response.StatusCode)
		}
	}
	response := send(t, store, "GET", "dbs/app/colls/none/docs", "", "A-IM", "Incremental feed")
	if response.StatusCode != http.StatusNotFound || response.Header.Get("x-ms-substatus") != "1003" {
		t.Errorf("a container that is not there: %d/%s", response.StatusCode, response.Header.Get("x-ms-substatus"))
	}
}

// An aggregate that is undefined is no result, and is not counted as one.
func TestUndefinedResult(t *testing.T) {
	store, _ := feedStore(t, localcosmos.Options{})
	response := send(t, store, "POST", docs, `{"query":"SELECT VALUE MAX(c.n) FROM c"}`, "x-ms-documentdb-query", "True")
	if body := bodyOf(t, response); !strings.Contains(body, `"Documents":[],"_count":0`) {
		t.Error(body)
	}
}

// "List documents" without A-IM: every item, in pages that x-ms-continuation
// joins.
func TestListItems(t *testing.T) {
	store, c := feedStore(t, localcosmos.Options{})
	for _, key := range []string{"a", "b", "a", "b", "a"} {
		create(t, c, key, fmt.Sprintf(`{"id":"%d","pk":%q}`, len(listed(t, store, everyKey)), key))
	}
	if all := listed(t, store, everyKey); len(all) != 5 {
		t.Errorf("all items: %q", all)
	}
	if one := listed(t, store, `["b"]`); !slices.Equal(one, []string{"1", "3"}) {
		t.Errorf("partition b: %q", one)
	}
}

func listed(t testing.TB, store *localcosmos.Store, key string) (list []string) {
	t.Helper()
	for continuation := ""; ; {
		response := send(t, store, "GET", docs, "", "x-ms-documentdb-partitionkey", key,
			"x-ms-max-item-count", "2", "x-ms-continuation", continuation)
		var page struct{ Documents []feedItem }
		ok(t, json.NewDecoder(response.Body).Decode(&page))
		if len(page.Documents) > 2 {
			t.Errorf("a page of %d", len(page.Documents))
		}
		for _, item := range page.Documents {
			list = append(list, item.ID)
		}
		if continuation = response.Header.Get("x-ms-continuation"); continuation == "" {
			return list
		}
	}
}

// "Get partition key ranges": one range from "" to "FF", which reads of the feed
// may name. Another one is gone (410/1002, PartitionKeyRangeGone in the SDKs).
func TestPartitionKeyRanges(t *testing.T) {
	store, c := feedStore(t, localcosmos.Options{})
	create(t, c, "a", `{"id":"x","pk":"a"}`)
	response := send(t, store, "GET", "dbs/app/colls/main/pkranges", "")
	var body struct {
		RID                string `json:"_rid"`
		PartitionKeyRanges []struct{ ID, MinInclusive, MaxExclusive string }
	}
	ok(t, json.NewDecoder(response.Body).Decode(&body))
	if len(body.PartitionKeyRanges) != 1 || body.PartitionKeyRanges[0].MinInclusive != "" || body.PartitionKeyRanges[0].MaxExclusive != "FF" {
		t.Fatalf("ranges: %+v", body)
	}
	again := send(t, store, "GET", "dbs/app/colls/main/pkranges", "", "If-None-Match", response.Header.Get("etag"))
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("the same ranges again: %d", again.StatusCode)
	}
	id := body.PartitionKeyRanges[0].ID
	for _, name := range []string{id, body.RID + "," + id} {
		if items, _ := feed(t, store, everyKey, "", "x-ms-documentdb-partitionkeyrangeid", name); ids(items) != "x" {
			t.Errorf("range %s: %+v", name, items)
		}
	}
	gone := send(t, store, "GET", docs, "", "A-IM", "Incremental feed", "x-ms-documentdb-partitionkeyrangeid", "1")
	if gone.StatusCode != http.StatusGone || gone.Header.Get("x-ms-substatus") != "1002" {
		t.Errorf("range 1: %d/%s", gone.StatusCode, gone.Header.Get("x-ms-substatus"))
	}
}
