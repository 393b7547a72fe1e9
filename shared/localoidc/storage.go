package localoidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/hashicorp/golang-lru/v2"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	signInLife = 10 * time.Minute // from authorize to the end of its code
	keptAtMost = 1000             // sign-ins, codes and refresh tokens; the oldest go first
)

// storage is what zitadel's provider asks for; op.Storage says when. It holds
// sign-ins, codes and refresh tokens in memory.
type storage struct {
	provider *Provider
	clients  map[string]*client

	mu       sync.Mutex
	requests *lru.Cache[string, *authRequest]
	codes    *lru.Cache[string, string] // code → id of its request
	refresh  *lru.Cache[string, *session]
}

// The optional parts of op.Storage that the provider relies on.
var (
	_ op.ClientCredentialsStorage       = (*storage)(nil)
	_ op.CanSetUserinfoFromRequest      = (*storage)(nil)
	_ op.CanGetPrivateClaimsFromRequest = (*storage)(nil)
)

func newStorage(p *Provider, redirects []string) (*storage, error) {
	requests, err1 := lru.New[string, *authRequest](keptAtMost)
	codes, err2 := lru.New[string, string](keptAtMost)
	refresh, err3 := lru.New[string, *session](keptAtMost)
	app := &client{id: AppClientID, auth: oidc.AuthMethodNone, redirects: redirects, loginURL: p.issuer + "/login?id=",
		grants: []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken},
		scopes: []string{scopeAccess, p.audience + "/" + scopeAccess, p.audience + "/.default"}}
	daemon := &client{id: DaemonClientID, auth: oidc.AuthMethodBasic, grants: []oidc.GrantType{oidc.GrantTypeClientCredentials}}
	return &storage{
		provider: p,
		clients:  map[string]*client{app.id: app, daemon.id: daemon},
		requests: requests,
		codes:    codes,
		refresh:  refresh,
	}, errors.Join(err1, err2, err3)
}

// CreateAuthRequest begins a sign-in. PKCE is required, in its safe form
// (RFC 7636, 4.2), as RFC 9700 wants it of every client.
func (s *storage) CreateAuthRequest(_ context.Context, r *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	if r.CodeChallenge == "" || r.CodeChallengeMethod != oidc.CodeChallengeMethodS256 {
		return nil, oidc.ErrInvalidRequest().WithDescription("PKCE is required: send code_challenge with code_challenge_method S256")
	}
	for _, prompt := range r.Prompt {
		if prompt == oidc.PromptNone {
			return nil, oidc.ErrLoginRequired().WithDescription("this provider keeps no session")
		}
	}
	request := &authRequest{
		session:      session{client: r.ClientID, audience: s.provider.audience, scopes: r.Scopes},
		id:           rand.Text(),
		redirectURI:  r.RedirectURI,
		state:        r.State,
		nonce:        r.Nonce,
		challenge:    r.CodeChallenge,
		responseMode: r.ResponseMode,
		expires:      s.provider.now().Add(signInLife),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests.Add(request.id, request)
	return request, nil
}

// signIn ends the choice of a user; it reports whether the sign-in was still
// open.
func (s *storage) signIn(id string, user User) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	request, ok := s.requests.Get(id)
	if !ok || request.done || s.provider.now().After(request.expires) {
		return false
	}
	request.user, request.done, request.authTime = user, true, s.provider.now()
	return true
}

// AuthRequestByID returns a copy, so that nothing is shared between requests.
func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	request, ok := s.requests.Get(id)
	if !ok || s.provider.now().After(request.expires) {
		return nil, errors.New("the sign-in is unknown or over")
	}
	found := *request
	return &found, nil
}

// AuthRequestByCode spends the code, whatever becomes of the exchange.
func (s *storage) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	id, ok := s.codes.Get(code)
	s.codes.Remove(code)
	s.mu.Unlock()
	if !ok {
		return nil, errors.New("the code is unknown or was used")
	}
	return s.AuthRequestByID(ctx, id)
}

func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes.Add(code, id)
	return nil
}

func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests.Remove(id)
	return nil
}

func (s *storage) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	return rand.Text(), s.provider.now().Add(tokenLife), nil
}

// CreateAccessAndRefreshTokens replaces the refresh token that was used, if
// one was, by another.
func (s *storage) CreateAccessAndRefreshTokens(_ context.Context, request op.TokenRequest, used string) (string, string, time.Time, error) {
	var next session
	switch r := request.(type) {
	case *authRequest:
		next = r.fresh()
	case *refreshRequest:
		next = r.fresh()
	default:
		return "", "", time.Time{}, errors.New("no refresh token for this grant")
	}
	token := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if used != "" && !s.refresh.Remove(used) {
		return "", "", time.Time{}, oidc.ErrInvalidGrant().WithDescription("the refresh token was used already")
	}
	s.refresh.Add(token, &next)
	return rand.Text(), token, s.provider.now().Add(tokenLife), nil
}

func (s *storage) TokenRequestByRefreshToken(_ context.Context, token string) (op.RefreshTokenRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, ok := s.refresh.Get(token)
	if !ok {
		return nil, op.ErrInvalidRefreshToken
	}
	return &refreshRequest{kept.fresh()}, nil
}

// TerminateSession forgets the user's refresh tokens of the client.
func (s *storage) TerminateSession(_ context.Context, userID, clientID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, token := range s.refresh.Keys() {
		if kept, ok := s.refresh.Peek(token); ok && kept.user.ID == userID && kept.client == clientID {
			s.refresh.Remove(token)
		}
	}
	return nil
}

// RevokeToken revokes a refresh token. Access tokens cannot be revoked.
func (s *storage) RevokeToken(_ context.Context, token, _, _ string) *oidc.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh.Remove(token)
	return nil
}

func (s *storage) GetRefreshTokenInfo(_ context.Context, clientID, token string) (userID, tokenID string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, ok := s.refresh.Get(token)
	if !ok || kept.client != clientID {
		return "", "", op.ErrInvalidRefreshToken
	}
	return kept.user.ID, token, nil
}

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return s.provider.key() }

func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

func (s *storage) KeySet(context.Context) ([]op.Key, error) {
	key, err := s.provider.key()
	return []op.Key{publicKey{key}}, err
}

func (s *storage) Health(context.Context) error { return nil }

func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if c, ok := s.clients[id]; ok {
		return c, nil
	}
	return nil, errors.New("the clients are " + AppClientID + " and " + DaemonClientID)
}

func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != DaemonClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(DaemonSecret)) != 1 {
		return errors.New("unknown client or wrong secret")
	}
	return nil
}

// ClientCredentials knows the daemon.
func (s *storage) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	if err := s.AuthorizeClientIDSecret(ctx, id, secret); err != nil {
		return nil, err
	}
	return s.GetClientByClientID(ctx, id)
}

func (s *storage) ClientCredentialsTokenRequest(_ context.Context, id string, _ []string) (op.TokenRequest, error) {
	daemon := User{ID: id, Name: "Local daemon", Roles: []string{roleService}}
	return &session{client: id, audience: s.provider.audience, user: daemon}, nil
}

// GetPrivateClaimsFromRequest gives the claims of an access token.
func (s *storage) GetPrivateClaimsFromRequest(_ context.Context, request op.TokenRequest, _ []string) (map[string]any, error) {
	r, ok := request.(interface{ accessClaims() map[string]any })
	if !ok {
		return nil, errors.New("this grant is not supported")
	}
	return r.accessClaims(), nil
}

// SetUserinfoFromRequest gives the claims of an ID token.
func (s *storage) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, request op.IDTokenRequest, _ []string) error {
	return s.SetUserinfoFromToken(ctx, info, "", request.GetSubject(), "")
}

// SetUserinfoFromToken gives the answer of the userinfo endpoint.
func (s *storage) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, _, subject, _ string) error {
	user, ok := s.provider.user(subject)
	if !ok {
		return errors.New("the token is no user's")
	}
	info.Subject, info.Name, info.PreferredUsername = user.ID, user.Name, user.ID
	return nil
}

// The rest belongs to grants that the provider does not offer.

func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

func (s *storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errors.New("introspection is not supported: access tokens are JWTs")
}

func (s *storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}

func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errors.New("clients have no keys here")
}

func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errors.New("the JWT bearer grant is not supported")
}
