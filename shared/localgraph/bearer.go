package localgraph

import (
	"cmp"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// graphAppID is Graph's own application id, which is an audience too.
const graphAppID = "00000003-0000-0000-c000-000000000000"

// tokenLife is how long access tokens live.
const tokenLife = time.Hour

// claims are those of Entra ID's access tokens ("Access token claims
// reference"). Graph takes version 1.0; an API of an application's own is given
// 2.0, as its registration should ask for.
type claims struct {
	AppID    string   `json:"appid,omitempty"` // 1.0
	Client   string   `json:"azp,omitempty"`   // 2.0: the same
	Kind     string   `json:"idtyp,omitempty"` // app or user
	Name     string   `json:"name,omitempty"`
	ObjectID string   `json:"oid"`
	Tenant   string   `json:"tid"`
	Roles    []string `json:"roles,omitempty"`
	Scopes   string   `json:"scp,omitempty"` // separated by spaces
	Version  string   `json:"ver"`
	jwt.RegisteredClaims
}

// caller is who sent a request.
type caller struct {
	app     string // client id
	user    string // object id; empty when the application acts for itself
	granted []string
}

// authorize reads the bearer token and asks it for a permission.
func (s *Server) authorize(r *http.Request, need permission, code, message string) (caller, error) {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found || token == "" {
		return caller{}, unauthenticated("Access token is empty.")
	}
	c, err := s.parse(token)
	if err != nil {
		return caller{}, unauthenticated("Access token validation failure.")
	}
	if len(c.Audience) != 1 || !isGraph(c.Audience[0]) {
		return caller{}, unauthenticated("Access token validation failure. Invalid audience.")
	}
	who, allowed := caller{app: c.AppID, granted: c.Roles}, need.roles
	if c.Scopes != "" {
		who, allowed = caller{app: c.AppID, user: c.ObjectID, granted: strings.Fields(c.Scopes)}, need.scopes
	}
	if !slices.ContainsFunc(who.granted, func(p string) bool { return slices.Contains(allowed, p) }) {
		return caller{}, failure{http.StatusForbidden, code, message}
	}
	return who, nil
}

func unauthenticated(message string) error {
	return failure{http.StatusUnauthorized, "InvalidAuthenticationToken", message}
}

// parse checks a token that this tenant issued, but not for whom.
func (s *Server) parse(token string) (claims, error) {
	var c claims
	key, err := s.signer()
	if err != nil {
		return c, err
	}
	_, err = jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return &key.PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.now))
	if err == nil && c.Issuer != s.issuer(c.Version) {
		err = jwt.ErrTokenInvalidIssuer
	}
	return c, err
}

// issuer is that of a version of tokens, wherever the server is: APIs know a
// tenant by these names.
func (s *Server) issuer(version string) string {
	if version == "2.0" {
		return "https://login.microsoftonline.com/" + s.tenant + "/v2.0"
	}
	return "https://sts.windows.net/" + s.tenant + "/"
}

// isGraph reports whether a resource is Graph: by its id, by its address in
// one of the clouds, or by an address on this machine.
func isGraph(resource string) bool {
	if resource == graphAppID {
		return true
	}
	u, err := url.Parse(resource)
	if err != nil || strings.Trim(u.Path, "/") != "" {
		return false
	}
	switch u.Host {
	case "graph.microsoft.com", "graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn":
		return u.Scheme == "https"
	}
	return local(u.Hostname())
}

// local reports whether a host name is this machine (RFC 6761, section 6.3).
func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// sign issues an access token of version 1.0, or of the one that c says.
func (s *Server) sign(c claims, audience string, now time.Time) (string, error) {
	key, err := s.signer()
	if err != nil {
		return "", err
	}
	c.Version = cmp.Or(c.Version, "1.0")
	c.Tenant, c.Issuer, c.Subject = s.tenant, s.issuer(c.Version), cmp.Or(c.Subject, c.ObjectID)
	c.Audience = jwt.ClaimStrings{audience}
	c.IssuedAt, c.NotBefore = jwt.NewNumericDate(now), jwt.NewNumericDate(now)
	c.ExpiresAt = jwt.NewNumericDate(now.Add(tokenLife))
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, c)
	token.Header["kid"] = keyID(key)
	return token.SignedString(key)
}
