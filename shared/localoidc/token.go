package localoidc

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// scopeAccess is the one scope of the API.
const scopeAccess = "access_as_user"

// tokenLife is how long access tokens live unless asked otherwise.
const tokenLife = time.Hour

// Grant says what an access token made by Mint shall say.
type Grant struct {
	User  string        // one of Users
	Roles []string      // nil: the user's own
	Scope string        // space-separated; empty: none
	Life  time.Duration // from now; negative makes a token that has expired
}

// Token returns an access token as the user would get it, for an hour and with
// the user's own roles unless others are given.
func (p *Provider) Token(user string, roles ...string) (string, error) {
	return p.Mint(Grant{User: user, Roles: roles, Scope: scopeAccess, Life: tokenLife})
}

// Mint returns an access token for the grant.
func (p *Provider) Mint(g Grant) (string, error) {
	user, ok := p.user(g.User)
	if !ok {
		return "", fmt.Errorf("localoidc: there is no user %q; there are %s", g.User, p.names())
	}
	if g.Roles != nil {
		user.Roles = g.Roles
	}
	key, err := p.key()
	if err != nil {
		return "", err
	}
	now := p.now()
	claims := jwt.MapClaims(accessClaims(user, g.Scope))
	claims["iss"], claims["sub"], claims["aud"] = p.issuer, user.ID, p.audience
	claims["client_id"], claims["jti"] = AppClientID, rand.Text()
	claims["iat"], claims["nbf"] = min(now.Unix(), now.Add(g.Life).Unix()), min(now.Unix(), now.Add(g.Life).Unix())
	claims["exp"] = now.Add(g.Life).Unix()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = key.id
	return token.SignedString(key.private)
}

// addressed reports whether a request was meant for the provider: for its own
// host, or for this machine by an address or the name localhost.
func (p *Provider) addressed(host string) bool {
	if issuer, err := url.Parse(p.issuer); err == nil && issuer.Host == host {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || host == "localhost"
}

// accessClaims are the claims of an access token besides the registered ones.
func accessClaims(u User, scope string) map[string]any {
	claims := map[string]any{"name": u.Name}
	if scope != "" {
		claims["scope"] = scope
	}
	if len(u.Roles) > 0 {
		claims["roles"] = u.Roles
	}
	return claims
}

// serveDevToken answers GET dev-token?user=ada[&roles=a,b][&minutes=60]
// [&scope=access_as_user] with an access token as text/plain. A web page from
// elsewhere must not read tokens off the laptop: there are no CORS headers, and
// a name that is made to point here (DNS rebinding) is refused.
func (p *Provider) serveDevToken(w http.ResponseWriter, r *http.Request) {
	if !p.addressed(r.Host) {
		http.Error(w, "ask at "+p.issuer, http.StatusForbidden)
		return
	}
	query := r.URL.Query()
	grant := Grant{User: query.Get("user"), Scope: scopeAccess, Life: tokenLife}
	if _, ok := p.user(grant.User); !ok {
		http.Error(w, "user must be one of "+p.names(), http.StatusNotFound)
		return
	}
	if query.Has("roles") {
		grant.Roles = strings.FieldsFunc(query.Get("roles"), func(r rune) bool { return r == ',' || r == ' ' })
	}
	if query.Has("scope") {
		grant.Scope = query.Get("scope")
	}
	if query.Has("minutes") {
		minutes, err := strconv.Atoi(query.Get("minutes"))
		if err != nil || minutes < 1 || minutes > 1440 {
			http.Error(w, "minutes must be a number from 1 to 1440", http.StatusBadRequest)
			return
		}
		grant.Life = time.Duration(minutes) * time.Minute
	}
	token, err := p.Mint(grant)
	if err != nil {
		http.Error(w, "the token could not be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprint(w, token)
}
