// Package invitation is what all invite links have in common: what is stored of one,
// what its code is made of, what its maker sees, and how one is refused.
//
// It stores nothing. What an invite is to, who may make one and what accepting does is
// for the packages whose documents embed Terms.
package invitation

import (
	"strings"
	"time"

	"switchboard/shared/problem"
)

// Link is an invite link as its maker sees it: the body of the HTTP contract.
type Link struct {
	Code      string    `json:"code" doc:"What the link holds"`
	Uses      int       `json:"uses" doc:"How many may accept in all"`
	Used      int       `json:"used" doc:"How many have"`
	CreatedAt time.Time `json:"createdAt" doc:"UTC"`
	ExpiresAt time.Time `json:"expiresAt" doc:"UTC"`
}

// Terms are what every stored invite says.
type Terms struct {
	Key       string    `json:"key,omitempty"` // tells a repeated request: the idempotency key, or a digest of it
	Uses      int       `json:"uses"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// NewTerms are those of an invite that is made now and lives so long, whole seconds.
func NewTerms(uses int, life time.Duration, key string, now time.Time) Terms {
	now = now.UTC()
	return Terms{Key: key, Uses: uses, CreatedAt: now.Truncate(time.Second), ExpiresAt: now.Add(life).Truncate(time.Second)}
}

// Link shows the terms of the invite with the given code.
func (t Terms) Link(code string, used int) Link {
	return Link{Code: code, Uses: t.Uses, Used: used, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt}
}

// Over reports whether the invite has expired.
func (t Terms) Over(now time.Time) bool { return !now.Before(t.ExpiresAt) }

// Same refuses an idempotency key that was used for an invite of another kind.
func (t Terms) Same(other Terms) error {
	if t.Uses != other.Uses || t.ExpiresAt.Sub(t.CreatedAt) != other.ExpiresAt.Sub(other.CreatedAt) {
		return problem.New(problem.Conflict, "idempotency_key_used", "An invite with other uses or another life was made with this Idempotency-Key. Take a new key.")
	}
	return nil
}

// SecretLength is of the part of a code that nobody guesses: 130 random bits, in a-z 2-7.
const SecretLength = 26

// Split takes a code apart, which is an owner's id, of the given length, and a secret:
// so that one point read finds the invite. ok is false for what never is a code.
func Split(code string, ownerLength int) (owner, secret string, ok bool) {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	if len(code) != ownerLength+SecretLength || strings.Trim(code, letters) != "" {
		return "", "", false
	}
	return code[:ownerLength], code[ownerLength:], true
}

// Unknown is the answer to a code that is not, or no more, one.
func Unknown() error {
	return problem.New(problem.NotFound, "invite_unknown", "There is no such invite: it has expired or was revoked. Ask for another.")
}

// UsedUp is the answer to a code that was accepted as often as it may be.
func UsedUp() error {
	return problem.New(problem.Conflict, "invite_used", "This invite has been used. Ask for another.")
}

// Full is the answer to who makes more invites than may be open.
func Full(limit int) error {
	return problem.New(problem.Conflict, "invites_full", "There can be %d open invites at most. Revoke some first.", limit)
}
