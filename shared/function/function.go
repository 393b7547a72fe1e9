// Package function says what a Switchboard function is: one row of the table
// in package functions. The row is what the hosts, the description of the API
// and the deployment templates are made from or checked against.
//
// A function is independent: it knows its row, its handlers and its rules, and
// reaches everything else through Services.
package function

import (
	"context"
	"time"

	"switchboard/shared/api"
	"switchboard/shared/calling"
	"switchboard/shared/friendship"
	"switchboard/shared/handle"
	"switchboard/shared/hosting"
	"switchboard/shared/identity"
	"switchboard/shared/meeting"
	"switchboard/shared/outbox"
	"switchboard/shared/seal"
	"switchboard/shared/space"
	"switchboard/shared/teams"
	"switchboard/shared/watch"
)

// Need is a group of settings that a function cannot work without.
type Need string

// The groups of settings.
const (
	SignIn  Need = "sign-in"
	Storage Need = "storage"
	Calling Need = "calling"
	Sealing Need = "sealing"
)

// Function is one row. It has a Route and a Mount, or an Event.
type Function struct {
	Name    string // folder, Azure function and Lambda
	Summary string // one sentence
	Route   string // template below /api, as Azure Functions writes it: "token/{*rest}"
	Needs   []Need
	Mount   func(*api.API, Services) // registers the operations
	Event   *Event                   // of a function that clients do not call
}

// Event is what a function has that an event fires.
type Event struct {
	Source  string         // what fires it, for the documentation
	Trigger map[string]any // the binding of Azure Functions, without its direction
	Retry   *hosting.Retry // what the Azure host does when the handler fails
	Handler func(Services) hosting.EventHandler
}

// Teams exchanges the Entra token of a Teams user for a calling token.
// *acs.Client is one. Its errors are *problem.Error.
type Teams interface {
	ExchangeTeams(ctx context.Context, teamsToken, appID, userID string) (calling.Token, error)
}

// Services is what functions work with. Only what the deployed functions need
// is set.
type Services struct {
	Identities  *identity.Registry
	Handles     *handle.Directory
	Friendships *friendship.Registry
	Spaces      *space.Registry
	Meetings    *meeting.Registry
	Doctor      *teams.Doctor
	Watch       *watch.Registry
	Outbox      *outbox.Consumer
	Ring        *seal.Ring // nil where no function needs Sealing and no key is set
	Teams       Teams
	TokenLife   time.Duration // of a token whose life the client does not choose
	Patience    time.Duration // of requests that wait for Microsoft Graph
	Version     string        // of the deployment
	Now         func() time.Time
}
