package acs_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"switchboard/shared/acs"
	"switchboard/shared/calling"
	"switchboard/shared/faults"
	"switchboard/shared/localacs"
	"switchboard/shared/problem"
)

// behindFaults returns a local service, a client of it, and the faults that
// stand between them, in this process.
func behindFaults(t *testing.T, o acs.Options) (*localacs.Service, *acs.Client, *faults.Injector) {
	t.Helper()
	service := newService(t, localacs.Options{})
	injector := faults.Wrap(service)
	injector.Record()
	o.Transport = faults.Transport{Handler: injector}
	client, err := acs.NewClientFromConnectionString(service.ConnectionString("https://contoso.communication.azure.com"), &o)
	if err != nil {
		t.Fatal(err)
	}
	return service, client, injector
}

// wantProblem checks an error's kind and code, and that it gives nothing away.
func wantProblem(t *testing.T, name string, err error, kind problem.Kind, code string) {
	t.Helper()
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || p.Kind != kind || p.Code != code {
		t.Errorf("%s: %v; want kind %d, code %s", name, err, kind, code)
		return
	}
	if strings.Contains(err.Error(), leak) {
		t.Errorf("%s: the error repeats the answer: %v", name, err)
	}
}

// leak stands for whatever an answer may hold that must not reach a log.
const leak = "SECRET-OF-THE-ANSWER"

func always(r faults.Rule) faults.Rule {
	r.Times = -1
	return r
}

// TestFailures breaks the service in every way, under the deadline of a caller
// who waits two seconds, and counts what the client asked of it. The clock is
// that of a synctest bubble, so waits are exact and cost nothing.
func TestFailures(t *testing.T) {
	body := `{"error":{"code":"Whatever","message":"` + leak + `"}}`
	json := map[string]string{"Content-Type": "application/json"}
	with := func(name, value string) map[string]string {
		return map[string]string{"Content-Type": "application/json", name: value}
	}
	inAMinute := func() string { return time.Now().Add(time.Minute).UTC().Format(http.TimeFormat) }
	tests := []struct {
		name     string
		rule     func() faults.Rule
		kind     problem.Kind
		code     string
		requests int
		retry    time.Duration // RetryAfter of the error
		within   time.Duration // how long the caller waited at most
	}{
		{"throttled without Retry-After", func() faults.Rule { return faults.Rule{Status: 429, Header: json, Body: body} },
			problem.Unavailable, "calling_throttled", 4, 0, 1600 * time.Millisecond},
		{"throttled for longer than the deadline", func() faults.Rule { return faults.Rule{Status: 429, Header: with("Retry-After", "30"), Body: body} },
			problem.Unavailable, "calling_throttled", 1, 30 * time.Second, 0},
		{"throttled until a date", func() faults.Rule { return faults.Rule{Status: 429, Header: with("Retry-After", inAMinute())} },
			problem.Unavailable, "calling_throttled", 1, time.Minute, 0},
		{"throttled in milliseconds", func() faults.Rule { return faults.Rule{Status: 429, Header: with("retry-after-ms", "700")} },
			problem.Unavailable, "calling_throttled", 3, 700 * time.Millisecond, 1400 * time.Millisecond},
		{"throttled in Azure's milliseconds", func() faults.Rule { return faults.Rule{Status: 429, Header: with("x-ms-retry-after-ms", "5000")} },
			problem.Unavailable, "calling_throttled", 1, 5 * time.Second, 0},
		{"throttled for centuries", func() faults.Rule {
			return faults.Rule{Status: 429, Header: with("Retry-After", "9223372036854775807")}
		},
			problem.Unavailable, "calling_throttled", 1, 24 * time.Hour, 0},
		{"down", func() faults.Rule { return faults.Rule{Status: 503} },
			problem.Unavailable, "calling_unavailable", 4, 0, 1600 * time.Millisecond},
		{"down for a while", func() faults.Rule { return faults.Rule{Status: 503, Header: with("Retry-After", "5")} },
			problem.Unavailable, "calling_unavailable", 1, 5 * time.Second, 0},
		{"broken", func() faults.Rule { return faults.Rule{Status: 500, Header: json, Body: body} },
			problem.Upstream, "calling_failed", 4, 0, 1600 * time.Millisecond},
		{"a proxy's error page", func() faults.Rule { return faults.Rule{Status: 502, Body: "<html>" + leak} },
			problem.Upstream, "calling_failed", 4, 0, 1600 * time.Millisecond},
		{"slow", func() faults.Rule { return faults.Rule{Delay: faults.Duration(time.Minute)} },
			problem.UpstreamTimeout, "calling_timeout", 2, 0, 2 * time.Second},
		{"cut before it serves", func() faults.Rule { return faults.Rule{Drop: "before"} },
			problem.Upstream, "calling_failed", 4, 0, 1600 * time.Millisecond},
		{"cut before it answers", func() faults.Rule { return faults.Rule{Drop: "after"} },
			problem.Upstream, "calling_failed", 4, 0, 1600 * time.Millisecond},
		{"our key is wrong", func() faults.Rule {
			return faults.Rule{Status: 401, Header: json, Body: `{"error":{"code":"Denied","message":"` + leak + `"}}`}
		},
			problem.Upstream, "calling_misconfigured", 1, 0, 0},
		{"our role is missing", func() faults.Rule { return faults.Rule{Status: 403} },
			problem.Upstream, "calling_misconfigured", 1, 0, 0},
		{"not the identity service", func() faults.Rule { return faults.Rule{Status: 404, Body: "<html>" + leak} },
			problem.Upstream, "calling_misconfigured", 1, 0, 0},
		{"an unknown api-version", func() faults.Rule {
			return faults.Rule{Status: 400, Header: json, Body: `{"error":{"code":"UnsupportedApiVersion"}}`}
		},
			problem.Upstream, "calling_misconfigured", 1, 0, 0},
		{"a request it finds wrong", func() faults.Rule { return faults.Rule{Status: 400, Header: json, Body: body} },
			problem.Internal, "calling_rejected", 1, 0, 0},
		{"an error code made of prose", func() faults.Rule {
			return faults.Rule{Status: 418, Header: json, Body: `{"error":{"code":"` + leak + ` "}}`}
		},
			problem.Internal, "calling_rejected", 1, 0, 0},
		{"an answer that is a redirect", func() faults.Rule { return faults.Rule{Status: 302, Header: with("Location", "https://"+leak)} },
			problem.Upstream, "calling_failed", 1, 0, 0},
		{"HTML for an answer", func() faults.Rule {
			return faults.Rule{Status: 200, Header: map[string]string{"Content-Type": "text/html"}, Body: `{"token":"` + leak + `","expiresOn":"2999-01-01T00:00:00Z"}`}
		},
			problem.Upstream, "calling_failed", 1, 0, 0},
		{"no content type", func() faults.Rule {
			return faults.Rule{Status: 200, Body: `{"token":"` + leak + `","expiresOn":"2999-01-01T00:00:00Z"}`}
		},
			problem.Upstream, "calling_failed", 1, 0, 0},
		{"broken JSON", func() faults.Rule { return faults.Rule{Status: 200, Header: json, Body: `{"token":"` + leak} },
			problem.Upstream, "calling_failed", 1, 0, 0},
		{"an empty answer", func() faults.Rule { return faults.Rule{Status: 200, Header: json} },
			problem.Upstream, "calling_failed", 1, 0, 0},
		{"no token", func() faults.Rule {
			return faults.Rule{Status: 200, Header: json, Body: `{"expiresOn":"2999-01-01T00:00:00Z"}`}
		},
			problem.Upstream, "calling_failed", 1, 0, 0},
		{"no expiry", func() faults.Rule { return faults.Rule{Status: 200, Header: json, Body: `{"token":"` + leak + `"}`} },
			problem.Upstream, "calling_failed", 1, 0, 0},
		{"an expiry that is no time", func() faults.Rule {
			return faults.Rule{Status: 200, Header: json, Body: `{"token":"` + leak + `","expiresOn":"` + leak + `"}`}
		},
			problem.Upstream, "calling_failed", 1, 0, 0},
		{"a token that has expired", func() faults.Rule {
			return faults.Rule{Status: 200, Header: json, Body: `{"token":"` + leak + `","expiresOn":"1999-12-31T23:59:59Z"}`}
		},
			problem.Upstream, "calling_failed", 1, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, client, injector := behindFaults(t, acs.Options{})
				id, _, err := client.Create(t.Context(), nil, 0)
				if err != nil {
					t.Fatal(err)
				}
				injector.Record()
				injector.Add(always(tt.rule()))
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()

				started := time.Now()
				_, err = client.Issue(ctx, id, bothScopes, 0)
				waited := time.Since(started)

				wantProblem(t, "issue", err, tt.kind, tt.code)
				if got := problem.From(err).RetryAfter; got != tt.retry {
					t.Errorf("RetryAfter is %v, want %v", got, tt.retry)
				}
				if got := len(injector.Calls()); got != tt.requests {
					t.Errorf("%d requests were made, want %d", got, tt.requests)
				}
				if waited > tt.within {
					t.Errorf("the caller waited %v, want at most %v", waited, tt.within)
				}
			})
		})
	}
}

// TestRecovery makes the service fail once or twice and then work.
func TestRecovery(t *testing.T) {
	for _, rule := range []faults.Rule{
		{Status: 429, Times: 2},
		{Status: 429, Header: map[string]string{"Retry-After": "1"}},
		{Status: 503},
		{Status: 500, Times: 2},
		{Delay: faults.Duration(time.Minute)},
		{Drop: "before"},
		{Drop: "after", Times: 2},
	} {
		t.Run(fmt.Sprintf("%+v", rule), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service, client, injector := behindFaults(t, acs.Options{})
				injector.Add(rule)
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				id, token, err := client.Create(ctx, bothScopes, time.Hour)
				if err != nil {
					t.Fatal(err)
				}
				if access, err := service.Validate(token.Value); err != nil || access.Identity != id {
					t.Errorf("the token gives %+v, %v; want %s", access, err, id)
				}
				if got, want := len(injector.Calls()), max(rule.Times, 1)+1; got != want {
					t.Errorf("%d requests were made, want %d", got, want)
				}
			})
		})
	}
}

// A signature dates from the moment of its try: a service that allows no skew
// would refuse the second try of a request that was signed once.
func TestEveryTryIsSignedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dates []string
		service := newService(t, localacs.Options{})
		transport := faults.Transport{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			dates = append(dates, r.Header.Get("x-ms-date"))
			if len(dates) == 1 {
				w.Header().Set("Retry-After", "2")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			service.ServeHTTP(w, r)
		})}
		client, err := acs.NewClientFromConnectionString(service.ConnectionString("https://contoso.communication.azure.com"),
			&acs.Options{ClientOptions: azcore.ClientOptions{Transport: transport}})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := client.Create(t.Context(), bothScopes, time.Hour); err != nil {
			t.Fatal(err)
		}
		if len(dates) != 2 || dates[0] == dates[1] {
			t.Errorf("the tries were dated %q, want two dates", dates)
		}
	})
}

func TestCancelledCallerIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client, injector := behindFaults(t, acs.Options{})
		injector.Add(always(faults.Rule{Delay: faults.Duration(time.Minute)}))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(300*time.Millisecond, cancel)
		_, _, err := client.Create(ctx, nil, 0)
		if _, is := errors.AsType[*problem.Error](err); is || !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled call gives %v, want context.Canceled and no problem", err)
		}
		if got := len(injector.Calls()); got != 1 {
			t.Errorf("%d requests were made, want 1", got)
		}
	})
}

// TestLostAnswers shows what a lost answer leaves behind: a deletion that is
// tried again finds nothing, a creation makes a second identity.
func TestLostAnswers(t *testing.T) {
	service, client, injector := behindFaults(t, acs.Options{})
	id, _, err := client.Create(t.Context(), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	injector.Add(faults.Rule{Drop: "after"})
	if err := client.Delete(t.Context(), id); !errors.Is(err, calling.ErrNotOwned) || service.Owns(id) {
		t.Errorf("a deletion whose answer was lost gives %v, want ErrNotOwned and no identity", err)
	}
	injector.Add(faults.Rule{Drop: "after"})
	id, _, err = client.Create(t.Context(), nil, 0)
	if err != nil || !service.Owns(id) || len(service.Identities()) != 2 {
		t.Errorf("a creation whose answer was lost leaves %d identities, %v; want 2", len(service.Identities()), err)
	}
}

// TestRealConnections breaks sockets: nobody listens, the answer is cut off in
// its middle, the answer is not HTTP.
func TestRealConnections(t *testing.T) {
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"identity":{"id":"`+leak)
	}))
	defer cut.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			fmt.Fprintf(conn, "%s\r\n\r\n", leak)
			conn.Close()
		}
	}()
	away, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away.Close()

	tests := []struct {
		name, endpoint, code string
		kind                 problem.Kind
	}{
		{"nobody listens", "http://" + away.Addr().String(), "calling_unavailable", problem.Unavailable},
		{"cut in the middle", cut.URL, "calling_failed", problem.Upstream},
		{"not HTTP", "http://" + listener.Addr().String(), "calling_failed", problem.Upstream},
	}
	for _, tt := range tests {
		opts := &acs.Options{}
		opts.Retry.MaxRetries, opts.Retry.RetryDelay = 1, time.Millisecond
		client, err := acs.NewClientFromConnectionString("endpoint="+tt.endpoint+";accesskey=a2V5", opts)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = client.Create(t.Context(), nil, 0)
		wantProblem(t, tt.name, err, tt.kind, tt.code)
	}
}

func TestEntraFailure(t *testing.T) {
	client, err := acs.NewClient("https://contoso.communication.azure.com", &entra{err: errors.New(leak)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = client.Create(t.Context(), nil, 0)
	wantProblem(t, "a credential that gives no token", err, problem.Upstream, "calling_misconfigured")

	if _, err := acs.NewClient("http://contoso.communication.azure.com", &entra{token: "good"}, nil); err == nil {
		t.Error("a bearer would go over plain http to another machine")
	}
}
