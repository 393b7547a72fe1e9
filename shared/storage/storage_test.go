package storage_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"switchboard/shared/faults"
	"switchboard/shared/localcosmos"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// schema is a container of its own for each test run, so that a real account
// can be used.
var schema = storage.Schema{Database: "switchboard-test", Container: "main"}

// TestConformance runs the same suite over every way to the store: in process,
// over a listener, and, when SWITCHBOARD_TEST_COSMOS holds a connection string,
// against a real account.
func TestConformance(t *testing.T) {
	open := func(t *testing.T, cfg storage.Config) *storage.Container {
		cfg.Schema, cfg.NewID = schema, rand.Text
		container, err := storage.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := container.Provision(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := container.Provision(t.Context()); err != nil {
			t.Fatalf("provisioning twice: %v", err)
		}
		return container
	}
	t.Run("in process", func(t *testing.T) {
		store := newStore(t)
		conform(t, open(t, storage.Config{Endpoint: "https://cosmos.localhost", Key: store.Key(), Transport: store}))
	})
	t.Run("over HTTP", func(t *testing.T) {
		store := newStore(t)
		server := httptest.NewServer(store)
		t.Cleanup(server.Close)
		conform(t, open(t, storage.Config{Endpoint: server.URL, Key: store.Key()}))
	})
	t.Run("real account", func(t *testing.T) {
		text := os.Getenv("SWITCHBOARD_TEST_COSMOS")
		if text == "" {
			t.Skip("SWITCHBOARD_TEST_COSMOS is not set")
		}
		endpoint, key, err := storage.ParseConnectionString(text)
		if err != nil {
			t.Fatal(err)
		}
		conform(t, open(t, storage.Config{Endpoint: endpoint, Key: key}))
	})
}

type note struct {
	storage.Head
	Text string `json:"text"`
}

// fresh is a note in a partition of its own.
func fresh(text string) *note {
	return &note{Head: storage.Head{PK: "t:" + rand.Text(), ID: "note", Type: "note"}, Text: text}
}

func conform(t *testing.T, c *storage.Container) {
	ctx := t.Context()
	t.Run("what is written is read", func(t *testing.T) {
		a := fresh("one")
		if err := c.Create(ctx, a); err != nil || a.ETag == "" {
			t.Fatalf("%v, ETag %q", err, a.ETag)
		}
		var b note
		if err := c.Read(ctx, a.PK, a.ID, &b); err != nil || b != *a {
			t.Errorf("read %+v, %v; want %+v", b, err, *a)
		}
		b.Text = "two"
		was := b.ETag
		if err := c.Replace(ctx, &b); err != nil || b.ETag == was {
			t.Errorf("%v, ETag %q after %q", err, b.ETag, was)
		}
	})
	t.Run("what is not there", func(t *testing.T) {
		if err := c.Read(ctx, "t:none", "note", &note{}); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("read: %v", err)
		}
		gone := fresh("")
		if err := c.Create(ctx, gone); err != nil {
			t.Fatal(err)
		}
		if err := c.Delete(ctx, gone); err != nil {
			t.Errorf("delete: %v", err)
		}
		if err := c.Replace(ctx, gone); !errors.Is(err, storage.ErrStale) {
			t.Errorf("replace: %v", err)
		}
		if err := c.Delete(ctx, gone); err != nil {
			t.Errorf("delete again: %v", err)
		}
	})
	t.Run("the second of two is refused", func(t *testing.T) {
		a := fresh("one")
		again := *a
		if err := c.Create(ctx, a); err != nil {
			t.Fatal(err)
		}
		if err := c.Create(ctx, &again); !errors.Is(err, storage.ErrExists) {
			t.Errorf("create: %v", err)
		}
		older := *a
		if err := c.Replace(ctx, a); err != nil {
			t.Fatal(err)
		}
		if err := c.Replace(ctx, &older); !errors.Is(err, storage.ErrStale) {
			t.Errorf("replace: %v", err)
		}
		if err := c.Delete(ctx, &older); !errors.Is(err, storage.ErrStale) {
			t.Errorf("delete: %v", err)
		}
	})
	t.Run("one of many wins", func(t *testing.T) {
		a := fresh("")
		var all sync.WaitGroup
		won := make(chan int, 20)
		for i := range 20 {
			mine := *a
			mine.Text = fmt.Sprint(i)
			all.Go(func() {
				if c.Create(ctx, &mine) == nil {
					won <- i
				}
			})
		}
		all.Wait()
		close(won)
		if len(won) != 1 {
			t.Fatalf("%d creates of one document succeeded", len(won))
		}
		var stored note
		if err := c.Read(ctx, a.PK, a.ID, &stored); err != nil || stored.Text != fmt.Sprint(<-won) {
			t.Errorf("%+v, %v", stored, err)
		}
	})
	t.Run("a batch is done all or none", func(t *testing.T) { batches(t, c) })
	t.Run("a snapshot finds what is there", func(t *testing.T) { snapshots(t, c) })
	t.Run("numbers are adjusted under a condition", func(t *testing.T) { adjustments(t, c) })
	t.Run("a query stays in its partition and pages", func(t *testing.T) {
		pk := fresh("").PK
		for i := range 5 {
			for _, place := range []string{pk, pk + "-other"} {
				n := &note{Head: storage.Head{PK: place, ID: fmt.Sprintf("n%d", i), Type: "note"}, Text: "x"}
				if err := c.Create(ctx, n); err != nil {
					t.Fatal(err)
				}
			}
		}
		q := storage.Query{PK: pk, Text: "SELECT * FROM c WHERE c.text = @text ORDER BY c.id", Parameters: map[string]any{"@text": "x"}, Limit: 2}
		if got := strings.Join(found(t, q, c.Query), " "); got != "n0 n1 n2 n3 n4" {
			t.Errorf("found %s", got)
		}
	})
	t.Run("a query of all crosses partitions and does not sort", func(t *testing.T) {
		text := rand.Text()
		for range 5 {
			if err := c.Create(ctx, fresh(text)); err != nil {
				t.Fatal(err)
			}
		}
		q := storage.Query{
			PK: "none", Text: "SELECT * FROM c WHERE c.text = @text AND c.type = @type AND c.id = @id", Limit: 1,
			Parameters: map[string]any{"@text": text, "@type": "note", "@id": "note"},
		}
		if got := found(t, q, c.QueryAll); len(got) != 5 {
			t.Errorf("found %v", got)
		}
		q.Text += " ORDER BY c.id"
		if _, err := c.QueryAll(ctx, q); !problem.Is(err, problem.Upstream) {
			t.Errorf("sorted across partitions: %v", err)
		}
	})
}

// found are the ids of the notes on all pages of a query.
func found(t *testing.T, q storage.Query, ask func(context.Context, storage.Query) (storage.Page, error)) (ids []string) {
	t.Helper()
	for {
		page, err := ask(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range page.Documents {
			var n note
			if err := json.Unmarshal(doc, &n); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, n.ID)
		}
		if q.Continuation = page.Continuation; q.Continuation == "" {
			return ids
		}
	}
}

func newStore(t *testing.T) *localcosmos.Store {
	t.Helper()
	store, err := localcosmos.Open(localcosmos.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// over is a container on a store that is reached in the given way.
func over(t *testing.T, store *localcosmos.Store, way policy.Transporter) *storage.Container {
	t.Helper()
	c, err := storage.Open(storage.Config{Endpoint: "https://cosmos.localhost", Key: store.Key(), Schema: schema, NewID: rand.Text, Transport: way})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Provision(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// flaky is a container whose store fails as told.
func flaky(t *testing.T) (*storage.Container, *faults.Injector) {
	t.Helper()
	store := newStore(t)
	injector := faults.Wrap(store)
	return over(t, store, faults.Transport{Handler: injector}), injector
}

func TestAWriteWhoseAnswerIsLostIsNotAConflictWithItself(t *testing.T) {
	c, injector := flaky(t)
	a := fresh("one")
	injector.Add(faults.Rule{Method: "POST", Contains: "/docs", Drop: "after"})
	if err := c.Create(t.Context(), a); err != nil {
		t.Fatalf("create: %v", err)
	}
	injector.Add(faults.Rule{Method: "PUT", Contains: "/docs", Drop: "after"})
	a.Text = "two"
	if err := c.Replace(t.Context(), a); err != nil {
		t.Fatalf("replace: %v", err)
	}
	a.Text = "three"
	if err := c.Replace(t.Context(), a); err != nil {
		t.Errorf("the ETag of the write whose answer was lost is not the document's: %v", err)
	}
	injector.Add(faults.Rule{Method: "DELETE", Contains: "/docs", Drop: "after"})
	if err := c.Delete(t.Context(), a); err != nil {
		t.Errorf("delete: %v", err)
	}
}

func TestFailuresSpeakTheContract(t *testing.T) {
	for _, test := range []struct {
		name  string
		rule  faults.Rule
		kind  problem.Kind
		code  string
		after time.Duration
	}{
		{"throttled", faults.Rule{Times: -1, Status: 429, Header: map[string]string{"x-ms-retry-after-ms": "60000"}}, problem.Unavailable, "storage_throttled", time.Minute},
		{"unavailable", faults.Rule{Times: -1, Status: 503}, problem.Unavailable, "storage_throttled", time.Second},
		{"races without end", faults.Rule{Times: -1, Status: 449}, problem.Unavailable, "storage_throttled", time.Second},
		{"broken", faults.Rule{Times: -1, Status: 500}, problem.Upstream, "storage_failed", 0},
		{"forbidden", faults.Rule{Times: -1, Status: 403}, problem.Upstream, "storage_failed", 0},
		{"no such container", faults.Rule{Times: -1, Status: 404, Header: map[string]string{"x-ms-substatus": "1003"}}, problem.Upstream, "storage_failed", 0},
		{"unreachable", faults.Rule{Times: -1, Drop: "before"}, problem.Unavailable, "storage_unavailable", time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, injector := flaky(t)
			test.rule.Contains = "/docs"
			test.rule.Body = "secret of the store"
			injector.Add(test.rule)
			err := c.Create(t.Context(), fresh(""))
			p := problem.From(err)
			if p.Kind != test.kind || p.Code != test.code || p.RetryAfter != test.after {
				t.Errorf("%v, after %v", err, p.RetryAfter)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error repeats the store's answer: %v", err)
			}
		})
	}
}

// A batch and a query name no document that a 404 could be about.
func TestNotFoundIsNoAnswerToBatchesAndQueries(t *testing.T) {
	c, injector := flaky(t)
	injector.Add(faults.Rule{Contains: "/docs", Times: -1, Status: http.StatusNotFound})
	if err := write(t, c, put(notes(1)...)); !problem.Is(err, problem.Upstream) {
		t.Errorf("a batch: %v", err)
	}
	if _, err := c.Query(t.Context(), storage.Query{PK: "t:none", Text: "SELECT * FROM c"}); !problem.Is(err, problem.Upstream) {
		t.Errorf("a query: %v", err)
	}
}

func TestARaceIsTriedAgain(t *testing.T) {
	c, injector := flaky(t)
	injector.Add(faults.Rule{Method: http.MethodPost, Contains: "/docs", Status: 449, Times: 2})
	if err := c.Create(t.Context(), fresh("")); err != nil {
		t.Error(err)
	}
}

func TestSlowStoreEndsWithTheCaller(t *testing.T) {
	c, injector := flaky(t)
	injector.Add(faults.Rule{Contains: "/docs", Times: -1, Delay: faults.Duration(time.Minute)})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.Create(ctx, fresh("")); !problem.Is(err, problem.UpstreamTimeout) {
		t.Errorf("%v", err)
	}
}

func TestDocumentsExpire(t *testing.T) {
	now := time.Now()
	store, err := localcosmos.Open(localcosmos.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	c := over(t, store, store)
	a := fresh("")
	a.TTL = 60
	if err := c.Create(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	now = now.Add(61 * time.Second)
	if err := c.Read(t.Context(), a.PK, a.ID, &note{}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("an expired document is read: %v", err)
	}
}

// A replica that has not caught up says 404, too, with a sub-status of its own.
func TestAReplicaThatIsBehindIsNoMissingDocument(t *testing.T) {
	c, injector := flaky(t)
	a := fresh("")
	if err := c.Create(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	injector.Add(faults.Rule{Method: "GET", Contains: "/docs", Times: -1, Status: 404, Header: map[string]string{"x-ms-substatus": "1002"}})
	if err := c.Read(t.Context(), a.PK, a.ID, &note{}); !problem.Is(err, problem.Unavailable) {
		t.Errorf("%v", err)
	}
}

func TestNonsenseIsTheStoresFault(t *testing.T) {
	c, injector := flaky(t)
	injector.Add(faults.Rule{Method: "GET", Contains: "/docs", Status: 200, Body: "<html>"})
	if err := c.Read(t.Context(), "t:x", "note", &note{}); !problem.Is(err, problem.Upstream) {
		t.Errorf("%v", err)
	}
}
