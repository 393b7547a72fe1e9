// Package testbed runs functions for tests: any number of instances, each with
// caches of its own, over one local cloud in memory, spoken to over HTTP as
// clients do. What changes in the store fires the event functions of the first
// instance, until the test ends, and Graph's notifications go to it; its timers
// fire when the test says so. Only tests import it.
package testbed

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"log/slog"
	"maps"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/app"
	"switchboard/shared/faults"
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
	first    *hosting.App // the instance that events reach
	log      *slog.Logger // its log
}

// New opens a cloud and starts one instance of the functions. Settings replace
// those of the local cloud; an empty value unsets one, and an empty
// SWITCHBOARD_GRAPH_TENANT all of Graph's.
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

// Set changes a setting for the instances that are started from now on.
func (b *Bed) Set(name, value string) { b.settings[name] = value }

// Start starts another instance, which logs all it can, and returns its address.
func (b *Bed) Start() string {
	b.t.Helper()
	return b.StartWith(slog.LevelDebug)
}

// StartWith starts another instance that logs from the given level on.
func (b *Bed) StartWith(level slog.Level) string {
	b.t.Helper()
	return b.start(level, b.Cloud.Options())
}

// StartApart starts another instance that reaches Graph and the store through injectors
// of its own: what fails there fails for this instance alone.
func (b *Bed) StartApart() (url string, graph, store *faults.Injector) {
	b.t.Helper()
	graph, store = faults.Wrap(b.Cloud.Graph), faults.Wrap(b.Cloud.Cosmos)
	options := b.Cloud.Options()
	options.Graph, options.Cosmos = faults.Transport{Handler: graph}, faults.Transport{Handler: store}
	return b.start(slog.LevelDebug, options), graph, store
}

func (b *Bed) start(level slog.Level, options app.Options) string {
	b.t.Helper()
	server := httptest.NewUnstartedServer(nil)
	url := "http://" + server.Listener.Addr().String()
	settings := b.settingsAt(url)
	log := slog.New(slog.NewJSONHandler(b.Log, &slog.HandlerOptions{Level: level}))
	program, err := app.New(b.t.Context(), options, func(name string) string { return settings[name] }, log, b.rows...)
	if err != nil {
		server.Close()
		b.t.Fatal(err)
	}
	server.Config.Handler = program.HTTP
	server.Start()
	b.t.Cleanup(server.Close)
	if b.first == nil {
		b.first, b.log = program, log
		b.trigger()
	}
	return url
}

// settingsAt are the settings of an instance at an address. Graph notifies the one
// that was started first.
func (b *Bed) settingsAt(url string) map[string]string {
	const group, tenant, notify = "SWITCHBOARD_GRAPH_", "SWITCHBOARD_GRAPH_TENANT", "SWITCHBOARD_GRAPH_NOTIFY_URL"
	if _, said := b.settings[notify]; !said {
		b.settings[notify] = url + "/api/graph"
	}
	settings := maps.Clone(b.settings)
	if settings[tenant] == "" {
		maps.DeleteFunc(settings, func(name, _ string) bool { return strings.HasPrefix(name, group) })
	}
	return settings
}

// trigger lets events reach the first instance until the test ends, and before the
// cloud does.
func (b *Bed) trigger() {
	ctx, stop := context.WithCancel(b.t.Context())
	var triggers sync.WaitGroup
	triggers.Go(func() { b.Cloud.Trigger(ctx, b.first, b.log, b.rows...) })
	b.t.Cleanup(func() {
		stop()
		triggers.Wait()
	})
}

// Fire fires the timer of a function once, at the first instance, and returns why it
// was not handled.
func (b *Bed) Fire(name string) error {
	b.t.Helper()
	handle, ok := b.first.Events[name]
	if !ok {
		b.t.Fatalf("there is no event function %q", name)
	}
	return local.Tick(b.t.Context(), handle, b.log.With("function", name))
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

// AsTeams returns a client that is signed in at the first instance as a user of the
// tenant of Graph: another Switchboard user than As has by the same name.
func (b *Bed) AsTeams(user string) Client {
	b.t.Helper()
	token, err := b.Cloud.TeamsToken(user)
	if err != nil {
		b.t.Fatal(err)
	}
	return Client{T: b.t, URL: b.URL, Token: token}
}

// Nobody returns a client without a token.
func (b *Bed) Nobody() Client { return Client{T: b.t, URL: b.URL} }

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
