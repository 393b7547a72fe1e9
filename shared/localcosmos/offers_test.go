package localcosmos_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	"switchboard/shared/localcosmos"
)

// provisioned makes database "app" with container "main", each with manual
// throughput or, for 0, without any.
func provisioned(t testing.TB, client *azcosmos.Client, shared, own int32) (*azcosmos.DatabaseClient, *azcosmos.ContainerClient) {
	t.Helper()
	manual := func(n int32) *azcosmos.ThroughputProperties {
		if n == 0 {
			return nil
		}
		properties := azcosmos.NewManualThroughputProperties(n)
		return &properties
	}
	_, err := client.CreateDatabase(t.Context(), azcosmos.DatabaseProperties{ID: "app"}, &azcosmos.CreateDatabaseOptions{ThroughputProperties: manual(shared)})
	ok(t, err)
	database, err := client.NewDatabase("app")
	ok(t, err)
	_, err = database.CreateContainer(t.Context(), azcosmos.ContainerProperties{
		ID: "main", PartitionKeyDefinition: azcosmos.PartitionKeyDefinition{Paths: []string{"/pk"}, Version: 2},
	}, &azcosmos.CreateContainerOptions{ThroughputProperties: manual(own)})
	ok(t, err)
	c, err := database.NewContainer("main")
	ok(t, err)
	return database, c
}

func manualThroughput(t testing.TB, read azcosmos.ThroughputResponse, err error) int32 {
	t.Helper()
	ok(t, err)
	n, manual := read.ThroughputProperties.ManualThroughput()
	if !manual {
		t.Error("the throughput is not manual")
	}
	return n
}

// "Offers" (REST reference): throughput is read and replaced by the offer of a
// database or container, and goes with it.
func TestThroughput(t *testing.T) {
	eachMount(t, func(t *testing.T, client *azcosmos.Client) {
		ctx := t.Context()
		database, c := provisioned(t, client, 1000, 400)
		read, err := c.ReadThroughput(ctx, nil)
		if got := manualThroughput(t, read, err); got != 400 {
			t.Errorf("the container's: %d", got)
		}
		replaced, err := c.ReplaceThroughput(ctx, azcosmos.NewManualThroughputProperties(600), nil)
		if got := manualThroughput(t, replaced, err); got != 600 || *replaced.ThroughputProperties.ETag == *read.ThroughputProperties.ETag {
			t.Errorf("replaced: %d, etag %s", got, *replaced.ThroughputProperties.ETag)
		}
		read, err = c.ReadThroughput(ctx, nil)
		if got := manualThroughput(t, read, err); got != 600 {
			t.Errorf("read again: %d", got)
		}
		shared, err := database.ReadThroughput(ctx, nil)
		if got := manualThroughput(t, shared, err); got != 1000 {
			t.Errorf("the database's: %d", got)
		}
		_, err = c.Delete(ctx, nil)
		ok(t, err)
		_, err = database.Delete(ctx, nil)
		ok(t, err)
		_, c = provisioned(t, client, 0, 0)
		if _, err := c.ReadThroughput(ctx, nil); status(err) != http.StatusNotFound {
			t.Errorf("made anew without throughput: %v", err)
		}
	})
}

// "Azure Cosmos DB service quotas": 400 to 1,000,000 RU/s in steps of 100.
func TestThroughputRefusals(t *testing.T) {
	store := open(t, localcosmos.Options{})
	_, c := provisioned(t, connect(t, "http://cosmos.local", store.Key(), store), 0, 400)
	for _, n := range []int32{100, 450, 1_000_100} {
		_, err := c.ReplaceThroughput(t.Context(), azcosmos.NewManualThroughputProperties(n), nil)
		refused(t, err, http.StatusBadRequest, "increments of 100")
		response := send(t, store, "POST", "dbs", `{"id":"other"}`, "x-ms-offer-throughput", strconv.Itoa(int(n)))
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("a database with %d RU/s: %d", n, response.StatusCode)
		}
	}
	_, err := c.ReplaceThroughput(t.Context(), azcosmos.NewAutoscaleThroughputProperties(4000), nil)
	refused(t, err, http.StatusBadRequest, "autoscale")
	for path, want := range map[string]int{"offers": 200, "offers/none": 404} {
		if response := send(t, store, "GET", path, ""); response.StatusCode != want {
			t.Errorf("GET %s: %d", path, response.StatusCode)
		}
	}
}

// "Request rate too large": beyond the RU/s of a second 429 with
// x-ms-retry-after-ms, after which the request is served. A container's own
// throughput comes before the database's, which its containers share.
func TestThrottle(t *testing.T) {
	for name, test := range map[string]struct{ shared, own int32 }{"own": {4000, 400}, "shared": {400, 0}} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			store := open(t, localcosmos.Options{Throttle: true, Now: func() time.Time { return now }})
			_, c := provisioned(t, connect(t, "http://cosmos.local", store.Key(), store), test.shared, test.own)
			create(t, c, "a", `{"id":"x","pk":"a"}`)
			read := func() *http.Response { return send(t, store, "GET", docs+"/x", "") }
			served := 0
			response := read()
			for ; response.StatusCode == http.StatusOK && served < 1000; response = read() {
				served++
			}
			// 400 RU less the create's 5 and something: a read of 1 KB is 1 RU.
			if served < 390 || served > 396 || response.StatusCode != http.StatusTooManyRequests {
				t.Fatalf("%d reads, then %d", served, response.StatusCode)
			}
			wait, err := strconv.Atoi(response.Header.Get("x-ms-retry-after-ms"))
			if err != nil || wait < 1 || wait > 1000 {
				t.Fatalf("x-ms-retry-after-ms %q", response.Header.Get("x-ms-retry-after-ms"))
			}
			if now = now.Add(time.Duration(wait) * time.Millisecond); read().StatusCode != http.StatusOK {
				t.Error("refused after x-ms-retry-after-ms")
			}
		})
	}
}
