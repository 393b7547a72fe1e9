package localgraph_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchboard/shared/localgraph"
)

// certificate is a self-signed one, of a key.
func certificate(t *testing.T, key *rsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// TestClientAssertions: of whom, by whom and for where they have to be.
func TestClientAssertions(t *testing.T) {
	key, err := signingKey()
	if err != nil {
		t.Fatal(err)
	}
	certified := application()
	certified.Certificate = certificate(t, key)
	trusting := application()
	trusting.ClientID, trusting.FederatedSubject = "5c0e1d7a-2f3b-4a6c-8d9e-0f1a2b3c4d5e", "another identity"
	identity := localgraph.App{ClientID: "77aa2bd8-44a1-4e5c-9f6b-0c3d5e7f9a12", ObjectID: "6a2c3f0e-9d5b-4f61-8a70-3d1e2b4c5f66", ManagedIdentity: true}
	n := newTenant(t, localgraph.Options{Apps: []localgraph.App{certified, trusting, identity}})
	ask := func(client, assertion string) float64 {
		a := n.form(n.Tenant(), url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "scope": {resource + "/.default"},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion}})
		if a.Code == http.StatusOK {
			return 0
		}
		return at(t, a.Body, "error_codes", 0).(float64)
	}
	signed := func(change func(*jwt.RegisteredClaims)) string {
		c := jwt.RegisteredClaims{Issuer: clientID, Subject: clientID, ExpiresAt: jwt.NewNumericDate(n.clock().Add(time.Minute)),
			Audience: jwt.ClaimStrings{n.url + "/" + n.Tenant() + "/oauth2/v2.0/token"}}
		change(&c)
		text, err := jwt.NewWithClaims(jwt.SigningMethodPS256, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := signed(func(*jwt.RegisteredClaims) {})
	for name, c := range map[string][2]float64{
		"as it should be":         {ask(clientID, good), 0},
		"changed":                 {ask(clientID, changed(good)), 700027},
		"of another subject":      {ask(clientID, signed(func(c *jwt.RegisteredClaims) { c.Subject = "x" })), 700027},
		"of another issuer":       {ask(clientID, signed(func(c *jwt.RegisteredClaims) { c.Issuer = "x" })), 700027},
		"expired":                 {ask(clientID, signed(func(c *jwt.RegisteredClaims) { c.ExpiresAt.Time = n.clock() })), 700027},
		"for somewhere else":      {ask(clientID, signed(func(c *jwt.RegisteredClaims) { c.Audience = jwt.ClaimStrings{"https://x"} })), 700023},
		"for no certificate":      {ask(trusting.ClientID, good), 700027},
		"of an unknown identity":  {ask(trusting.ClientID, n.managed("api://AzureADTokenExchange").text(t, "access_token")), 700213},
		"by the identity itself":  {ask(identity.ClientID, good), 700016},
		"a token for Graph of it": {ask(trusting.ClientID, n.managed(resource).text(t, "access_token")), 700027},
	} {
		if c[0] != c[1] {
			t.Errorf("an assertion %s is answered with %v, want %v", name, c[0], c[1])
		}
	}
}

// TestOnBehalfOfRefusals: what a person has to mend, and whose assertions are
// believed.
func TestOnBehalfOfRefusals(t *testing.T) {
	consented := application()
	consented.Scopes = []string{"Calendars.Read"}
	plain := application()
	plain.ClientID = "5c0e1d7a-2f3b-4a6c-8d9e-0f1a2b3c4d5e"
	ada := localgraph.SeedUserID("ada")
	n := newTenant(t, localgraph.Options{Apps: []localgraph.App{consented, plain}, VerifyUser: func(assertion string) (string, error) {
		if assertion != "from elsewhere" {
			return "", errors.New("unknown")
		}
		return ada, nil
	}})
	own, err := n.UserToken(ada, clientID)
	if err != nil {
		t.Fatal(err)
	}
	others, err := n.UserToken(ada, plain.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(app, assertion string) reply {
		return n.form(n.Tenant(), url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "requested_token_use": {"on_behalf_of"},
			"client_id": {app}, "client_secret": {secret}, "assertion": {assertion}, "scope": {resource + "/.default"}})
	}
	want := func(name string, a reply, oauth string, aadsts float64) {
		t.Helper()
		if a.Code != 400 || at(t, a.Body, "error") != oauth || at(t, a.Body, "error_codes", 0) != aadsts {
			t.Errorf("%s: the answer is %d %s", name, a.Code, a.Text)
		}
	}
	consent := ask(plain.ClientID, others)
	want("no consent", consent, "invalid_grant", 65001)
	if consent.text(t, "suberror") != "consent_required" {
		t.Errorf("no consent: the answer is %s", consent.Text)
	}
	want("for another app", ask(clientID, others), "invalid_grant", 500131)
	want("forged", ask(clientID, changed(own)), "invalid_grant", 50013)
	want("an application's token", ask(clientID, n.token), "invalid_grant", 500131)
	for _, assertion := range []string{own, "from elsewhere"} {
		if a := ask(clientID, assertion); a.Code != 200 {
			t.Errorf("the answer is %d %s", a.Code, a.Text)
		}
	}
	if err := n.Configure(localgraph.Settings{ConditionalAccess: true}); err != nil {
		t.Fatal(err)
	}
	stepUp := ask(clientID, own)
	want("conditional access", stepUp, "interaction_required", 50076)
	if !strings.Contains(stepUp.text(t, "claims"), "acrs") {
		t.Errorf("conditional access: there is no challenge in %s", stepUp.Text)
	}
}
