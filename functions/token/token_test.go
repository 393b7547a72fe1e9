package token_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/functions/about"
	"switchboard/functions/token"
	"switchboard/functions/user"
	"switchboard/shared/function"
	"switchboard/shared/testbed"
)

func bed(t testing.TB, settings map[string]string) *testbed.Bed {
	t.Helper()
	return testbed.New(t, []function.Function{token.Function(), user.Function(), about.Function()}, settings)
}

// identityOf is the identity of a token answer.
func identityOf(t *testing.T, a testbed.Answer) string {
	t.Helper()
	u, _ := a.JSON()["user"].(map[string]any)
	id, _ := u["communicationUserId"].(string)
	if id == "" {
		t.Fatalf("no identity in %s", a.Body)
	}
	return id
}

func TestFirstTokenAllocatesAnIdentityForGood(t *testing.T) {
	b := bed(t, nil)
	ada := b.As("ada")

	first := ada.Get("/api/token").Want(http.StatusOK)
	if got := first.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q: clients would keep the token on disk", got)
	}
	if first.Header.Get("ETag") != "" || first.Header.Get("Last-Modified") != "" {
		t.Error("the answer can be revalidated: clients would keep the token on disk")
	}
	access, err := b.Cloud.ACS.Validate(first.Text("token"))
	if err != nil {
		t.Fatal(err)
	}
	id := identityOf(t, first)
	if access.Identity != id {
		t.Errorf("the token is for %s, the answer says %s", access.Identity, id)
	}
	expires, err := time.Parse("2006-01-02T15:04:05Z", first.Text("expiresOn"))
	if err != nil {
		t.Error(err)
	}
	if life := expires.Sub(b.Clock.Now()); life < 23*time.Hour || life > 24*time.Hour {
		t.Errorf("the token lives %v", life)
	}

	// Days later, on another instance: the same identity.
	b.Clock.Move(72 * time.Hour)
	later := b.As("ada").At(b.Start()).Get("/api/token").Want(http.StatusOK)
	if got := identityOf(t, later); got != id {
		t.Errorf("a second identity %s for the same user", got)
	}
	if n := len(b.Cloud.ACS.Identities()); n != 1 {
		t.Errorf("%d identities at ACS", n)
	}
}

func TestAWarmTokenIsGivenAgainOnAnyInstance(t *testing.T) {
	b := bed(t, nil)
	ada := b.As("ada")
	first := ada.Get("/api/token").Want(http.StatusOK).Text("token")

	other := b.Start()
	ada.At(other).Get("/api/token").Want(http.StatusOK) // fetches the keys of sign-in
	b.Cloud.ACSFaults.Record()
	b.Cloud.CosmosFaults.Record()
	b.Cloud.OIDCFaults.Record()
	if again := ada.At(other).Get("/api/token").Want(http.StatusOK).Text("token"); again != first {
		t.Error("another instance gave another token")
	}
	if calls := b.Cloud.ACSFaults.Calls(); len(calls) != 0 {
		t.Errorf("a warm token called ACS: %v", calls)
	}
	if calls := b.Cloud.OIDCFaults.Calls(); len(calls) != 0 {
		t.Errorf("a warm token fetched keys: %v", calls)
	}
	if calls := b.Cloud.CosmosFaults.Calls(); len(calls) != 1 || !strings.HasPrefix(calls[0], "GET ") {
		t.Errorf("a warm token is to cost one point read: %v", calls)
	}
}

func TestTheFirstTokenEverCostsOneCall(t *testing.T) {
	b := bed(t, nil)
	b.As("grace").Get("/api/token").Want(http.StatusOK) // the account and the keys are known now
	b.Cloud.ACSFaults.Record()
	b.Cloud.CosmosFaults.Record()
	b.As("ada").Get("/api/token").Want(http.StatusOK)
	if calls := b.Cloud.ACSFaults.Calls(); len(calls) != 1 {
		t.Errorf("calls to ACS: %v", calls)
	}
	// Two looks (the second in the work that callers share), the claim, the end.
	if calls := b.Cloud.CosmosFaults.Calls(); len(calls) > 4 {
		t.Errorf("requests to the store: %v", calls)
	}
}

func TestATokenNearItsEndIsNeverGiven(t *testing.T) {
	b := bed(t, nil)
	first := b.As("ada").Get("/api/token").Want(http.StatusOK).Text("token")
	b.Clock.Move(23*time.Hour + 44*time.Minute)
	if b.As("ada").Get("/api/token").Want(http.StatusOK).Text("token") != first {
		t.Error("a token with 16 minutes left was not given again")
	}
	b.Clock.Move(2 * time.Minute)
	if b.As("ada").Get("/api/token").Want(http.StatusOK).Text("token") == first {
		t.Error("a token with 14 minutes left was given")
	}
}

func TestScopesAndLifeAreTheClients(t *testing.T) {
	b := bed(t, nil)
	ada := b.As("ada")
	for _, test := range []struct {
		name, method, path, body, scopes string
		life                             time.Duration
	}{
		{"calling app, no scopes", "GET", "/api/token", "", "chat,voip", 24 * time.Hour},
		{"web calling sample", "GET", "/api/token?scope=voip", "", "voip", 24 * time.Hour},
		{"list in any order", "GET", "/api/token?scope=voip,chat", "", "chat,voip", 24 * time.Hour},
		{"repeated parameter", "GET", "/api/token?scope=voip&scope=chat.join", "", "chat.join,voip", 24 * time.Hour},
		{"escaped comma and space", "GET", "/api/token?scope=voip%2C%20chat", "", "chat,voip", 24 * time.Hour},
		{"web chat sample, no body", "POST", "/api/token?scope=chat", "", "chat", 24 * time.Hour},
		{"body", "POST", "/api/token", `{"scopes":["voip.join","chat.join.limited"],"expiresInMinutes":60}`, "chat.join.limited,voip.join", time.Hour},
		{"life alone", "POST", "/api/token", `{"expiresInMinutes":1440}`, "chat,voip", 24 * time.Hour},
		{"empty object", "POST", "/api/token", `{}`, "chat,voip", 24 * time.Hour},
		{"a number as good as whole", "POST", "/api/token", `{"expiresInMinutes":6.0e1}`, "chat,voip", time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := ada.Do(test.method, test.path, test.body).Want(http.StatusOK)
			access, err := b.Cloud.ACS.Validate(answer.Text("token"))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(access.Scopes, ","); got != test.scopes {
				t.Errorf("the token is for %s", got)
			}
			if left := access.ExpiresOn.Sub(b.Clock.Now()); left > test.life || left < test.life-time.Minute {
				t.Errorf("the token lives %v", left)
			}
		})
	}
}

func TestBadRequestsSayWhatToMend(t *testing.T) {
	b := bed(t, nil)
	ada := b.As("ada")
	big := `{"scopes":["` + strings.Repeat("x", 65<<10) + `"]}`
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		code, mentions           string
		header                   string
	}{
		{"unknown scope in the query", "GET", "/api/token?scope=video", "", 400, "request_invalid", "query.scope", ""},
		{"unknown scope in the body", "POST", "/api/token", `{"scopes":["voip","pstn"]}`, 400, "request_invalid", "body.scopes", ""},
		{"59 minutes", "POST", "/api/token", `{"expiresInMinutes":59}`, 400, "request_invalid", "body.expiresInMinutes", ""},
		{"1441 minutes", "POST", "/api/token", `{"expiresInMinutes":1441}`, 400, "request_invalid", "body.expiresInMinutes", ""},
		{"a fraction of a minute", "POST", "/api/token", `{"expiresInMinutes":60.5}`, 400, "request_invalid", "body.expiresInMinutes", ""},
		{"a member twice, in another case", "POST", "/api/token", `{"expiresInMinutes":60,"ExpiresInMinutes":1}`, 400, "request_invalid", "body.ExpiresInMinutes", ""},
		{"a member in capitals", "POST", "/api/token", `{"SCOPES":["voip"]}`, 400, "request_invalid", "body.SCOPES", ""},
		{"a letter that folds to another", "POST", "/api/token", `{"ſcopes":["voip"]}`, 400, "request_invalid", "body.", ""},
		{"a query that is none", "GET", "/api/token?scope=%zz", "", 400, "request_invalid", "query", ""},
		{"a semicolon for an ampersand", "GET", "/api/token?scope=voip;x=1", "", 400, "request_invalid", "query", ""},
		{"text for minutes", "POST", "/api/token", `{"expiresInMinutes":"60"}`, 400, "request_invalid", "body.expiresInMinutes", ""},
		{"unknown member", "POST", "/api/token", `{"expiresInMinuts":60}`, 400, "request_invalid", "expiresInMinuts", ""},
		{"two faults", "POST", "/api/token", `{"expiresInMinutes":1,"x":1}`, 400, "request_invalid", "body.expiresInMinutes", ""},
		{"broken JSON", "POST", "/api/token", `{"scopes":`, 400, "request_invalid", "body", ""},
		{"two documents", "POST", "/api/token", `{} {}`, 400, "request_invalid", "body", ""},
		{"a list", "POST", "/api/token", `[]`, 400, "request_invalid", "body", ""},
		{"null", "POST", "/api/token", `null`, 400, "request_invalid", "body", ""},
		{"plain text", "POST", "/api/token", `scopes=voip`, 415, "content_type_unsupported", "", "Content-Type: text/plain"},
		{"packed", "POST", "/api/token", `{}`, 415, "content_type_unsupported", "", "Content-Encoding: gzip"},
		{"another character set", "POST", "/api/token", `{}`, 415, "content_type_unsupported", "", "Content-Type: application/json; charset=utf-16"},
		{"not a media type", "POST", "/api/token", `{}`, 415, "content_type_unsupported", "", "Content-Type: ;;;"},
		{"a merge patch where none is taken", "POST", "/api/token", `{}`, 415, "content_type_unsupported", "", "Content-Type: application/merge-patch+json"},
		{"a form", "POST", "/api/token", `scopes=voip`, 415, "content_type_unsupported", "", "Content-Type: application/x-www-form-urlencoded"},
		{"a large body", "POST", "/api/token", big, 413, "body_too_large", "", ""},
		{"another method", "PUT", "/api/token", `{}`, 405, "method_not_allowed", "", ""},
		{"another path", "GET", "/api/tokens", "", 404, "path_unknown", "", ""},
		{"a path that is not clean", "GET", "/api//token", "", 404, "path_unknown", "", ""},
		{"a path with dots", "GET", "/api/user/../token", "", 404, "path_unknown", "", ""},
		{"a part of the documentation that is not there", "GET", "/api/docs/nope.js", "", 404, "path_unknown", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var headers []string
			if test.header != "" {
				headers = append(headers, test.header)
			}
			answer := ada.Do(test.method, test.path, test.body, headers...).Problem(test.status, test.code)
			if !strings.Contains(string(answer.Body), test.mentions) {
				t.Errorf("does not mention %q: %s", test.mentions, answer.Body)
			}
			if strings.Contains(string(answer.Body), "xxxx") {
				t.Error("the answer repeats the body")
			}
		})
	}
	if got := ada.Do("PUT", "/api/token", "").Header.Get("Allow"); got != "GET, POST, DELETE, HEAD" {
		t.Errorf("Allow: %q", got)
	}
	all := ada.Do("POST", "/api/token", `{"expiresInMinutes":1,"x":1,"scopes":["a","voip","b"]}`)
	for _, location := range []string{"body.expiresInMinutes", "body.x", "body.scopes[0]", "body.scopes[2]"} {
		if !strings.Contains(string(all.Body), `"`+location+`"`) {
			t.Errorf("not all faults are listed: %s lacks in %s", location, all.Body)
		}
	}
}

func TestRefreshAsTheWebCallingSample(t *testing.T) {
	b := bed(t, nil)
	ada := b.As("ada")
	id := identityOf(t, ada.Get("/api/token?scope=voip").Want(http.StatusOK))
	for _, path := range []string{"/api/refreshToken/" + id, "/api/refreshToken/" + strings.ReplaceAll(id, ":", "%3A")} {
		if got := identityOf(t, ada.Do("POST", path, "").Want(http.StatusOK)); got != id {
			t.Errorf("%s gave a token for %s", path, got)
		}
	}
	b.As("grace").Do("POST", "/api/refreshToken/"+id, "").Problem(http.StatusNotFound, "identity_not_yours")
	b.As("mallory").Do("POST", "/api/refreshToken/"+id, "").Problem(http.StatusNotFound, "identity_not_yours")
}
