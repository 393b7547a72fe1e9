package notify_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/functions/notify"
	"switchboard/shared/api"
	"switchboard/shared/app"
	"switchboard/shared/faults"
	"switchboard/shared/function"
	"switchboard/shared/hosting"
	"switchboard/shared/hosting/hostingtest"
	"switchboard/shared/local"
	"switchboard/shared/outbox"
	"switchboard/shared/storage"
	"switchboard/shared/testbed"
)

// TestMain runs the function itself, with something to do, when a test starts its own
// executable again as a program.
func TestMain(m *testing.M) {
	if os.Getenv("SWITCHBOARD_TEST_PROGRAM") != "" {
		os.Exit(hosting.Main(app.Builder(rows()...)))
	}
	os.Exit(m.Run())
}

func rows() []function.Function { return []function.Function{notify.Function(), writer()} }

// writer is a function that has work of its kind done: it adds a Handler.
func writer() function.Function {
	return function.Function{
		Name:  "writer",
		Route: "writer",
		Needs: []function.Need{function.Storage},
		Mount: func(_ *api.API, s function.Services) {
			s.Outbox.Handlers["write"] = func(ctx context.Context, e *outbox.Entry) (any, error) {
				return write(ctx, s.Outbox.Store, e)
			}
		},
	}
}

// work is an entry's: to write pages, one at a time, in another partition.
type work struct {
	To         string
	Page, Last int
}

// page counts how often it was written.
type page struct {
	storage.Head
	Times int `json:"times"`
}

func write(ctx context.Context, store *storage.Container, e *outbox.Entry) (any, error) {
	var w work
	if err := json.Unmarshal(e.Data, &w); err != nil {
		return nil, err
	}
	p := &page{Head: storage.Head{PK: w.To, ID: "page:" + string(rune('0'+w.Page)), Type: "page"}}
	err := store.Read(ctx, p.PK, p.ID, p)
	if p.Times++; errors.Is(err, storage.ErrNotFound) {
		err = store.Create(ctx, p)
	} else if err == nil {
		err = store.Replace(ctx, p)
	}
	if w.Page++; err != nil || w.Page > w.Last {
		return nil, err
	}
	return w, nil
}

// store reaches the container of a cloud, past its faults.
func store(t *testing.T, c *local.Cloud) *storage.Container {
	t.Helper()
	s, err := storage.Open(storage.Config{
		Endpoint: "https://cosmos.localhost", Key: c.Cosmos.Key(), Transport: c.Cosmos, NewID: rand.Text,
		Schema: storage.Schema{Database: "switchboard", Container: "main"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask stores an entry with pages to be written to partition "there".
func ask(t *testing.T, s *storage.Container, pages int) {
	t.Helper()
	e, err := outbox.New("here", "write", work{To: "there", Page: 1, Last: pages}, rand.Text(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Create(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// stored are the documents of a type.
func stored(t *testing.T, s *storage.Container, kind string) []json.RawMessage {
	t.Helper()
	found, err := s.QueryAll(t.Context(), storage.Query{Text: "SELECT * FROM c WHERE c.type = @type", Parameters: map[string]any{"@type": kind}})
	if err != nil {
		t.Fatal(err)
	}
	return found.Documents
}

// written demands that each page was written as often as said.
func written(t *testing.T, s *storage.Container, times ...int) {
	t.Helper()
	var got []int
	for _, text := range stored(t, s, "page") {
		var p page
		if err := json.Unmarshal(text, &p); err != nil {
			t.Fatal(err)
		}
		got = append(got, p.Times)
	}
	if !slices.Equal(got, times) {
		t.Errorf("the pages were written %v times, want %v", got, times)
	}
}

func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !true(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never %s", what)
		}
	}
}

// cloud is a local cloud on the network, and the settings of a program over it.
func cloud(t *testing.T) (*local.Cloud, []string) {
	t.Helper()
	c := testbed.Cloud(t, &testbed.Clock{})
	cosmos := httptest.NewServer(c.CosmosFaults)
	t.Cleanup(cosmos.Close)
	env := []string{"SWITCHBOARD_TEST_PROGRAM=1"}
	for name, value := range c.SettingsAt("http://127.0.0.1:1", cosmos.URL, "") {
		env = append(env, name+"="+value)
	}
	return c, env
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// functionsHost runs the program as Azure does, from the files that are deployed.
func functionsHost(t *testing.T, env []string) *hostingtest.FunctionsHost {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "notify"), 0o755); err != nil {
		t.Fatal(err)
	}
	for to, from := range map[string]string{"handler": self(t), "host.json": "../../host.json", "notify/function.json": "function.json"} {
		from, err := filepath.Abs(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(from, filepath.Join(root, to)); err != nil {
			t.Fatal(err)
		}
	}
	host, err := hostingtest.StartFunctionsHost(t.Context(), hostingtest.FunctionsOptions{Root: root, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	return host
}

// fire delivers what is in the outbox as the trigger would.
func fire(t *testing.T, host *hostingtest.FunctionsHost, s *storage.Container) {
	t.Helper()
	batch, err := json.Marshal(append(stored(t, s, "outbox"), json.RawMessage(`{"id":"x","pk":"x","type":"other"}`)))
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Fire(t.Context(), "notify", batch); err != nil {
		t.Fatalf("%v\n%s", err, host.Stdout())
	}
}

// On Azure the change feed fires it, in the host's own encoding. The process is killed
// when the second page is written and nobody knows: that page is written again, and the
// first is not, though the host delivers what it delivered then.
func TestOnAzureAKillLosesNothing(t *testing.T) {
	t.Parallel()
	c, env := cloud(t)
	s := store(t, c)
	host := functionsHost(t, env)
	ask(t, s, 3)
	fire(t, host, s)
	written(t, s, 1)

	c.CosmosFaults.Record()
	c.CosmosFaults.Add(faults.Rule{Method: http.MethodPut, Contains: "outbox", Delay: faults.Duration(time.Minute), Times: -1})
	done := make(chan struct{})
	go func() {
		defer close(done)
		fire(t, host, s)
	}()
	until(t, "stuck", func() bool {
		return slices.ContainsFunc(c.CosmosFaults.Calls(), func(call string) bool { return strings.HasPrefix(call, "PUT") && strings.Contains(call, "outbox") })
	})
	c.CosmosFaults.Clear()
	host.Kill()
	<-done // the host has started another process and delivered again
	for len(stored(t, s, "outbox")) > 0 {
		fire(t, host, s)
	}
	written(t, s, 1, 2, 1)
	if host.Starts() != 2 {
		t.Errorf("%d processes", host.Starts())
	}
}

// On Azure a batch comes again until the store is back.
func TestOnAzureTheStoreIsAway(t *testing.T) {
	t.Parallel()
	c, env := cloud(t)
	s := store(t, c)
	host := functionsHost(t, env)
	ask(t, s, 1)
	c.CosmosFaults.Add(faults.Rule{Contains: "outbox", Status: http.StatusServiceUnavailable, Times: 3})
	fire(t, host, s)
	written(t, s, 1)
	if len(stored(t, s, "outbox")) > 0 || strings.Count(host.Stdout(), "was not handled") != 3 {
		t.Errorf("log: %s", host.Stdout())
	}
}

// On Lambda a schedule fires it, with whatever payload that has.
func TestOnLambdaAScheduleDrainsTheOutbox(t *testing.T) {
	t.Parallel()
	c, env := cloud(t)
	s := store(t, c)
	lambda := hostingtest.StartLambda(hostingtest.LambdaOptions{Bootstrap: self(t), Env: env})
	t.Cleanup(lambda.Close)
	for _, payload := range []string{
		`{"version":"0","id":"1","detail-type":"Scheduled Event","source":"aws.events","account":"1","time":"2026-11-22T10:00:00Z","region":"eu-central-1","resources":[],"detail":{}}`,
		`{}`, `null`,
	} {
		ask(t, s, 2)
		if _, err := lambda.Invoke(t.Context(), json.RawMessage(payload)); err != nil {
			t.Fatalf("%v\n%s", err, lambda.Stdout())
		}
		if left := stored(t, s, "outbox"); len(left) > 0 {
			t.Errorf("after %s there is left: %s", payload, left)
		}
	}
	written(t, s, 3, 3)
	ask(t, s, 1)
	c.CosmosFaults.Add(faults.Rule{Status: http.StatusServiceUnavailable, Times: -1})
	if _, err := lambda.Invoke(t.Context(), json.RawMessage(`{}`)); err == nil {
		t.Error("a drain without a store went well")
	}
}

// On a laptop it works as on Azure, at once, and goes on when the store is back.
func TestLocallyAtOnce(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	s := store(t, b.Cloud)
	began := time.Now()
	ask(t, s, 3)
	until(t, "done", func() bool { return len(b.Stored("SELECT * FROM c WHERE c.type = 'outbox'")) == 0 })
	if took := time.Since(began); took > time.Second {
		t.Errorf("three pages took %v", took)
	}
	written(t, s, 1, 1, 1)
	b.Cloud.CosmosFaults.Add(faults.Rule{Contains: "outbox", Status: http.StatusServiceUnavailable, Times: 3})
	ask(t, s, 1)
	until(t, "done", func() bool { return len(stored(t, s, "outbox")) == 0 })
	written(t, s, 2, 1, 1)
}
