// Testapp is a small program for the tests of package hosting: it tells what arrived
// and misbehaves on request. Tests build it and run it under each host.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"switchboard/shared/hosting"
)

func main() { os.Exit(hosting.Main(build)) }

func build(_ context.Context, env func(string) string, log *slog.Logger) (*hosting.App, error) {
	if refusal := env("TESTAPP_REFUSES"); refusal != "" {
		return nil, errors.New(refusal)
	}
	events := &inbox{}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/echo", echo)
	mux.HandleFunc("/api/echo/{rest...}", echo)
	mux.HandleFunc("/api/status/{code}", status)
	mux.HandleFunc("/api/cookies", cookies)
	mux.HandleFunc("/api/binary", binary)
	mux.HandleFunc("/api/large", large)
	mux.HandleFunc("/api/panic", panics)
	mux.HandleFunc("/api/hints", hints)
	mux.HandleFunc("/api/slow", slow)
	mux.HandleFunc("/api/stream", func(w http.ResponseWriter, r *http.Request) { stream(w, r, log) })
	mux.HandleFunc("/api/exit/{code}", exit)
	mux.Handle("GET /api/events", events)
	return &hosting.App{HTTP: mux, Events: map[string]hosting.EventHandler{
		"record": events.record,
		"fail":   func(context.Context, json.RawMessage) error { return errors.New("hidden cause") },
		"crash":  func(context.Context, json.RawMessage) error { panic("hidden panic") },
	}}, nil
}

// seen is what echo tells about a request.
type seen struct {
	Method, Path, Query, Host, Body string
	RequestURI                      string
	Header                          map[string]string
	RemoteAddr, Invocation          string
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s := seen{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Host: r.Host, Body: string(body), RequestURI: r.RequestURI,
		Header: map[string]string{}, RemoteAddr: r.RemoteAddr, Invocation: hosting.InvocationID(r.Context())}
	for name, values := range r.Header {
		s.Header[name] = strings.Join(values, " | ")
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(s)
}

func status(w http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(r.PathValue("code"))
	if err != nil || code < 200 || code > 599 {
		code = http.StatusBadRequest
	}
	h := w.Header()
	h.Set("X-Request-Id", "r-1")
	h.Set("ETag", `"v1"`)
	h.Add("WWW-Authenticate", `Bearer realm="a"`)
	h.Add("Vary", "Origin")
	h.Add("Vary", "Accept")
	h.Set("Location", "/api/elsewhere")
	if code == http.StatusNoContent || code == http.StatusNotModified {
		w.WriteHeader(code)
		return
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"status":%d,"title":"été <b>&"}`, code)
}

func cookies(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: "a", Value: "1", Path: "/", HttpOnly: true})
	http.SetCookie(w, &http.Cookie{Name: "b", Value: "2", Path: "/", Expires: time.Unix(1<<31, 0)}) // a date holds a comma
	fmt.Fprint(w, r.Header.Get("Cookie"))
}

func binary(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for i := range 256 {
		body = append(body, byte(i))
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write(body)
}

func large(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.FormValue("bytes"))
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, strings.Repeat("x", n))
}

func panics(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Half-Done", "yes")
	if r.FormValue("late") != "" {
		io.WriteString(w, strings.Repeat("x", 1<<16))
	}
	panic("hidden panic")
}

// hints sends an informational answer before the real one.
func hints(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusEarlyHints)
	w.WriteHeader(http.StatusAccepted)
	io.WriteString(w, "done")
}

// slow answers 504 when the host's deadline is near, as the product does.
func slow(w http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
	w.WriteHeader(http.StatusGatewayTimeout)
}

func stream(w http.ResponseWriter, r *http.Request, log *slog.Logger) {
	io.WriteString(w, "first\n")
	if http.NewResponseController(w).Flush() == nil && r.FormValue("hold") != "" {
		<-r.Context().Done()
		log.Info("the client left")
		return
	}
	io.WriteString(w, "second\n")
}

func exit(_ http.ResponseWriter, r *http.Request) {
	code, _ := strconv.Atoi(r.PathValue("code"))
	os.Exit(code)
}

// inbox keeps the payloads of the function "record".
type inbox struct {
	mu       sync.Mutex
	payloads []json.RawMessage
}

func (b *inbox) record(_ context.Context, payload json.RawMessage) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.payloads = append(b.payloads, payload)
	return nil
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(b.payloads)
}
