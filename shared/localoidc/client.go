package localoidc

import (
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// client is one of the two clients. It is an op.Client with redirect globs.
type client struct {
	id        string
	auth      oidc.AuthMethod
	grants    []oidc.GrantType
	redirects []string
	loginURL  string
	scopes    []string // accepted besides those of OpenID Connect
}

func (c *client) GetID() string                        { return c.id }
func (c *client) RedirectURIs() []string               { return c.redirects }
func (c *client) PostLogoutRedirectURIs() []string     { return c.redirects }
func (c *client) AuthMethod() oidc.AuthMethod          { return c.auth }
func (c *client) GrantTypes() []oidc.GrantType         { return c.grants }
func (c *client) LoginURL(id string) string            { return c.loginURL + id }
func (c *client) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeJWT }
func (c *client) IDTokenLifetime() time.Duration       { return tokenLife }
func (c *client) DevMode() bool                        { return false }
func (c *client) IDTokenUserinfoClaimsAssertion() bool { return true }
func (c *client) ClockSkew() time.Duration             { return 0 }
func (c *client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}

// ApplicationType native holds http redirect URIs to loopback hosts, which
// also stops what only looks like one, such as http://localhost:1@elsewhere.
func (c *client) ApplicationType() op.ApplicationType { return op.ApplicationTypeNative }

// RedirectURIGlobs accept any port and path of this machine (RFC 8252, 7.3).
func (c *client) RedirectURIGlobs() []string {
	if c.id != AppClientID {
		return nil
	}
	return []string{"http://127.0.0.1:*/**", "http://localhost:*/**", "http://[[]::1]:*/**", "http://127.0.0.1/**", "http://localhost/**"}
}

// PostLogoutRedirectURIGlobs accept the front pages of this machine.
func (c *client) PostLogoutRedirectURIGlobs() []string {
	return []string{"http://127.0.0.1:*", "http://localhost:*", "http://127.0.0.1:*/*", "http://localhost:*/*"}
}

// IsScopeAllowed accepts the API's scope, also in the long form that MSAL and
// Entra ID use. Others are left out of the grant.
func (c *client) IsScopeAllowed(scope string) bool {
	for _, s := range c.scopes {
		if s == scope {
			return true
		}
	}
	return false
}

func (c *client) RestrictAdditionalIdTokenScopes() func([]string) []string     { return keepAll }
func (c *client) RestrictAdditionalAccessTokenScopes() func([]string) []string { return keepAll }

func keepAll(scopes []string) []string { return scopes }
