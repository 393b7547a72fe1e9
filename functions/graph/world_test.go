package graph_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/localgraph"
	"switchboard/shared/outbox"
	"switchboard/shared/storage"
	"switchboard/shared/testbed"
	"switchboard/shared/watch"
)

// tenant is Graph, whose notifications reach an address over the network, and what watches
// there, over the store of the functions.
type tenant struct {
	*watch.Registry
	t      *testing.T
	server *localgraph.Server
	store  *storage.Container
	token  string

	mu     sync.Mutex
	synced []string
}

const clientID, secret = "0a54c1d2-93f7-4e0b-8c61-5d2e7f9a1b34", "made-for-a-test"

var ada = localgraph.SeedUserID("ada")

func newTenant(t *testing.T, b *testbed.Bed) *tenant {
	t.Helper()
	server, err := localgraph.New(localgraph.Options{
		Apps: []localgraph.App{{ClientID: clientID, ObjectID: "7c1e5b1f-2f0d-4b53-9a35-0c7f8e6d4a21", Roles: localgraph.AllRoles(), Secret: secret}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	n := &tenant{t: t, server: server, store: b.Store()}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {secret}, "scope": {"https://graph.microsoft.com/.default"}}
	n.token = n.must("POST", "https://login.microsoftonline.com/"+server.Tenant()+"/oauth2/v2.0/token", "application/x-www-form-urlencoded", form.Encode())["access_token"].(string)
	client, err := graph.New(graph.DefaultEndpoint, n, &graph.Options{ClientOptions: azcore.ClientOptions{Transport: faults.Transport{Handler: server}}})
	if err != nil {
		t.Fatal(err)
	}
	n.Registry = watch.New(watch.Config{
		Store: n.store, Graph: client, URL: b.URL + "/api/graph", Now: time.Now, NewID: rand.Text, Log: slog.New(slog.DiscardHandler),
		Sync: func(_ context.Context, meeting string) error {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.synced = append(n.synced, meeting)
			return nil
		},
	})
	return n
}

// GetToken makes the tenant a credential.
func (n *tenant) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: n.token, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func (n *tenant) must(method, address, contentType, body string) (answer map[string]any) {
	n.t.Helper()
	r := httptest.NewRequest(method, address, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Authorization", "Bearer "+n.token)
	w := httptest.NewRecorder()
	n.server.ServeHTTP(w, r)
	if w.Code >= 300 || w.Code != http.StatusNoContent && json.Unmarshal(w.Body.Bytes(), &answer) != nil {
		n.t.Fatalf("%s %s: %d %s", method, address, w.Code, w.Body)
	}
	return answer
}

// event makes one on Ada's calendar, and follows it.
func (n *tenant) event(meeting string) (address string) {
	n.t.Helper()
	const events = "https://graph.microsoft.com/v1.0/users/"
	made := n.must("POST", events+ada+"/events", "application/json",
		`{"subject":"Lesson","start":{"dateTime":"2030-11-22T10:00:00","timeZone":"UTC"},"end":{"dateTime":"2030-11-22T11:00:00","timeZone":"UTC"}}`)
	id := made["id"].(string)
	if err := n.Follow(n.t.Context(), ada, id, meeting, time.Now().Add(time.Hour)); err != nil {
		n.t.Fatal(err)
	}
	return events + ada + "/events/" + id
}

// settle does what is in the outbox, and gives the meetings that were looked at.
func (n *tenant) settle() string {
	n.t.Helper()
	c := outbox.Consumer{Store: n.store, Handlers: n.Handlers(), Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	if _, err := c.Drain(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	slices.Sort(n.synced)
	all := fmt.Sprint(slices.Compact(n.synced))
	n.synced = nil
	return all
}

// sender is what Ada's notifications are believed by.
func (n *tenant) sender(b *testbed.Bed) (id, clientState string) {
	n.t.Helper()
	var s struct{ Subscription, ClientState string }
	stored := b.Stored("SELECT * FROM c WHERE c.type = 'subscription'")
	if len(stored) != 1 || json.Unmarshal(stored[0], &s) != nil {
		n.t.Fatalf("stored are %s", stored)
	}
	return s.Subscription, s.ClientState
}
