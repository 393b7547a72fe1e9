package localoidc

import (
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// session is what tokens are made from: who signed in, with which client.
type session struct {
	client   string
	audience string
	user     User
	scopes   []string
	authTime time.Time

	accessMade bool
}

func (s *session) GetAMR() []string       { return nil }
func (s *session) GetAuthTime() time.Time { return s.authTime }
func (s *session) GetClientID() string    { return s.client }
func (s *session) GetScopes() []string    { return s.scopes }
func (s *session) GetSubject() string     { return s.user.ID }

// GetAudience is the API for the access token and the client for the ID token.
// zitadel asks the same object for both: first for the access token, whose
// private claims it asks for next, then for the ID token.
func (s *session) GetAudience() []string {
	if s.accessMade {
		return []string{s.client}
	}
	return []string{s.audience}
}

// accessClaims are the private claims of the access token. Daemons act for no
// user, so theirs has roles and no scope.
func (s *session) accessClaims() map[string]any {
	s.accessMade = true
	if s.client == DaemonClientID {
		return accessClaims(s.user, "")
	}
	return accessClaims(s.user, scopeAccess)
}

// fresh is the session for the next exchange.
func (s *session) fresh() session {
	next := *s
	next.accessMade = false
	next.scopes = slices.Clone(s.scopes)
	return next
}

// authRequest is a sign-in under way, from authorize to token.
type authRequest struct {
	session
	id           string
	redirectURI  string
	state        string
	nonce        string
	challenge    string
	responseMode oidc.ResponseMode
	done         bool
	expires      time.Time
}

func (a *authRequest) GetID() string                      { return a.id }
func (a *authRequest) GetACR() string                     { return "" }
func (a *authRequest) GetNonce() string                   { return a.nonce }
func (a *authRequest) GetRedirectURI() string             { return a.redirectURI }
func (a *authRequest) GetResponseType() oidc.ResponseType { return oidc.ResponseTypeCode }
func (a *authRequest) GetResponseMode() oidc.ResponseMode { return a.responseMode }
func (a *authRequest) GetState() string                   { return a.state }
func (a *authRequest) Done() bool                         { return a.done }
func (a *authRequest) GetCodeChallenge() *oidc.CodeChallenge {
	return &oidc.CodeChallenge{Challenge: a.challenge, Method: oidc.CodeChallengeMethodS256}
}

// refreshRequest is the use of a refresh token.
type refreshRequest struct{ session }

func (r *refreshRequest) SetCurrentScopes(scopes []string) { r.scopes = scopes }
