package watch_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/localcosmos"
	"switchboard/shared/localgraph"
	"switchboard/shared/outbox"
	"switchboard/shared/storage"
	"switchboard/shared/testbed"
	"switchboard/shared/watch"
)

// world is a store, a tenant at Graph, and what is watched there.
type world struct {
	*watch.Registry
	t      testing.TB
	clock  *testbed.Clock
	cosmos *localcosmos.Store
	broken *faults.Injector // in front of the store, for registries that registry makes
	store  *storage.Container
	tenant *localgraph.Server
	front  *faults.Injector // in front of the tenant
	graph  *graph.Client
	log    *testbed.Log

	mu     sync.Mutex
	taker  *watch.Registry // what deliveries reach; nil: they are refused
	posted []string        // paths of deliveries that were taken
	synced []string        // meetings
	fails  map[string]error
}

const (
	clientID = "0a54c1d2-93f7-4e0b-8c61-5d2e7f9a1b34"
	secret   = "made-for-a-test"
	url      = "https://api.example.com/api/graph"
)

// signingKey is made once for all tests: it takes longer than most of them.
var signingKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: &testbed.Clock{}, log: &testbed.Log{}, fails: map[string]error{}}
	var err error
	w.cosmos, err = localcosmos.Open(localcosmos.Options{Now: w.clock.Now})
	ok(t, err)
	w.broken = faults.Wrap(w.cosmos)
	w.store = w.container(faults.Transport{Handler: w.broken})
	ok(t, w.store.Provision(t.Context()))
	key, err := signingKey()
	ok(t, err)
	w.tenant, err = localgraph.New(localgraph.Options{
		Apps: []localgraph.App{{ClientID: clientID, ObjectID: "7c1e5b1f-2f0d-4b53-9a35-0c7f8e6d4a21", Roles: localgraph.AllRoles(), Secret: secret}},
		Now:  w.clock.Now, SigningKey: key,
		Transport: faults.Transport{Handler: http.HandlerFunc(w.webhook)},
	})
	ok(t, err)
	w.front = faults.Wrap(w.tenant)
	w.graph, err = graph.New(graph.DefaultEndpoint, w, &graph.Options{ClientOptions: azcore.ClientOptions{
		Transport: faults.Transport{Handler: w.front},
		Retry:     policy.RetryOptions{MaxRetries: -1},
	}})
	ok(t, err)
	w.Registry = w.registry()
	w.taker = w.Registry
	t.Cleanup(func() {
		ok(t, w.tenant.Close())
		ok(t, w.cosmos.Close())
	})
	return w
}

func (w *world) container(to policy.Transporter) *storage.Container {
	w.t.Helper()
	c, err := storage.Open(storage.Config{
		Endpoint: "https://cosmos.localhost", Key: w.cosmos.Key(), Transport: to, NewID: rand.Text,
		Schema: storage.Schema{Database: "app", Container: "main"},
	})
	ok(w.t, err)
	return c
}

// registry is one of another instance.
func (w *world) registry() *watch.Registry {
	return watch.New(watch.Config{
		Store: w.store, Graph: w.graph, URL: url, Sync: w.sync, Now: w.clock.Now, NewID: rand.Text,
		Log: slog.New(slog.NewJSONHandler(w.log, nil)),
	})
}

func (w *world) sync(_ context.Context, meeting string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.synced = append(w.synced, meeting)
	return w.fails[meeting]
}

// looked gives the meetings that were looked at since the last time, each once.
func (w *world) looked() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(w.synced)
	all := strings.Join(slices.Compact(w.synced), " ")
	w.synced = nil
	return all
}

// webhook is what Graph posts to: handshakes, and deliveries as the function has them.
func (w *world) webhook(rw http.ResponseWriter, r *http.Request) {
	if token := r.URL.Query().Get("validationToken"); token != "" {
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		rw.Write([]byte(token))
		return
	}
	var body struct {
		Value []struct{ SubscriptionID, ClientState, Resource, LifecycleEvent string }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.Value) != 1 {
		w.t.Errorf("a delivery of %d: %v", len(body.Value), err)
		return
	}
	w.mu.Lock()
	taker := w.taker
	w.mu.Unlock()
	if taker == nil {
		rw.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	one := body.Value[0]
	by := watch.Sender{SubscriptionID: one.SubscriptionID, ClientState: one.ClientState}
	var err error
	if strings.HasSuffix(r.URL.Path, "/lifecycle") {
		err = taker.Lifecycle(r.Context(), []watch.LifecycleNotification{{Sender: by, Event: one.LifecycleEvent}})
	} else {
		err = taker.Notify(r.Context(), []watch.Notification{{Sender: by, Resource: one.Resource}})
	}
	if err != nil {
		rw.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.mu.Lock()
	w.posted = append(w.posted, r.URL.Path)
	w.mu.Unlock()
	rw.WriteHeader(http.StatusAccepted)
}

// delivered waits for that many deliveries in all.
func (w *world) delivered(n int) {
	w.t.Helper()
	w.until("delivered", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.posted) >= n
	})
}

func (w *world) until(what string, true func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !true(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("never %s", what)
		}
	}
}

// settle does what is in the outbox.
func (w *world) settle() {
	w.t.Helper()
	c := outbox.Consumer{Store: w.store, Handlers: w.Handlers(), Now: w.clock.Now, Log: slog.New(slog.DiscardHandler)}
	if _, err := c.Drain(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// waiting is how much is in the outbox, parked entries included.
func (w *world) waiting() int { return len(w.documents("outbox")) }

func (w *world) documents(kind string) []json.RawMessage {
	w.t.Helper()
	page, err := w.store.QueryAll(w.t.Context(), storage.Query{Text: "SELECT * FROM c WHERE c.type = @type", Parameters: map[string]any{"@type": kind}})
	ok(w.t, err)
	return page.Documents
}

// known is what the store has of an organizer's subscription.
type known struct {
	storage.Head
	ClientState  string    `json:"clientState"`
	Subscription string    `json:"subscription"`
	Expires      time.Time `json:"expires"`
	Followed     time.Time `json:"followed"`
}

func (w *world) known(organizer string) (k known) {
	w.t.Helper()
	ok(w.t, w.store.Read(w.t.Context(), "g:subscriptions", organizer, &k))
	return k
}

// atGraph reports whether Graph has a subscription.
func (w *world) atGraph(id string) bool {
	w.t.Helper()
	return w.call("GET", "/subscriptions/"+id, "").Code == http.StatusOK
}

// call asks Graph past the faults.
func (w *world) call(method, path, body string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(method, "https://graph.microsoft.com/v1.0"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+w.signIn())
	r.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	w.tenant.ServeHTTP(answer, r)
	return answer
}

// must asks Graph for what has to go well, and gives the id in the answer.
func (w *world) must(method, path, body string) string {
	w.t.Helper()
	answer := w.call(method, path, body)
	if answer.Code >= 300 {
		w.t.Fatalf("%s %s: %d %s", method, path, answer.Code, answer.Body)
	}
	var made struct{ ID string }
	if answer.Code != http.StatusNoContent {
		ok(w.t, json.Unmarshal(answer.Body.Bytes(), &made))
	}
	return made.ID
}

// signIn gets a token for Graph.
func (w *world) signIn() string {
	w.t.Helper()
	form := "grant_type=client_credentials&client_id=" + clientID + "&client_secret=" + secret + "&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"
	r := httptest.NewRequest("POST", "https://login.microsoftonline.com/"+w.tenant.Tenant()+"/oauth2/v2.0/token", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := httptest.NewRecorder()
	w.tenant.ServeHTTP(answer, r)
	var token struct {
		Text string `json:"access_token"`
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &token); err != nil || token.Text == "" {
		w.t.Fatalf("no token: %s", answer.Body)
	}
	return token.Text
}

// GetToken makes the world a credential. Its tokens are asked for each time, since the
// clock jumps.
func (w *world) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: w.signIn(), ExpiresOn: time.Now().Add(-time.Second)}, nil
}

var ada, grace = localgraph.SeedUserID("ada"), localgraph.SeedUserID("grace")

const event = `{"subject":"Lesson","start":{"dateTime":"2030-11-22T10:00:00","timeZone":"UTC"},"end":{"dateTime":"2030-11-22T11:00:00","timeZone":"UTC"}}`

// follow makes an event on an organizer's calendar and follows it for a day.
func (w *world) follow(organizer, meeting string) (id string) {
	w.t.Helper()
	id = w.must("POST", "/users/"+organizer+"/events", event)
	ok(w.t, w.Follow(w.t.Context(), organizer, id, meeting, w.clock.Now().Add(24*time.Hour)))
	return id
}

// calls counts what Graph was asked since Record.
func (w *world) calls(prefix string) (n int) {
	for _, call := range w.front.Calls() {
		if strings.HasPrefix(call, prefix) {
			n++
		}
	}
	return n
}
