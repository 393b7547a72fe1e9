package localcosmos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"
	"github.com/google/go-cmp/cmp"

	"switchboard/shared/localcosmos"
)

// "Documents" (REST reference): what each operation answers.
func TestItemLifeCycle(t *testing.T) {
	eachMount(t, func(t *testing.T, client *azcosmos.Client) {
		c, ctx := container(t, client, azcosmos.ContainerProperties{}), t.Context()
		full := &azcosmos.ItemOptions{EnableContentResponseOnWrite: true}
		id := "übel 100% ☎+'\"&=?" // every rune that paths and headers might mangle

		created, err := c.CreateItem(ctx, pk("a"), fmt.Appendf(nil, `{"id":%q,"pk":"a","n":1,"_ts":5,"_etag":"mine"}`, id), full)
		ok(t, err)
		if created.RawResponse.StatusCode != http.StatusCreated {
			t.Errorf("create: %s", created.RawResponse.Status)
		}
		if member[string](t, created.Value, "_etag") != string(created.ETag) || member[int64](t, created.Value, "_ts") < 1e9 {
			t.Errorf("system properties of the client's were kept: %s", created.Value)
		}
		if n := strings.Count(string(created.Value), `"_etag":`); n != 1 {
			t.Errorf("_etag occurs %d times: %s", n, created.Value)
		}
		for _, name := range []string{"_rid", "_self", "_attachments"} {
			member[string](t, created.Value, name)
		}

		read, err := c.ReadItem(ctx, pk("a"), id, nil)
		ok(t, err)
		if diff := cmp.Diff(string(created.Value), string(read.Value)); diff != "" || read.ETag != created.ETag {
			t.Errorf("read differs from create: %s", diff)
		}

		replaced, err := c.ReplaceItem(ctx, pk("a"), id, fmt.Appendf(nil, `{"id":%q,"pk":"a","n":2}`, id), full)
		ok(t, err)
		if replaced.ETag == created.ETag || member[string](t, replaced.Value, "_rid") != member[string](t, created.Value, "_rid") {
			t.Error("a replace gives a new etag and keeps the _rid")
		}

		upserted, err := c.UpsertItem(ctx, pk("a"), fmt.Appendf(nil, `{"id":%q,"pk":"a","n":3}`, id), nil)
		ok(t, err)
		if upserted.RawResponse.StatusCode != http.StatusOK || len(upserted.Value) != 0 {
			t.Errorf("upsert of an item that exists: %s, and with return=minimal a body %q", upserted.RawResponse.Status, upserted.Value)
		}
		deleted, err := c.DeleteItem(ctx, pk("a"), id, nil)
		ok(t, err)
		if deleted.RawResponse.StatusCode != http.StatusNoContent {
			t.Errorf("delete: %s", deleted.RawResponse.Status)
		}
		_, err = c.ReadItem(ctx, pk("a"), id, nil)
		refused(t, err, http.StatusNotFound, "does not exist")
		_, err = c.DeleteItem(ctx, pk("a"), id, nil)
		refused(t, err, http.StatusNotFound, "does not exist")
		_, err = c.ReplaceItem(ctx, pk("a"), "none", []byte(`{"id":"none","pk":"a"}`), nil)
		refused(t, err, http.StatusNotFound, "does not exist")
		again, err := c.UpsertItem(ctx, pk("a"), fmt.Appendf(nil, `{"id":%q,"pk":"a"}`, id), nil)
		ok(t, err)
		if again.RawResponse.StatusCode != http.StatusCreated || again.ETag == created.ETag {
			t.Errorf("upsert of an item that is gone: %s, etag %s", again.RawResponse.Status, again.ETag)
		}
	})
}

// "Partitioning and horizontal scaling": id and partition key together
// identify an item.
func TestSameIDInTwoPartitions(t *testing.T) {
	c := items(t, azcosmos.ContainerProperties{})
	create(t, c, "a", `{"id":"x","pk":"a"}`)
	create(t, c, "b", `{"id":"x","pk":"b"}`)
	_, err := c.CreateItem(t.Context(), pk("a"), []byte(`{"id":"x","pk":"a"}`), nil)
	refused(t, err, http.StatusConflict, "already exists")
	if got := rows(t, c, pk("b"), "SELECT VALUE c.pk FROM c", nil); len(got) != 1 || got[0] != `"b"` {
		t.Errorf("partition b holds %v", got)
	}
}

// "Transactions and optimistic concurrency control": If-Match that is stale
// gives 412 and changes nothing.
func TestIfMatch(t *testing.T) {
	c, ctx := items(t, azcosmos.ContainerProperties{}), t.Context()
	first, err := c.CreateItem(ctx, pk("a"), []byte(`{"id":"x","pk":"a","n":1}`), nil)
	ok(t, err)
	second, err := c.ReplaceItem(ctx, pk("a"), "x", []byte(`{"id":"x","pk":"a","n":2}`), &azcosmos.ItemOptions{IfMatchEtag: &first.ETag})
	ok(t, err)
	stale := &azcosmos.ItemOptions{IfMatchEtag: &first.ETag}
	var patch azcosmos.PatchOperations
	patch.AppendSet("/n", 9)
	batch := c.NewTransactionalBatch(pk("a"))
	batch.ReplaceItem("x", []byte(`{"id":"x","pk":"a","n":9}`), &azcosmos.TransactionalBatchItemOptions{IfMatchETag: &first.ETag})

	_, err = c.ReplaceItem(ctx, pk("a"), "x", []byte(`{"id":"x","pk":"a","n":9}`), stale)
	refused(t, err, http.StatusPreconditionFailed, "pre-condition")
	_, err = c.UpsertItem(ctx, pk("a"), []byte(`{"id":"x","pk":"a","n":9}`), stale)
	refused(t, err, http.StatusPreconditionFailed, "pre-condition")
	_, err = c.PatchItem(ctx, pk("a"), "x", patch, stale)
	refused(t, err, http.StatusPreconditionFailed, "pre-condition")
	_, err = c.DeleteItem(ctx, pk("a"), "x", stale)
	refused(t, err, http.StatusPreconditionFailed, "pre-condition")
	result, err := c.ExecuteTransactionalBatch(ctx, batch, nil)
	ok(t, err)
	if result.Success || result.OperationResults[0].StatusCode != http.StatusPreconditionFailed {
		t.Errorf("batch: %+v", result.OperationResults)
	}
	read, err := c.ReadItem(ctx, pk("a"), "x", nil)
	ok(t, err)
	if read.ETag != second.ETag || member[int](t, read.Value, "n") != 2 {
		t.Errorf("a refused write left its mark: %s", read.Value)
	}
	_, err = c.DeleteItem(ctx, pk("a"), "x", &azcosmos.ItemOptions{IfMatchEtag: &second.ETag})
	ok(t, err)
	// A trap of the service's: an upsert heeds If-Match only where there is an
	// item (azure-cosmos-dotnet-v3 issue 1698).
	revived, err := c.UpsertItem(ctx, pk("a"), []byte(`{"id":"x","pk":"a"}`), stale)
	ok(t, err)
	if revived.RawResponse.StatusCode != http.StatusCreated {
		t.Errorf("upsert with If-Match of an item that is gone: %s", revived.RawResponse.Status)
	}
}

// setHeader is a policy that azcosmos users write for what it has no option.
type setHeader struct{ name, value string }

func (h setHeader) Do(r *policy.Request) (*http.Response, error) {
	r.Raw().Header.Set(h.name, h.value)
	return r.Next()
}

// "Get a Document": If-None-Match with the current etag gives 304.
func TestIfNoneMatch(t *testing.T) {
	store := open(t, localcosmos.Options{})
	c := container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{})
	created, err := c.CreateItem(t.Context(), pk("a"), []byte(`{"id":"x","pk":"a"}`), nil)
	ok(t, err)
	for etag, want := range map[string]int{string(created.ETag): http.StatusNotModified, "*": http.StatusNotModified, `"other"`: http.StatusOK} {
		client := connect(t, "http://cosmos.local", store.Key(), store, setHeader{"If-None-Match", etag})
		again, err := client.NewContainer("app", "main")
		ok(t, err)
		read, err := again.ReadItem(t.Context(), pk("a"), "x", nil)
		ok(t, err)
		if read.RawResponse.StatusCode != want || (len(read.Value) == 0) != (want == http.StatusNotModified) {
			t.Errorf("If-None-Match %s: %d with %d bytes", etag, read.RawResponse.StatusCode, len(read.Value))
		}
	}
}

// "Service quotas and default limits", "Create a Document": what an item must
// not be.
func TestItemsRefused(t *testing.T) {
	c, ctx := items(t, azcosmos.ContainerProperties{}), t.Context()
	deep := strings.Repeat("[", 128) + strings.Repeat("]", 128)
	big := strings.Repeat("x", 2<<20)
	for name, test := range map[string]struct {
		item   string
		status int
		says   string
	}{
		"no JSON":            {`{"id":`, 400, "JSON"},
		"no object":          {`[]`, 400, "object"},
		"two values":         {`{"id":"x","pk":"a"} {}`, 400, "JSON"},
		"no id":              {`{"pk":"a"}`, 400, "'id; '"},
		"empty id":           {`{"id":"","pk":"a"}`, 400, "id"},
		"id not a string":    {`{"id":5,"pk":"a"}`, 400, "id"},
		"id of 1024 bytes":   {`{"id":"` + strings.Repeat("x", 1024) + `","pk":"a"}`, 400, "1023"},
		"id with /":          {`{"id":"a/b","pk":"a"}`, 400, "401"},
		"id with \\":         {`{"id":"a\\b","pk":"a"}`, 400, "401"},
		"id with #":          {`{"id":"a#b","pk":"a"}`, 400, "401"},
		"id with %20":        {`{"id":"a%20b","pk":"a"}`, 400, "401"},
		"id ending in space": {`{"id":"a ","pk":"a"}`, 400, "401"},
		"other key":          {`{"id":"x","pk":"b"}`, 400, "doesn't match"},
		"no key":             {`{"id":"x"}`, 400, "doesn't match"},
		"key an object":      {`{"id":"x","pk":{"a":1}}`, 400, "partition key value"},
		"129 levels":         {`{"id":"x","pk":"a","d":` + deep + `}`, 400, "128 levels"},
		"a name twice":       {`{"id":"x","pk":"a","n":1,"n":2}`, 400, "duplicate"},
		"number too large":   {`{"id":"x","pk":"a","n":1e999}`, 400, "number"},
		"bytes not UTF-8":    {"{\"id\":\"x\",\"pk\":\"a\",\"n\":\"\xff\"}", 400, "UTF-8"},
		"2 MB":               {`{"id":"x","pk":"a","d":"` + big + `"}`, 413, "2 MB"},
		"2 MB when stored":   {`{"id":"x","pk":"a","d":"` + big[:2<<20-40] + `"}`, 413, "2 MB"},
		"ttl 0":              {`{"id":"x","pk":"a","ttl":0}`, 400, "ttl"},
		"ttl null":           {`{"id":"x","pk":"a","ttl":null}`, 400, "ttl"},
		"ttl -2":             {`{"id":"x","pk":"a","ttl":-2}`, 400, "ttl"},
		"ttl 1.5":            {`{"id":"x","pk":"a","ttl":1.5}`, 400, "ttl"},
		"ttl text":           {`{"id":"x","pk":"a","ttl":"5"}`, 400, "ttl"},
		"ttl 2^31":           {`{"id":"x","pk":"a","ttl":2147483648}`, 400, "ttl"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.CreateItem(ctx, pk("a"), []byte(test.item), nil)
			refused(t, err, test.status, test.says)
		})
	}
	_, err := c.CreateItem(ctx, pk("a"), []byte(`{"id":"x","pk":"a","d":`+deep[1:len(deep)-1]+`}`), nil)
	ok(t, err) // 128 levels
	_, err = c.CreateItem(ctx, pk(strings.Repeat("k", 2049)), []byte(`{"id":"x","pk":"`+strings.Repeat("k", 2049)+`"}`), nil)
	refused(t, err, http.StatusBadRequest, "2048")
	_, err = c.ReplaceItem(ctx, pk("a"), "x", []byte(`{"id":"y","pk":"a"}`), nil)
	refused(t, err, http.StatusBadRequest, "renamed")
	_, err = c.CreateItem(ctx, pk("a\a"), []byte(`{"id":"x","pk":"a\u0007"}`), nil)
	refused(t, err, http.StatusBadRequest, "JSON array") // azcosmos escapes as Go does
}

// The service accepts these ids and answers reads of them with 401; Lenient
// does the same.
func TestLenientIDs(t *testing.T) {
	store := open(t, localcosmos.Options{Lenient: true})
	c := container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{})
	for _, id := range []string{"a/b", `a\b`, "a#b", "a%20b", "a "} {
		text, _ := json.Marshal(id)
		create(t, c, "a", `{"pk":"a","id":`+string(text)+`}`)
		_, err := c.ReadItem(t.Context(), pk("a"), id, nil)
		refused(t, err, http.StatusUnauthorized, "id")
	}
	if got := rows(t, c, pk("a"), "SELECT VALUE c.id FROM c", nil); len(got) != 5 {
		t.Errorf("a query gives %v", got)
	}
}

// "Partition key" kinds: numbers, booleans, null and an absent property are
// keys of their own; a version 1 key has 101 bytes.
func TestKindsOfPartitionKey(t *testing.T) {
	c, ctx := items(t, azcosmos.ContainerProperties{PartitionKeyDefinition: azcosmos.PartitionKeyDefinition{Paths: []string{"/a/b"}}}), t.Context()
	for text, key := range map[string]azcosmos.PartitionKey{
		`{"id":"x","a":{"b":"1"}}`:  pk("1"),
		`{"id":"x","a":{"b":1.0}}`:  azcosmos.NewPartitionKeyNumber(1),
		`{"id":"x","a":{"b":true}}`: azcosmos.NewPartitionKeyBool(true),
		`{"id":"x","a":{"b":null}}`: azcosmos.NullPartitionKey,
	} {
		_, err := c.CreateItem(ctx, key, []byte(text), nil)
		ok(t, err)
		read, err := c.ReadItem(ctx, key, "x", nil)
		ok(t, err)
		if !strings.HasPrefix(string(read.Value), strings.Replace(text[:len(text)-1], "1.0", "1", 1)) {
			t.Errorf("wrote %s, read %s", text, read.Value)
		}
	}
	// What has no key is not what has an object for one.
	store, _ := feedStore(t, localcosmos.Options{})
	for item, want := range map[string]int{`{"id":"x"}`: 201, `{"id":"y","pk":{}}`: 400, `{"id":"z","pk":null}`: 400} {
		if response := send(t, store, "POST", docs, item, "x-ms-documentdb-partitionkey", "[{}]"); response.StatusCode != want {
			t.Errorf("%s with the key [{}]: %d", item, response.StatusCode)
		}
	}
	long := strings.Repeat("k", 102)
	_, err := c.CreateItem(ctx, pk(long), []byte(`{"id":"x","a":{"b":"`+long+`"}}`), nil)
	refused(t, err, http.StatusBadRequest, "101")
}

// "Hierarchical partition keys": point operations need the full key.
func TestHierarchicalKey(t *testing.T) {
	c, ctx := items(t, azcosmos.ContainerProperties{PartitionKeyDefinition: azcosmos.PartitionKeyDefinition{
		Kind: azcosmos.PartitionKeyKindMultiHash, Version: 2, Paths: []string{"/tenant", "/user"}}}), t.Context()
	full := pk("t").AppendString("u")
	_, err := c.CreateItem(ctx, full, []byte(`{"id":"x","tenant":"t","user":"u"}`), nil)
	ok(t, err)
	_, err = c.ReadItem(ctx, full, "x", nil)
	ok(t, err)
	_, err = c.ReadItem(ctx, pk("t"), "x", nil)
	refused(t, err, http.StatusBadRequest, "components")
	// A part that is missing is not one of another place that is missing.
	store, err := localcosmos.Open(localcosmos.Options{})
	ok(t, err)
	defer store.Close()
	container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{PartitionKeyDefinition: azcosmos.PartitionKeyDefinition{
		Kind: azcosmos.PartitionKeyKindMultiHash, Version: 2, Paths: []string{"/tenant", "/user"}}})
	for key, item := range map[string]string{`["t",{}]`: `{"id":"x","tenant":"t"}`, `[{},"t"]`: `{"id":"x","user":"t"}`} {
		if response := send(t, store, "POST", docs, item, "x-ms-documentdb-partitionkey", key); response.StatusCode != http.StatusCreated {
			t.Errorf("%s in %s: %d", item, key, response.StatusCode)
		}
	}
	query := "SELECT VALUE c.id FROM c WHERE c.tenant = 't'"
	if got := rows(t, c, azcosmos.NewPartitionKey(), query, nil); len(got) != 1 {
		t.Errorf("a prefix in WHERE finds %v", got)
	}
	query += " AND c.user = 'u' ORDER BY c.id" // the whole key: served as one partition
	if got := rows(t, c, azcosmos.NewPartitionKey(), query, nil); len(got) != 1 {
		t.Errorf("the whole key in WHERE finds %v", got)
	}
}

// Escaped as JSON, three levels of control characters are longer than a key of
// the file can be.
func TestKeyTooLongForTheFile(t *testing.T) {
	store := open(t, localcosmos.Options{})
	container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{PartitionKeyDefinition: azcosmos.PartitionKeyDefinition{
		Kind: azcosmos.PartitionKeyKindMultiHash, Version: 2, Paths: []string{"/a", "/b", "/c"}}})
	long := `"` + strings.Repeat(`\u0001`, 2048) + `"`
	response := send(t, store, "POST", "dbs/app/colls/main/docs", `{"id":"x","a":`+long+`,"b":`+long+`,"c":`+long+`}`,
		"x-ms-documentdb-partitionkey", `[`+long+`,`+long+`,`+long+`]`)
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("%d %s", response.StatusCode, bodyOf(t, response))
	}
}

// "Time to live": expired items are never returned, from the last write on.
// The bubble's clock is the store's, the client's and the purge's.
func TestTimeToLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ttl := int32(60)
		store, err := localcosmos.Open(localcosmos.Options{})
		ok(t, err)
		defer store.Close()
		properties := azcosmos.ContainerProperties{DefaultTimeToLive: &ttl, UniqueKeyPolicy: &azcosmos.UniqueKeyPolicy{
			UniqueKeys: []azcosmos.UniqueKey{{Paths: []string{"/name"}}}}}
		client := connect(t, "http://cosmos.local", store.Key(), store)
		c, ctx := container(t, client, properties), t.Context()
		create(t, c, "a", `{"id":"default","pk":"a","name":"n"}`)
		create(t, c, "a", `{"id":"longer","pk":"a","name":"l","ttl":120}`)
		create(t, c, "a", `{"id":"forever","pk":"a","name":"f","ttl":-1}`)

		time.Sleep(59 * time.Second)
		expect := func(want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, rows(t, c, pk("a"), "SELECT VALUE c.id FROM c ORDER BY c.id", nil)); diff != "" {
				t.Error(diff)
			}
		}
		expect(`"default"`, `"forever"`, `"longer"`)
		time.Sleep(time.Second)
		expect(`"forever"`, `"longer"`)
		_, err = c.ReadItem(ctx, pk("a"), "default", nil)
		refused(t, err, http.StatusNotFound, "does not exist")
		_, err = c.ReplaceItem(ctx, pk("a"), "default", []byte(`{"id":"default","pk":"a"}`), nil)
		refused(t, err, http.StatusNotFound, "does not exist")
		create(t, c, "a", `{"id":"other","pk":"a","name":"n"}`)   // its unique key is free
		create(t, c, "a", `{"id":"default","pk":"a","name":"d"}`) // and so is its id
		time.Sleep(10 * time.Minute)                              // purged
		// azcosmos v1.4.1 reads the account again after 5 minutes, in a data
		// race with its own requests: a new client has no need to.
		c, err = connect(t, "http://cosmos.local", store.Key(), store).NewContainer("app", "main")
		ok(t, err)
		create(t, c, "a", `{"id":"fresh","pk":"a","name":"n"}`)
		expect(`"forever"`, `"fresh"`)

		// Without TTL nothing expires: what is still in the file comes back.
		read, err := c.Read(ctx, nil)
		ok(t, err)
		off := *read.ContainerProperties
		off.DefaultTimeToLive = nil
		_, err = c.Replace(ctx, off, nil)
		ok(t, err)
		expect(`"forever"`, `"fresh"`)
	})
}

// "Time to live": an item's ttl counts only where the container has a default.
func TestTimeToLiveIsOff(t *testing.T) {
	now := time.Now()
	store := open(t, localcosmos.Options{Now: func() time.Time { return now }})
	c := container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{})
	create(t, c, "a", `{"id":"x","pk":"a","ttl":1}`)
	now = now.Add(time.Hour)
	_, err := c.ReadItem(t.Context(), pk("a"), "x", nil)
	ok(t, err)
}

// "Unique key constraints": within a logical partition; a missing property
// counts as null and takes part.
func TestUniqueKeys(t *testing.T) {
	c, ctx := items(t, azcosmos.ContainerProperties{UniqueKeyPolicy: &azcosmos.UniqueKeyPolicy{
		UniqueKeys: []azcosmos.UniqueKey{{Paths: []string{"/mail"}}, {Paths: []string{"/first", "/last"}}}}}), t.Context()
	create(t, c, "a", `{"id":"1","pk":"a","mail":"m","first":"f","last":"l"}`)
	create(t, c, "b", `{"id":"2","pk":"b","mail":"m","first":"f","last":"l"}`)
	create(t, c, "a", `{"id":"3","pk":"a","mail":"n","first":"f"}`)
	create(t, c, "a", `{"id":"6","pk":"a","mail":["f","m"],"first":"x"}`)
	create(t, c, "a", `{"id":"7","pk":"a","mail":"f","first":"m","last":"m"}`)
	for name, item := range map[string]string{
		"one path":  `{"id":"4","pk":"a","mail":"m","first":"x"}`,
		"two paths": `{"id":"4","pk":"a","mail":"o","first":"f","last":"l"}`,
		"missing":   `{"id":"4","pk":"a","mail":"o","first":"f","last":null}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.CreateItem(ctx, pk("a"), []byte(item), nil)
			refused(t, err, http.StatusConflict, "Unique")
		})
	}
	_, err := c.UpsertItem(ctx, pk("a"), []byte(`{"id":"1","pk":"a","mail":"new","first":"f","last":"l"}`), nil)
	ok(t, err)
	create(t, c, "a", `{"id":"4","pk":"a","mail":"m","first":"g"}`) // the old value is free again
	_, err = c.DeleteItem(ctx, pk("a"), "4", nil)
	ok(t, err)
	create(t, c, "a", `{"id":"5","pk":"a","mail":"m","first":"g"}`)
}

// What had expired comes back where TTL is switched off, and then has its unique
// key again.
func TestUniqueKeyComesBack(t *testing.T) {
	now, ttl := time.Now(), int32(60)
	store := open(t, localcosmos.Options{Now: func() time.Time { return now }})
	c := container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{
		DefaultTimeToLive: &ttl, UniqueKeyPolicy: &azcosmos.UniqueKeyPolicy{UniqueKeys: []azcosmos.UniqueKey{{Paths: []string{"/u"}}}}})
	for _, u := range []string{"1", "2"} {
		_, err := c.UpsertItem(t.Context(), pk("a"), []byte(`{"id":"x","pk":"a","u":`+u+`}`), nil)
		ok(t, err)
	}
	create(t, c, "a", `{"id":"y","pk":"a","u":1}`)
	now = now.Add(time.Minute)
	create(t, c, "a", `{"id":"brief","pk":"a","u":1}`)
	_, err := c.DeleteItem(t.Context(), pk("a"), "brief", nil)
	ok(t, err)
	read, err := c.Read(t.Context(), nil)
	ok(t, err)
	read.ContainerProperties.DefaultTimeToLive = nil
	_, err = c.Replace(t.Context(), *read.ContainerProperties, nil)
	ok(t, err)
	for _, u := range []string{"1", "2"} {
		_, err := c.CreateItem(t.Context(), pk("a"), []byte(`{"id":"z","pk":"a","u":`+u+`}`), nil)
		refused(t, err, http.StatusConflict, "Unique")
	}
}

// The values that items had once are forgotten after a while, and those that
// they have are not.
func TestUniqueKeysOfManyWrites(t *testing.T) {
	c, ctx := items(t, azcosmos.ContainerProperties{UniqueKeyPolicy: &azcosmos.UniqueKeyPolicy{
		UniqueKeys: []azcosmos.UniqueKey{{Paths: []string{"/u"}}}}}), t.Context()
	create(t, c, "a", `{"id":"x","pk":"a","u":"x"}`)
	for n := range 1200 {
		_, err := c.UpsertItem(ctx, pk("a"), fmt.Appendf(nil, `{"id":"y","pk":"a","u":%d}`, n), nil)
		ok(t, err)
	}
	for u, want := range map[string]int{`"x"`: http.StatusConflict, "1199": http.StatusConflict, "1198": 0, "0": 0} {
		_, err := c.CreateItem(ctx, pk("a"), fmt.Appendf(nil, `{"id":"new%d","pk":"a","u":%s}`, len(u), u), nil)
		if status(err) != want {
			t.Errorf("u of %s: %v, want %d", u, err, want)
		}
	}
}

// "Serialization": the store changes a document's numbers to doubles, as the
// service does, and nothing else.
func TestDocumentsKeepTheirShape(t *testing.T) {
	c := items(t, azcosmos.ContainerProperties{})
	item := `{"pk":"a","z":[1,-0.5,1e300,[],{}],"id":"x","e":"\"\\\n\u0001é☎","a":{"z":null,"b":true}}`
	create(t, c, "a", item)
	read, err := c.ReadItem(t.Context(), pk("a"), "x", nil)
	ok(t, err)
	want := strings.Replace(item[:len(item)-1], "1e300", "1e+300", 1) + `,"_rid":`
	if !strings.HasPrefix(string(read.Value), want) {
		t.Errorf("got %s, want the start %s", read.Value, want)
	}
}

// What azcosmos v1.4.1 reads of an answer.
func TestHeaders(t *testing.T) {
	c, ctx := items(t, azcosmos.ContainerProperties{}), t.Context()
	created, err := c.CreateItem(ctx, pk("a"), []byte(`{"id":"x","pk":"a"}`), nil)
	ok(t, err)
	read, err := c.ReadItem(ctx, pk("a"), "x", nil)
	ok(t, err)
	if read.RequestCharge != 1 { // "Request Units": a point read of up to 1 KB
		t.Errorf("a point read costs %v", read.RequestCharge)
	}
	if created.ActivityID == "" || created.RequestCharge < 5 {
		t.Errorf("create: activity %q, charge %v", created.ActivityID, created.RequestCharge)
	}
	if *created.SessionToken != "0:-1#1" || *read.SessionToken != "0:-1#1" || read.RawResponse.Header.Get("lsn") != "1" {
		t.Errorf("session tokens %s and %s", *created.SessionToken, *read.SessionToken)
	}
	if read.RawResponse.Header.Get("X-Localcosmos-Charge") != "estimate" {
		t.Error("the charge is not marked as an estimate")
	}
	page, err := c.NewQueryItemsPager("SELECT * FROM c", pk("a"), nil).NextPage(ctx)
	ok(t, err)
	if page.QueryMetrics == nil || !strings.HasPrefix(*page.QueryMetrics, "retrievedDocumentCount=1;outputDocumentCount=1;") || page.RawResponse.Header.Get("x-ms-session-token") != "0:-1#1" {
		t.Errorf("a query: %v", page.RawResponse.Header)
	}
}

// A request whose context has ended is not served.
func TestContext(t *testing.T) {
	c := items(t, azcosmos.ContainerProperties{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.ReadItem(ctx, pk("a"), "x", nil); err == nil {
		t.Error("a cancelled read succeeded")
	}
}

var _ policy.Transporter = (*localcosmos.Store)(nil)
var _ http.Handler = (*localcosmos.Store)(nil)
