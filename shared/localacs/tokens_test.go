package localacs_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"switchboard/shared/localacs"
)

func TestTokenAsTheServiceWritesIt(t *testing.T) {
	r := newResource(t, localacs.Options{ResourceID: vectorResource, IDs: func() string { return vectorUser }})
	r.now = r.now.Add(773362400 * time.Nanosecond)
	a := r.call("POST", "/identities"+query, `{"createTokenWithScopes":["voip","chat.join"],"expiresInMinutes":60}`)
	if got, want := a.Access.Expires, "2026-01-15T13:34:56.7733624+00:00"; got != want {
		t.Errorf("expiresOn is %s, want %s", got, want)
	}
	header, payload := part(t, a.Access.Token, 0), part(t, a.Access.Token, 1)
	want := map[string]any{
		"skypeid": "acs:" + vectorResource + "_" + vectorUser, "scp": 1792.0, "csi": "1768480496", "iat": 1768480496.0,
		"exp": 1768484096.0, "rgn": "amer", "acsScope": "voip,chat.join", "resourceId": vectorResource, "resourceLocation": "unitedstates",
	}
	if diff := cmp.Diff(want, payload); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	x5t, err := base64.RawURLEncoding.DecodeString(header["x5t"].(string))
	if err != nil || len(x5t) != 20 {
		t.Errorf("x5t is %v, want a SHA-1", header["x5t"])
	}
	wantHeader := map[string]any{"alg": "RS256", "typ": "JWT", "x5t": header["x5t"], "kid": strings.ToUpper(hex.EncodeToString(x5t))}
	if diff := cmp.Diff(wantHeader, header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

// part decodes one segment of a JWT.
func part(t *testing.T, token string, i int) map[string]any {
	t.Helper()
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		t.Fatalf("%q is no JWT", token)
	}
	text, err := base64.RawURLEncoding.DecodeString(segments[i])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestIdentitiesLookLikeTheService(t *testing.T) {
	r := newResource(t, localacs.Options{})
	id, _ := r.identity()
	const guid = `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`
	if !regexp.MustCompile(`^8:acs:` + guid + `_` + guid + `$`).MatchString(id) {
		t.Errorf("%q is no identity of ACS", id)
	}
}

// TestTokenLife revokes, expires and deletes, all under a clock that moves by
// the step: a revocation and the next token share their second.
func TestTokenLife(t *testing.T) {
	r := newResource(t, localacs.Options{})
	id, path := r.identity()
	revoke := func() {
		r.want("revoke", r.call("POST", path+"/:revokeAccessTokens"+query, ""), http.StatusNoContent, "")
	}
	check := func(what, token string, want bool) {
		t.Helper()
		if got := r.TokenValid(token); got != want {
			t.Errorf("%s works: %v, want %v", what, got, want)
		}
	}
	first := r.issue(path, `{"scopes":["chat"]}`).Token
	revoke()
	second := r.issue(path, `{"scopes":["chat"]}`).Token
	check("a revoked token", first, false)
	check("a token issued in the second of the revocation", second, true)
	revoke()
	check("a token revoked in its own second", second, false)
	third := r.issue(path, `{"scopes":["chat"],"expiresInMinutes":60}`).Token
	check("a token after the second revocation", third, true)

	access, err := r.Validate(third)
	if err != nil || access.Identity != id || len(access.Scopes) != 1 || access.Scopes[0] != "chat" {
		t.Errorf("the token gives %+v, %v; want chat for %s", access, err, id)
	}
	r.now = access.ExpiresOn.Add(-time.Second)
	check("a token in its last second", third, true)
	r.now = access.ExpiresOn
	check("an expired token", third, false)

	last := r.issue(path, `{"scopes":["chat"]}`).Token
	r.want("delete", r.call("DELETE", path+query, ""), http.StatusNoContent, "")
	check("a token of a deleted identity", last, false)
	r.want("delete again", r.call("DELETE", path+query, ""), http.StatusUnauthorized, "IdentityNotOwned")
}

func TestForgedTokens(t *testing.T) {
	r := newResource(t, localacs.Options{ResourceID: vectorResource, IDs: func() string { return vectorUser }})
	_, path := r.identity()
	good := r.issue(path, `{"scopes":["chat"]}`).Token
	other := newResource(t, localacs.Options{ResourceID: vectorResource, IDs: func() string { return vectorUser }})
	_, path = other.identity()
	foreign := other.issue(path, `{"scopes":["chat"]}`).Token

	segments := strings.Split(good, ".")
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims(part(t, good, 1))).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"foreign": foreign, "unsigned": unsigned, "empty": "", "without signature": segments[0] + "." + segments[1] + ".",
	} {
		if r.TokenValid(token) {
			t.Errorf("a token that is %s works", name)
		}
	}
	if !r.TokenValid(good) {
		t.Error("the service's own token does not work")
	}
}

func TestTeamsExchange(t *testing.T) {
	untrusted := errors.New("not signed by Entra")
	r := newResource(t, localacs.Options{VerifyTeams: func(token string) error {
		if !strings.HasSuffix(token, ".AAAA") {
			return untrusted
		}
		return nil
	}})
	entra := func(claims, signature string) string {
		encode := base64.RawURLEncoding.EncodeToString
		return encode([]byte(`{"alg":"RS256"}`)) + "." + encode([]byte(claims)) + "." + signature
	}
	exchange := func(token string) reply {
		return r.call("POST", "/teamsUser/:exchangeAccessToken"+query, `{"token":"`+token+`","appId":"app","userId":"user"}`)
	}
	const inAnHour = `"exp":1768484096`
	for name, token := range map[string]string{
		"v1": entra(`{"appid":"app","oid":"user",`+inAnHour+`}`, "AAAA"),
		"v2": entra(`{"azp":"app","oid":"user",`+inAnHour+`}`, "AAAA"),
	} {
		a := exchange(token)
		r.want(name, a, http.StatusOK, "")
		access, err := r.Validate(a.Token)
		if err != nil || access.Identity != "8:orgid:user" || access.ExpiresOn.Unix() != 1768484096 || a.Expires != "2026-01-15T13:34:56.0000000+00:00" {
			t.Errorf("%s: %s gives %+v, %v; want the user until the Entra token expires", name, a.Text, access, err)
		}
	}
	for name, token := range map[string]string{
		"another signature": entra(`{"appid":"app","oid":"user",`+inAnHour+`}`, "BBBB"),
		"another app":       entra(`{"appid":"App","oid":"user",`+inAnHour+`}`, "AAAA"),
		"another user":      entra(`{"appid":"app","oid":"you",`+inAnHour+`}`, "AAAA"),
		"expired":           entra(`{"appid":"app","oid":"user","exp":1768480496}`, "AAAA"),
		"without expiry":    entra(`{"appid":"app","oid":"user"}`, "AAAA"),
		"without claims":    entra(`{`, "AAAA"),
	} {
		a := exchange(token)
		r.want(name, a, http.StatusUnauthorized, "InvalidAccessToken")
	}
}
