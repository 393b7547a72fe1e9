package localgraph_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/localgraph"
)

const (
	clientID = "0d5b5a3e-0c1d-4c5e-8f0a-6a1f5f1c7e21"
	secret   = "not much of a secret"
	resource = "https://graph.microsoft.com"
)

// signingKey is shared, because a key takes long to make.
var signingKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// tenant is a server under test, with a clock that stands still and the token
// of an application that may do everything.
type tenant struct {
	*localgraph.Server
	t     testing.TB
	url   string
	token string

	transport http.RoundTripper

	mu  sync.Mutex
	now time.Time
}

// application is one that may do everything for itself.
func application() localgraph.App {
	return localgraph.App{ClientID: clientID, ObjectID: "8f1b0f52-70e2-4a83-9b0e-2f6a5c3f8d11", Secret: secret, Roles: localgraph.AllRoles()}
}

func newTenant(t testing.TB, o localgraph.Options) *tenant {
	t.Helper()
	n := &tenant{t: t, transport: http.DefaultTransport, now: time.Date(2026, 11, 21, 2, 17, 17, 649_113_640, time.UTC)}
	key, err := signingKey()
	if err != nil {
		t.Fatal(err)
	}
	o.SigningKey, o.Now = key, n.clock
	if o.Apps == nil {
		o.Apps = []localgraph.App{application()}
	}
	if n.Server, err = localgraph.New(o); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(n.Server)
	t.Cleanup(func() {
		server.Close()
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	n.url = server.URL
	n.token = n.appToken(o.Apps[0])
	return n
}

// meetingTenant has an application access policy for everybody.
func meetingTenant(t testing.TB) *tenant {
	return newTenant(t, localgraph.Options{Settings: localgraph.Settings{PolicyGlobal: true}})
}

func (n *tenant) clock() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.now
}

func (n *tenant) advance(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.now = n.now.Add(d)
}

// reply is an answer, decoded.
type reply struct {
	Code   int
	Header http.Header
	Text   string
	Body   map[string]any
}

// do sends a request as it is.
func (n *tenant) do(r *http.Request) reply {
	n.t.Helper()
	response, err := n.transport.RoundTrip(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	a := reply{Code: response.StatusCode, Header: response.Header, Text: string(text)}
	if strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(text, &a.Body); err != nil {
			n.t.Fatalf("%s %s: %v in %s", r.Method, r.URL, err, text)
		}
	}
	return a
}

// request makes a request with the application's token; headers are pairs.
func (n *tenant) request(method, target, body string, headers ...string) *http.Request {
	n.t.Helper()
	r, err := http.NewRequestWithContext(n.t.Context(), method, n.url+target, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+n.token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func (n *tenant) call(method, target, body string, headers ...string) reply {
	n.t.Helper()
	return n.do(n.request(method, target, body, headers...))
}

// must is call, with a status that has to come.
func (n *tenant) must(status int, method, target, body string, headers ...string) reply {
	n.t.Helper()
	a := n.call(method, target, body, headers...)
	if a.Code != status {
		n.t.Fatalf("%s %s answers %d %s, want %d", method, target, a.Code, a.Text, status)
	}
	return a
}

// form posts a form to the token endpoint.
func (n *tenant) form(tenantID string, values url.Values) reply {
	n.t.Helper()
	r := n.request("POST", "/"+tenantID+"/oauth2/v2.0/token", values.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	r.Header.Del("Authorization")
	return n.do(r)
}

// appToken gets a token by client secret.
func (n *tenant) appToken(app localgraph.App) string {
	n.t.Helper()
	a := n.form(n.Tenant(), url.Values{"grant_type": {"client_credentials"}, "client_id": {app.ClientID},
		"client_secret": {app.Secret}, "scope": {resource + "/.default openid offline_access profile"}})
	if a.Code != http.StatusOK {
		n.t.Fatalf("the token endpoint answers %d %s", a.Code, a.Text)
	}
	return a.Body["access_token"].(string)
}

// at follows member names and list indexes into JSON.
func at(t testing.TB, value any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, ok := value.(map[string]any)
			if !ok {
				t.Fatalf("%v: there is no object at %q in %v", path, step, value)
			}
			value = object[step]
		case int:
			list, ok := value.([]any)
			if !ok || step >= len(list) {
				t.Fatalf("%v: there is no item %d in %v", path, step, value)
			}
			value = list[step]
		}
	}
	return value
}

// text is a member that has to be text.
func (a reply) text(t testing.TB, path ...any) string {
	t.Helper()
	text, ok := at(t, a.Body, path...).(string)
	if !ok {
		t.Fatalf("%v is no text in %s", path, a.Text)
	}
	return text
}

// refused checks status, code and the form of an error body.
func (n *tenant) refused(name string, a reply, status int, code, message string) {
	n.t.Helper()
	if a.Code != status || at(n.t, a.Body, "error", "code") != code || !strings.Contains(a.text(n.t, "error", "message"), message) {
		n.t.Errorf("%s: the answer is %d %s, want %d %s %q", name, a.Code, a.Text, status, code, message)
	}
	if at(n.t, a.Body, "error", "innerError", "request-id") != a.Header.Get("request-id") || a.Header.Get("request-id") == "" {
		n.t.Errorf("%s: the answer and its body differ in request-id: %s", name, a.Text)
	}
}

func user(name string) string { return "/v1.0/users/" + localgraph.SeedUserID(name) }
