package graph_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"
	"time"

	"switchboard/shared/graph"
	"switchboard/shared/problem"
)

func TestEndpoints(t *testing.T) {
	for _, good := range []string{graph.DefaultEndpoint, "https://graph.microsoft.us/", "https://microsoftgraph.chinacloudapi.cn", "http://127.0.0.1:8083", "http://localhost:8083/", "https://GRAPH.microsoft.com:443"} {
		if _, err := graph.New(good, &entra{}, nil); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "graph.microsoft.com", "http://graph.microsoft.com", "https://graph.microsoft.com/v1.0", "https://u:p@graph.microsoft.com", "https://graph.microsoft.com?x", "ftp://localhost", "http://127.0.0.1.example.com"} {
		if _, err := graph.New(bad, &entra{}, nil); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	if _, err := graph.New(graph.DefaultEndpoint, nil, nil); err == nil {
		t.Error("no credential, no error")
	}
}

// over returns a client of a server, with the transport of production.
func over(t *testing.T, handler http.HandlerFunc) (*graph.Client, *entra, string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	credential := &entra{token: "app"}
	client, err := graph.New(server.URL, credential, nil)
	if err != nil {
		t.Fatal(err)
	}
	return client, credential, server.URL
}

// TestTheScopeIsTheEndpoints: a national cloud's tokens are for its own Graph.
func TestTheScopeIsTheEndpoints(t *testing.T) {
	client, credential, address := over(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, meetingJSON)
	})
	for range 3 {
		if _, err := client.User(organizer).Meeting(t.Context(), meetingID); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{address + "/.default"}; !slices.Equal(credential.scopes, want) {
		t.Errorf("asked Entra for %q, want %q once", credential.scopes, want)
	}
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
		"plain":  func(w http.ResponseWriter, _ *http.Request) { io.CopyN(w, spaces{}, endless) },
		"refuse": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400); io.CopyN(w, spaces{}, endless) },
		"packed": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(packed.Bytes())
		},
	} {
		requests := 0
		client, _, _ := over(t, func(w http.ResponseWriter, r *http.Request) {
			requests++
			w.Header().Set("Content-Type", "application/json")
			answer(w, r)
		})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := client.User(organizer).Meeting(t.Context(), meetingID)
		runtime.ReadMemStats(&after)
		wantProblem(t, name, err, problem.Upstream, "graph_failed")
		if requests != 1 {
			t.Errorf("%s: %d requests were made for an endless answer", name, requests)
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > endless/2 {
			t.Errorf("%s: %d MB were allocated", name, allocated>>20)
		}
	}
}

// spaces is an endless answer that is white space to JSON.
type spaces struct{}

var blank = bytes.Repeat([]byte(" "), 4096)

func (spaces) Read(p []byte) (int, error) {
	return copy(p, blank), nil
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	_, _, elsewhere := over(t, func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("a redirect carried %s %s away", r.Method, r.URL)
	})
	client, _, _ := over(t, http.RedirectHandler(elsewhere, http.StatusTemporaryRedirect).ServeHTTP)
	_, err := client.User(organizer).Meeting(t.Context(), meetingID)
	wantProblem(t, "a redirect", err, problem.Upstream, "graph_failed")
}

// TestRealConnections breaks sockets: nobody listens, the answer is cut off in
// its middle, the answer is not HTTP.
func TestRealConnections(t *testing.T) {
	_, _, cut := over(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, `{"id":"`+leak)
	})
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
			conn.Read(make([]byte, 1))
			fmt.Fprintf(conn, "%s\r\n\r\n", leak)
			conn.Close()
		}
	}()
	away, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away.Close()

	for _, tt := range []struct {
		name, endpoint, code string
		kind                 problem.Kind
	}{
		{"nobody listens", "http://" + away.Addr().String(), "graph_unavailable", problem.Unavailable},
		{"cut in the middle", cut, "graph_failed", problem.Upstream},
		{"not HTTP", "http://" + listener.Addr().String(), "graph_failed", problem.Upstream},
	} {
		opts := &graph.Options{}
		opts.Retry.MaxRetries, opts.Retry.RetryDelay = 1, time.Millisecond
		client, err := graph.New(tt.endpoint, &entra{token: "app"}, opts)
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.User(organizer).Meeting(t.Context(), meetingID)
		wantProblem(t, tt.name, err, tt.kind, tt.code)
	}
}

// A call has one id in Graph's log, whichever try it was; other calls have others.
func TestRequestIDs(t *testing.T) {
	var ids []string
	client, _, _ := over(t, func(w http.ResponseWriter, r *http.Request) {
		ids = append(ids, r.Header.Get("client-request-id"))
		if len(ids)%2 == 1 {
			w.Header().Set("retry-after-ms", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	for range 2 {
		client.User(organizer).DeleteMeeting(t.Context(), meetingID)
	}
	if len(ids) != 4 || ids[0] != ids[1] || ids[2] != ids[3] || ids[0] == ids[2] {
		t.Errorf("the tries of two calls are named %q", ids)
	}
}
