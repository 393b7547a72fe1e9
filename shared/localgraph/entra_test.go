package localgraph_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"switchboard/shared/faults"
	"switchboard/shared/localgraph"
)

// library makes azidentity talk to the server in this process: it insists on
// https.
func (n *tenant) library() policy.ClientOptions {
	return policy.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: "https://entra.localhost/"},
		Transport: faults.Transport{Handler: n.Server},
		Retry:     policy.RetryOptions{MaxRetries: -1},
	}
}

// works uses a credential for a request that is answered 404 if it is good.
func (n *tenant) works(name, target string, credential azcore.TokenCredential) {
	n.t.Helper()
	token, err := credential.GetToken(n.t.Context(), policy.TokenRequestOptions{Scopes: []string{resource + "/.default"}})
	if err != nil {
		n.t.Errorf("%s: %v", name, err)
		return
	}
	if a := n.call("GET", target, "", "Authorization", "Bearer "+token.Token); a.Code != http.StatusNotFound {
		n.t.Errorf("%s: Graph answers %d %s", name, a.Code, a.Text)
	}
}

// TestCredentials gets tokens with azidentity in each way that the product
// offers.
func TestCredentials(t *testing.T) {
	key, err := signingKey()
	if err != nil {
		t.Fatal(err)
	}
	const identityObject = "6a2c3f0e-9d5b-4f61-8a70-3d1e2b4c5f66"
	app := application()
	app.Certificate, app.FederatedSubject = certificate(t, key), identityObject
	app.Scopes = []string{"OnlineMeetings.ReadWrite"}
	managed := localgraph.App{ClientID: "77aa2bd8-44a1-4e5c-9f6b-0c3d5e7f9a12", ObjectID: identityObject, ManagedIdentity: true, Roles: localgraph.AllRoles()}
	n := newTenant(t, localgraph.Options{Apps: []localgraph.App{app, managed}, Settings: localgraph.Settings{PolicyGlobal: true}})
	n.advance(time.Since(n.clock())) // assertions carry the time of azidentity
	target := user("ada") + "/onlineMeetings/x"

	bySecret, err := azidentity.NewClientSecretCredential(n.Tenant(), clientID, secret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: n.library(), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	n.works("secret", target, bySecret)

	byCertificate, err := azidentity.NewClientCertificateCredential(n.Tenant(), clientID, []*x509.Certificate{app.Certificate}, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: n.library(), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	n.works("certificate", target, byCertificate)

	byIdentity, err := azidentity.NewClientAssertionCredential(n.Tenant(), clientID,
		func(context.Context) (string, error) {
			return n.managed("api://AzureADTokenExchange").text(t, "access_token"), nil
		},
		&azidentity.ClientAssertionCredentialOptions{ClientOptions: n.library(), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	n.works("federated", target, byIdentity)

	assertion, err := n.UserToken(localgraph.SeedUserID("ada"), clientID)
	if err != nil {
		t.Fatal(err)
	}
	onBehalfOf, err := azidentity.NewOnBehalfOfCredentialWithSecret(n.Tenant(), clientID, assertion, secret,
		&azidentity.OnBehalfOfCredentialOptions{ClientOptions: n.library(), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	n.works("on behalf of Ada", "/v1.0/me/onlineMeetings/x", onBehalfOf)
}

// TestPublishedKey checks a token as an API would, which knows nothing but the
// address of the tenant's discovery document.
func TestPublishedKey(t *testing.T) {
	n := newTenant(t, localgraph.Options{})
	discovery := n.must(http.StatusOK, "GET", "/"+n.Tenant()+"/v2.0/.well-known/openid-configuration", "")
	var keys jose.JSONWebKeySet
	set := n.must(http.StatusOK, "GET", strings.TrimPrefix(discovery.text(t, "jwks_uri"), n.url), "")
	if err := json.Unmarshal([]byte(set.Text), &keys); err != nil {
		t.Fatal(err)
	}
	token, err := n.UserToken(localgraph.SeedUserID("ada"), clientID)
	if err != nil {
		t.Fatal(err)
	}
	var claims jwt.MapClaims
	_, err = jwt.ParseWithClaims(token, &claims, func(token *jwt.Token) (any, error) {
		return keys.Key(token.Header["kid"].(string))[0].Key, nil
	}, jwt.WithAudience(clientID), jwt.WithTimeFunc(n.clock), jwt.WithIssuer("https://login.microsoftonline.com/"+n.Tenant()+"/v2.0"))
	if err != nil || claims["oid"] != localgraph.SeedUserID("ada") || claims["tid"] != n.Tenant() || claims["scp"] != "access_as_user" {
		t.Errorf("the token says %v: %v", claims, err)
	}
}

// TestAddresses: what the server says of itself is as the client wrote it.
func TestAddresses(t *testing.T) {
	n := meetingTenant(t)
	secured := httptest.NewTLSServer(n.Server)
	defer secured.Close()
	n.transport, n.url = secured.Client().Transport, secured.URL
	discovery := n.must(http.StatusOK, "GET", "/"+n.Tenant()+"/v2.0/.well-known/openid-configuration", "")
	if want := secured.URL + "/" + n.Tenant() + "/oauth2/v2.0/token"; discovery.text(t, "token_endpoint") != want {
		t.Errorf("the token endpoint is %s, want %s", discovery.text(t, "token_endpoint"), want)
	}
	calendar := n.must(http.StatusOK, "GET", "/beta/users/ada@contoso.example/calendar", "")
	if !strings.HasPrefix(calendar.text(t, "@odata.context"), secured.URL+"/beta/$metadata#") {
		t.Errorf("the context is %s", calendar.text(t, "@odata.context"))
	}
}

func (n *tenant) managed(resource string) reply {
	n.t.Helper()
	return n.call("GET", "/msi/token?api-version=2019-08-01&resource="+url.QueryEscape(resource), "", "X-IDENTITY-HEADER", n.IdentityHeader())
}

func TestManagedIdentity(t *testing.T) {
	identity := localgraph.App{ClientID: clientID, ManagedIdentity: true, Roles: localgraph.AllRoles()}
	n := newTenant(t, localgraph.Options{Apps: []localgraph.App{application(), identity}, Settings: localgraph.Settings{PolicyGlobal: true}})
	a := n.managed(resource)
	if a.text(t, "expires_on") != "1795231037" || a.text(t, "resource") != resource {
		t.Errorf("the answer is %s", a.Text)
	}
	if g := n.call("GET", user("ada")+"/onlineMeetings/x", "", "Authorization", "Bearer "+a.text(t, "access_token")); g.Code != http.StatusNotFound {
		t.Errorf("Graph answers %d %s", g.Code, g.Text)
	}
	for target, status := range map[string]int{
		"?api-version=2019-08-01&resource=" + resource: http.StatusUnauthorized, // no header
		"?api-version=2017-09-01&resource=" + resource: http.StatusBadRequest,
		"?api-version=2019-08-01&resource=https://x":   http.StatusBadRequest,
	} {
		header := n.IdentityHeader()
		if status == http.StatusUnauthorized {
			header = "guessed"
		}
		if a := n.call("GET", "/msi/token"+target, "", "X-IDENTITY-HEADER", header); a.Code != status {
			t.Errorf("%s answers %d %s, want %d", target, a.Code, a.Text, status)
		}
	}
}

func TestTokenRefusals(t *testing.T) {
	n := newTenant(t, localgraph.Options{})
	good := url.Values{"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {secret}, "scope": {resource + "/.default"}}
	for _, c := range []struct {
		name, member, value string
		status              int
		oauth, aadsts       string
	}{
		{"unknown client", "client_id", "nobody", 400, "unauthorized_client", "AADSTS700016:"},
		{"wrong secret", "client_secret", "guessed", 401, "invalid_client", "AADSTS7000215:"},
		{"no secret", "client_secret", "", 401, "invalid_client", "AADSTS7000218:"},
		{"a plain scope", "scope", "OnlineMeetings.Read", 400, "invalid_scope", "AADSTS1002012:"},
		{"another API", "scope", "https://vault.azure.net/.default", 400, "invalid_resource", "AADSTS500011:"},
		{"another grant", "grant_type", "password", 400, "unsupported_grant_type", "AADSTS70003:"},
	} {
		form := url.Values{}
		for k, v := range good {
			form[k] = v
		}
		form.Set(c.member, c.value)
		a := n.form(n.Tenant(), form)
		if a.Code != c.status || at(t, a.Body, "error") != c.oauth || !strings.HasPrefix(a.text(t, "error_description"), c.aadsts) {
			t.Errorf("%s: the answer is %d %s", c.name, a.Code, a.Text)
		}
	}
	if a := n.form("contoso", good); a.Code != 400 || at(t, a.Body, "error_codes", 0) != 90002.0 {
		t.Errorf("another tenant: the answer is %d %s", a.Code, a.Text)
	}
}
