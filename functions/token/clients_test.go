package token_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"switchboard/functions/about"
	"switchboard/functions/token"
	"switchboard/functions/user"
	"switchboard/shared/function"
	"switchboard/shared/testbed"
)

// The clients in the field, each doing what its source does: the requests it
// sends and what it asks of the answers. They are Microsoft's samples at the
// commits of 2024-03 to 2025-11; none of them can be changed by us.

// usable is what every client needs of a token: a JWT with a numeric exp that
// is well ahead.
func usable(t *testing.T, b *testbed.Bed, text string) {
	t.Helper()
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %q", text)
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Exp *float64 `json:"exp"`
	}
	if err := json.Unmarshal(claims, &c); err != nil || c.Exp == nil {
		t.Fatalf("no numeric exp in %s", claims)
	}
	if left := time.Unix(int64(*c.Exp), 0).Sub(b.Clock.Now()); left < 15*time.Minute {
		t.Errorf("the token has %v left: the SDK asks again at once", left)
	}
}

func clientBed(t *testing.T) *testbed.Bed {
	t.Helper()
	return testbed.New(t, []function.Function{token.Function(), user.Function(), about.Function()}, nil)
}

// iOS calling hero: GET with a bearer, 10 s; any status; the top-level text
// token decides, a missing one crashes it.
func TestIOSCallingHero(t *testing.T) {
	b := clientBed(t)
	c := b.As("ada")
	for range 2 { // at the join, and when the SDK refreshes
		usable(t, b, c.Get("/api/token").Want(http.StatusOK).Text("token"))
	}
	c.Token = "of-microsoft-graph"
	if _, there := c.Get("/api/token").Want(http.StatusUnauthorized).JSON()["token"]; there {
		t.Error("an error has a member called token: the app takes it for one")
	}
}

// Android calling hero (Volley 1.2.1): 2.5 s and one retry, also after 401 and
// 403; a JSON object with token; what may be kept is written to disk.
func TestAndroidCallingHero(t *testing.T) {
	b := clientBed(t)
	c := b.As("ada")
	c.Token = "expired"
	first := c.Get("/api/token").Want(http.StatusUnauthorized)
	if again := c.Get("/api/token").Want(http.StatusUnauthorized); again.Text("code") != first.Text("code") {
		t.Error("the retry is answered otherwise")
	}
	if n := len(b.Cloud.ACS.Identities()); n != 0 {
		t.Errorf("a refused request made %d identities", n)
	}
	answer := b.As("ada").Get("/api/token", "Accept-Encoding: gzip", `If-None-Match: "x"`, "If-Modified-Since: Sat, 21 Nov 2026 00:00:00 GMT").Want(http.StatusOK)
	if answer.Header.Get("Cache-Control") != "no-store" || answer.Header.Get("ETag") != "" || answer.Header.Get("Last-Modified") != "" || answer.Header.Get("Expires") != "" {
		t.Errorf("Volley would keep the token on disk: %v", answer.Header)
	}
	usable(t, b, answer.Text("token"))
}

// Web calling sample: token?scope=voip relative to its page, then
// refreshToken/{id}; a 2xx and a token.
func TestWebCallingHero(t *testing.T) {
	b := clientBed(t)
	c := b.As("ada")
	answer := c.Get("/api/token?scope=voip").Want(http.StatusOK)
	usable(t, b, answer.Text("token"))
	id := identityOf(t, answer)
	for _, path := range []string{id, url.PathEscape(id), strings.ReplaceAll(id, ":", "%3A")} {
		usable(t, b, c.Do("POST", "/api/refreshToken/"+path, "").Want(http.StatusOK).Text("token"))
	}
}

// Web chat sample: POST token?scope=chat without a body; expiresOn and the user.
func TestWebChatHero(t *testing.T) {
	b := clientBed(t)
	answer := b.As("ada").Do("POST", "/api/token?scope=chat", "").Want(http.StatusOK)
	usable(t, b, answer.Text("token"))
	identityOf(t, answer)
	if _, err := time.Parse(time.RFC3339, answer.Text("expiresOn")); err != nil {
		t.Error(err)
	}
}

// Functions tutorial and virtual visits: GET or POST, {token, expiresOn, user}.
func TestSampleServersShape(t *testing.T) {
	b := clientBed(t)
	for _, method := range []string{"GET", "POST"} {
		answer := b.As("ada").Do(method, "/api/token", "").Want(http.StatusOK)
		usable(t, b, answer.Text("token"))
		if answer.Text("expiresOn") == "" || identityOf(t, answer) == "" {
			t.Errorf("%s", answer.Body)
		}
	}
}

// Authentication hero's MinimalClient: a page of another origin that calls
// api/user and api/token with a bearer and reads JSON whatever the status.
func TestMinimalClient(t *testing.T) {
	b := clientBed(t)
	c := b.As("ada")
	const origin = "Origin: https://app.example.com"
	for _, header := range []string{"authorization", "authorization, teams-user-aad-token"} {
		preflight := b.Nobody().Do("OPTIONS", "/api/token/teams", "", origin, "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: "+header).Want(http.StatusNoContent)
		for _, name := range strings.Split(header, ", ") {
			if !strings.Contains(preflight.Header.Get("Access-Control-Allow-Headers"), name) {
				t.Errorf("the preflight does not allow %s", name)
			}
		}
		if preflight.Header.Get("Access-Control-Allow-Origin") != "https://app.example.com" {
			t.Errorf("the preflight does not allow the origin: %v", preflight.Header)
		}
	}
	steps := []struct {
		method, path string
		status       int
	}{
		{"GET", "/api/user", 404}, {"POST", "/api/user", 201}, {"POST", "/api/user", 200}, {"GET", "/api/user", 200},
		{"GET", "/api/token", 200}, {"GET", "/api/token/teams", 400}, {"DELETE", "/api/user", 204}, {"DELETE", "/api/user", 204},
	}
	for _, step := range steps {
		answer := c.Do(step.method, step.path, "", origin).Want(step.status)
		if answer.Header.Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("%s %s: the page may not read the answer", step.method, step.path)
		}
		switch {
		case step.status == http.StatusNoContent:
		case step.path == "/api/user" && step.status < 300:
			if !regexp.MustCompile(`^8:acs:`).MatchString(answer.Text("acsUserIdentity")) {
				t.Errorf("%s", answer.Body)
			}
		default:
			answer.JSON() // it parses, whatever the status
		}
	}
}

// AzureCommunicationTokenCredential: refreshes ten minutes before exp, and at
// half the rest if the new token is inside that; an expired one is an error. A
// service that gives the same token until shortly before its end would make it
// ask in ever shorter steps.
func TestTokenCredentialNeverLoops(t *testing.T) {
	b := clientBed(t)
	asked := 0
	for elapsed := time.Duration(0); elapsed < 72*time.Hour; asked++ {
		text := b.As("ada").Get("/api/token").Want(http.StatusOK).Text("token")
		usable(t, b, text)
		access, err := b.Cloud.ACS.Validate(text)
		if err != nil {
			t.Fatal(err)
		}
		left := access.ExpiresOn.Sub(b.Clock.Now())
		next := left - 10*time.Minute
		if next <= 0 {
			next = left / 2
		}
		b.Clock.Move(next)
		elapsed += next
	}
	if asked > 8 {
		t.Errorf("asked %d times in three days", asked)
	}
}

// FuzzRequests: whatever a client sends, the answer is the contract's and never
// our fault.
func FuzzRequests(f *testing.F) {
	b := testbed.New(f, []function.Function{token.Function(), user.Function(), about.Function()}, nil)
	signedIn := b.As("ada").Token
	f.Add("GET", "/api/token", "scope=voip", "", "application/json")
	f.Add("POST", "/api/token", "", `{"scopes":["voip"],"expiresInMinutes":60}`, "application/json")
	f.Add("PATCH", "/api/user", "", `{"handle":null,"phoneNumber":"+14255550123"}`, "application/merge-patch+json")
	f.Add("POST", "/api/refreshToken/8:acs:x", "", "", "")
	f.Add("POST", "/api/token", "", "{\"scopes\":[\"\\ud800\"]}", "application/json; charset=utf-16")
	f.Fuzz(func(t *testing.T, method, path, query, body, contentType string) {
		u := url.URL{Scheme: "http", Host: strings.TrimPrefix(b.URL, "http://"), Path: path, RawQuery: query}
		r, err := http.NewRequestWithContext(t.Context(), method, u.String(), strings.NewReader(body))
		if err != nil {
			t.Skip()
		}
		r.Header.Set("Authorization", "Bearer "+signedIn)
		r.Header["Content-Type"] = []string{contentType}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Skip() // not a request that can be sent
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode >= 500 {
			t.Errorf("%d %s %v", resp.StatusCode, answer, err)
		}
		if resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != "application/problem+json" && strings.HasPrefix(path, "/api/") && method != http.MethodHead {
			t.Errorf("%d without a problem: %s", resp.StatusCode, answer)
		}
	})
}
