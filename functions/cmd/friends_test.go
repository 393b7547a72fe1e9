package cmd_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/functions/user"
	"switchboard/shared/app"
	"switchboard/shared/faults"
	"switchboard/shared/hosting/hostingtest"
	"switchboard/shared/local"
	"switchboard/shared/storage"
	"switchboard/shared/testbed"
)

// person is a user at a deployment of the function friends.
type person struct {
	testbed.Client
	id string
}

// people have a mapping, made by the function user, which is deployed elsewhere.
func people(t *testing.T, c cloud, names ...string) (all []person) {
	t.Helper()
	settings := c.Settings()
	program, err := app.New(t.Context(), c.Options(), func(name string) string { return settings[name] }, slog.New(slog.DiscardHandler), user.Function())
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := httptest.NewServer(program.HTTP)
	t.Cleanup(elsewhere.Close)
	for _, name := range names {
		token, err := c.OIDC.Token(name)
		if err != nil {
			t.Fatal(err)
		}
		client := testbed.Client{T: t, URL: elsewhere.URL, Token: token}
		id := client.Do("POST", "/api/user", "").Want(http.StatusCreated).Text("userId")
		client.Do("PATCH", "/api/user", `{"discoverable":true}`).Want(http.StatusOK)
		all = append(all, person{client, id})
	}
	return all
}

// put asks to be friends with another, or accepts.
func (p person) put(other person) testbed.Answer {
	p.T.Helper()
	return p.Do("PUT", "/api/friends/"+other.id, "").Want(http.StatusOK)
}

// sees demands how a user stands to another.
func (p person) sees(other person, state string) {
	p.T.Helper()
	if got := p.Get("/api/friends/" + other.id).Want(http.StatusOK).Text("state"); got != state {
		p.T.Errorf("the state is %q, want %q", got, state)
	}
}

// befriend lets Ada ask and Grace accept at an address, where news comes only when
// arrive is called.
func befriend(t *testing.T, c cloud, url string, arrive func()) {
	t.Helper()
	all := people(t, c, "ada", "grace")
	ada, grace := all[0], all[1]
	ada.URL, grace.URL = url, url
	if state := ada.put(grace).Text("state"); state != "requested" {
		t.Errorf("Ada has asked, the state is %q", state)
	}
	grace.sees(ada, "none")
	arrive()
	grace.sees(ada, "invited")
	if state := grace.put(ada).Text("state"); state != "friend" {
		t.Errorf("Grace has accepted, the state is %q", state)
	}
	ada.sees(grace, "requested")
	arrive()
	ada.sees(grace, "friend")
	if id := ada.Get("/api/friends/" + grace.id).Text("communicationUserId"); !slices.Contains(c.ACS.Identities(), id) {
		t.Errorf("Ada is told to call %q", id)
	}
	if left := outbox(t, c.Cloud); len(left) > 0 {
		t.Errorf("left in the outbox: %s", left)
	}
}

// outbox is what is left to do, as a change feed would tell it.
func outbox(t *testing.T, c *local.Cloud) []json.RawMessage {
	t.Helper()
	store, err := storage.Open(storage.Config{
		Endpoint: "https://cosmos.localhost", Key: c.Cosmos.Key(), Transport: c.Cosmos, NewID: func() string { return "" },
		Schema: storage.Schema{Database: "switchboard", Container: "main"},
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := store.QueryAll(t.Context(), storage.Query{Text: "SELECT * FROM c WHERE c.type = 'outbox'"})
	if err != nil {
		t.Fatal(err)
	}
	return page.Documents
}

// schedule is a tick of EventBridge.
const schedule = `{"version":"0","id":"1","detail-type":"Scheduled Event","source":"aws.events","account":"1","time":"2026-11-22T10:00:00Z","region":"eu-central-1","resources":[],"detail":{}}`

// friendsLambda is the Lambda function friends behind an HTTP API.
func friendsLambda(t *testing.T, env []string) (function *hostingtest.Lambda, url string) {
	t.Helper()
	function = onLambda(t, lambdas(t), "friends", env)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { forward(w, r, function) }))
	t.Cleanup(front.Close)
	return function, front.URL
}

// drain ticks the schedule.
func drain(t *testing.T, function *hostingtest.Lambda) {
	t.Helper()
	if _, err := function.Invoke(t.Context(), json.RawMessage(schedule)); err != nil {
		t.Fatalf("the schedule: %v\n%s", err, function.Stdout())
	}
}

// TestFriendsAloneOnLambda: one executable takes requests, and the schedule that
// brings the news of them.
func TestFriendsAloneOnLambda(t *testing.T) {
	t.Parallel()
	c := startCloud(t, "")
	function, url := friendsLambda(t, c.env)
	befriend(t, c, url, func() { drain(t, function) })
}

// fire delivers what is in the outbox as the trigger would.
func fire(t *testing.T, c cloud, host *hostingtest.FunctionsHost) {
	t.Helper()
	feed, err := json.Marshal(outbox(t, c.Cloud))
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Fire(t.Context(), "notify", feed); err != nil {
		t.Fatalf("the change feed: %v\n%s", err, host.Stdout())
	}
}

// TestFriendsAloneOnAzure: a function app of its own needs only what friends needs, and
// is and documents nothing else.
func TestFriendsAloneOnAzure(t *testing.T) {
	t.Parallel()
	c := startCloud(t, "")
	env := slices.DeleteFunc(slices.Clone(c.env), func(setting string) bool { return strings.HasPrefix(setting, "SWITCHBOARD_ACS_") })
	staged, err := filepath.Glob(filepath.Join(friendsApp(t), "*", "function.json"))
	if err != nil || len(staged) != 3 {
		t.Errorf("staged are %v, %v", staged, err)
	}
	host := onAzure(t, friendsApp(t), env)
	befriend(t, c, host.URL, func() { fire(t, c, host) })
	client := testbed.Client{T: t, URL: host.URL}
	client.Get("/api/token").Problem(http.StatusNotFound, "path_unknown")
	paths := client.Get("/api/openapi.json").Want(http.StatusOK).JSON()["paths"].(map[string]any)
	if _, other := paths["/token"]; other || paths["/friends"] == nil {
		t.Errorf("documented are %d paths, token among them: %t", len(paths), other)
	}
}

// news are two friends' requests whose news waits, in a cloud that keeps its data on
// disk, and who is told.
func news(t *testing.T, url string, c cloud) (told func()) {
	t.Helper()
	all := people(t, c, "ada", "grace")
	ada, grace := all[0], all[1]
	ada.URL, grace.URL = url, url
	ada.put(grace)
	return func() {
		t.Helper()
		grace.sees(ada, "invited")
		if left := outbox(t, c.Cloud); len(left) > 0 {
			t.Errorf("left in the outbox: %s", left)
		}
	}
}

// stuckDelivery keeps a consumer from taking its first step.
var stuckDelivery = faults.Rule{Method: http.MethodGet, Contains: "outbox", Delay: faults.Duration(time.Minute)}

// TestAKillBeforeTheDeliveryLosesNothing kills the process with SIGKILL, after the
// request was answered and again while its news is delivered.
func TestAKillBeforeTheDeliveryLosesNothing(t *testing.T) {
	t.Run("Lambda", func(t *testing.T) {
		t.Parallel()
		c := startCloud(t, t.TempDir())
		function, url := friendsLambda(t, c.env)
		told := news(t, url, c)
		function.Kill()
		c.CosmosFaults.Record()
		c.CosmosFaults.Add(stuckDelivery)
		failed := make(chan error, 1)
		go func() {
			_, err := function.Invoke(t.Context(), json.RawMessage(schedule))
			failed <- err
		}()
		delivering(t, c)
		function.Kill()
		if err := <-failed; err == nil {
			t.Error("a killed drain went well")
		}
		drain(t, function)
		told()
	})
	t.Run("Azure", func(t *testing.T) {
		t.Parallel()
		c := startCloud(t, t.TempDir())
		host := onAzure(t, friendsApp(t), c.env)
		told := news(t, host.URL, c)
		host.Kill()
		c.CosmosFaults.Record()
		c.CosmosFaults.Add(stuckDelivery)
		fired := make(chan struct{})
		go func() {
			defer close(fired)
			fire(t, c, host) // the host delivers again to the process after
		}()
		delivering(t, c)
		host.Kill()
		<-fired
		told()
	})
}

// delivering waits until a consumer has asked for an entry.
func delivering(t *testing.T, c cloud) {
	t.Helper()
	asked := func(call string) bool { return strings.HasPrefix(call, "GET ") && strings.Contains(call, "outbox") }
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !slices.ContainsFunc(c.CosmosFaults.Calls(), asked) {
		if ctx.Err() != nil {
			t.Fatal("nothing was delivered")
		}
		time.Sleep(time.Millisecond)
	}
}
