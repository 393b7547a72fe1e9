package localgraph

import (
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

// claims are those of Entra ID's access tokens (v1.0 format, which Graph
// takes: "Access token claims reference").
type claims struct {
	AppID    string   `json:"appid"`
	Kind     string   `json:"idtyp,omitempty"` // app or user
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
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired(),
		jwt.WithIssuer(s.tokenIssuer()), jwt.WithTimeFunc(s.now))
	return c, err
}

// tokenIssuer is the issuer of v1.0 tokens.
func (s *Server) tokenIssuer() string { return "https://sts.windows.net/" + s.tenant + "/" }

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

// sign issues an access token.
func (s *Server) sign(c claims, audience string, now time.Time) (string, error) {
	key, err := s.signer()
	if err != nil {
		return "", err
	}
	c.Tenant, c.Version, c.Issuer, c.Subject = s.tenant, "1.0", s.tokenIssuer(), c.ObjectID
	c.Audience = jwt.ClaimStrings{audience}
	c.IssuedAt, c.NotBefore = jwt.NewNumericDate(now), jwt.NewNumericDate(now)
	c.ExpiresAt = jwt.NewNumericDate(now.Add(tokenLife))
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, c)
	token.Header["kid"] = keyID(key)
	return token.SignedString(key)
}

// UserToken is an access token as a user of the tenant gets it from the app
// with that client id for an API of the app's own (scope access_as_user). It is
// an assertion of the on-behalf-of flow.
func (s *Server) UserToken(userID, clientID string) (string, error) {
	return s.sign(claims{AppID: clientID, Kind: "user", ObjectID: userID, Scopes: "access_as_user"}, "api://"+clientID, s.now())
}
