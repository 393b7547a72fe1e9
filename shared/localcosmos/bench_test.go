package localcosmos_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"
	bolt "go.etcd.io/bbolt"

	"switchboard/shared/localcosmos"
)

// constant answers every request with the same bytes: what azcosmos itself
// costs.
type constant struct{ account, body []byte }

func (c constant) Do(r *http.Request) (*http.Response, error) {
	body := c.body
	if r.URL.Path == "/" {
		body = c.account
	}
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

func kilobyte(id string) []byte {
	return fmt.Appendf(nil, `{"id":%q,"pk":"p","n":%d,"name":"Ada","tags":["a","b","c"],"nested":{"a":1,"b":{"c":null}},"text":%q}`,
		id, len(id), strings.Repeat("lorem ipsum ", 70))
}

func constantContainer(b *testing.B) *azcosmos.ContainerClient {
	store := open(b, localcosmos.Options{})
	account := bodyOf(b, send(b, store, "GET", "", ""))
	client := connect(b, "http://cosmos.local", store.Key(), constant{[]byte(account), kilobyte("x")})
	c, err := client.NewContainer("app", "main")
	ok(b, err)
	return c
}

func memoryContainer(b *testing.B) *azcosmos.ContainerClient {
	return items(b, azcosmos.ContainerProperties{})
}

func BenchmarkPointRead(b *testing.B) {
	for name, c := range map[string]*azcosmos.ContainerClient{"azcosmos alone": constantContainer(b), "in process": memoryContainer(b)} {
		b.Run(name, func(b *testing.B) {
			_, err := c.UpsertItem(b.Context(), pk("p"), kilobyte("x"), nil)
			ok(b, err)
			for b.Loop() {
				_, err := c.ReadItem(b.Context(), pk("p"), "x", nil)
				ok(b, err)
			}
		})
	}
}

func BenchmarkUpsert(b *testing.B) {
	item := kilobyte("x")
	upsert := func(b *testing.B, c *azcosmos.ContainerClient) {
		_, err := c.UpsertItem(b.Context(), pk("p"), item, nil)
		ok(b, err)
	}
	for name, c := range map[string]*azcosmos.ContainerClient{"azcosmos alone": constantContainer(b), "in memory": memoryContainer(b)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				upsert(b, c)
			}
		})
	}
	durable := durableContainer(b)
	for i := range 100 {
		_, err := durable.UpsertItem(b.Context(), pk("p"), kilobyte(fmt.Sprint(i)), nil)
		ok(b, err)
	}
	kept, err := durable.ReadItem(b.Context(), pk("p"), "1", nil)
	ok(b, err)
	b.Run("durable", func(b *testing.B) { benchmarkBesideBolt(b, kept.Value, func() { upsert(b, durable) }) })
	b.Run("durable, 16 writers", func(b *testing.B) {
		b.SetParallelism(8)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				upsert(b, durable)
			}
		})
	})
}

func durableContainer(b *testing.B) *azcosmos.ContainerClient {
	store := open(b, localcosmos.Options{Path: filepath.Join(b.TempDir(), "store.db")})
	return container(b, connect(b, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{})
}

// benchmarkBesideBolt does each write in turn with one to a bare bbolt file,
// because disks change from second to second, and reports what part of bbolt's
// rate it reaches. The bare file gets what the store keeps, and has a hundred
// items too: bbolt keeps a bucket with a single one inside its parent, which saves
// a page that no store of any size saves.
func benchmarkBesideBolt(b *testing.B, item []byte, write func()) {
	db, err := bolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, nil)
	ok(b, err)
	defer db.Close()
	put := func(key string) {
		ok(b, db.Update(func(tx *bolt.Tx) error {
			docs, err := tx.CreateBucketIfNotExists([]byte("docs"))
			if err != nil {
				return err
			}
			return docs.Put([]byte(key), item)
		}))
	}
	for i := range 100 {
		put(fmt.Sprint("p ", i))
	}
	var bare, ours time.Duration
	for b.Loop() {
		start := time.Now()
		put("p x")
		between := time.Now()
		write()
		bare += between.Sub(start)
		ours += time.Since(between)
	}
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N), "ns/op")
	b.ReportMetric(100*bare.Seconds()/ours.Seconds(), "%-of-bbolt")
}

// BenchmarkQuery runs over 1,000 items of 1 KB in one partition.
func BenchmarkQuery(b *testing.B) {
	c := memoryContainer(b)
	for i := range 1000 {
		_, err := c.UpsertItem(b.Context(), pk("p"), kilobyte(fmt.Sprintf("%04d", i*7919%1000)), nil)
		ok(b, err)
	}
	for _, query := range []string{"SELECT TOP 100 * FROM c ORDER BY c._ts DESC", "SELECT * FROM c WHERE c.id = '0500'", "SELECT VALUE COUNT(1) FROM c WHERE c.nested.a = 1"} {
		b.Run(query, func(b *testing.B) {
			for b.Loop() {
				rows(b, c, pk("p"), query, nil)
			}
		})
	}
}
