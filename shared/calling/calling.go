// Package calling holds the words the domain uses for whatever carries the
// calls: identities, scopes and access tokens. Azure Communication Services
// (package acs) is the first provider behind them and never the model itself.
//
// The package has no behaviour of a provider; interfaces that a provider must
// satisfy stand where they are used.
package calling

import (
	"errors"
	"slices"
	"time"
)

// Scope is what an access token allows. The values are those of ACS (REST API
// 2023-10-01, type CommunicationTokenScope).
type Scope string

// The scopes a token may carry.
const (
	Chat            Scope = "chat"              // all of chat
	ChatJoin        Scope = "chat.join"         // chat without creating, changing or deleting threads
	ChatJoinLimited Scope = "chat.join.limited" // as ChatJoin, without adding or removing people; for guests
	VoIP            Scope = "voip"              // all of calling
	VoIPJoin        Scope = "voip.join"         // join calls, not start them
)

// Scopes returns every known scope, in alphabetical order.
func Scopes() []Scope {
	return []Scope{Chat, ChatJoin, ChatJoinLimited, VoIP, VoIPJoin}
}

// Valid reports whether s is a known scope.
func (s Scope) Valid() bool { return slices.Contains(Scopes(), s) }

// The life of an access token, in the limits of the provider.
const (
	MinLife = 60 * time.Minute
	MaxLife = 24 * time.Hour
)

// Token is an access token of the calling provider. Value is a secret.
type Token struct {
	Value     string
	ExpiresOn time.Time // UTC
}

// ErrNotOwned says that the provider does not know an identity: it was
// deleted, or the provider's resource was replaced by another.
var ErrNotOwned = errors.New("calling: the identity does not belong to this provider")
