package teams_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"switchboard/shared/entra"
	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/localgraph"
	"switchboard/shared/meeting"
	"switchboard/shared/problem"
	"switchboard/shared/teams"
)

const (
	clientID = "0d5b5a3e-0c1d-4c5e-8f0a-6a1f5f1c7e21"
	secret   = "not much of a secret"
	endpoint = "https://graph.localhost"
	business = "consultations@contoso.example"
	service  = "9f2b7a10-5d44-4a7e-8f5e-0e6a1b2c3d4e"
)

var (
	organizer = localgraph.SeedUserID("meetings")
	ada       = meeting.Actor{UserID: "usr_ada", TenantID: localgraph.DefaultTenant, ObjectID: localgraph.SeedUserID("ada")}
	grace     = meeting.Actor{UserID: "usr_grace", TenantID: localgraph.DefaultTenant, ObjectID: localgraph.SeedUserID("grace")}
	stranger  = meeting.Actor{UserID: "usr_stranger"}
)

// signingKey is shared, because a key takes long to make.
var signingKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// world is a tenant with a Scheduler whose requests are counted and can be broken, and
// two ways past that: truth, a client of its own, and the raw server.
type world struct {
	*teams.Scheduler
	t      testing.TB
	server *localgraph.Server
	faults *faults.Injector
	truth  *graph.Client
	app    *entra.App
	meetings
	log bytes.Buffer
}

// options are what tests differ in. The zero value has an application access policy for
// everybody, and repeats nothing.
type options struct {
	localgraph.Settings
	callers  teams.Callers
	noPolicy bool
}

// in runs a test in a world of its own, on the clock of a synctest bubble: waits are
// exact and cost nothing.
func in(t *testing.T, o options, test func(*testing.T, *world)) {
	t.Helper()
	key, err := signingKey()
	ok(t, err)
	synctest.Test(t, func(t *testing.T) {
		o.PolicyGlobal = !o.noPolicy
		w := &world{t: t}
		w.server, err = localgraph.New(localgraph.Options{
			Apps: []localgraph.App{{ClientID: clientID, ObjectID: "8f1b0f52-70e2-4a83-9b0e-2f6a5c3f8d11", Secret: secret, Roles: localgraph.AllRoles(),
				Scopes: []string{"OnlineMeetings.ReadWrite", "Calendars.ReadWrite"}}},
			Businesses: []string{business}, Settings: o.Settings, SigningKey: key,
		})
		ok(t, err)
		defer func() { ok(t, w.server.Close()) }()
		w.meetings.next = w.server
		w.faults = faults.Wrap(&w.meetings)
		w.truth, w.app = w.client(w.server)
		broken, _ := w.client(w.faults)
		w.Scheduler = teams.New(teams.Config{
			Graph: broken, Tenant: strings.ToUpper(localgraph.DefaultTenant), Organizer: organizer, Callers: o.callers,
			Business: business, Service: service, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		})
		test(t, w)
	})
}

// client is the product's client of a handler. It repeats nothing: each failure counts.
func (w *world) client(handler http.Handler) (*graph.Client, *entra.App) {
	shared := azcore.ClientOptions{
		Transport: faults.Transport{Handler: handler},
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: "https://entra.localhost/"},
		Retry:     policy.RetryOptions{MaxRetries: -1},
	}
	app, err := entra.New(entra.Settings{Tenant: w.server.Tenant(), ClientID: clientID, Secret: secret},
		&entra.Options{ClientOptions: shared, DisableInstanceDiscovery: true})
	ok(w.t, err)
	client, err := graph.New(endpoint, app, &graph.Options{ClientOptions: shared, OnBehalfOf: app.OnBehalfOf})
	ok(w.t, err)
	return client, app
}

// plan is a meeting in an hour, of an organizer whom nobody else is.
func plan(mode meeting.Mode) meeting.Plan {
	p := meeting.Plan{ID: "mtg_1", Mode: mode, Organizer: organizer, Subject: "Consultation 42", Emails: []string{"grace@contoso.example"}}
	p.StartsAt = time.Now().UTC().Truncate(time.Second).Add(time.Hour)
	p.EndsAt = p.StartsAt.Add(time.Hour)
	if mode == meeting.Booking {
		p.Organizer = ""
	}
	return p
}

// calls are the requests to Graph since Record.
func (w *world) calls() []string {
	var list []string
	for _, call := range w.faults.Calls() {
		if method, path, isGraph := strings.Cut(call, " /v1.0"); isGraph {
			list = append(list, method+" "+path)
		}
	}
	return list
}

// held is how many meetings, events and appointments there are.
func (w *world) held() int {
	w.t.Helper()
	appointments, err := w.truth.Appointments(w.t.Context(), business, time.Now(), time.Now().Add(48*time.Hour))
	ok(w.t, err)
	return w.standalone() + len(w.calendar(organizer)) + len(appointments)
}

// calendar is somebody's next two days.
func (w *world) calendar(user string) []graph.Event {
	w.t.Helper()
	events, err := w.truth.User(user).CalendarView(w.t.Context(), time.Now(), time.Now().Add(48*time.Hour))
	ok(w.t, err)
	return events
}

// meetings counts those on no calendar, behind everything that can break: Graph has no
// list of them.
type meetings struct {
	next http.Handler
	mu   sync.Mutex
	n    int
}

func (m *meetings) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	m.next.ServeHTTP(answer, r)
	m.mu.Lock()
	switch {
	case answer.Code == http.StatusCreated && strings.HasSuffix(r.URL.Path, "/onlineMeetings/createOrGet"):
		m.n++
	case answer.Code == http.StatusNoContent && strings.Contains(r.URL.Path, "/onlineMeetings/"):
		m.n--
	}
	m.mu.Unlock()
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes())
}

func (m *meetings) standalone() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.n
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		ok(t, err)
		return v
	}
}

// fails checks that an error is a problem of a code, and that it names nobody.
func fails(t testing.TB, what string, err error, code string) {
	t.Helper()
	p, isProblem := errors.AsType[*problem.Error](err)
	if !isProblem || code != "" && p.Code != code {
		t.Errorf("%s: %v, want %s", what, err, code)
		return
	}
	for _, secret := range []string{"contoso.example", organizer, ada.ObjectID, grace.ObjectID, "19:meeting_"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error tells %s: %v", what, secret, err)
		}
	}
}
