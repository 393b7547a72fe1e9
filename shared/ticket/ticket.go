// Package ticket is what it takes to join a call, whatever carries it: the ticket that
// clients get, and what is needed of a calling provider to make one.
//
// Spaces and meetings share it. Who may have a ticket is theirs to decide.
package ticket

import (
	"context"
	"time"

	"switchboard/shared/identity"
)

// Ticket is the join ticket of the HTTP contract, one shape for every kind of call.
type Ticket struct {
	Provider    string            `json:"provider" doc:"What carries the call" example:"acs"`
	Locator     map[string]string `json:"locator" doc:"What the calling SDK's join takes, as it is" example:"{\"groupId\":\"6d1f6f5e-58cd-4a3f-9c1b-2f0d8f4f8c11\"}"`
	User        User              `json:"user"`
	DisplayName string            `json:"displayName" doc:"The name to join under; empty if the user has not chosen one"`
	Token       string            `json:"token" doc:"The access token for the calling SDK"`
	ExpiresOn   time.Time         `json:"expiresOn" doc:"When the token expires, UTC"`
}

// New makes a ticket of what somebody was granted. The expiry is cut to whole seconds:
// common clients' date parsers refuse fractions.
func New(provider string, locator map[string]string, g identity.Grant) Ticket {
	return Ticket{
		Provider:    provider,
		Locator:     locator,
		User:        User{CommunicationUserID: g.CallingID},
		DisplayName: g.DisplayName,
		Token:       g.Token.Value,
		ExpiresOn:   g.Token.ExpiresOn.UTC().Truncate(time.Second),
	}
}

// User is the calling identity that the token is for.
type User struct {
	CommunicationUserID string `json:"communicationUserId" example:"8:acs:…"`
}

// Call names a call. Clients choose ids, so the same one may be in several spaces: a
// provider whose tokens are for one call tells calls apart by both, or else whoever
// learned an id would get into the call by sharing it in a space of their own.
type Call struct {
	Space string
	ID    string // a UUID in lower case
}

// Guest is who joins a call.
type Guest struct {
	UserID string
	Leads  bool // may do in the call what hosts may, where the provider tells them apart
}

// Provider carries calls. It has nothing to do before somebody joins. Errors are
// *problem.Error.
type Provider interface {
	// Admit gives who joins a call now an identity, a token for it, and the locator.
	Admit(ctx context.Context, c Call, who Guest) (Ticket, error)
	// End ends a call for those who are in it, as far as the provider can. It may be
	// called again, also for a call that nobody has joined. It is called for every call
	// that was ended; for one that only expired, when the next begins or the space goes.
	End(ctx context.Context, c Call) error
}

// ACS carries calls as group calls of Azure Communication Services, the first provider.
//
// Whoever has a token with a scope for calls and knows a group id can be in the call:
// tokens are not for one call, and ACS has no end of a group call from outside but by
// Call Automation. So End does nothing, and what keeps somebody out is that they do
// not get to know the id.
type ACS struct {
	Identities *identity.Registry
	Want       identity.Want // of the tokens
}

// Admit costs one read while a token is warm. NotFound for whom there is no mapping.
func (p ACS) Admit(ctx context.Context, c Call, who Guest) (Ticket, error) {
	subject := identity.Subject{Key: identity.UserKey(who.UserID), Kind: identity.User, MustExist: true}
	g, err := p.Identities.Token(ctx, subject, p.Want)
	if err != nil {
		return Ticket{}, err
	}
	return New("acs", map[string]string{"groupId": c.ID}, g), nil
}

// End does nothing.
func (ACS) End(context.Context, Call) error { return nil }
