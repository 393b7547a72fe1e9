// Package testbed runs functions for tests: any number of instances, each with
// caches of its own, over one local cloud in memory, spoken to over HTTP as
// clients do. What changes in the store fires the event functions of the first
// instance, until the test ends. Only tests import it.
package testbed

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/app"
	"switchboard/shared/function"
	"switchboard/shared/hosting"
	"switchboard/shared/local"
)

// Issuer is the OpenID provider of a Bed: a name, reached in process.
const Issuer = "http://localhost/oidc"

// Bed is a cloud and the instances that run over it.
type Bed struct {
	Cloud *local.Cloud
	Clock *Clock
	Log   *Log // what the instances log
	URL   string

	t        testing.TB
	rows     []function.Function
	settings map[string]string
	trigger  sync.Once // of the first instance
}

// New opens a cloud and starts one instance of the functions. Settings replace
// those of the local cloud; an empty value unsets one.
func New(t testing.TB, rows []function.Function, settings map[string]string) *Bed {
	t.Helper()
	clock := &Clock{}
	cloud := Cloud(t, clock)
	b := &Bed{Cloud: cloud, Clock: clock, Log: &Log{}, t: t, rows: rows, settings: cloud.Settings()}
	maps.Copy(b.settings, settings)
	b.URL = b.Start()
	return b
}

// T is a test, or one check of a property.
type T interface {
	Helper()
	Fatal(args ...any)
	Error(args ...any)
	Cleanup(func())
	Context() context.Context
}

// Cloud opens a cloud in memory for the length of a test.
func Cloud(t T, clock *Clock) *local.Cloud {
	t.Helper()
	key, err := signingKey()
	if err != nil {
		t.Fatal(err)
	}
	cloud, err := local.Open(t.Context(), local.Options{Issuer: Issuer, Now: clock.Now, SigningKey: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	return cloud
}

// signingKey is made once for all tests of a package: it takes longer than most
// of them.
var signingKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// Start starts another instance, which logs all it can, and returns its address.
func (b *Bed) Start() string {
	b.t.Helper()
	return b.StartWith(slog.LevelDebug)
}

// StartWith starts another instance that logs from the given level on.
func (b *Bed) StartWith(level slog.Level) string {
	b.t.Helper()
	log := slog.New(slog.NewJSONHandler(b.Log, &slog.HandlerOptions{Level: level}))
	program, err := app.New(b.t.Context(), b.Cloud.Options(), func(name string) string { return b.settings[name] }, log, b.rows...)
	if err != nil {
		b.t.Fatal(err)
	}
	server := httptest.NewServer(program.HTTP)
	b.t.Cleanup(server.Close)
	b.trigger.Do(func() { b.fire(program, log) })
	return server.URL
}

// fire lets events reach a program until the test ends, and before the cloud does.
func (b *Bed) fire(program *hosting.App, log *slog.Logger) {
	ctx, stop := context.WithCancel(b.t.Context())
	var triggers sync.WaitGroup
	triggers.Go(func() { b.Cloud.Trigger(ctx, program, log, b.rows...) })
	b.t.Cleanup(func() {
		stop()
		triggers.Wait()
	})
}

// As returns a client that is signed in at the first instance.
func (b *Bed) As(user string, roles ...string) Client {
	b.t.Helper()
	token, err := b.Cloud.OIDC.Token(user, roles...)
	if err != nil {
		b.t.Fatal(err)
	}
	return Client{T: b.t, URL: b.URL, Token: token}
}

// Nobody returns a client without a token.
func (b *Bed) Nobody() Client { return Client{T: b.t, URL: b.URL} }

// Client sends requests.
type Client struct {
	T     testing.TB
	URL   string // of the instance
	Token string // bearer; empty = none
}

// At returns the client at another instance.
func (c Client) At(url string) Client {
	c.URL = url
	return c
}

// Do sends a request. A body that is not empty is sent as JSON unless headers,
// given as "Name: value", say otherwise.
func (c Client) Do(method, path, body string, headers ...string) Answer {
	c.T.Helper()
	r, err := http.NewRequestWithContext(c.T.Context(), method, c.URL+path, strings.NewReader(body))
	if err != nil {
		c.T.Fatal(err)
	}
	if c.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.T.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	answer := Answer{T: c.T, Status: resp.StatusCode, Header: resp.Header}
	if answer.Body, err = io.ReadAll(resp.Body); err != nil {
		c.T.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}

// Get is Do without a body.
func (c Client) Get(path string, headers ...string) Answer {
	c.T.Helper()
	return c.Do(http.MethodGet, path, "", headers...)
}

// Answer is what came back.
type Answer struct {
	T      testing.TB
	Status int
	Header http.Header
	Body   []byte
}

// Want fails the test unless the answer has the status.
func (a Answer) Want(status int) Answer {
	a.T.Helper()
	if a.Status != status {
		a.T.Fatalf("status %d, want %d: %s", a.Status, status, a.Body)
	}
	return a
}

// JSON decodes the body.
func (a Answer) JSON() map[string]any {
	a.T.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.Body, &v); err != nil {
		a.T.Fatalf("body %q: %v", a.Body, err)
	}
	return v
}

// Text returns a member of the body that is a text.
func (a Answer) Text(member string) string {
	a.T.Helper()
	text, ok := a.JSON()[member].(string)
	if !ok {
		a.T.Fatalf("no text %q in %s", member, a.Body)
	}
	return text
}

// Problem fails the test unless the answer is a problem of the contract with
// the status and the code.
func (a Answer) Problem(status int, code string) Answer {
	a.T.Helper()
	a.Want(status)
	p := a.JSON()
	_, token := p["token"]
	if a.Header.Get("Content-Type") != "application/problem+json" || p["code"] != code || p["detail"] == "" ||
		p["status"] != float64(status) || p["requestId"] != a.Header.Get("X-Request-Id") || token {
		a.T.Fatalf("not the problem %q of the contract: %s", code, a.Body)
	}
	return a
}

// Clock tells the time, ahead of the machine's by as much as it was moved.
type Clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// Move moves the clock on.
func (c *Clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// Log keeps what was logged last, a megabyte at most.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write takes log lines.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buf.Len() > 1<<20 {
		l.buf.Next(l.buf.Len() / 2)
	}
	return l.buf.Write(p)
}

// String is what was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Set changes a setting for the instances that are started from now on.
func (b *Bed) Set(name, value string) { b.settings[name] = value }
