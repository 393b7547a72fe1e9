package acs_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"switchboard/shared/acs"
	"switchboard/shared/problem"
)

// clientOf returns a client with the transport of production.
func clientOf(t *testing.T, server *httptest.Server) *acs.Client {
	t.Helper()
	t.Cleanup(server.Close)
	client, err := acs.NewClientFromConnectionString("endpoint="+server.URL+";accesskey=c2VjcmV0", nil)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestAnAnswerIsReadToALimit(t *testing.T) {
	const endless = 32 << 20 // bytes; reading them would allocate twice as many
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.CopyN(z, spaces{}, endless); err != nil {
		t.Fatal(err)
	}
	z.Close()
	for name, answer := range map[string]http.HandlerFunc{
		"plain": func(w http.ResponseWriter, r *http.Request) { io.CopyN(w, spaces{}, endless) },
		"packed": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(packed.Bytes())
		},
	} {
		client := clientOf(t, httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			answer(w, r)
		})))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := client.Issue(t.Context(), "8:acs:x", bothScopes, 0)
		runtime.ReadMemStats(&after)
		if !problem.Is(err, problem.Upstream) {
			t.Errorf("%s: %v", name, err)
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > endless/2 {
			t.Errorf("%s: %d MB were allocated", name, allocated>>20)
		}
	}
}

// spaces is an endless answer that is white space to JSON.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("a redirect carried %s %s away", r.Method, r.URL)
	}))
	t.Cleanup(elsewhere.Close)
	client := clientOf(t, httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect)))
	if _, err := client.ExchangeTeams(t.Context(), "a Teams token", "app", "user"); !problem.Is(err, problem.Upstream) {
		t.Errorf("%v", err)
	}
}

func TestATokenServiceThatIsAwayIsNoMisconfiguration(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	client, err := acs.NewClient("https://contoso.communication.azure.com", &entra{err: refused}, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, "revoke", client.Revoke(t.Context(), "8:acs:x"), problem.Unavailable, "calling_unavailable")
}
