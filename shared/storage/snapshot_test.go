package storage_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"switchboard/shared/faults"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// wanted are notes to ask a snapshot for, in the places of others.
func wanted(others []*note) (notes []*note, docs []storage.Document) {
	for _, n := range others {
		w := &note{Head: storage.Head{PK: n.PK, ID: n.ID}}
		notes, docs = append(notes, w), append(docs, w)
	}
	return notes, docs
}

// snapshots takes one of four notes, of which none, some and all are missing.
func snapshots(t *testing.T, c *storage.Container) {
	for _, test := range []struct{ there []int }{{[]int{0, 1, 2, 3}}, {[]int{1, 3}}, {[]int{0, 1, 2}}, {nil}} {
		all := notes(4)
		for _, i := range test.there {
			if err := c.Create(t.Context(), all[i]); err != nil {
				t.Fatal(err)
			}
		}
		got, docs := wanted(all)
		got[2].Text = "left as it is"
		if err := c.Snapshot(t.Context(), docs...); err != nil {
			t.Errorf("%v there: %v", test.there, err)
		}
		for i, n := range got {
			want := *all[i] // as it was created
			if want.ETag == "" {
				want = note{Head: storage.Head{PK: n.PK, ID: n.ID}}
				if i == 2 {
					want.Text = "left as it is"
				}
			}
			if *n != want {
				t.Errorf("%v there: %+v, want %+v", test.there, *n, want)
			}
		}
	}
}

func TestASnapshotCostsARequestAndOneForEachThatIsMissing(t *testing.T) {
	c, injector := flaky(t)
	for _, test := range []struct{ there, want int }{{4, 1}, {3, 2}, {1, 4}, {0, 4}} {
		all := notes(4)
		if err := write(t, c, put(all[:test.there]...)); err != nil {
			t.Fatal(err)
		}
		_, docs := wanted(all)
		injector.Record()
		if err := c.Snapshot(t.Context(), docs...); err != nil {
			t.Error(err)
		}
		if n := len(injector.Calls()); n != test.want {
			t.Errorf("%d of 4 there: %d requests, want %d", test.there, n, test.want)
		}
	}
}

// A document that was read once and is gone does not pass for one that is there.
func TestASnapshotTakesTheETagFromWhatIsGone(t *testing.T) {
	c, _ := flaky(t)
	n := fresh("gone")
	if err := c.Create(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	gone := *n
	if err := c.Delete(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if err := c.Snapshot(t.Context(), &gone); err != nil || gone.ETag != "" {
		t.Errorf("%v, ETag %q", err, gone.ETag)
	}
}

func TestSnapshotsThatAreNone(t *testing.T) {
	c, injector := flaky(t)
	injector.Record()
	_, many := wanted(notes(storage.MaxBatch + 1))
	for name, docs := range map[string][]storage.Document{"of nothing": nil, "of 101": many, "of two partitions": {fresh("a"), fresh("b")}} {
		if err := c.Snapshot(t.Context(), docs...); err == nil {
			t.Errorf("a snapshot %s was taken", name)
		}
	}
	if calls := injector.Calls(); len(calls) != 0 {
		t.Errorf("a request was sent: %v", calls)
	}
	if err := c.Snapshot(t.Context(), many[1:]...); err != nil {
		t.Errorf("of 100: %v", err)
	}
}

// Two documents that are always written together never show a mix.
func TestASnapshotIsOfOneMoment(t *testing.T) {
	c, _ := flaky(t)
	pair := notes(2)
	if err := write(t, c, put(pair...)); err != nil {
		t.Fatal(err)
	}
	written := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for seen := ""; ; {
				got, docs := wanted(pair)
				if err := c.Snapshot(t.Context(), docs...); err != nil || got[0].Text != got[1].Text {
					t.Errorf("%q beside %q, %v", got[0].Text, got[1].Text, err)
					return
				}
				select {
				case <-written:
					if seen == "" {
						t.Error("nothing was read while it was written")
					}
					return
				default:
					seen = got[0].Text
				}
			}
		})
	}
	for i := range 200 {
		pair[0].Text, pair[1].Text = fmt.Sprint(i), fmt.Sprint(i)
		if err := write(t, c, put(pair...)); err != nil {
			t.Error(err)
			break
		}
	}
	close(written)
	readers.Wait()
}

func TestASnapshotWhoseAnswerIsLostIsTakenAgain(t *testing.T) {
	c, injector := flaky(t)
	all := notes(2)
	if err := write(t, c, put(all...)); err != nil {
		t.Fatal(err)
	}
	got, docs := wanted(all)
	injector.Add(faults.Rule{Method: "POST", Contains: "/docs", Drop: "after"})
	if err := c.Snapshot(t.Context(), docs...); err != nil || *got[0] != *all[0] || *got[1] != *all[1] {
		t.Errorf("%v: %+v %+v", err, *got[0], *got[1])
	}
}

// The client library gives a failed batch as it came, without an error.
func TestASnapshotThatFails(t *testing.T) {
	const there = `{"statusCode":200,"resourceBody":{"pk":"p","id":"n0","_etag":"1"}}`
	for _, test := range []struct {
		status int
		body   string
		want   problem.Kind
	}{
		{http.StatusTooManyRequests, ``, problem.Unavailable},
		{http.StatusNotFound, ``, problem.Upstream},
		{http.StatusMultiStatus, `[{"statusCode":429},{"statusCode":424}]`, problem.Unavailable},
		{http.StatusMultiStatus, `[{"statusCode":424},{"statusCode":503}]`, problem.Unavailable},
		{http.StatusMultiStatus, `[{"statusCode":408},{"statusCode":424}]`, problem.UpstreamTimeout},
		{http.StatusMultiStatus, `[{"statusCode":500},{"statusCode":424}]`, problem.Upstream},
		{http.StatusMultiStatus, `[{"statusCode":409},{"statusCode":424}]`, problem.Upstream},
		{http.StatusMultiStatus, `[{"statusCode":424},{"statusCode":424}]`, problem.Upstream},
		{http.StatusMultiStatus, `[{"statusCode":404}]`, problem.Upstream},
		{http.StatusMultiStatus, `[` + there + `,` + there + `]`, problem.Upstream},
		{http.StatusOK, `[{"statusCode":404},` + there + `]`, problem.Upstream},
		{http.StatusOK, `[` + there + `]`, problem.Upstream},
		{http.StatusOK, `[` + there + `,{"statusCode":200}]`, problem.Upstream},
		{http.StatusOK, `[` + there + `,{"statusCode":200,"resourceBody":"secret"}]`, problem.Upstream},
	} {
		t.Run(fmt.Sprint(test.status, test.body), func(t *testing.T) {
			t.Parallel()
			c, injector := flaky(t)
			injector.Add(faults.Rule{Method: "POST", Contains: "/docs", Times: -1, Status: test.status, Body: test.body})
			_, docs := wanted(notes(2))
			if err := c.Snapshot(t.Context(), docs...); !problem.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want.Status())
			}
		})
	}
}
