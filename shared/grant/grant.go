// Package grant is how access tokens are asked for and given over HTTP: the
// request's scopes and life, their rules, and the answer's shape. Functions
// that give tokens share it; who may have one is theirs to decide.
package grant

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchboard/shared/api"
	"switchboard/shared/calling"
	"switchboard/shared/identity"
)

// Body asks for a token.
type Body struct {
	Scopes           []string `json:"scopes,omitempty" nullable:"false" maxItems:"20" doc:"What the token is for: chat, chat.join, chat.join.limited, voip, voip.join. Left out: chat and voip" example:"[\"voip\"]"`
	ExpiresInMinutes *Minutes `json:"expiresInMinutes,omitempty" minimum:"60" maximum:"1440" doc:"How long the token lives, in minutes. Left out: the service's setting, a day unless changed" example:"60"`
}

// Resolve checks the scopes.
func (b *Body) Resolve(api.Context) []error { return check("body.scopes", b.Scopes) }

// Query asks for a token in the query of a request, for clients that send no
// body.
type Query struct {
	Scope []string `query:"scope,explode" maxItems:"20" doc:"What the token is for, separated by commas: chat, chat.join, chat.join.limited, voip, voip.join. Left out: chat and voip" example:"voip,chat"`
}

// Resolve checks the scopes.
func (q *Query) Resolve(api.Context) []error { return check("query.scope", q.Scope) }

// Minutes is a whole number of minutes. In JSON 60, 60.0 and 6e1 are the same
// number.
type Minutes int

// UnmarshalJSON reads any number. It never fails, so that a member of another
// type, which the schema tells, does not hide the faults of others.
func (m *Minutes) UnmarshalJSON(body []byte) error {
	if f, err := strconv.ParseFloat(string(body), 64); err == nil {
		*m = Minutes(f)
	}
	return nil
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

// Wish is what scopes, each value a list separated by commas or spaces, and a
// life in minutes (nil = standard) ask for, once they have been checked. No
// scope means those that calling apps need.
func Wish(scopes []string, minutes *Minutes, standard time.Duration) identity.Want {
	want := identity.Want{Life: standard}
	if minutes != nil {
		want.Life = time.Duration(*minutes) * time.Minute
	}
	for _, name := range names(scopes) {
		want.Scopes = append(want.Scopes, calling.Scope(name))
	}
	if len(want.Scopes) == 0 {
		want.Scopes = []calling.Scope{calling.Chat, calling.VoIP}
	}
	slices.Sort(want.Scopes)
	want.Scopes = slices.Compact(want.Scopes)
	return want
}

// check finds every scope that is not known.
func check(location string, scopes []string) (faults []error) {
	for i, name := range names(scopes) {
		if !calling.Scope(name).Valid() {
			faults = append(faults, api.Fault(fmt.Sprintf("%s[%d]", location, i), "is not a scope; the scopes are "+known()))
		}
	}
	return faults
}

func names(scopes []string) []string {
	return strings.FieldsFunc(strings.Join(scopes, ","), func(r rune) bool { return r == ',' || r == ' ' })
}

func known() string {
	var names []string
	for _, s := range calling.Scopes() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}
