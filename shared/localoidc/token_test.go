package localoidc_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchboard/shared/localoidc"
	"switchboard/shared/problem"
	"switchboard/shared/signin"
)

func TestDevToken(t *testing.T) {
	provider := serve(t, localoidc.Options{})
	get := func(query string) (int, string) {
		resp, err := http.Get(provider.Issuer() + "/dev-token?" + query)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, read(t, resp)
	}
	status, token := get("user=ada&roles=Switchboard.Admin&minutes=5")
	caller, err := verifier(t, provider).Verify(t.Context(), token)
	if status != http.StatusOK || err != nil {
		t.Fatal(status, err)
	}
	if left := time.Until(caller.ExpiresAt); !caller.HasRole(signin.RoleAdmin) || left > 5*time.Minute || left < 4*time.Minute {
		t.Errorf("caller: %+v", caller)
	}
	if _, token := get("user=ada&scope="); problem.From(verifyErr(t, provider, token)).Code != "scope_missing" {
		t.Error("a token without scope was accepted")
	}
	if status, body := get("user=eve"); status != http.StatusNotFound || !strings.Contains(body, "ada, grace") {
		t.Errorf("an unknown user: %d %s", status, body)
	}
	for _, minutes := range []string{"0", "-1", "1441", "x"} {
		if status, _ := get("user=ada&minutes=" + minutes); status != http.StatusBadRequest {
			t.Errorf("minutes=%s: %d", minutes, status)
		}
	}
}

func verifyErr(t *testing.T, p *localoidc.Provider, token string) error {
	t.Helper()
	_, err := verifier(t, p).Verify(t.Context(), token)
	return err
}

func TestExpiredTokensCanBeMinted(t *testing.T) {
	provider := serve(t, localoidc.Options{})
	token, err := provider.Mint(localoidc.Grant{User: "ada", Scope: "access_as_user", Life: -time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if got := problem.From(verifyErr(t, provider, token)).Code; got != "token_expired" {
		t.Errorf("code %q", got)
	}
	if _, err := provider.Token("eve"); err == nil || !strings.Contains(err.Error(), "ada") {
		t.Errorf("an unknown user: %v", err)
	}
}

func TestTokensOutliveARestartWithAKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data", "oidc-key.pem")
	issuer := "http://127.0.0.1:7071/oidc"
	before, err := localoidc.New(localoidc.Options{Issuer: issuer, KeyFile: file})
	if err != nil {
		t.Fatal(err)
	}
	token, err := before.Token("ada")
	if err != nil {
		t.Fatal(err)
	}
	after, err := localoidc.New(localoidc.Options{Issuer: issuer, KeyFile: file})
	if err != nil {
		t.Fatal(err)
	}
	v, err := signin.New([]signin.Issuer{{Issuer: issuer, Audiences: []string{after.Audience()}}},
		signin.Options{Transport: inProcess{after}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
}

func TestADamagedKeyFileStopsTheStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := localoidc.New(localoidc.Options{Issuer: "http://127.0.0.1:7071/oidc", KeyFile: file})
	if err == nil || !strings.Contains(err.Error(), "delete it") {
		t.Errorf("got %v", err)
	}
}

func TestAccessTokensHaveOneShape(t *testing.T) {
	provider := serve(t, localoidc.Options{})
	a := newApp(t, provider, "http://127.0.0.1:3000/cb")
	tokens, err := a.exchange(a.signIn("operator"), a.verifier)
	if err != nil {
		t.Fatal(err)
	}
	minted, err := provider.Token("operator")
	if err != nil {
		t.Fatal(err)
	}
	flow, dev := claimsOf(t, tokens.AccessToken), claimsOf(t, minted)
	for name := range dev {
		if _, ok := flow[name]; !ok {
			t.Errorf("the flow's token lacks %s", name)
		}
	}
	for name := range flow {
		if _, ok := dev[name]; !ok {
			t.Errorf("the minted token lacks %s", name)
		}
	}
}

func claimsOf(t *testing.T, token string) jwt.MapClaims {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// answer is what tests read of the token endpoint's answer.
type answer struct {
	AccessToken string `json:"access_token"`
}

func TestClientCredentialsGiveADaemon(t *testing.T) {
	provider := serve(t, localoidc.Options{})
	ask := func(form url.Values, user, secret string) (int, answer) {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, provider.Issuer()+"/oauth/token", strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if user != "" {
			req.SetBasicAuth(user, secret)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var token answer
		if err := json.Unmarshal([]byte(read(t, resp)), &token); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, token
	}
	grant := url.Values{"grant_type": {"client_credentials"}}
	_, byHeader := ask(grant, localoidc.DaemonClientID, localoidc.DaemonSecret)
	_, byForm := ask(url.Values{"grant_type": {"client_credentials"}, "client_id": {localoidc.DaemonClientID},
		"client_secret": {localoidc.DaemonSecret}}, "", "")
	for _, token := range []answer{byHeader, byForm} {
		caller, err := verifier(t, provider).Verify(t.Context(), token.AccessToken)
		if err != nil {
			t.Fatal(err)
		}
		if !caller.HasRole(signin.RoleService) || len(caller.Scopes) > 0 || caller.Subject != localoidc.DaemonClientID {
			t.Errorf("caller: %+v", caller)
		}
	}
	for user, secret := range map[string]string{localoidc.DaemonClientID: "wrong", localoidc.AppClientID: ""} {
		if status, token := ask(grant, user, secret); status < 400 || token.AccessToken != "" {
			t.Errorf("%s with secret %q got %d", user, secret, status)
		}
	}
}

func TestDevTokensAreNotForPagesFromElsewhere(t *testing.T) {
	p, err := localoidc.New(localoidc.Options{Issuer: "http://127.0.0.1:7071/oidc"})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		"127.0.0.1:7071":    http.StatusOK,
		"localhost:7071":    http.StatusOK,
		"[::1]:7071":        http.StatusOK,
		"192.0.2.7:7071":    http.StatusOK, // a phone in the same network
		"evil.example:7071": http.StatusForbidden,
		"evil.example":      http.StatusForbidden,
	} {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://"+host+"/oidc/dev-token?user=ada", nil))
		if w.Code != want {
			t.Errorf("%s: status %d, want %d", host, w.Code, want)
		}
	}
}
