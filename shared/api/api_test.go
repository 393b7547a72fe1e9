package api_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"switchboard/shared/api"
	"switchboard/shared/problem"
	"switchboard/shared/signin"
	"switchboard/shared/testbed"
)

// verifier believes one token.
type verifier struct{}

func (verifier) Verify(_ context.Context, bearer string) (signin.Caller, error) {
	if bearer != "good" {
		return signin.Caller{}, &problem.Error{Kind: problem.Unauthenticated, Code: "token_invalid", Detail: "No.", Challenge: `Bearer error="invalid_token"`}
	}
	return signin.Caller{UserID: "usr_ada"}, nil
}

type text struct{ Body struct{ Text string } }

// serve runs an API with one operation, whose handler is h.
func serve(t *testing.T, origins []string, h func(context.Context) (*text, error)) (testbed.Client, *testbed.Log) {
	t.Helper()
	log := &testbed.Log{}
	a := api.New(api.Config{
		Verifier: verifier{}, Origins: origins, Deadline: 100 * time.Millisecond, Now: time.Now,
		NewID: func() string { return "made-by-us" }, Log: slog.New(slog.NewJSONHandler(log, nil)),
	})
	api.Register(a, api.Operation{ID: "op", Method: http.MethodGet, Path: "/op/{id}"}, func(ctx context.Context, _ *struct {
		ID string `path:"id"`
	}) (*text, error) {
		return h(ctx)
	})
	server := httptest.NewServer(a.Handler())
	t.Cleanup(server.Close)
	return testbed.Client{T: t, URL: server.URL, Token: "good"}, log
}

func TestTheClientReadsWhatToDoAndTheLogHasTheCause(t *testing.T) {
	for _, test := range []struct {
		name   string
		err    error
		status int
		code   string
		retry  string
	}{
		{"a problem", problem.New(problem.Conflict, "taken", "Choose another.").Because(errors.New("secret cause")), 409, "taken", ""},
		{"wrapped", errors.Join(errors.New("secret cause"), problem.New(problem.Unavailable, "away", "Wait.").After(1500*time.Millisecond)), 503, "away", "2"},
		{"anything else", errors.New("secret cause"), 500, "internal", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, log := serve(t, nil, func(context.Context) (*text, error) { return nil, test.err })
			answer := c.Get("/api/op/secret-id").Problem(test.status, test.code)
			if strings.Contains(string(answer.Body), "secret") {
				t.Errorf("the client reads the cause: %s", answer.Body)
			}
			if got := answer.Header.Get("Retry-After"); got != test.retry {
				t.Errorf("Retry-After %q, want %q", got, test.retry)
			}
			line := log.String()
			for _, part := range []string{test.code, "made-by-us", "usr_ada", "/op/{id}"} {
				if !strings.Contains(line, part) {
					t.Errorf("the log lacks %s: %s", part, line)
				}
			}
			if strings.Contains(line, "secret-id") {
				t.Errorf("the log has the path: %s", line)
			}
			if test.name != "wrapped" && !strings.Contains(line, "secret cause") {
				t.Errorf("the log lacks the cause: %s", line)
			}
		})
	}
}

func TestAPanicIsAnAnswer(t *testing.T) {
	c, log := serve(t, nil, func(context.Context) (*text, error) { panic("secret") })
	if answer := c.Get("/api/op/1").Problem(http.StatusInternalServerError, "internal"); strings.Contains(string(answer.Body), "secret") {
		t.Errorf("%s", answer.Body)
	}
	if !strings.Contains(log.String(), "api_test.go") {
		t.Errorf("the log lacks the stack: %s", log)
	}
}

func TestNoRequestOutlivesItsDeadline(t *testing.T) {
	c, _ := serve(t, nil, func(ctx context.Context) (*text, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	c.Get("/api/op/1").Problem(http.StatusGatewayTimeout, "too_slow")
}

// TestAnOperationMayHaveItsOwnDeadline, longer or shorter than that of all others, which
// keep theirs.
func TestAnOperationMayHaveItsOwnDeadline(t *testing.T) {
	var left time.Duration
	note := func(ctx context.Context) {
		deadline, limited := ctx.Deadline()
		if left = time.Until(deadline); !limited {
			t.Error("there is no deadline")
		}
	}
	a := api.New(api.Config{Verifier: verifier{}, Deadline: time.Minute, Now: time.Now, NewID: func() string { return "id" }, Log: slog.New(slog.DiscardHandler)})
	for path, own := range map[string]time.Duration{"/usual/{id}": 0, "/slow/{id}": time.Hour, "/quick/{id}": time.Millisecond} {
		op := api.Operation{ID: path, Method: http.MethodGet, Path: path, Deadline: own}
		api.Register(a, op, func(ctx context.Context, _ *struct {
			ID string `path:"id"`
		}) (*text, error) {
			if note(ctx); own == time.Millisecond {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return &text{}, nil
		})
	}
	a.Mount(http.MethodGet, "/mounted", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { note(r.Context()) }))
	server := httptest.NewServer(a.Handler())
	t.Cleanup(server.Close)
	c := testbed.Client{T: t, URL: server.URL, Token: "good"}
	for path, most := range map[string]time.Duration{"/usual/1": time.Minute, "/slow/1": time.Hour, "/mounted": time.Minute} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			c.Do(method, "/api"+path, "").Want(http.StatusOK)
			if left > most || left < most-10*time.Second {
				t.Errorf("%s %s has %v left of %v", method, path, left, most)
			}
		}
	}
	c.Get("/api/quick/1").Problem(http.StatusGatewayTimeout, "too_slow")
}

// TestTheBearerTokenIsForTheHandlerAlone, and only where it was verified.
func TestTheBearerTokenIsForTheHandlerAlone(t *testing.T) {
	log := &testbed.Log{}
	a := api.New(api.Config{Verifier: verifier{}, Deadline: time.Second, Now: time.Now, NewID: func() string { return "id" },
		Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	for path, access := range map[string]api.Access{"/signed-in": api.SignedIn, "/anyone": api.Anyone} {
		api.Register(a, api.Operation{ID: path, Method: http.MethodGet, Path: path, Access: access}, func(ctx context.Context, _ *struct{}) (*text, error) {
			return &text{struct{ Text string }{api.Caller(ctx).UserID + " " + api.Bearer(ctx)}}, nil
		})
	}
	server := httptest.NewServer(a.Handler())
	t.Cleanup(server.Close)
	c := testbed.Client{T: t, URL: server.URL, Token: "good"}
	for path, want := range map[string]string{"/signed-in": "usr_ada good", "/anyone": " "} {
		if got := c.Get("/api" + path).Want(http.StatusOK).Text("Text"); got != want {
			t.Errorf("%s: the handler is told %q, want %q", path, got, want)
		}
	}
	if strings.Contains(log.String(), "good") || !strings.Contains(log.String(), "/api/signed-in") {
		t.Errorf("%s", log)
	}
}

func TestRequestIDs(t *testing.T) {
	c, _ := serve(t, nil, func(context.Context) (*text, error) { return &text{}, nil })
	for sent, want := range map[string]string{
		"client-chosen-1":            "client-chosen-1",
		"short":                      "made-by-us",
		"":                           "made-by-us",
		"with spaces and <html>":     "made-by-us",
		strings.Repeat("x", 65):      "made-by-us",
		"00-trace_parent.like-value": "00-trace_parent.like-value",
	} {
		if got := c.Get("/api/op/1", "X-Request-Id: "+sent).Want(http.StatusOK).Header.Get("X-Request-Id"); got != want {
			t.Errorf("%q became %q, want %q", sent, got, want)
		}
	}
}

func TestTheTraceIsInTheLog(t *testing.T) {
	c, log := serve(t, nil, func(context.Context) (*text, error) { return nil, errors.New("x") })
	c.Get("/api/op/1", "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").Want(500)
	if !strings.Contains(log.String(), "0af7651916cd43dd8448eb211c80319c") {
		t.Errorf("%s", log)
	}
}

func TestOrigins(t *testing.T) {
	h := func(context.Context) (*text, error) { return &text{}, nil }
	const origin, other = "https://app.example.com", "https://evil.example.com"
	some, _ := serve(t, []string{origin}, h)
	none, _ := serve(t, nil, h)
	all, _ := serve(t, []string{"*"}, h)
	for _, test := range []struct {
		name   string
		client testbed.Client
		origin string
		allow  string
	}{
		{"a known origin", some, origin, origin}, {"another", some, other, ""}, {"none configured", none, origin, ""}, {"any", all, other, other},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := test.client.Get("/api/op/1", "Origin: "+test.origin).Want(http.StatusOK)
			if got := answer.Header.Get("Access-Control-Allow-Origin"); got != test.allow {
				t.Errorf("allows %q, want %q", got, test.allow)
			}
			preflight := test.client.Do("OPTIONS", "/api/op/1", "", "Origin: "+test.origin, "Access-Control-Request-Method: DELETE").Want(http.StatusNoContent)
			if got := preflight.Header.Get("Access-Control-Allow-Methods"); (got != "") != (test.allow != "") {
				t.Errorf("the preflight allows %q", got)
			}
			if answer.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Error("cookies are allowed")
			}
		})
	}
}

// TestABodyThatStopsHalfWay ends in an answer, not in a handler that waits, and
// one whose status line says what its body says.
func TestABodyThatStopsHalfWay(t *testing.T) {
	const head = "POST /api/op HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nContent-Type: application/json\r\n"
	const endless = head + "Content-Length: 50\r\n\r\n{\"A\":"
	for _, test := range []struct {
		name       string
		usual, own time.Duration // deadlines
		request    string
	}{
		{"it never ends", 100 * time.Millisecond, 0, endless},
		{"it never ends, for an operation with a deadline of its own", time.Minute, 100 * time.Millisecond, endless},
		{"it is chunked badly", 100 * time.Millisecond, 0, head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := api.New(api.Config{Verifier: verifier{}, Deadline: test.usual, Now: time.Now, NewID: func() string { return "id" }, Log: slog.New(slog.DiscardHandler)})
			op := api.Operation{ID: "op", Method: http.MethodPost, Path: "/op", Deadline: test.own}
			api.Register(a, op, func(context.Context, *struct{ Body struct{ A int } }) (*text, error) {
				return &text{}, nil
			})
			server := httptest.NewServer(a.Handler())
			t.Cleanup(server.Close)
			conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, test.request)
			conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			answer, err := io.ReadAll(conn)
			if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400") || !strings.Contains(string(answer), "body_incomplete") {
				t.Errorf("%v %s", err, answer)
			}
		})
	}
}

func TestHalfAnAnswerDoesNotLookWhole(t *testing.T) {
	a := api.New(api.Config{Verifier: verifier{}, Deadline: time.Second, Now: time.Now, NewID: func() string { return "id" }, Log: slog.New(slog.DiscardHandler)})
	a.Mount(http.MethodGet, "/half", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"items":[1,2`)
		panic("a defect")
	}))
	server := httptest.NewServer(a.Handler())
	t.Cleanup(server.Close)
	resp, err := http.Get(server.URL + "/api/half")
	if err != nil {
		return // cut before the header
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the client takes this for an answer: %s", body)
	}
}

func TestAClientThatLeavesIsNoErrorOfOurs(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	c, log := serve(t, nil, func(ctx context.Context) (*text, error) {
		close(began)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	})
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/api/op/1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer good")
	go func() { <-began; leave() }()
	if _, err := http.DefaultClient.Do(r); err == nil {
		t.Fatal("the client did not leave")
	}
	<-ended
	for deadline := time.Now().Add(2 * time.Second); log.String() == ""; {
		if time.Now().After(deadline) {
			t.Fatal("nothing was logged")
		}
	}
	if strings.Contains(log.String(), `"level":"ERROR"`) {
		t.Errorf("%s", log)
	}
}
