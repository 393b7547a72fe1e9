package entra_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/golang-jwt/jwt/v5"

	"switchboard/shared/entra"
	"switchboard/shared/faults"
	"switchboard/shared/problem"
)

const (
	tenant   = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	abroad   = "11111111-2222-3333-4444-555555555555"
	clientID = "0ba4b28f-7d8f-4c23-9cc5-5b5f2c7d0e4f"
	secret   = "the application's secret"

	// leak stands for whatever an answer may hold that must not reach a log.
	leak = "SECRETofTHEanswer"
)

// authority is a token service as far as these tests need one: it issues a
// token for whatever it is asked, and keeps what that was.
type authority struct {
	mu    sync.Mutex
	forms []url.Values
	paths []string
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	base := "https://" + r.Host + "/" + strings.Split(r.URL.Path, "/")[1]
	switch {
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		fmt.Fprintf(w, `{"issuer":"%s/v2.0","authorization_endpoint":"%[1]s/oauth2/v2.0/authorize","token_endpoint":"%[1]s/oauth2/v2.0/token"}`, base)
	case r.Host == "machine.test":
		a.forms, a.paths = append(a.forms, r.URL.Query()), append(a.paths, r.URL.Path)
		fmt.Fprintf(w, `{"access_token":"machine-%d","expires_on":"%d","resource":"%s","token_type":"Bearer"}`,
			len(a.forms), time.Now().Add(time.Hour).Unix(), r.URL.Query().Get("resource"))
	default:
		r.ParseForm()
		a.forms, a.paths = append(a.forms, r.PostForm), append(a.paths, r.URL.Path)
		fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"token-%d"}`, len(a.forms))
	}
}

// app returns an application and the authority it asks, in this process.
func app(t *testing.T, s entra.Settings) (*entra.App, *authority, *faults.Injector) {
	t.Helper()
	a := &authority{}
	injector := faults.Wrap(a)
	opts := &entra.Options{DisableInstanceDiscovery: true}
	opts.Transport = faults.Transport{Handler: injector}
	opts.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: "https://login.test/"}
	opts.Retry = policy.RetryOptions{MaxRetries: 1, RetryDelay: time.Millisecond, MaxRetryDelay: time.Millisecond}
	made, err := entra.New(s, opts)
	if err != nil {
		t.Fatal(err)
	}
	return made, a, injector
}

func withSecret() entra.Settings {
	return entra.Settings{Tenant: tenant, ClientID: clientID, Secret: secret}
}

// certificate is a new one, with its key, in PEM.
func certificate(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Join([][]byte{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	}, nil)
}

// onMachine is the environment of a machine with a managed identity (Azure
// Functions and App Service).
func onMachine(t *testing.T) {
	t.Setenv("IDENTITY_ENDPOINT", "https://machine.test/msi/token")
	t.Setenv("IDENTITY_HEADER", "the machine's header")
}

func userToken(t *testing.T, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("nobody here checks it"))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

var graphScope = policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}, EnableCAE: true}

const bearerAssertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// TestGrants: every way to prove who the application is, for itself and on
// behalf of a user, asks once and as the token service expects.
func TestGrants(t *testing.T) {
	onMachine(t)
	for name, tt := range map[string]struct {
		settings entra.Settings
		proof    url.Values // of the request for a token
		machine  string     // the resource that the managed identity is asked for
	}{
		"secret":      {withSecret(), url.Values{"client_secret": {secret}}, ""},
		"certificate": {entra.Settings{Tenant: tenant, ClientID: clientID, Certificate: certificate(t)}, url.Values{"client_assertion_type": {bearerAssertion}}, ""},
		"federated":   {entra.Settings{Tenant: tenant, ClientID: clientID, Federated: true}, url.Values{"client_assertion_type": {bearerAssertion}, "client_assertion": {"machine-1"}}, "api://AzureADTokenExchange"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, user := range []string{"", userToken(t, jwt.MapClaims{"tid": abroad})} {
				if tt.settings.Federated {
					tt.settings.ManagedIdentity = rand.Text() // MSAL keeps the tokens of each for the whole process
				}
				a, service, _ := app(t, tt.settings)
				want, path := url.Values{"grant_type": {"client_credentials"}}, "/"+tenant+"/oauth2/v2.0/token"
				get := a.GetToken
				if user != "" {
					delegated, err := a.OnBehalfOf(user)
					if err != nil {
						t.Fatal(err)
					}
					get, path = delegated.GetToken, "/"+abroad+"/oauth2/v2.0/token"
					want = url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "requested_token_use": {"on_behalf_of"}, "assertion": {user}}
				}
				for range 2 {
					token, err := get(t.Context(), graphScope)
					if err != nil || !strings.HasPrefix(token.Token, "token-") || !token.ExpiresOn.After(time.Now()) {
						t.Fatalf("%+v, %v", token, err)
					}
				}
				last := len(service.forms) - 1
				if want := map[bool]int{true: 2, false: 1}[tt.machine != ""]; len(service.forms) != want {
					t.Errorf("two tokens took %d requests, want %d", len(service.forms), want)
				}
				if tt.machine != "" && service.forms[0].Get("resource") != tt.machine {
					t.Errorf("the machine was asked for %q", service.forms[0].Get("resource"))
				}
				for _, fields := range []url.Values{want, tt.proof, {"client_id": {clientID}}} {
					for field := range fields {
						if got := service.forms[last].Get(field); got != fields.Get(field) {
							t.Errorf("%s is %q, want %q", field, got, fields.Get(field))
						}
					}
				}
				if service.paths[last] != path {
					t.Errorf("asked %s, want %s", service.paths[last], path)
				}
				if !strings.Contains(service.forms[last].Get("scope"), "https://graph.microsoft.com/.default") {
					t.Errorf("the scope is %q", service.forms[last].Get("scope"))
				}
			}
		})
	}
}

func TestManagedIdentity(t *testing.T) {
	onMachine(t)
	identity := rand.Text()
	a, service, _ := app(t, entra.Settings{ManagedIdentity: identity})
	token, err := a.GetToken(t.Context(), graphScope)
	if err != nil || token.Token != "machine-1" {
		t.Fatal(token.Token, err)
	}
	if q := service.forms[0]; q.Get("resource") != "https://graph.microsoft.com" || q.Get("client_id") != identity {
		t.Errorf("the machine was asked for %q", q)
	}
	if _, err := a.OnBehalfOf(userToken(t, jwt.MapClaims{"tid": tenant})); err == nil {
		t.Error("a managed identity acts on behalf of users")
	}
}

func TestSettings(t *testing.T) {
	for name, s := range map[string]entra.Settings{
		"no proof":                       {Tenant: tenant, ClientID: clientID},
		"two proofs":                     {Tenant: tenant, ClientID: clientID, Secret: secret, Federated: true},
		"no tenant":                      {ClientID: clientID, Secret: secret},
		"no client":                      {Tenant: tenant, Secret: secret},
		"a secret of a managed identity": {Secret: secret},
		"a tenant that is a path":        {Tenant: "../" + leak, ClientID: clientID, Secret: secret},
		"no certificate":                 {Tenant: tenant, ClientID: clientID, Certificate: []byte(leak)},
	} {
		if _, err := entra.New(s, nil); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), leak) {
			t.Errorf("%s: the error repeats the settings: %v", name, err)
		}
	}
	a, _, _ := app(t, withSecret())
	for _, bad := range []string{"", leak, "a.b.c"} {
		if _, err := a.OnBehalfOf(bad); !problem.Is(err, problem.Unauthenticated) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	// Whatever the token says, the authority is a tenant of the same host.
	if _, err := a.OnBehalfOf(userToken(t, jwt.MapClaims{"tid": "evil.test/x"})); err != nil {
		t.Error(err)
	}
}

// answer is what the token endpoint says when it refuses.
func answer(status int, fields map[string]any) faults.Rule {
	fields["error_description"] = leak
	body, _ := json.Marshal(fields)
	return faults.Rule{Contains: "/token", Times: -1, Status: status, Header: map[string]string{"Content-Type": "application/json", "Retry-After": "7"}, Body: string(body)}
}

// TestFailures: what the caller is told, for the application and for a user.
func TestFailures(t *testing.T) {
	const claims = `{"access_token":{"polids":{"essential":true}}}`
	type told struct {
		kind problem.Kind
		code string
	}
	misconfigured := told{problem.Upstream, "entra_misconfigured"}
	unavailable := told{problem.Unavailable, "entra_unavailable"}
	for name, tt := range map[string]struct {
		rule      faults.Rule
		own, user told
	}{
		"no consent":            {answer(400, map[string]any{"error": "invalid_grant", "suberror": "consent_required", "error_codes": []int{65001}}), misconfigured, told{problem.Forbidden, "entra_consent_needed"}},
		"no consent, by number": {answer(400, map[string]any{"error": "invalid_grant", "error_codes": []int{65001}}), misconfigured, told{problem.Forbidden, "entra_consent_needed"}},
		"a second factor":       {answer(400, map[string]any{"error": "interaction_required", "error_codes": []int{50076}, "claims": claims}), misconfigured, told{problem.Unauthenticated, "entra_sign_in_needed"}},
		"a bad assertion":       {answer(400, map[string]any{"error": "invalid_grant", "error_codes": []int{50013}}), misconfigured, told{problem.Unauthenticated, "entra_assertion_refused"}},
		"another's assertion":   {answer(400, map[string]any{"error": "invalid_request", "error_codes": []int{500131}}), misconfigured, told{problem.Unauthenticated, "entra_assertion_refused"}},
		"a wrong secret":        {answer(401, map[string]any{"error": "invalid_client", "error_codes": []int{7000215}}), misconfigured, misconfigured},
		"an unknown app":        {answer(400, map[string]any{"error": "unauthorized_client", "error_codes": []int{700016}}), misconfigured, misconfigured},
		"codes of no sense":     {answer(400, map[string]any{"error": 7, "error_codes": leak}), misconfigured, misconfigured},
		"HTML":                  {faults.Rule{Contains: "/token", Times: -1, Status: 403, Body: "<p>" + leak}, misconfigured, misconfigured},
		"throttled":             {answer(429, map[string]any{}), unavailable, unavailable},
		"down":                  {answer(503, map[string]any{}), unavailable, unavailable},
		"cut off":               {faults.Rule{Times: -1, Drop: "before"}, unavailable, unavailable},
		"a redirect":            {faults.Rule{Contains: "/token", Times: -1, Status: 302, Header: map[string]string{"Location": "https://" + leak}}, unavailable, unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			a, _, injector := app(t, withSecret())
			injector.Add(tt.rule)
			delegated, err := a.OnBehalfOf(userToken(t, jwt.MapClaims{"tid": tenant}))
			if err != nil {
				t.Fatal(err)
			}
			_, own := a.GetToken(t.Context(), graphScope)
			_, user := delegated.GetToken(t.Context(), graphScope)
			for err, want := range map[error]told{own: tt.own, user: tt.user} {
				p, ok := errors.AsType[*problem.Error](err)
				if !ok || p.Kind != want.kind || p.Code != want.code {
					t.Errorf("%v; want %+v", err, want)
				} else if strings.Contains(err.Error(), leak) || strings.Contains(err.Error(), secret) {
					t.Errorf("the error repeats the answer: %v", err)
				} else if status := tt.rule.Status; (status == 429 || status == 503) && p.RetryAfter != 7*time.Second {
					t.Errorf("RetryAfter is %v", p.RetryAfter)
				}
			}
			if got := entra.Numbers(own); name == "a wrong secret" && !slices.Equal(got, []int{7000215}) || name == "HTML" && got != nil {
				t.Errorf("Entra's numbers are %v", got)
			}
			if p := problem.From(user); p.Code == "entra_sign_in_needed" && !strings.Contains(p.Challenge, `claims="`+base64.StdEncoding.EncodeToString([]byte(claims))+`"`) {
				t.Errorf("the challenge is %q", p.Challenge)
			}
			if p := problem.From(user); p.Code == "entra_consent_needed" && !strings.Contains(p.Detail, "https://login.test/"+tenant+"/adminconsent?client_id="+clientID) {
				t.Errorf("the detail does not say where to consent: %s", p.Detail)
			}
		})
	}
}

func TestTheDeadlineIsTheCallers(t *testing.T) {
	a, _, injector := app(t, withSecret())
	injector.Add(faults.Rule{Times: -1, Delay: faults.Duration(time.Minute)})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := a.GetToken(ctx, graphScope); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := a.GetToken(ctx, graphScope); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
