package localcosmos_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	"switchboard/shared/localcosmos"
)

// writerPath is set for the process that TestKill starts.
const writerPath = "LOCALCOSMOS_TEST_WRITER"

func TestMain(m *testing.M) {
	if path := os.Getenv(writerPath); path != "" {
		if err := write(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// write creates items, alone and in batches of three, as fast as it can from
// several goroutines, and says on stdout which were acknowledged.
func write(path string) error {
	store, err := localcosmos.Open(localcosmos.Options{Path: path})
	if err != nil {
		return err
	}
	credential, err := azcosmos.NewKeyCredential(store.Key())
	if err != nil {
		return err
	}
	options := &azcosmos.ClientOptions{}
	options.Transport = store
	client, err := azcosmos.NewClientWithKey("http://cosmos.local", credential, options)
	if err != nil {
		return err
	}
	c, err := client.NewContainer("app", "main")
	if err != nil {
		return err
	}
	var output sync.Mutex
	failed := make(chan error)
	for worker := range 4 {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), worker, n)
				if err := writeOne(c, id, n%2 == 0); err != nil {
					failed <- err
					return
				}
				output.Lock()
				fmt.Println(id)
				output.Unlock()
			}
		}()
	}
	return <-failed
}

func writeOne(c *azcosmos.ContainerClient, id string, batch bool) error {
	key := azcosmos.NewPartitionKeyString(id)
	item := func(part int) []byte { return fmt.Appendf(nil, `{"id":"%d","pk":%q,"of":%t}`, part, id, batch) }
	if !batch {
		_, err := c.CreateItem(context.Background(), key, item(0), nil)
		return err
	}
	three := c.NewTransactionalBatch(key)
	for part := range 3 {
		three.CreateItem(item(part), nil)
	}
	result, err := c.ExecuteTransactionalBatch(context.Background(), three, nil)
	if err == nil && !result.Success {
		err = errors.New("a batch failed")
	}
	return err
}

// TestKill: every write that was acknowledged survives kill -9, and a batch is
// all there or not at all.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	store, err := localcosmos.Open(localcosmos.Options{Path: path})
	ok(t, err)
	container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{})
	ok(t, store.Close())

	var acknowledged []string
	for round := range 5 {
		acknowledged = append(acknowledged, runAndKill(t, path, 20+30*round)...)
	}
	store = open(t, localcosmos.Options{Path: path})
	c, err := connect(t, "http://cosmos.local", store.Key(), store).NewContainer("app", "main")
	ok(t, err)
	parts := map[string]int{}
	for _, id := range rows(t, c, azcosmos.NewPartitionKey(), "SELECT c.pk, c.of FROM c", &azcosmos.QueryOptions{PageSizeHint: -1}) {
		parts[member[string](t, []byte(id), "pk")+fmt.Sprint(member[bool](t, []byte(id), "of"))]++
	}
	for _, id := range acknowledged {
		if parts[id+"true"] != 3 && parts[id+"false"] != 1 {
			t.Errorf("%s was acknowledged and is lost", id)
		}
	}
	for id, n := range parts {
		if strings.HasSuffix(id, "true") && n != 3 {
			t.Errorf("of batch %s, %d items of 3 are there", id, n)
		}
	}
	t.Logf("%d acknowledged writes checked", len(acknowledged))
}

// runAndKill kills a writer after it has acknowledged n writes, in the middle
// of the next ones.
func runAndKill(t *testing.T, path string, n int) []string {
	executable, err := os.Executable()
	ok(t, err)
	writer := exec.CommandContext(t.Context(), executable)
	writer.Env = append(os.Environ(), writerPath+"="+path)
	writer.Stderr = os.Stderr
	output, err := writer.StdoutPipe()
	ok(t, err)
	ok(t, writer.Start())
	var lines []string
	for scanner := bufio.NewScanner(output); scanner.Scan(); {
		// The last line may be torn by the kill; its write was not seen.
		lines = append(lines, scanner.Text())
		if len(lines) == n {
			ok(t, writer.Process.Kill())
		}
	}
	if err := writer.Wait(); err == nil || len(lines) < n {
		t.Fatalf("the writer ended with %v after %d writes", err, len(lines))
	}
	return lines[:n]
}

// A file serves one process; the second is told so.
func TestSecondOpener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	open(t, localcosmos.Options{Path: path})
	start := time.Now()
	_, err := localcosmos.Open(localcosmos.Options{Path: path})
	if err == nil || !strings.Contains(err.Error(), "another process") || time.Since(start) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}

// Everything is there again after Close and Open; etags go on from there.
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	store, err := localcosmos.Open(localcosmos.Options{Path: path})
	ok(t, err)
	c := container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{})
	created, err := c.CreateItem(t.Context(), pk("a"), []byte(`{"id":"x","pk":"a"}`), nil)
	ok(t, err)
	before, err := c.Read(t.Context(), nil)
	ok(t, err)
	ok(t, store.Close())
	ok(t, store.Close()) // once more does nothing

	_, err = c.ReadItem(t.Context(), pk("a"), "x", nil)
	refused(t, err, http.StatusServiceUnavailable, "closed")
	_, err = c.UpsertItem(t.Context(), pk("a"), []byte(`{"id":"x","pk":"a"}`), nil)
	refused(t, err, http.StatusServiceUnavailable, "closed")

	_, err = c.Read(t.Context(), nil)
	refused(t, err, http.StatusServiceUnavailable, "closed")

	batch := c.NewTransactionalBatch(pk("a"))
	batch.DeleteItem("x", nil)
	_, err = c.ExecuteTransactionalBatch(t.Context(), batch, nil)
	refused(t, err, http.StatusServiceUnavailable, "closed")

	store = open(t, localcosmos.Options{Path: path})
	c, err = connect(t, "http://cosmos.local", store.Key(), store).NewContainer("app", "main")
	ok(t, err)
	after, err := c.Read(t.Context(), nil)
	ok(t, err)
	if *after.ContainerProperties.ETag != *before.ContainerProperties.ETag || after.ContainerProperties.ResourceID != before.ContainerProperties.ResourceID {
		t.Errorf("the container changed: %+v", after.ContainerProperties)
	}
	replaced, err := c.ReplaceItem(t.Context(), pk("a"), "x", []byte(`{"id":"x","pk":"a"}`), &azcosmos.ItemOptions{IfMatchEtag: &created.ETag})
	ok(t, err)
	if replaced.ETag == created.ETag || *replaced.SessionToken != "0:-1#2" {
		t.Errorf("etag %s, session token %s", replaced.ETag, *replaced.SessionToken)
	}
}

// Close comes amid requests: each is answered with what it did or with 503, and
// what was acknowledged is there after it.
func TestCloseDuringRequests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	store, err := localcosmos.Open(localcosmos.Options{Path: path})
	ok(t, err)
	c := container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{})
	var written sync.Map
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d", w, n)
				_, err := c.CreateItem(t.Context(), pk("a"), fmt.Appendf(nil, `{"id":%q,"pk":"a"}`, id), nil)
				if err == nil {
					written.Store(id, true)
					_, err = c.ReadItem(t.Context(), pk("a"), id, nil)
				}
				if err != nil {
					if status(err) != http.StatusServiceUnavailable {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	<-time.After(5 * time.Millisecond)
	ok(t, store.Close())
	workers.Wait()
	store = open(t, localcosmos.Options{Path: path})
	written.Range(func(id, _ any) bool {
		if response := send(t, store, "GET", docs+"/"+id.(string), ""); response.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", id, response.StatusCode)
		}
		return true
	})
}

// Writers race for one id, and count with read and If-Match: one create wins,
// no increment is lost.
func TestConcurrentWriters(t *testing.T) {
	c := items(t, azcosmos.ContainerProperties{})
	const writers, increments = 8, 20
	var created sync.Map
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			if _, err := c.CreateItem(t.Context(), pk("a"), []byte(`{"id":"x","pk":"a","n":0}`), nil); err == nil {
				created.Store(w, true)
			} else if status(err) != http.StatusConflict {
				t.Error(err)
			}
			for n := 0; n < increments; {
				read, err := c.ReadItem(t.Context(), pk("a"), "x", nil)
				if err != nil {
					t.Error(err)
					return
				}
				next := fmt.Appendf(nil, `{"id":"x","pk":"a","n":%d}`, member[int](t, read.Value, "n")+1)
				_, err = c.ReplaceItem(t.Context(), pk("a"), "x", next, &azcosmos.ItemOptions{IfMatchEtag: &read.ETag})
				if err == nil {
					n++
				} else if status(err) != http.StatusPreconditionFailed {
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	winners := 0
	created.Range(func(_, _ any) bool { winners++; return true })
	read, err := c.ReadItem(t.Context(), pk("a"), "x", nil)
	ok(t, err)
	if n := member[int](t, read.Value, "n"); winners != 1 || n != writers*increments {
		t.Errorf("%d creates won, the count is %d", winners, n)
	}
}
