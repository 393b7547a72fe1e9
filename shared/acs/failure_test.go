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

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"

	"switchboard/shared/acs"
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
const leak = "SECRETofTHEanswer"

// says is a fault that answers every request with a status and headers, given
// as names and values.
func says(status int, header ...string) faults.Rule {
	r := faults.Rule{Times: -1, Status: status, Header: map[string]string{}}
	for i := 0; i < len(header); i += 2 {
		r.Header[header[i]] = header[i+1]
	}
	return r
}

// saysJSON is a fault that answers every request with a status and a body.
func saysJSON(status int, body string) faults.Rule {
	r := says(status, "Content-Type", "application/json")
	r.Body = body
	return r
}

// TestFailures breaks the service in every way, under the deadline of a caller
// who waits two seconds, and counts what the client asked of it. The clock is
// that of a synctest bubble, which starts with the year 2000: waits are exact
// and cost nothing.
func TestFailures(t *testing.T) {
	const (
		errorBody = `{"error":{"code":"Whatever","message":"` + leak + `"}}`
		tokenBody = `{"token":"` + leak + `","expiresOn":"2999-01-01T00:00:00Z"}`
		all4      = 1600 * time.Millisecond // four tries and the waits between them, with all jitter
	)
	html := says(http.StatusOK, "Content-Type", "text/html")
	html.Body = tokenBody
	noType := says(http.StatusOK)
	noType.Body = tokenBody
	slow := faults.Rule{Times: -1, Delay: faults.Duration(time.Minute)}

	tests := []struct {
		name     string
		rule     faults.Rule
		kind     problem.Kind
		code     string
		requests int
		retry    time.Duration // RetryAfter of the error
		within   time.Duration // how long the caller waits at most
	}{
		{"throttled", saysJSON(429, errorBody), problem.Unavailable, "calling_throttled", 4, 0, all4},
		{"throttled too long", says(429, "Retry-After", "30"), problem.Unavailable, "calling_throttled", 1, 30 * time.Second, 0},
		{"throttled until a date", says(429, "Retry-After", "Sat, 01 Jan 2000 00:01:00 GMT"), problem.Unavailable, "calling_throttled", 1, time.Minute, 0},
		{"throttled until a date gone by", says(429, "Retry-After", "Fri, 31 Dec 1999 23:59:00 GMT"), problem.Unavailable, "calling_throttled", 4, 0, all4},
		{"throttled for milliseconds", says(429, "retry-after-ms", "700"), problem.Unavailable, "calling_throttled", 3, 700 * time.Millisecond, 1400 * time.Millisecond},
		{"throttled for Azure's milliseconds", says(429, "x-ms-retry-after-ms", "5000", "Retry-After", "1"), problem.Unavailable, "calling_throttled", 1, 5 * time.Second, 0},
		{"throttled for centuries", says(429, "Retry-After", "9223372036854775807"), problem.Unavailable, "calling_throttled", 1, 24 * time.Hour, 0},
		{"throttled without sense", says(429, "Retry-After", "soon"), problem.Unavailable, "calling_throttled", 4, 0, all4},

		{"down", says(503), problem.Unavailable, "calling_unavailable", 4, 0, all4},
		{"down for a while", says(503, "Retry-After", "5"), problem.Unavailable, "calling_unavailable", 1, 5 * time.Second, 0},
		{"broken", saysJSON(500, errorBody), problem.Upstream, "calling_failed", 4, 0, all4},
		{"a proxy in front of it broken", says(502), problem.Upstream, "calling_failed", 4, 0, all4},
		{"slow", slow, problem.UpstreamTimeout, "calling_timeout", 2, 0, 2 * time.Second},
		{"cut before it serves", faults.Rule{Times: -1, Drop: "before"}, problem.Upstream, "calling_failed", 4, 0, all4},
		{"cut before it answers", faults.Rule{Times: -1, Drop: "after"}, problem.Upstream, "calling_failed", 4, 0, all4},

		{"our key is wrong", saysJSON(401, `{"error":{"code":"Denied","message":"`+leak+`"}}`), problem.Upstream, "calling_misconfigured", 1, 0, 0},
		{"our bearer is wrong", saysJSON(401, `{"error":{"code":"InvalidAccessToken"}}`), problem.Upstream, "calling_misconfigured", 1, 0, 0},
		{"our role is missing", says(403), problem.Upstream, "calling_misconfigured", 1, 0, 0},
		{"another service", says(404), problem.Upstream, "calling_misconfigured", 1, 0, 0},
		{"an unknown api-version", saysJSON(400, `{"error":{"code":"UnsupportedApiVersion"}}`), problem.Upstream, "calling_misconfigured", 1, 0, 0},
		{"a request it finds wrong", saysJSON(400, errorBody), problem.Internal, "calling_rejected", 1, 0, 0},
		{"an error code that is prose", saysJSON(418, `{"error":{"code":"`+leak+` "}}`), problem.Internal, "calling_rejected", 1, 0, 0},
		{"an error code that is long", saysJSON(418, `{"error":{"code":"`+strings.Repeat(leak, 5)+`"}}`), problem.Internal, "calling_rejected", 1, 0, 0},

		{"a redirect", says(302, "Location", "https://"+leak), problem.Upstream, "calling_failed", 1, 0, 0},
		{"another success", saysJSON(202, tokenBody), problem.Upstream, "calling_failed", 1, 0, 0},
		{"HTML", html, problem.Upstream, "calling_failed", 1, 0, 0},
		{"no content type", noType, problem.Upstream, "calling_failed", 1, 0, 0},
		{"broken JSON", saysJSON(200, `{"token":"`+leak), problem.Upstream, "calling_failed", 1, 0, 0},
		{"no body", saysJSON(200, ""), problem.Upstream, "calling_failed", 1, 0, 0},
		{"no token", saysJSON(200, `{"expiresOn":"2999-01-01T00:00:00Z"}`), problem.Upstream, "calling_failed", 1, 0, 0},
		{"no expiry", saysJSON(200, `{"token":"`+leak+`"}`), problem.Upstream, "calling_failed", 1, 0, 0},
		{"an expiry that is no time", saysJSON(200, `{"token":"t","expiresOn":"`+leak+`"}`), problem.Upstream, "calling_failed", 1, 0, 0},
		{"a token that has expired", saysJSON(200, `{"token":"`+leak+`","expiresOn":"1999-12-31T23:59:59Z"}`), problem.Upstream, "calling_failed", 1, 0, 0},
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
				injector.Add(tt.rule)
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

// TestIncompleteCreations answers a creation with less than it asked for.
func TestIncompleteCreations(t *testing.T) {
	for _, body := range []string{
		`{}`, `null`, `[]`, `{"identity":{}}`, `{"identity":null,"accessToken":{"token":"t","expiresOn":"2999-01-01T00:00:00Z"}}`,
		`{"identity":{"id":""}}`, `{"identity":{"id":"8:acs:a_b"}}`, `{"identity":{"id":7},"accessToken":{}}`,
		`{"identity":{"id":"8:acs:a_b"},"accessToken":{"token":"t"}}`,
	} {
		_, client, injector := behindFaults(t, acs.Options{})
		injector.Add(saysJSON(http.StatusCreated, body))
		_, _, err := client.Create(t.Context(), bothScopes, 0)
		wantProblem(t, body, err, problem.Upstream, "calling_failed")
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

// TestLogHoldsNoSecrets listens to everything that the pipeline logs, with
// bodies asked for.
func TestLogHoldsNoSecrets(t *testing.T) {
	var lines []string
	azlog.SetListener(func(_ azlog.Event, line string) { lines = append(lines, line) })
	defer azlog.SetListener(nil)

	opts := acs.Options{}
	opts.Logging.IncludeBody = true
	service, client, injector := behindFaults(t, opts)
	injector.Add(faults.Rule{Drop: "after"})
	id, token, err := client.Create(t.Context(), bothScopes, 0)
	if err != nil {
		t.Fatal(err)
	}
	teams := strings.Repeat(leak, 3)
	if _, err := client.ExchangeTeams(t.Context(), teams, "app", "user"); err == nil {
		t.Error("nonsense was exchanged")
	}
	_, key, _ := strings.Cut(service.ConnectionString(""), "accesskey=")
	log := strings.Join(lines, "\n")
	if !strings.Contains(log, "/identities") {
		t.Fatal("nothing was logged, so nothing is proved")
	}
	for name, secret := range map[string]string{"key": key, "token": token.Value, "Teams token": teams, "signature": "Signature=", "answer": `"id":"` + id} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds the %s", name)
		}
	}
}
