package entra

import (
	"errors"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/golang-jwt/jwt/v5"
)

// OnBehalfOf returns a credential that exchanges the user's access token for
// this application, which the caller has verified, for tokens to act with the
// user's own rights (OAuth 2.0 on-behalf-of flow). It makes no request.
//
// The authority is the tenant that issued the token: a guest is exchanged where
// they signed in. One credential is of one token, and keeps what it was given
// in exchange; a caller who makes it anew for every request asks Entra every
// time. A managed identity alone cannot act on behalf of anybody.
func (a *App) OnBehalfOf(assertion string) (azcore.TokenCredential, error) {
	s := a.settings
	if s.isManagedIdentity() {
		return nil, errors.New("entra: a managed identity cannot act on behalf of users; it takes an app registration")
	}
	var claims struct {
		jwt.RegisteredClaims
		Tenant string `json:"tid"`
	}
	if _, _, err := jwt.NewParser().ParseUnverified(assertion, &claims); err != nil {
		return nil, assertionRefused()
	}
	tenant := s.Tenant
	if guid.MatchString(claims.Tenant) {
		tenant = claims.Tenant
	}
	o := &azidentity.OnBehalfOfCredentialOptions{ClientOptions: a.options.ClientOptions, DisableInstanceDiscovery: a.options.DisableInstanceDiscovery}
	var made *azidentity.OnBehalfOfCredential
	var err error
	switch {
	case s.Secret != "":
		made, err = azidentity.NewOnBehalfOfCredentialWithSecret(tenant, s.ClientID, assertion, s.Secret, o)
	case s.Federated:
		made, err = azidentity.NewOnBehalfOfCredentialWithClientAssertions(tenant, s.ClientID, assertion, a.clientAssertion, o)
	default:
		made, err = azidentity.NewOnBehalfOfCredentialWithCertificate(tenant, s.ClientID, assertion, a.certs, a.key, o)
	}
	if err != nil {
		return nil, fmt.Errorf("entra: the tenant, the client id or the authority is not well-formed (%T)", err)
	}
	return credential{made, a, tenant, true}, nil
}
