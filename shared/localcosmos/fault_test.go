package localcosmos_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	"switchboard/shared/localcosmos"
)

// nth gives a fault to the n-th request of a method on items, and counts those
// requests.
type nth struct {
	method string
	n      int64
	fault  localcosmos.Fault
	calls  atomic.Int64
}

func (f *nth) next(r *http.Request) localcosmos.Fault {
	if r.Method != f.method || !strings.Contains(r.URL.Path, "/docs") || f.calls.Add(1) != f.n {
		return localcosmos.Fault{}
	}
	return f.fault
}

// retrying is a container whose client retries as azcosmos does by default, but
// at once.
func retrying(t testing.TB, endpoint string, store *localcosmos.Store, transport policy.Transporter) *azcosmos.ContainerClient {
	t.Helper()
	container(t, connect(t, endpoint, store.Key(), transport), azcosmos.ContainerProperties{})
	credential, err := azcosmos.NewKeyCredential(store.Key())
	ok(t, err)
	options := &azcosmos.ClientOptions{}
	options.Transport = transport
	options.Retry = policy.RetryOptions{RetryDelay: time.Nanosecond, MaxRetryDelay: time.Second}
	client, err := azcosmos.NewClientWithKey(endpoint, credential, options)
	ok(t, err)
	c, err := client.NewContainer("app", "main")
	ok(t, err)
	return c
}

// What azcosmos v1.4.1 makes of a lost answer: it repeats the request, so a
// create meets its own item and incr counts twice. A lost request does no harm.
func TestFaultDrops(t *testing.T) {
	for name, test := range map[string]struct {
		fault       localcosmos.Fault
		create, sum int
	}{
		"request": {localcosmos.Fault{DropRequest: true}, 0, 1},
		"answer":  {localcosmos.Fault{DropAnswer: true}, http.StatusConflict, 2},
	} {
		eachFaultyMount(t, name, test.fault, func(t *testing.T, f *nth, c *azcosmos.ContainerClient) {
			f.method, f.n = http.MethodPost, 1
			_, err := c.CreateItem(t.Context(), pk("a"), []byte(`{"id":"x","pk":"a","n":0}`), nil)
			if status(err) != test.create || f.calls.Load() != 2 {
				t.Errorf("create: %d requests, %v", f.calls.Load(), err)
			}
			f.method = http.MethodPatch
			f.calls.Store(0)
			var patch azcosmos.PatchOperations
			patch.AppendIncrement("/n", 1)
			_, err = c.PatchItem(t.Context(), pk("a"), "x", patch, nil)
			ok(t, err)
			read, err := c.ReadItem(t.Context(), pk("a"), "x", nil)
			ok(t, err)
			if n := member[int](t, read.Value, "n"); n != test.sum {
				t.Errorf("incr made %d, want %d", n, test.sum)
			}
		})
	}
}

func eachFaultyMount(t *testing.T, name string, fault localcosmos.Fault, test func(*testing.T, *nth, *azcosmos.ContainerClient)) {
	t.Run(name+" in process", func(t *testing.T) {
		f := &nth{fault: fault}
		store := open(t, localcosmos.Options{Fault: f.next})
		test(t, f, retrying(t, "http://cosmos.local", store, store))
	})
	t.Run(name+" over a listener", func(t *testing.T) {
		f := &nth{fault: fault}
		store := open(t, localcosmos.Options{Fault: f.next})
		server := httptest.NewServer(store)
		t.Cleanup(server.Close)
		test(t, f, retrying(t, server.URL, store, server.Client()))
	})
}

// azcosmos waits as long as x-ms-retry-after-ms says; 449 it gives to the
// application at once.
func TestFaultStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &nth{method: http.MethodGet, n: 1, fault: localcosmos.Fault{Status: 429, Substatus: 3200, RetryAfter: 250 * time.Millisecond}}
		store := open(t, localcosmos.Options{Fault: f.next})
		c := retrying(t, "http://cosmos.local", store, store)
		create(t, c, "a", `{"id":"x","pk":"a"}`)
		start := time.Now()
		_, err := c.ReadItem(t.Context(), pk("a"), "x", nil)
		ok(t, err)
		if waited := time.Since(start); waited < 250*time.Millisecond || f.calls.Load() != 2 {
			t.Errorf("%d requests in %v", f.calls.Load(), waited)
		}
		f.fault = localcosmos.Fault{Status: 449}
		f.calls.Store(0)
		_, err = c.ReadItem(t.Context(), pk("a"), "x", nil)
		refused(t, err, 449, "Options.Fault")
		if f.calls.Load() != 1 {
			t.Errorf("449: %d requests", f.calls.Load())
		}
	})
}

// A delay ends with the client's patience, and then nothing was done.
func TestFaultDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &nth{method: http.MethodPost, n: 1, fault: localcosmos.Fault{Delay: time.Minute}}
		store := open(t, localcosmos.Options{Fault: f.next})
		c := retrying(t, "http://cosmos.local", store, store)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.CreateItem(ctx, pk("a"), []byte(`{"id":"x","pk":"a"}`), nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("create: %v", err)
		}
		f.calls.Store(0)
		start := time.Now()
		create(t, c, "a", `{"id":"x","pk":"a"}`)
		if took := time.Since(start); took != time.Minute {
			t.Errorf("the create took %v", took)
		}
	})
}
