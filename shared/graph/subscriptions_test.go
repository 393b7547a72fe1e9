package graph_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/problem"
)

const subscriptionJSON = `{"id":"7f105c7d","resource":"users/f4053f86/events","applicationId":"x","creatorId":"y","clientState":"random","expirationDateTime":"2026-11-27T11:00:00Z"}`

var (
	expires      = time.Date(2026, 11, 27, 11, 0, 0, 0, time.UTC)
	subscription = graph.Subscription{ID: "7f105c7d", Resource: "users/f4053f86/events", Expires: expires}
)

func TestSubscriptions(t *testing.T) {
	client, service, _ := behind(t, answers{
		"POST /v1.0/subscriptions":                      "201 " + subscriptionJSON,
		"PATCH /v1.0/subscriptions/7f105c7d":            "200 " + subscriptionJSON,
		"POST /v1.0/subscriptions/7f105c7d/reauthorize": "204",
		"DELETE /v1.0/subscriptions/7f105c7d":           "204",
	})
	got, err := client.CreateSubscription(t.Context(), graph.NewSubscription{
		Resource: graph.UserEvents("f4053f86"), ChangeTypes: "created,updated,deleted", ClientState: "random", Expires: expires,
		NotifyURL: "https://api.example.com/api/graph/notifications", LifecycleURL: "https://api.example.com/api/graph/lifecycle",
	})
	if diff := cmp.Diff(subscription, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	wantBody(t, service.last(t), `{"changeType":"created,updated,deleted","notificationUrl":"https://api.example.com/api/graph/notifications",
		"lifecycleNotificationUrl":"https://api.example.com/api/graph/lifecycle","resource":"users/f4053f86/events",
		"expirationDateTime":"2026-11-27T11:00:00Z","clientState":"random","latestSupportedTlsVersion":"v1_2"}`)
	got, err = client.RenewSubscription(t.Context(), "7f105c7d", expires.In(time.FixedZone("", 3600)))
	if diff := cmp.Diff(subscription, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	wantBody(t, service.last(t), `{"expirationDateTime":"2026-11-27T11:00:00Z"}`)
	if err := client.ReauthorizeSubscription(t.Context(), "7f105c7d"); err != nil {
		t.Error(err)
	}
	if err := client.DeleteSubscription(t.Context(), "7f105c7d"); err != nil {
		t.Error(err)
	}
}

// TestTheHandshakeHappensDuringTheCall: Graph asks our own endpoint before it
// answers; a client that held a lock meanwhile would wait for itself.
func TestTheHandshakeHappensDuringTheCall(t *testing.T) {
	var client *graph.Client
	ours := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := client.DeleteSubscription(r.Context(), "another"); !errors.Is(err, graph.ErrNotFound) {
			t.Errorf("a call during the handshake: %v", err)
		}
		io.WriteString(w, r.URL.Query().Get("validationToken"))
	}))
	defer ours.Close()
	client, _, _ = over(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		resp, err := http.Post(ours.URL+"?validationToken="+url.QueryEscape("a b"), "text/plain; charset=utf-8", nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		if token, _ := io.ReadAll(resp.Body); string(token) != "a b" {
			t.Errorf("the endpoint answered %q", token)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, subscriptionJSON)
	})
	if _, err := client.CreateSubscription(t.Context(), graph.NewSubscription{Resource: "r", Expires: expires}); err != nil {
		t.Error(err)
	}
}

func TestBadSubscriptions(t *testing.T) {
	client, _, injector := behind(t, nil)
	ctx := t.Context()
	injector.Add(saysJSON(404, `{"error":{"code":"ResourceNotFound","message":"The object was not found."}}`))
	_, renew := client.RenewSubscription(ctx, "1", expires)
	for name, err := range map[string]error{"renew": renew, "reauthorize": client.ReauthorizeSubscription(ctx, "1"), "delete": client.DeleteSubscription(ctx, "1")} {
		if !errors.Is(err, graph.ErrNotFound) {
			t.Errorf("%s of a subscription that is gone: %v", name, err)
		}
	}
	injector.Clear()
	injector.Add(saysJSON(400, `{"error":{"code":"ValidationError","message":"Subscription validation request failed. `+leak+`"}}`))
	_, err := client.CreateSubscription(ctx, graph.NewSubscription{Resource: "r", Expires: expires})
	wantProblem(t, "a failed handshake", err, problem.Upstream, "graph_refused")
	injector.Clear()
	for _, body := range []string{`{}`, `{"id":"1"}`, `{"expirationDateTime":"2026-11-27T11:00:00Z"}`, `[]`} {
		injector.Add(faults.Rule{Status: 201, Header: map[string]string{"Content-Type": "application/json"}, Body: body})
		_, err := client.CreateSubscription(ctx, graph.NewSubscription{Resource: "r", Expires: expires})
		wantProblem(t, body, err, problem.Upstream, "graph_failed")
	}
	injector.Record()
	_, create := client.CreateSubscription(ctx, graph.NewSubscription{Resource: graph.UserEvents(""), Expires: expires})
	_, renew = client.RenewSubscription(ctx, "", expires)
	_, never := client.RenewSubscription(ctx, "1", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
	for name, err := range map[string]error{"create": create, "renew": renew, "renew for ever": never, "reauthorize": client.ReauthorizeSubscription(ctx, ""), "delete": client.DeleteSubscription(ctx, "")} {
		if err == nil || problem.From(err).Kind != problem.Internal || len(injector.Calls()) > 0 {
			t.Errorf("%s of what cannot be: %v", name, err)
		}
	}
}

// TestWhatIsNotRepeated: a call that would do it twice is made again only if
// Graph did not take it.
func TestWhatIsNotRepeated(t *testing.T) {
	calls := map[string]func(t *testing.T, c *graph.Client) error{
		"subscription": func(t *testing.T, c *graph.Client) error {
			_, err := c.CreateSubscription(t.Context(), graph.NewSubscription{Resource: "r", Expires: expires})
			return err
		},
		"appointment": func(t *testing.T, c *graph.Client) error {
			_, err := c.CreateAppointment(t.Context(), "clinic@contoso.com", graph.NewAppointment{Start: start, End: end})
			return err
		},
	}
	for _, tt := range []struct {
		name     string
		rule     faults.Rule
		code     string
		requests int
	}{
		{"a lost answer", faults.Rule{Times: -1, Drop: "after"}, "graph_failed", 1},
		{"a lost request", faults.Rule{Times: -1, Drop: "before"}, "graph_failed", 1},
		{"broken", says(500), "graph_failed", 1},
		{"down", says(503), "graph_unavailable", 1},
		{"slow behind", says(504), "graph_timeout", 1},
		{"slow", faults.Rule{Times: -1, Delay: faults.Duration(time.Minute)}, "graph_timeout", 1},
		{"throttled", says(429), "graph_throttled", 4},
		{"throttled for a while", says(429, "Retry-After", "3"), "graph_throttled", 4},
		{"throttled for long", says(429, "Retry-After", "30"), "graph_throttled", 1},
	} {
		for name, call := range calls {
			synctest.Test(t, func(t *testing.T) {
				client, _, injector := behind(t, nil)
				injector.Add(tt.rule)
				err := call(t, client)
				if p, ok := errors.AsType[*problem.Error](err); !ok || p.Code != tt.code {
					t.Errorf("%s, %s: %v, want %s", name, tt.name, err, tt.code)
				}
				if n := len(injector.Calls()); n != tt.requests {
					t.Errorf("%s, %s: %d requests, want %d", name, tt.name, n, tt.requests)
				}
			})
		}
	}
	// Eight seconds are too long for other calls, and are waited for here.
	synctest.Test(t, func(t *testing.T) {
		client, _, injector := behind(t, answers{"POST /v1.0/subscriptions": "201 " + subscriptionJSON})
		injector.Add(faults.Rule{Delay: faults.Duration(20 * time.Second)})
		if err := calls["subscription"](t, client); err != nil || len(injector.Calls()) != 1 {
			t.Errorf("%v after %d requests", err, len(injector.Calls()))
		}
	})
}
