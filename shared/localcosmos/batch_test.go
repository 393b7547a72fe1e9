package localcosmos_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"
	"github.com/google/go-cmp/cmp"

	"switchboard/shared/localcosmos"
)

func statuses(r azcosmos.TransactionalBatchResponse) []int32 {
	var codes []int32
	for _, result := range r.OperationResults {
		codes = append(codes, result.StatusCode)
	}
	return codes
}

// "Transactional batch operations": all operations in order, each seeing those
// before it, in one commit.
func TestBatch(t *testing.T) {
	eachMount(t, func(t *testing.T, client *azcosmos.Client) {
		c, ctx := container(t, client, azcosmos.ContainerProperties{}), t.Context()
		create(t, c, "a", `{"id":"old","pk":"a","n":1}`)
		var patch azcosmos.PatchOperations
		patch.AppendIncrement("/n", 4)
		patch.SetCondition("from c where c.n = 1")

		batch := c.NewTransactionalBatch(pk("a"))
		batch.CreateItem([]byte(`{"id":"new","pk":"a","n":1}`), nil)
		batch.UpsertItem([]byte(`{"id":"new","pk":"a","n":1,"again":true}`), nil)
		batch.PatchItem("new", patch, nil)
		batch.ReadItem("new", nil)
		batch.ReplaceItem("old", []byte(`{"id":"old","pk":"a","n":2}`), nil)
		batch.DeleteItem("old", nil)
		result, err := c.ExecuteTransactionalBatch(ctx, batch, nil)
		ok(t, err)
		if diff := cmp.Diff([]int32{201, 200, 200, 200, 200, 204}, statuses(result)); !result.Success || diff != "" {
			t.Fatalf("success %t, statuses %s", result.Success, diff)
		}
		read := result.OperationResults[3]
		if member[int](t, read.ResourceBody, "n") != 5 || read.ETag != result.OperationResults[2].ETag {
			t.Errorf("the read inside saw %s", read.ResourceBody)
		}
		if result.OperationResults[0].ETag == result.OperationResults[1].ETag {
			t.Error("two writes of one item share an etag")
		}
		outside, err := c.ReadItem(ctx, pk("a"), "new", nil)
		ok(t, err)
		if string(outside.Value) != string(read.ResourceBody) || *outside.SessionToken != result.SessionToken {
			t.Errorf("after the batch: %s", outside.Value)
		}
		_, err = c.ReadItem(ctx, pk("a"), "old", nil)
		refused(t, err, http.StatusNotFound, "")
	})
}

// azcosmos, TransactionalBatchOptions: without content on write the operations
// "will have no body, except when they are Read operations". A read heeds
// If-None-Match. The charge is that of all.
func TestBatchOnTheWire(t *testing.T) {
	store, _ := feedStore(t, localcosmos.Options{})
	batch := func(operations, prefer string) (results []struct {
		StatusCode, SubStatusCode int
		RequestCharge             float64
		ETag                      string
		ResourceBody              json.RawMessage
	}, status int, charge float64) {
		response := send(t, store, "POST", docs, operations, "x-ms-cosmos-is-batch-request", "True", "x-ms-cosmos-batch-atomic", "True", "Prefer", prefer)
		charge, err := strconv.ParseFloat(response.Header.Get("x-ms-request-charge"), 64)
		ok(t, err)
		if text := bodyOf(t, response); response.StatusCode < 400 {
			ok(t, json.Unmarshal([]byte(text), &results))
		}
		return results, response.StatusCode, charge
	}
	const operations = `[{"operationType":"Upsert","resourceBody":{"id":"x","pk":"a"}},{"operationType":"Read","id":"x"}]`
	for prefer, withBody := range map[string]bool{"": true, "return=minimal": false} {
		results, _, charge := batch(operations, prefer)
		if (results[0].ResourceBody != nil) != withBody || results[1].ResourceBody == nil || charge != results[0].RequestCharge+results[1].RequestCharge {
			t.Errorf("Prefer %q, charge %v: %+v", prefer, charge, results)
		}
	}
	results, _, _ := batch(`[{"operationType":"Read","id":"x"}]`, "")
	results, status, _ := batch(fmt.Sprintf(`[{"operationType":"Read","id":"x","ifNoneMatch":%q}]`, results[0].ETag), "")
	if status != http.StatusOK || results[0].StatusCode != http.StatusNotModified || results[0].ResourceBody != nil {
		t.Errorf("If-None-Match: %d %+v", status, results)
	}
	results, _, _ = batch(`[{"operationType":"Create","resourceBody":{"id":"y","pk":"b"}}]`, "")
	if results[0].StatusCode != http.StatusBadRequest || results[0].SubStatusCode != 1001 {
		t.Errorf("another partition: %+v", results)
	}
	for _, faulty := range []string{`[]`, `null`, `{}`, `[{"operationType":"Read"}]`, `[{"operationType":"Delete","id":""}]`, `[{"operationType":"Query","id":"x"}]`} {
		if _, status, _ := batch(faulty, ""); status != http.StatusBadRequest {
			t.Errorf("%s: %d", faulty, status)
		}
	}
}

// A batch that only reads commits nothing.
func TestBatchOfReads(t *testing.T) {
	c := items(t, azcosmos.ContainerProperties{})
	create(t, c, "a", `{"id":"x","pk":"a"}`)
	batch := c.NewTransactionalBatch(pk("a"))
	batch.ReadItem("x", nil)
	result, err := c.ExecuteTransactionalBatch(t.Context(), batch, nil)
	ok(t, err)
	if !result.Success || result.SessionToken != "0:-1#1" || member[string](t, result.OperationResults[0].ResourceBody, "id") != "x" {
		t.Errorf("%+v", result)
	}
}

// The same page: on a failure the operation has its own status, all others
// 424, and nothing was written.
func TestBatchFails(t *testing.T) {
	c, ctx := items(t, azcosmos.ContainerProperties{UniqueKeyPolicy: &azcosmos.UniqueKeyPolicy{
		UniqueKeys: []azcosmos.UniqueKey{{Paths: []string{"/u"}}}}}), t.Context()
	create(t, c, "a", `{"id":"old","pk":"a","u":1}`)
	var condition, missing azcosmos.PatchOperations
	condition.AppendSet("/n", 1)
	condition.SetCondition("from c where c.u = 2")
	missing.AppendReplace("/none", 1)
	for name, test := range map[string]struct {
		fail func(*azcosmos.TransactionalBatch)
		want int32
	}{
		"id exists":         {func(b *azcosmos.TransactionalBatch) { b.CreateItem([]byte(`{"id":"old","pk":"a"}`), nil) }, 409},
		"id made before":    {func(b *azcosmos.TransactionalBatch) { b.CreateItem([]byte(`{"id":"first","pk":"a"}`), nil) }, 409},
		"unique key":        {func(b *azcosmos.TransactionalBatch) { b.CreateItem([]byte(`{"id":"x","pk":"a","u":1}`), nil) }, 409},
		"no item":           {func(b *azcosmos.TransactionalBatch) { b.DeleteItem("none", nil) }, 404},
		"nothing to read":   {func(b *azcosmos.TransactionalBatch) { b.ReadItem("none", nil) }, 404},
		"condition":         {func(b *azcosmos.TransactionalBatch) { b.PatchItem("old", condition, nil) }, 412},
		"patch of no path":  {func(b *azcosmos.TransactionalBatch) { b.PatchItem("old", missing, nil) }, 400},
		"another partition": {func(b *azcosmos.TransactionalBatch) { b.CreateItem([]byte(`{"id":"x","pk":"b"}`), nil) }, 400},
		"no id":             {func(b *azcosmos.TransactionalBatch) { b.UpsertItem([]byte(`{"pk":"a"}`), nil) }, 400},
	} {
		t.Run(name, func(t *testing.T) {
			batch := c.NewTransactionalBatch(pk("a"))
			batch.CreateItem([]byte(`{"id":"first","pk":"a","u":7}`), nil)
			batch.DeleteItem("old", nil)
			batch.CreateItem([]byte(`{"id":"old","pk":"a","u":1}`), nil)
			test.fail(&batch)
			batch.CreateItem([]byte(`{"id":"last","pk":"a","u":8}`), nil)
			result, err := c.ExecuteTransactionalBatch(ctx, batch, nil)
			ok(t, err)
			if diff := cmp.Diff([]int32{424, 424, 424, test.want, 424}, statuses(result)); result.Success || diff != "" {
				t.Errorf("success %t, statuses %s", result.Success, diff)
			}
			if result.RawResponse.StatusCode != http.StatusMultiStatus {
				t.Errorf("HTTP %s", result.RawResponse.Status)
			}
			if got := rows(t, c, pk("a"), "SELECT VALUE c.id FROM c", nil); len(got) != 1 || got[0] != `"old"` {
				t.Errorf("left behind: %v", got)
			}
		})
	}
}

// A batch that fails gives unique keys back to the items that had them before.
func TestBatchGivesUniqueKeysBack(t *testing.T) {
	c, ctx := items(t, azcosmos.ContainerProperties{UniqueKeyPolicy: &azcosmos.UniqueKeyPolicy{
		UniqueKeys: []azcosmos.UniqueKey{{Paths: []string{"/u"}}}}}), t.Context()
	create(t, c, "a", `{"id":"x","pk":"a","u":1}`)
	create(t, c, "a", `{"id":"y","pk":"a","u":2}`)
	batch := c.NewTransactionalBatch(pk("a"))
	batch.DeleteItem("x", nil)
	batch.UpsertItem([]byte(`{"id":"y","pk":"a","u":3}`), nil)
	batch.CreateItem([]byte(`{"id":"z","pk":"a","u":1}`), nil)
	batch.UpsertItem([]byte(`{"id":"z","pk":"a","u":2}`), nil)
	batch.ReadItem("none", nil)
	result, err := c.ExecuteTransactionalBatch(ctx, batch, nil)
	ok(t, err)
	if result.Success {
		t.Fatal("the batch succeeded")
	}
	for u, want := range map[int]int{1: http.StatusConflict, 2: http.StatusConflict, 3: 0} {
		_, err := c.CreateItem(ctx, pk("a"), fmt.Appendf(nil, `{"id":"new","pk":"a","u":%d}`, u), nil)
		if status(err) != want {
			t.Errorf("u of %d: %v, want %d", u, err, want)
		}
	}
}

// "Service quotas": 100 operations and 2 MB a batch.
func TestBatchLimits(t *testing.T) {
	c, ctx := items(t, azcosmos.ContainerProperties{}), t.Context()
	batch := c.NewTransactionalBatch(pk("a"))
	for i := range 101 {
		batch.UpsertItem(fmt.Appendf(nil, `{"id":"%d","pk":"a"}`, i), nil)
	}
	_, err := c.ExecuteTransactionalBatch(ctx, batch, nil)
	refused(t, err, http.StatusBadRequest, "101")
	batch = c.NewTransactionalBatch(pk("full"))
	for range 100 { // one item again and again
		batch.UpsertItem([]byte(`{"id":"x","pk":"full"}`), nil)
	}
	result, err := c.ExecuteTransactionalBatch(ctx, batch, nil)
	ok(t, err)
	if !result.Success || result.OperationResults[98].ETag == result.OperationResults[99].ETag {
		t.Errorf("100 operations: %+v", result.OperationResults[98:])
	}
	batch = c.NewTransactionalBatch(pk("a"))
	for i := range 3 {
		batch.UpsertItem(fmt.Appendf(nil, `{"id":"%d","pk":"a","d":"%s"}`, i, strings.Repeat("x", 700<<10)), nil)
	}
	_, err = c.ExecuteTransactionalBatch(ctx, batch, nil)
	refused(t, err, http.StatusRequestEntityTooLarge, "2 MB")
	if got := rows(t, c, pk("a"), "SELECT VALUE COUNT(1) FROM c", nil); got[0] != "0" {
		t.Errorf("left behind: %s items", got[0])
	}
}
