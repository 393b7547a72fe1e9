package hosting_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/shared/hosting"
)

// environment looks variables up in a list of "NAME=value".
func environment(list ...string) func(string) string {
	return func(name string) string {
		for _, entry := range list {
			if value, ok := strings.CutPrefix(entry, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

func serving(h http.Handler) hosting.Builder {
	return func(context.Context, func(string) string, *slog.Logger) (*hosting.App, error) {
		return &hosting.App{HTTP: h}, nil
	}
}

func TestAnInterruptEndsThePlainServerCleanly(t *testing.T) {
	t.Parallel()
	addr, stop := startPlain(t)
	if status, body := get(t, "http://"+addr+"/api/status/200"); status != 200 {
		t.Fatalf("%d: %s", status, body)
	}
	if err := stop(); err != nil {
		t.Errorf("the program ended with %v, want exit code 0", err)
	}
}

// Events have no trigger here: their paths are the App's, like all others.
func TestEventsCannotBePostedToThePlainServer(t *testing.T) {
	t.Parallel()
	addr, _ := startPlain(t)
	resp, err := http.Post("http://"+addr+"/record", "application/json", strings.NewReader(`{"Data":{"payload":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", resp.StatusCode)
	}
	if _, events := get(t, "http://"+addr+"/api/events"); strings.TrimSpace(events) != "null" {
		t.Errorf("the event function was called: %s", events)
	}
}

func TestABegunRequestOutlivesTheStop(t *testing.T) {
	t.Parallel()
	begun, proceed := make(chan struct{}), make(chan struct{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- hosting.Serve(ctx, ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(begun)
			<-proceed
			if r.Context().Err() != nil {
				t.Error("the stop cancelled a begun request")
			}
			io.WriteString(w, "done")
		}), slog.New(slog.DiscardHandler))
	}()
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + ln.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			body = []byte(err.Error())
		}
		answer <- string(body)
	}()
	<-begun
	cancel()
	eventually(t, "no further connections", func() bool {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	close(proceed)
	if got := <-answer; got != "done" {
		t.Errorf("answer %q", got)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// A handler that never ends delays the stop for ten seconds, not for ever.
func TestTheStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		begun, forever := make(chan struct{}), make(chan struct{})
		served := make(chan error, 1)
		go func() {
			served <- hosting.Serve(ctx, ln, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				close(begun)
				<-forever
			}), slog.New(slog.DiscardHandler))
		}()
		client, server := net.Pipe()
		ln.conns <- server
		go io.WriteString(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		<-begun
		start := time.Now()
		cancel()
		<-served
		if took := time.Since(start); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("the stop took %s", took)
		}
		close(forever)
		client.Close()
	})
}

// pipeListener hands out connections that need no network.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

func TestAPanicAfterTheFirstByteCutsTheConnection(t *testing.T) {
	t.Parallel()
	addr, _ := startPlain(t)
	resp, err := http.Get("http://" + addr + "/api/panic?late=1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("half an answer passed for a whole one")
	}
	if status, _ := get(t, "http://"+addr+"/api/status/200"); status != 200 {
		t.Errorf("status %d after a panic", status)
	}
}

func TestAStartThatFailsTellsTheOperator(t *testing.T) {
	t.Parallel()
	handler := http.NotFoundHandler()
	event := func(context.Context, json.RawMessage) error { return nil }
	app := func(app *hosting.App, err error) hosting.Builder {
		return func(context.Context, func(string) string, *slog.Logger) (*hosting.App, error) { return app, err }
	}
	for _, c := range []struct {
		name    string
		env     []string
		build   hosting.Builder
		message string
	}{
		{"settings", nil, app(nil, errors.New("set A\nset B")), "cannot start: set A\nset B\n"},
		{"no handler", nil, app(&hosting.App{}, nil), "no HTTP handler"},
		{"no event handler", nil, app(&hosting.App{HTTP: handler, Events: map[string]hosting.EventHandler{"a": nil}}, nil), `"a"`},
		{"event name", nil, app(&hosting.App{HTTP: handler, Events: map[string]hosting.EventHandler{"a/b": event}}, nil), `"a/b"`},
		{"address", []string{"SWITCHBOARD_ADDR=nonsense"}, serving(handler), "SWITCHBOARD_ADDR"},
		{"port", []string{"FUNCTIONS_CUSTOMHANDLER_PORT=70000"}, serving(handler), "FUNCTIONS_CUSTOMHANDLER_PORT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			code := hosting.Run(t.Context(), hosting.Process{Env: environment(c.env...), Stdout: &stdout, Stderr: &stderr}, c.build)
			if code != 1 || !strings.Contains(stderr.String(), c.message) {
				t.Errorf("exit code %d, stderr %q", code, stderr.String())
			}
			checkLog(t, stdout.String())
			if stdout.Len() == 0 {
				t.Error("the log does not hold the reason")
			}
		})
	}
}
