package localoidc_test

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"switchboard/shared/localoidc"
	"switchboard/shared/problem"
	"switchboard/shared/signin"
)

// serve starts a provider as the laptop does: below a path of a listener that
// is known before the provider.
func serve(t *testing.T, opts localoidc.Options) *localoidc.Provider {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	opts.Issuer = "http://" + server.Listener.Addr().String() + "/oidc"
	provider, err := localoidc.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/oidc/", provider)
	server.Config.Handler = mux
	server.Start()
	t.Cleanup(server.Close)
	return provider
}

func verifier(t *testing.T, p *localoidc.Provider) *signin.Verifier {
	t.Helper()
	v, err := signin.New([]signin.Issuer{{
		Issuer: p.Issuer(), Audiences: []string{p.Audience()},
		RequiredScopes: []string{"access_as_user"}, RequiredRoles: []string{signin.RoleService},
	}}, signin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// app is a relying party of the well-kept kind, with a browser.
type app struct {
	rp.RelyingParty
	t        *testing.T
	verifier string
}

func newApp(t *testing.T, p *localoidc.Provider, redirect string) *app {
	t.Helper()
	party, err := rp.NewRelyingPartyOIDC(t.Context(), p.Issuer(), localoidc.AppClientID, "", redirect,
		[]string{"openid", "profile", "offline_access", "access_as_user"})
	if err != nil {
		t.Fatal(err)
	}
	return &app{party, t, rand.Text() + rand.Text()}
}

// browser follows redirects until they leave for the app.
func browser(redirect string) *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{Jar: jar, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(req.URL.String(), redirect) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

// signIn walks authorize, chooser and callback, and returns the code.
func (a *app) signIn(user string) string {
	a.t.Helper()
	b := browser(a.OAuthConfig().RedirectURL)
	resp, err := b.Get(rp.AuthURL("the-state", a, rp.WithCodeChallenge(oidc.NewSHACodeChallenge(a.verifier))))
	if err != nil {
		a.t.Fatal(err)
	}
	page := read(a.t, resp)
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(page)
	if id == nil || !strings.Contains(page, "Ada Lovelace") {
		a.t.Fatalf("no user chooser: %d %s", resp.StatusCode, page)
	}
	resp, err = b.PostForm(resp.Request.URL.String(), url.Values{"id": {id[1]}, "user": {user}})
	if err != nil {
		a.t.Fatal(err)
	}
	read(a.t, resp)
	back, err := resp.Location()
	if err != nil || back.Query().Get("state") != "the-state" {
		a.t.Fatalf("the browser did not come back to the app: %d %v", resp.StatusCode, back)
	}
	return back.Query().Get("code")
}

func (a *app) exchange(code, verifier string) (*oidc.Tokens[*oidc.IDTokenClaims], error) {
	return rp.CodeExchange[*oidc.IDTokenClaims](a.t.Context(), code, a, rp.WithCodeVerifier(verifier))
}

func read(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestCodeFlowGivesTokensThatTheServiceAccepts(t *testing.T) {
	provider := serve(t, localoidc.Options{})
	for _, redirect := range []string{"http://127.0.0.1:3000/", "http://localhost:5173/auth/callback"} {
		a := newApp(t, provider, redirect)
		tokens, err := a.exchange(a.signIn("ada"), a.verifier) // checks signature, aud and at_hash of the ID token
		if err != nil {
			t.Fatal(err)
		}
		if got := tokens.IDTokenClaims; got.Subject != "ada" || got.Name != "Ada Lovelace" || len(got.Audience) != 1 {
			t.Errorf("ID token: sub %q, name %q, aud %q", got.Subject, got.Name, got.Audience)
		}
		caller, err := verifier(t, provider).Verify(t.Context(), tokens.AccessToken)
		if err != nil {
			t.Fatal(err)
		}
		if caller.UserID != signin.UserID(provider.Issuer(), "ada") || caller.Name != "Ada Lovelace" {
			t.Errorf("caller: %+v", caller)
		}
		info, err := rp.Userinfo[*oidc.UserInfo](t.Context(), tokens.AccessToken, "Bearer", "ada", a)
		if err != nil || info.Name != "Ada Lovelace" {
			t.Errorf("userinfo: %+v, %v", info, err)
		}
		if _, err := verifier(t, provider).Verify(t.Context(), tokens.IDToken); problem.From(err).Code != "audience_wrong" {
			t.Errorf("the ID token as access token: %v", err)
		}
	}
}

func TestRefreshTokensWorkOnce(t *testing.T) {
	provider := serve(t, localoidc.Options{})
	a := newApp(t, provider, "http://127.0.0.1:3000/cb")
	first, err := a.exchange(a.signIn("grace"), a.verifier)
	if err != nil {
		t.Fatal(err)
	}
	second, err := rp.RefreshTokens[*oidc.IDTokenClaims](t.Context(), a, first.RefreshToken, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if caller, err := verifier(t, provider).Verify(t.Context(), second.AccessToken); err != nil || caller.Subject != "grace" {
		t.Errorf("after refresh: %+v, %v", caller, err)
	}
	if _, err := rp.RefreshTokens[*oidc.IDTokenClaims](t.Context(), a, first.RefreshToken, "", ""); err == nil {
		t.Error("a refresh token worked twice")
	}
	if _, err := rp.RefreshTokens[*oidc.IDTokenClaims](t.Context(), a, second.RefreshToken, "", ""); err != nil {
		t.Errorf("the refresh token's successor: %v", err)
	}
}

func TestCodesAreBoundToTheirVerifierAndWorkOnce(t *testing.T) {
	provider := serve(t, localoidc.Options{})
	a := newApp(t, provider, "http://127.0.0.1:3000/cb")
	stolen := a.signIn("ada")
	if _, err := a.exchange(stolen, "another-verifier-of-the-right-length-0123456789"); err == nil {
		t.Error("a wrong PKCE verifier was accepted")
	}
	if _, err := a.exchange(stolen, a.verifier); err == nil {
		t.Error("a code worked after a failed exchange")
	}
	spent := a.signIn("ada")
	if _, err := a.exchange(spent, a.verifier); err != nil {
		t.Fatal(err)
	}
	if _, err := a.exchange(spent, a.verifier); err == nil {
		t.Error("a code worked twice")
	}
}

func TestAuthorizeRefuses(t *testing.T) {
	provider := serve(t, localoidc.Options{RedirectURIs: []string{"myapp://signed-in"}})
	good := url.Values{
		"client_id": {localoidc.AppClientID}, "redirect_uri": {"http://127.0.0.1:3000/cb"}, "response_type": {"code"},
		"scope": {"openid"}, "code_challenge": {oidc.NewSHACodeChallenge("v")}, "code_challenge_method": {"S256"},
	}
	tests := map[string]struct {
		change url.Values
		want   string // in the page, or in the redirect to the app
	}{
		"a redirect elsewhere":                {url.Values{"redirect_uri": {"http://evil.example/cb"}}, "redirect_uri"},
		"a redirect that looks local":         {url.Values{"redirect_uri": {"http://localhost.evil.example/cb"}}, "redirect_uri"},
		"a redirect with a local user name":   {url.Values{"redirect_uri": {"http://localhost:1@evil.example/cb"}}, "redirect_uri"},
		"a scheme that nobody registered":     {url.Values{"redirect_uri": {"otherapp://signed-in"}}, "redirect_uri"},
		"an unknown client":                   {url.Values{"client_id": {"nobody"}}, "client"},
		"no PKCE":                             {url.Values{"code_challenge": nil, "code_challenge_method": nil}, "PKCE"},
		"plain PKCE":                          {url.Values{"code_challenge_method": {"plain"}}, "PKCE"},
		"a token straight from the endpoint":  {url.Values{"response_type": {"id_token token"}}, "response"},
		"silence":                             {url.Values{"prompt": {"none"}}, "login_required"},
		"":                                    {nil, "Ada Lovelace"},
		"nothing wrong with a registered app": {url.Values{"redirect_uri": {"myapp://signed-in"}}, "Ada Lovelace"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			query := url.Values{}
			for k, v := range good {
				query[k] = v
			}
			for k, v := range tt.change {
				query[k] = v
			}
			resp, err := browser("http://127.0.0.1:3000/cb").Get(provider.Issuer() + "/authorize?" + query.Encode())
			if err != nil {
				t.Fatal(err)
			}
			answer := read(t, resp)
			if location, err := url.QueryUnescape(resp.Header.Get("Location")); err == nil {
				answer += location
			}
			if !strings.Contains(answer, tt.want) {
				t.Errorf("%d, want something about %q: %s", resp.StatusCode, tt.want, answer)
			}
		})
	}
}

// inProcess answers requests without a socket.
type inProcess struct{ http.Handler }

func (h inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestBrowsersMayReadDiscoveryButNotDevTokens(t *testing.T) {
	provider := serve(t, localoidc.Options{})
	for path, want := range map[string]bool{"/.well-known/openid-configuration": true, "/keys": true, "/dev-token?user=ada": false} {
		req, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, provider.Issuer()+path, nil)
		req.Header.Set("Origin", "http://localhost:5173")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		read(t, resp)
		if got := resp.Header.Get("Access-Control-Allow-Origin") != ""; got != want || resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d, CORS %v", path, resp.StatusCode, got)
		}
	}
}

func TestSigningOutEndsRefreshTokens(t *testing.T) {
	provider := serve(t, localoidc.Options{})
	a := newApp(t, provider, "http://127.0.0.1:3000/cb")
	tokens, err := a.exchange(a.signIn("ada"), a.verifier)
	if err != nil {
		t.Fatal(err)
	}
	query := url.Values{"id_token_hint": {tokens.IDToken}, "post_logout_redirect_uri": {"http://127.0.0.1:3000/"}}
	resp, err := browser("http://127.0.0.1:3000/").Get(provider.Issuer() + "/end_session?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if body := read(t, resp); resp.Header.Get("Location") != "http://127.0.0.1:3000/" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if _, err := rp.RefreshTokens[*oidc.IDTokenClaims](t.Context(), a, tokens.RefreshToken, "", ""); err == nil {
		t.Error("the refresh token still works")
	}
}

func TestASignInIsChosenOnceAndByAUser(t *testing.T) {
	provider := serve(t, localoidc.Options{})
	for _, form := range []url.Values{{"id": {"nothing"}, "user": {"ada"}}, {"id": {""}, "user": {"eve"}}} {
		resp, err := http.PostForm(provider.Issuer()+"/login", form)
		if err != nil {
			t.Fatal(err)
		}
		if body := read(t, resp); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%v: %d %s", form, resp.StatusCode, body)
		}
	}
}

func TestABrokenFormIsRefused(t *testing.T) {
	provider := serve(t, localoidc.Options{})
	resp, err := http.Post(provider.Issuer()+"/oauth/token", "application/x-www-form-urlencoded",
		strings.NewReader("grant_type=client_credentials&client_id=%zz"))
	if err != nil {
		t.Fatal(err)
	}
	if body := read(t, resp); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
