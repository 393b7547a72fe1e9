// Package localoidc is an OpenID provider for the laptop and for tests: it
// stands in for the identity provider of a real deployment, so that the
// service runs and is called with nothing but Go installed.
//
// It is an http.Handler over zitadel/oidc with discovery, JWKS, authorization
// code with PKCE (S256 only) and a one-click user chooser, refresh tokens,
// client credentials, userinfo and end of session. GET <issuer>/dev-token is
// the shortcut that needs no flow at all.
//
// Access tokens are JWTs signed with RS256 for one audience, whichever way
// they are got. Claims: iss, sub (the user's name here, such as "ada"), aud,
// client_id, name, scope "access_as_user", roles, iat, nbf, exp, jti.
//
// # Limits
//
// There are no passwords: whoever reaches the provider is whoever they want to
// be, an administrator included. It must never be reachable from outside the
// machine, and no deployment may trust its issuer; the package is not to be
// imported by anything that is deployed. Client ids, the daemon's secret and
// the users are fixed and public. There is no consent, no session of its own
// (prompt=none is always login_required), no introspection, no dynamic
// registration. Codes and refresh tokens live in memory and end with the
// process; access tokens outlive it if the key is kept in a file. The times in
// ID tokens, and iat in the flows' access tokens, are those of the system
// clock, whatever Options.Now says.
package localoidc

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// DefaultAudience is the audience of access tokens unless Options say otherwise.
const DefaultAudience = "api://switchboard"

// The clients that the provider knows.
const (
	AppClientID    = "switchboard-app"    // public, PKCE; any http loopback redirect URI
	DaemonClientID = "switchboard-daemon" // confidential, client credentials; role Switchboard.Service
	DaemonSecret   = "local-daemon"       // no secret: the same on every laptop
)

// Options are what a Provider takes from its surroundings.
type Options struct {
	// Issuer is the provider's URL and the value of iss, such as
	// http://127.0.0.1:7071/oidc. Its path is where the handler is mounted.
	Issuer string
	// Audience is the aud of access tokens; default DefaultAudience.
	Audience string
	// Users may sign in; default SeedUsers.
	Users []User
	// RedirectURIs are accepted for the app besides those on a loopback host,
	// such as an app's own scheme.
	RedirectURIs []string
	// KeyFile keeps the signing key, so that tokens survive a restart. It is
	// made if it does not exist. Empty keeps the key in memory.
	KeyFile string
	// SigningKey, if set, is used and not kept; many providers in one test
	// share a key, because each would take long to make its own.
	SigningKey *rsa.PrivateKey
	Now        func() time.Time // default time.Now
	Log        *slog.Logger     // default: nothing is logged
}

// Provider is the OpenID provider. It is safe for concurrent use.
type Provider struct {
	issuer   string
	audience string
	users    []User
	key      func() (signingKey, error) // waits while the key is being made
	now      func() time.Time
	storage  *storage
	handler  http.Handler
}

// New returns a provider. A new RSA key takes up to a few hundred
// milliseconds; it is made beside the start, and only what needs it waits.
func New(opts Options) (*Provider, error) {
	base, err := url.Parse(opts.Issuer)
	if err != nil || base.Host == "" || strings.HasSuffix(opts.Issuer, "/") {
		return nil, fmt.Errorf("localoidc: the issuer %q must be a URL without a slash at its end", opts.Issuer)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Users == nil {
		opts.Users = SeedUsers()
	}
	key, err := loadOrMakeKey(opts.SigningKey, opts.KeyFile)
	if err != nil {
		return nil, err
	}
	p := &Provider{
		issuer:   opts.Issuer,
		audience: cmp.Or(opts.Audience, DefaultAudience),
		users:    opts.Users,
		key:      key,
		now:      opts.Now,
	}
	if p.storage, err = newStorage(p, opts.RedirectURIs); err != nil {
		return nil, err
	}
	p.handler, err = p.routes(base.Path, opts.Log)
	return p, err
}

// routes mounts the provider's pages and zitadel's endpoints below the path.
func (p *Provider) routes(path string, log *slog.Logger) (http.Handler, error) {
	config := &op.Config{CodeMethodS256: true, AuthMethodPost: true, GrantTypeRefreshToken: true,
		SupportedScopes: []string{"openid", "profile", "offline_access", scopeAccess},
		SupportedClaims: []string{"iss", "sub", "aud", "exp", "iat", "name", "roles", "scope"}}
	rand.Read(config.CryptoKey[:])
	provider, err := op.NewProvider(config, p.storage, op.StaticIssuer(p.issuer), op.WithAllowInsecure(), op.WithLogger(log))
	if err != nil {
		return nil, fmt.Errorf("localoidc: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path+"/dev-token", p.serveDevToken)
	mux.HandleFunc("GET "+path+"/login", p.serveChooser)
	mux.HandleFunc("POST "+path+"/login", p.serveChoice)
	mux.Handle(path+"/", http.StripPrefix(path, provider))
	return mux, nil
}

// ServeHTTP serves the provider. Paths are whole: the issuer's path is part of
// them.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil { // zitadel's client credentials do not survive one that is broken
		http.Error(w, "the form cannot be read", http.StatusBadRequest)
		return
	}
	p.handler.ServeHTTP(w, r)
}

// Close waits until the key is made and in its file, so that nothing is written
// there afterwards. It returns why there is no key, if there is none.
func (p *Provider) Close() error {
	_, err := p.key()
	return err
}

// Issuer is the value of iss in the provider's tokens.
func (p *Provider) Issuer() string { return p.issuer }

// Audience is the value of aud in the provider's access tokens.
func (p *Provider) Audience() string { return p.audience }
