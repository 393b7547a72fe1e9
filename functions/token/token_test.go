package token_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/functions/token"
	"switchboard/functions/user"
	"switchboard/shared/faults"
	"switchboard/shared/function"
	"switchboard/shared/testbed"
)

func bed(t testing.TB, settings map[string]string) *testbed.Bed {
	t.Helper()
	return testbed.New(t, []function.Function{token.Function(), user.Function()}, settings)
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
		{"unknown scope in the query", "GET", "/api/token?scope=video", "", 400, "scope_unknown", "query.scope", ""},
		{"unknown scope in the body", "POST", "/api/token", `{"scopes":["voip","pstn"]}`, 400, "scope_unknown", "body.scopes", ""},
		{"59 minutes", "POST", "/api/token", `{"expiresInMinutes":59}`, 400, "request_invalid", "body.expiresInMinutes", ""},
		{"1441 minutes", "POST", "/api/token", `{"expiresInMinutes":1441}`, 400, "request_invalid", "body.expiresInMinutes", ""},
		{"a fraction of a minute", "POST", "/api/token", `{"expiresInMinutes":60.5}`, 400, "request_invalid", "body.expiresInMinutes", ""},
		{"text for minutes", "POST", "/api/token", `{"expiresInMinutes":"60"}`, 400, "request_invalid", "body.expiresInMinutes", ""},
		{"unknown member", "POST", "/api/token", `{"expiresInMinuts":60}`, 400, "request_invalid", "expiresInMinuts", ""},
		{"two faults", "POST", "/api/token", `{"expiresInMinutes":1,"x":1}`, 400, "request_invalid", "body.expiresInMinutes", ""},
		{"broken JSON", "POST", "/api/token", `{"scopes":`, 400, "request_invalid", "body", ""},
		{"two documents", "POST", "/api/token", `{} {}`, 400, "request_invalid", "body", ""},
		{"a list", "POST", "/api/token", `[]`, 400, "request_invalid", "body", ""},
		{"null", "POST", "/api/token", `null`, 400, "request_invalid", "body", ""},
		{"plain text", "POST", "/api/token", `scopes=voip`, 415, "content_type_unsupported", "", "Content-Type: text/plain"},
		{"a form", "POST", "/api/token", `scopes=voip`, 415, "content_type_unsupported", "", "Content-Type: application/x-www-form-urlencoded"},
		{"a large body", "POST", "/api/token", big, 413, "body_too_large", "", ""},
		{"another method", "PUT", "/api/token", `{}`, 405, "method_not_allowed", "", ""},
		{"another path", "GET", "/api/tokens", "", 404, "path_unknown", "", ""},
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
	if got := ada.Do("PUT", "/api/token", "").Header.Get("Allow"); got != "GET, POST, DELETE" {
		t.Errorf("Allow: %q", got)
	}
	if faults, _ := ada.Do("POST", "/api/token", `{"expiresInMinutes":1,"x":1}`).JSON()["errors"].([]any); len(faults) != 2 {
		t.Errorf("%d faults of two are listed", len(faults))
	}
}

func TestRevocationHoldsEverywhereAtOnce(t *testing.T) {
	b := bed(t, nil)
	ada, other := b.As("ada"), b.Start()
	first := ada.Get("/api/token").Want(http.StatusOK)
	ada.At(other).Get("/api/token").Want(http.StatusOK)
	b.Clock.Move(2 * time.Second)

	ada.Do("DELETE", "/api/token", "").Want(http.StatusNoContent)
	if b.Cloud.ACS.TokenValid(first.Text("token")) {
		t.Error("the token still works")
	}
	b.Clock.Move(2 * time.Second)
	next := ada.At(other).Get("/api/token").Want(http.StatusOK)
	if !b.Cloud.ACS.TokenValid(next.Text("token")) {
		t.Error("another instance still gives a token that was revoked")
	}
	if identityOf(t, next) != identityOf(t, first) {
		t.Error("the revocation changed the identity")
	}
	ada.Do("DELETE", "/api/token", "").Want(http.StatusNoContent)
	b.As("grace").Do("DELETE", "/api/token", "").Want(http.StatusNoContent) // never had one
}

func TestARevocationThatFailsIsFinishedBeforeAnythingElse(t *testing.T) {
	b := bed(t, nil)
	ada := b.As("ada")
	first := ada.Get("/api/token").Want(http.StatusOK).Text("token")
	b.Cloud.ACSFaults.Add(faults.Rule{Contains: "revokeAccessTokens", Times: -1, Status: 500})
	ada.Do("DELETE", "/api/token", "").Problem(http.StatusBadGateway, "calling_failed")
	if !b.Cloud.ACS.TokenValid(first) {
		t.Fatal("the test does not test: the token was revoked")
	}
	b.Cloud.ACSFaults.Clear()
	b.Clock.Move(2 * time.Second)
	next := ada.At(b.Start()).Get("/api/token").Want(http.StatusOK).Text("token")
	if b.Cloud.ACS.TokenValid(first) || next == first {
		t.Error("a revocation that had begun was forgotten")
	}
}

func TestWithoutASealingKeyTokensStayInMemory(t *testing.T) {
	b := bed(t, map[string]string{"SWITCHBOARD_SEALING_KEYS": ""})
	ada, other := b.As("ada"), b.Start()
	first := ada.Get("/api/token").Want(http.StatusOK)
	ada.At(other).Get("/api/token").Want(http.StatusOK)
	b.Cloud.ACSFaults.Record()
	if again := ada.Get("/api/token").Want(http.StatusOK); again.Text("token") != first.Text("token") {
		t.Error("the same instance gave another token")
	}
	if calls := b.Cloud.ACSFaults.Calls(); len(calls) != 0 {
		t.Errorf("a warm token called ACS: %v", calls)
	}
	b.Clock.Move(2 * time.Second)
	ada.At(other).Do("DELETE", "/api/token", "").Want(http.StatusNoContent)
	b.Clock.Move(2 * time.Second)
	if after := ada.Get("/api/token").Want(http.StatusOK); !b.Cloud.ACS.TokenValid(after.Text("token")) {
		t.Error("the first instance still gives a token that the other one revoked")
	}
}

func TestStoredTokensAreSealed(t *testing.T) {
	b := bed(t, nil)
	issued := b.As("ada").Get("/api/token").Want(http.StatusOK).Text("token")
	stored := b.Stored("SELECT * FROM c")
	if len(stored) == 0 || !strings.Contains(string(stored[0]), `"sealed"`) {
		t.Fatalf("no sealed token is stored: %s", stored)
	}
	for _, doc := range stored {
		if strings.Contains(string(doc), strings.Split(issued, ".")[2]) {
			t.Error("a token is stored in the clear")
		}
	}
	if strings.Contains(b.Log.String(), strings.Split(issued, ".")[2]) {
		t.Error("a token is in the log")
	}
}

func TestARotatedKeyRingStaysWarm(t *testing.T) {
	key := func(id string, fill string) string {
		return id + ":" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(fill, 32)))
	}
	b := bed(t, map[string]string{"SWITCHBOARD_SEALING_KEYS": key("one", "1")})
	first := b.As("ada").Get("/api/token").Want(http.StatusOK).Text("token")
	b.Set("SWITCHBOARD_SEALING_KEYS", key("two", "2")+","+key("one", "1"))
	if again := b.As("ada").At(b.Start()).Get("/api/token").Want(http.StatusOK).Text("token"); again != first {
		t.Error("a token sealed with the older key was not opened")
	}
	b.Set("SWITCHBOARD_SEALING_KEYS", key("three", "3"))
	b.Clock.Move(2 * time.Second) // tokens of one second are the same
	if again := b.As("ada").At(b.Start()).Get("/api/token").Want(http.StatusOK).Text("token"); again == first {
		t.Error("a token was opened without its key")
	}
}

func TestAReplacedResourceKeepsTheUser(t *testing.T) {
	b := bed(t, nil)
	ada := b.As("ada")
	ada.Do("PATCH", "/api/user", `{}`).Want(http.StatusNotFound)
	before := identityOf(t, ada.Get("/api/token").Want(http.StatusOK))
	ada.Do("PATCH", "/api/user", `{"displayName":"Countess"}`).Want(http.StatusOK)

	// ACS answers as it does for an identity that belongs to another resource.
	b.Cloud.ACSFaults.Add(faults.Rule{Method: "POST", Contains: "issueAccessToken", Status: 401, Header: map[string]string{"Content-Type": "application/json"},
		Body: `{"error":{"code":"IdentityNotOwned","message":"Provided identity doesn't belong to the resource."}}`})
	after := identityOf(t, ada.Get("/api/token?scope=chat").Want(http.StatusOK))
	if after == before {
		t.Error("the lost identity is still in use")
	}
	profile := ada.Get("/api/user").Want(http.StatusOK)
	if profile.Text("communicationUserId") != after || profile.Text("displayName") != "Countess" {
		t.Errorf("the user was not kept: %s", profile.Body)
	}
	if again := identityOf(t, ada.Get("/api/token").Want(http.StatusOK)); again != after {
		t.Error("a token of the lost identity was kept")
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

func TestTeamsTokenIsExchangedForItsOwnUser(t *testing.T) {
	b := bed(t, nil)
	teams := func(claims map[string]any) string {
		body, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		encode := base64.RawURLEncoding.EncodeToString
		return encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(body) + "." + encode([]byte("signature"))
	}
	soon := b.Clock.Now().Add(time.Hour).Unix()
	good := teams(map[string]any{"oid": "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "tid": "9f2504e0-4f89-41d3-9a0c-0305e82c3301", "appid": "1f2504e0-4f89-41d3-9a0c-0305e82c3301", "exp": soon})
	answer := b.As("ada").Get("/api/token/teams", "teams-user-aad-token: "+good).Want(http.StatusOK)
	access, err := b.Cloud.ACS.Validate(answer.Text("token"))
	if err != nil || !strings.HasSuffix(access.Identity, "3f2504e0-4f89-41d3-9a0c-0305e82c3301") {
		t.Errorf("exchanged for %q, %v", access.Identity, err)
	}
	if _, ok := answer.JSON()["expiresOn"].(string); !ok || len(answer.JSON()) != 2 {
		t.Errorf("the answer is to be token and expiresOn: %s", answer.Body)
	}
	for name, bad := range map[string]string{
		"expired":     teams(map[string]any{"oid": "o", "appid": "a", "exp": b.Clock.Now().Add(-time.Minute).Unix()}),
		"no user":     teams(map[string]any{"appid": "a", "exp": soon}),
		"no app":      teams(map[string]any{"oid": "o", "exp": soon}),
		"not a token": "nonsense",
	} {
		t.Run(name, func(t *testing.T) {
			b.As("ada").Get("/api/token/teams", "teams-user-aad-token: "+bad).Problem(http.StatusBadRequest, "teams_token_invalid")
		})
	}
	b.As("ada").Get("/api/token/teams").Problem(http.StatusBadRequest, "request_invalid")
}

func TestWhatBreaksBehindIsToldAndNeverHangs(t *testing.T) {
	for _, test := range []struct {
		name   string
		rule   faults.Rule
		status int
		code   string
		retry  string
	}{
		{"throttled, says for how long", faults.Rule{Times: -1, Status: 429, Header: map[string]string{"Retry-After": "17"}}, 503, "calling_throttled", "17"},
		{"throttled, says nothing", faults.Rule{Times: -1, Status: 429}, 503, "calling_throttled", ""},
		{"unavailable", faults.Rule{Times: -1, Status: 503, Header: map[string]string{"Retry-After": "9"}}, 503, "calling_unavailable", "9"},
		{"broken", faults.Rule{Times: -1, Status: 500}, 502, "calling_failed", ""},
		{"nonsense", faults.Rule{Times: -1, Status: 201, Header: map[string]string{"Content-Type": "text/html"}, Body: "<html>token</html>"}, 502, "calling_failed", ""},
		{"half an answer", faults.Rule{Times: -1, Status: 201, Header: map[string]string{"Content-Type": "application/json"}, Body: `{"identity":{}}`}, 502, "calling_failed", ""},
		{"slow", faults.Rule{Times: -1, Delay: faults.Duration(time.Minute)}, 504, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := bed(t, nil)
			b.Cloud.ACSFaults.Add(test.rule)
			began := time.Now()
			answer := b.As("ada").Get("/api/token").Want(test.status)
			if took := time.Since(began); took > 2500*time.Millisecond {
				t.Errorf("took %v: clients have given up by then", took)
			}
			if code := answer.Text("code"); test.code != "" && code != test.code {
				t.Errorf("code %s, want %s", code, test.code)
			}
			if got := answer.Header.Get("Retry-After"); test.retry != "" && got != test.retry {
				t.Errorf("Retry-After %q, want %q", got, test.retry)
			}
			b.Cloud.ACSFaults.Clear()
		})
	}
}

func TestASlowAllocationIsFoundDoneByTheNextRequest(t *testing.T) {
	b := bed(t, map[string]string{"SWITCHBOARD_REQUEST_TIMEOUT": "150ms"})
	b.Cloud.ACSFaults.Add(faults.Rule{Delay: faults.Duration(300 * time.Millisecond)})
	ada := b.As("ada")
	ada.Get("/api/token").Problem(http.StatusGatewayTimeout, "identity_pending")
	deadline := time.Now().Add(5 * time.Second)
	for ada.Get("/api/token").Status != http.StatusOK {
		if time.Now().After(deadline) {
			t.Fatal("the allocation never ended")
		}
	}
	if n := len(b.Cloud.ACS.Identities()); n != 1 {
		t.Errorf("%d identities at ACS", n)
	}
}

func TestAnAnswerThatIsLostLosesNoMapping(t *testing.T) {
	for name, rule := range map[string]faults.Rule{
		"the claim":                   {Method: "POST", Contains: "/docs", Drop: "after"},
		"the end":                     {Method: "PUT", Contains: "/docs/", Drop: "after"},
		"the end, refused":            {Method: "PUT", Contains: "/docs/", Status: 503, Times: 3},
		"the end, unreached for long": {Method: "PUT", Contains: "/docs/", Drop: "before", Times: 6},
		"ACS":                         {Method: "POST", Contains: "/identities", Status: 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bed(t, nil)
			if name == "ACS" {
				b.Cloud.ACSFaults.Add(rule)
			} else {
				b.Cloud.CosmosFaults.Add(rule)
			}
			id := identityOf(t, b.As("ada").Get("/api/token").Want(http.StatusOK))
			if got := b.Cloud.ACS.Identities(); len(got) != 1 || got[0] != id {
				t.Errorf("the answer names %s, at ACS there are %v", id, got)
			}
			if stored := b.As("ada").Get("/api/user").Want(http.StatusOK).Text("communicationUserId"); stored != id {
				t.Errorf("the answer names %s, stored is %s", id, stored)
			}
		})
	}
}

func TestFirstRequestsRace(t *testing.T) {
	b := bed(t, nil)
	instances := []string{b.URL, b.Start(), b.Start(), b.Start()}
	const clients = 40
	ids := make([]string, clients)
	ada := b.As("ada")
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			path, method := "/api/token", "GET"
			if i%5 == 0 {
				path, method = "/api/user", "POST"
			}
			answer := ada.At(instances[i%len(instances)]).Do(method, path, "")
			switch answer.Status {
			case http.StatusOK, http.StatusCreated:
			default:
				t.Errorf("%s %s: %d %s", method, path, answer.Status, answer.Body)
				return
			}
			if method == "POST" {
				ids[i] = answer.Text("communicationUserId")
				return
			}
			ids[i] = identityOf(t, answer)
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("the user got several identities: %v", ids)
		}
	}
	if got := b.Cloud.ACS.Identities(); len(got) != 1 || got[0] != ids[0] {
		t.Errorf("the user has %s, at ACS there are %v", ids[0], got)
	}
}
