package graph_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/problem"
)

const (
	organizer = "f4053f86-17cc-42e7-85f4-f0389ac980d6"
	users     = "/v1.0/users/" + organizer
	thread    = "19:meeting_M2Iz@thread.v2"
	joinURL   = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_M2Iz%40thread.v2/0?context=%7b%22Tid%22%3a%2272f9%22%2c%22Oid%22%3a%22f405%22%7d"

	// leak stands for whatever an answer may hold that must not reach a log.
	leak = "SECRETofTHEanswer"
)

// answers are those of a recorded service: by method and URI, status and body.
type answers map[string]string

// service gives recorded answers and keeps what it was asked. What it does not
// know it answers as Graph does an unknown segment.
type service struct {
	answers answers
	mu      sync.Mutex
	asked   []request
}

type request struct {
	line   string // method and URI
	header http.Header
	body   string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	line := r.Method + " " + r.URL.RequestURI()
	s.mu.Lock()
	s.asked = append(s.asked, request{line, r.Header.Clone(), string(body)})
	answer, ok := s.answers[line]
	s.mu.Unlock()
	if !ok {
		answer = `400 {"error":{"code":"BadRequest","message":"Resource not found for the segment."}}`
	}
	status, text, _ := strings.Cut(answer, " ")
	if text != "" {
		w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
	}
	var code int
	fmt.Sscan(status, &code)
	w.WriteHeader(code)
	io.WriteString(w, text)
}

// last is the request that came last.
func (s *service) last(t *testing.T) request {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) == 0 {
		t.Fatal("nothing was asked")
	}
	return s.asked[len(s.asked)-1]
}

// behind returns a client of a recorded service, in this process, with the
// faults that stand between them.
func behind(t *testing.T, a answers) (*graph.Client, *service, *faults.Injector) {
	t.Helper()
	return behindWith(t, a, graph.Options{})
}

func behindWith(t *testing.T, a answers, o graph.Options) (*graph.Client, *service, *faults.Injector) {
	t.Helper()
	s := &service{answers: a}
	injector := faults.Wrap(s)
	injector.Record()
	o.Transport = faults.Transport{Handler: injector}
	client, err := graph.New(graph.DefaultEndpoint, &entra{token: "app"}, &o)
	if err != nil {
		t.Fatal(err)
	}
	return client, s, injector
}

// entra is a credential that gives one token and remembers what it was asked.
type entra struct {
	token  string
	err    error
	mu     sync.Mutex
	scopes []string
}

func (e *entra) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.scopes = append(e.scopes, o.Scopes...)
	return azcore.AccessToken{Token: e.token, ExpiresOn: time.Now().Add(time.Hour)}, e.err
}

// wantProblem checks an error's kind and code, and that it gives nothing away.
func wantProblem(t *testing.T, name string, err error, kind problem.Kind, code string) {
	t.Helper()
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || p.Kind != kind || p.Code != code {
		t.Errorf("%s: %v; want kind %d, code %s", name, err, kind, code)
		return
	}
	wantNoLeak(t, name, err)
}

func wantNoLeak(t *testing.T, name string, err error) {
	t.Helper()
	if strings.Contains(err.Error(), leak) {
		t.Errorf("%s: the error repeats the answer: %v", name, err)
	}
}

// wantBody compares the JSON that was sent with what should have been.
func wantBody(t *testing.T, r request, want string) {
	t.Helper()
	var got, expected any
	if err := json.Unmarshal([]byte(r.body), &got); err != nil {
		t.Fatalf("%s carried %q: %v", r.line, r.body, err)
	}
	if err := json.Unmarshal([]byte(want), &expected); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Errorf("the body of %s (-want +got):\n%s", r.line, diff)
	}
}

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
