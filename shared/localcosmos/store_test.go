package localcosmos_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	"switchboard/shared/localcosmos"
)

// open opens a store that the test closes.
func open(t testing.TB, options localcosmos.Options) *localcosmos.Store {
	t.Helper()
	store, err := localcosmos.Open(options)
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

// connect makes an azcosmos client of a transport. It does not retry: tests
// look at each answer.
func connect(t testing.TB, endpoint, key string, transport policy.Transporter, perCall ...policy.Policy) *azcosmos.Client {
	t.Helper()
	credential, err := azcosmos.NewKeyCredential(key)
	if err != nil {
		t.Fatal(err)
	}
	client, err := azcosmos.NewClientWithKey(endpoint, credential, &azcosmos.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: transport, PerCallPolicies: perCall, Retry: policy.RetryOptions{MaxRetries: -1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// container makes database "app" and a container with the given properties.
func container(t testing.TB, client *azcosmos.Client, properties azcosmos.ContainerProperties) *azcosmos.ContainerClient {
	t.Helper()
	ctx := t.Context()
	if _, err := client.CreateDatabase(ctx, azcosmos.DatabaseProperties{ID: "app"}, nil); err != nil && status(err) != http.StatusConflict {
		t.Fatal(err)
	}
	database, err := client.NewDatabase("app")
	if err != nil {
		t.Fatal(err)
	}
	if properties.ID == "" {
		properties.ID = "main"
	}
	if properties.PartitionKeyDefinition.Paths == nil {
		properties.PartitionKeyDefinition = azcosmos.PartitionKeyDefinition{Paths: []string{"/pk"}, Version: 2}
	}
	if _, err := database.CreateContainer(ctx, properties, nil); err != nil {
		t.Fatal(err)
	}
	items, err := database.NewContainer(properties.ID)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// items is the short way to an empty container in a store in memory.
func items(t testing.TB, properties azcosmos.ContainerProperties) *azcosmos.ContainerClient {
	t.Helper()
	store := open(t, localcosmos.Options{})
	return container(t, connect(t, "http://cosmos.local", store.Key(), store), properties)
}

// eachMount runs a test in process and through a listener, over which headers
// and paths travel as bytes.
func eachMount(t *testing.T, test func(t *testing.T, client *azcosmos.Client)) {
	t.Run("in process", func(t *testing.T) {
		store := open(t, localcosmos.Options{})
		test(t, connect(t, "http://cosmos.local", store.Key(), store))
	})
	for name, listen := range map[string]func(http.Handler) *httptest.Server{"listener": httptest.NewServer, "TLS": httptest.NewTLSServer} {
		t.Run(name, func(t *testing.T) {
			store := open(t, localcosmos.Options{})
			server := listen(store)
			t.Cleanup(server.Close)
			test(t, connect(t, server.URL, store.Key(), server.Client()))
		})
	}
}

// status gives the HTTP status of an error of azcosmos, or 0.
func status(err error) int {
	var response *azcore.ResponseError
	if errors.As(err, &response) {
		return response.StatusCode
	}
	return 0
}

// refused demands that err is the service's answer with a status, and that its
// body has the service's shape and says something.
func refused(t testing.TB, err error, want int, says string) {
	t.Helper()
	var response *azcore.ResponseError
	if !errors.As(err, &response) {
		t.Fatalf("got %v, want a response with status %d", err, want)
	}
	if response.StatusCode != want {
		t.Fatalf("got status %d, want %d: %v", response.StatusCode, want, err)
	}
	var body struct{ Code, Message string }
	text := response.Error()
	if start := strings.Index(text, "{"); start < 0 || json.NewDecoder(strings.NewReader(text[start:])).Decode(&body) != nil {
		t.Fatalf("the answer has no JSON body: %v", text)
	}
	if body.Code == "" || !strings.Contains(body.Message, says) {
		t.Fatalf("code %q, message %q does not say %q", body.Code, body.Message, says)
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func pk(s string) azcosmos.PartitionKey { return azcosmos.NewPartitionKeyString(s) }

// member reads one member of a JSON object.
func member[T any](t testing.TB, object []byte, name string) T {
	t.Helper()
	var members map[string]json.RawMessage
	ok(t, json.Unmarshal(object, &members))
	var v T
	if members[name] == nil {
		t.Fatalf("no member %q in %s", name, object)
	}
	ok(t, json.Unmarshal(members[name], &v))
	return v
}

// rows runs a query in one partition to its last page.
func rows(t testing.TB, c *azcosmos.ContainerClient, key azcosmos.PartitionKey, query string, o *azcosmos.QueryOptions) []string {
	t.Helper()
	rows, err := allRows(t, c, key, query, o)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return rows
}

func allRows(t testing.TB, c *azcosmos.ContainerClient, key azcosmos.PartitionKey, query string, o *azcosmos.QueryOptions) ([]string, error) {
	rows := []string{}
	pager := c.NewQueryItemsPager(query, key, o)
	for pager.More() {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			rows = append(rows, string(item))
		}
	}
	return rows, nil
}

func create(t testing.TB, c *azcosmos.ContainerClient, key, item string) {
	t.Helper()
	if _, err := c.CreateItem(t.Context(), pk(key), []byte(item), nil); err != nil {
		t.Fatalf("create %s: %v", item, err)
	}
}
