package acs

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"switchboard/shared/calling"
)

// identity is the answer to POST /identities.
type identity struct {
	Identity struct {
		ID string `json:"id"`
	} `json:"identity"`
	AccessToken accessToken `json:"accessToken"`
}

// accessToken is the answer to the issue and exchange operations.
type accessToken struct {
	Token     string    `json:"token"`
	ExpiresOn time.Time `json:"expiresOn"`
}

// createTry is how long a try at making an identity may take: a slow one that
// is given up and repeated leaves an identity that nobody knows.
const createTry = 4 * time.Second

// Create makes an identity and, in the same call, a token for it with the
// given scopes and life. Without scopes it makes the identity only, and the
// token is zero.
//
// life is cut to whole minutes and must lie within calling.MinLife and
// calling.MaxLife; zero leaves it to ACS, which gives 24 hours.
//
// An id beside an error means that the identity exists and its token is
// unusable. When an answer is lost, the identity it held stays at ACS without
// a user of ours; the API offers no way to find it again.
func (c *Client) Create(ctx context.Context, scopes []calling.Scope, life time.Duration) (id string, token calling.Token, err error) {
	call := operation{name: "create identity", method: http.MethodPost, path: identitiesPath, want: []int{http.StatusCreated, http.StatusOK}, leastTry: createTry}
	if len(scopes) > 0 {
		call.body = struct {
			Scopes  []calling.Scope `json:"createTokenWithScopes"`
			Minutes *int            `json:"expiresInMinutes,omitempty"`
		}{scopes, minutes(life)}
	}
	var answer identity
	if err := c.do(ctx, call, &answer); err != nil {
		return "", calling.Token{}, err
	}
	if answer.Identity.ID == "" {
		return "", calling.Token{}, call.nonsense("the answer has no identity")
	}
	if len(scopes) > 0 {
		token, err = c.token(call, answer.AccessToken)
	}
	return answer.Identity.ID, token, err
}

// Issue makes a token for an identity; life is as for Create. It returns
// calling.ErrNotOwned when ACS does not know the identity.
func (c *Client) Issue(ctx context.Context, id string, scopes []calling.Scope, life time.Duration) (calling.Token, error) {
	call := operation{name: "issue token", method: http.MethodPost, path: identityPath(id, "/:issueAccessToken"), want: []int{http.StatusOK}}
	call.body = struct {
		Scopes  []calling.Scope `json:"scopes"`
		Minutes *int            `json:"expiresInMinutes,omitempty"`
	}{scopes, minutes(life)}
	var answer accessToken
	if err := c.do(ctx, call, &answer); err != nil {
		return calling.Token{}, err
	}
	return c.token(call, answer)
}

// Revoke ends every token issued for an identity so far. ACS itself takes up to
// 15 minutes to enforce it everywhere. It returns calling.ErrNotOwned when
// ACS does not know the identity.
func (c *Client) Revoke(ctx context.Context, id string) error {
	return c.do(ctx, operation{name: "revoke tokens", method: http.MethodPost,
		path: identityPath(id, "/:revokeAccessTokens"), want: []int{http.StatusNoContent}}, nil)
}

// Delete removes an identity and ends its tokens. It returns
// calling.ErrNotOwned when ACS does not know the identity, which is also what
// a second Delete gets, and a repeated try whose first answer was lost.
func (c *Client) Delete(ctx context.Context, id string) error {
	return c.do(ctx, operation{name: "delete identity", method: http.MethodDelete,
		path: identityPath(id, ""), want: []int{http.StatusNoContent}}, nil)
}

// ExchangeTeams exchanges the Entra token of a Teams user for an ACS token that
// acts as that user. appID and userID must equal the token's client id (appid
// or azp) and object id (oid).
func (c *Client) ExchangeTeams(ctx context.Context, teamsToken, appID, userID string) (calling.Token, error) {
	call := operation{name: "exchange Teams token", method: http.MethodPost, path: exchangePath, want: []int{http.StatusOK}}
	call.body = struct {
		Token  string `json:"token"`
		AppID  string `json:"appId"`
		UserID string `json:"userId"`
	}{teamsToken, appID, userID}
	var answer accessToken
	if err := c.do(ctx, call, &answer); err != nil {
		return calling.Token{}, err
	}
	return c.token(call, answer)
}

// minutes is a life as ACS takes it. A life too short is sent as it is, to be
// refused: only zero stands for the default.
func minutes(life time.Duration) *int {
	if life == 0 {
		return nil
	}
	m := int(life / time.Minute)
	return &m
}

// token takes a token from an answer only if a caller could use it.
func (c *Client) token(call operation, t accessToken) (calling.Token, error) {
	switch {
	case t.Token == "":
		return calling.Token{}, call.nonsense("the answer has no token")
	case t.ExpiresOn.IsZero():
		return calling.Token{}, call.nonsense("the token has no expiry")
	case !t.ExpiresOn.After(c.now()):
		return calling.Token{}, call.nonsense("the token has already expired")
	}
	return calling.Token{Value: t.Token, ExpiresOn: t.ExpiresOn.UTC()}, nil
}

const (
	identitiesPath = "/identities"
	exchangePath   = "/teamsUser/:exchangeAccessToken"
)

// identityPath is the path of an identity and a verb on it. The id is escaped
// as encodeURIComponent does, colons included: the form that the service's
// other clients sign and send. Without an id there is no path.
func identityPath(id, verb string) string {
	if id == "" {
		return ""
	}
	return identitiesPath + "/" + strings.ReplaceAll(url.QueryEscape(id), "+", "%20") + verb
}
