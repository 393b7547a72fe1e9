package localcosmos_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

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
	store := open(b, localcosmos.Options{Path: filepath.Join(b.TempDir(), "store.db")})
	durable := container(b, connect(b, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{})
	for name, c := range map[string]*azcosmos.ContainerClient{"azcosmos alone": constantContainer(b), "in memory": memoryContainer(b), "durable": durable} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := c.UpsertItem(b.Context(), pk("p"), kilobyte("x"), nil)
				ok(b, err)
			}
		})
	}
	b.Run("durable, 16 writers", func(b *testing.B) {
		b.SetParallelism(8)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				_, err := durable.UpsertItem(b.Context(), pk("p"), kilobyte("x"), nil)
				ok(b, err)
			}
		})
	})
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
