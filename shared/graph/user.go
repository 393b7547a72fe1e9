package graph

import (
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"switchboard/shared/problem"
)

// User is somebody whose meetings and calendar are acted on: by the
// application (Client.User) or by themselves (Client.OnBehalfOf).
type User struct {
	caller
	path string // /users/{oid} or /me
}

// User returns the user with an object id, whom the application acts for.
// Meetings take object ids only. Calendars take user principal names too, but
// turns at a mailbox are counted by the name that is used.
func (c *Client) User(id string) *User {
	return &User{c.app(strings.ToLower(id)), pathf("/users/%s", id)}
}

// OnBehalfOf returns the user whose access token for this service the
// assertion is, with the rights that the user and the application share
// (OAuth 2.0 on-behalf-of, learn.microsoft.com/entra/identity-platform). The
// caller has verified the assertion; this only reads it. It makes no request.
//
// The token for Graph is asked for with the first call and used until it
// expires, by every User of the same assertion: their credentials are kept, as
// many as Options.MaxDelegates, under the assertion's SHA-256.
//
// It returns a *problem.Error of code graph_user_token if the assertion has
// expired or is no user's access token of Entra.
func (c *Client) OnBehalfOf(assertion string) (*User, error) {
	if c.options.OnBehalfOf == nil {
		return nil, errors.New("graph: no credential acts on behalf of users")
	}
	expires, mailbox, err := readAssertion(assertion)
	if err != nil {
		return nil, err
	}
	if !expires.After(c.options.Now()) {
		return nil, problem.New(problem.Unauthenticated, "graph_user_token", "The access token has expired. Sign in again.")
	}
	return c.delegates.get(assertion, func() (*User, error) {
		cred, err := c.options.OnBehalfOf(assertion)
		if err != nil {
			return nil, err
		}
		return &User{caller{c, c.authorized(cred), mailbox}, "/me"}, nil
	})
}

// readAssertion reads what is needed of a token that was verified before: its
// end, and the user whose mailbox the calls go to.
func readAssertion(assertion string) (expires time.Time, mailbox string, err error) {
	var claims struct {
		jwt.RegisteredClaims
		ObjectID string `json:"oid"`
		Scopes   string `json:"scp"` // id tokens and those of applications have none
	}
	if _, _, err := jwt.NewParser().ParseUnverified(assertion, &claims); err != nil ||
		claims.ExpiresAt == nil || claims.ObjectID == "" || claims.Scopes == "" {
		return time.Time{}, "", problem.New(problem.Unauthenticated, "graph_user_token",
			"This acts in the caller's Microsoft 365 account: it takes the access token of a user who signed in with Microsoft Entra ID.")
	}
	return claims.ExpiresAt.Time, strings.ToLower(claims.ObjectID), nil
}

// delegates are the users whose credentials are kept. One whose assertion has
// expired is asked for no more, and makes place in its turn.
type delegates struct {
	mu   sync.Mutex
	kept *simplelru.LRU[[sha256.Size]byte, *User]
}

func newDelegates(limit int) (*delegates, error) {
	kept, err := simplelru.NewLRU[[sha256.Size]byte, *User](limit, nil)
	return &delegates{kept: kept}, err
}

// get returns the user of an assertion, made by create if there is none.
func (d *delegates) get(assertion string, create func() (*User, error)) (*User, error) {
	key := sha256.Sum256([]byte(assertion))
	d.mu.Lock()
	defer d.mu.Unlock()
	if user, ok := d.kept.Get(key); ok {
		return user, nil
	}
	user, err := create()
	if err != nil {
		return nil, err
	}
	d.kept.Add(key, user)
	return user, nil
}
