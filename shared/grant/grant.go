// Package grant is how access tokens are asked for and given over HTTP: the
// request's scopes and life, their rules, and the answer's shape. Functions
// that give tokens share it; who may have one is theirs to decide.
package grant

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"switchboard/shared/calling"
	"switchboard/shared/identity"
	"switchboard/shared/problem"
)

// Body asks for a token.
type Body struct {
	Scopes           []string `json:"scopes,omitempty" nullable:"false" maxItems:"20" doc:"What the token is for: chat, chat.join, chat.join.limited, voip, voip.join. Left out: chat and voip" example:"[\"voip\"]"`
	ExpiresInMinutes *int     `json:"expiresInMinutes,omitempty" minimum:"60" maximum:"1440" doc:"How long the token lives, in minutes. Left out: the service's setting, a day unless changed" example:"60"`
}

// Answer is a token and the identity it is for.
type Answer struct {
	Token     string    `json:"token" doc:"The access token, a JWT. A secret"`
	ExpiresOn time.Time `json:"expiresOn" doc:"When the token ends, UTC, whole seconds"`
	Scopes    []string  `json:"scopes" nullable:"false" doc:"What the token is for"`
	User      User      `json:"user"`
}

// User names the calling identity.
type User struct {
	CommunicationUserID string `json:"communicationUserId" doc:"The calling identity, stable for the user" example:"8:acs:…"`
}

// NewAnswer renders a grant. The expiry is cut to whole seconds: common
// clients' date parsers refuse fractions.
func NewAnswer(g identity.Grant) Answer {
	a := Answer{Token: g.Token.Value, ExpiresOn: g.Token.ExpiresOn.UTC().Truncate(time.Second)}
	for _, s := range g.Scopes {
		a.Scopes = append(a.Scopes, string(s))
	}
	a.User.CommunicationUserID = g.CallingID
	return a
}

// Wish reads scopes, each value a list separated by commas or spaces, and a
// life in minutes (nil = standard). No scope means those that calling apps
// need. Location names the place of the scopes in the request, such as
// "query.scope". The error is Invalid.
func Wish(location string, scopes []string, minutes *int, standard time.Duration) (identity.Want, error) {
	want := identity.Want{Life: standard}
	if minutes != nil {
		want.Life = time.Duration(*minutes) * time.Minute
	}
	var faults []problem.Field
	for _, value := range scopes {
		for _, name := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' }) {
			if scope := calling.Scope(name); scope.Valid() {
				want.Scopes = append(want.Scopes, scope)
				continue
			}
			if len(faults) == 0 {
				faults = append(faults, problem.Field{Location: location, Message: fmt.Sprintf("names an unknown scope; the scopes are %s", all())})
			}
		}
	}
	if len(faults) > 0 {
		err := problem.New(problem.Invalid, "scope_unknown", "A scope is not known; errors says which there are.")
		err.Fields = faults
		return identity.Want{}, err
	}
	if len(want.Scopes) == 0 {
		want.Scopes = []calling.Scope{calling.Chat, calling.VoIP}
	}
	slices.Sort(want.Scopes)
	want.Scopes = slices.Compact(want.Scopes)
	return want, nil
}

func all() string {
	var names []string
	for _, s := range calling.Scopes() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}
