// Package teams holds meetings in Microsoft Teams, through Microsoft Graph: it is the
// meeting.Scheduler that speaks graph.Client. No other package knows both.
//
// It stores nothing and decides nothing about who may do what: whoever calls has asked
// that before. A meeting is a Teams meeting on no calendar (standalone), one with an
// event in the organizer's calendar, or an appointment of a Bookings business; where one
// is, meeting.Place says, and nothing else is remembered.
//
// # Repeats
//
// A plan's id is the externalId or the transactionId of what is made for it, so that a
// Make that is repeated finds what an earlier one left, whichever of its answers was
// lost. Bookings has no such thing: there the id stands beside its customers' names, and
// Make looks for it first where the plan says that it may be there. So an appointment is
// never taken for that of another plan, or of people's own, and cancelled in its place.
//
// # Errors
//
// Every error is a *problem.Error: those of package graph and of its credentials, and
//
//	organizer_not_configured   Upstream     nobody is there to hold the meeting
//	bookings_not_configured    Upstream     no Bookings business or service
//	teams_not_enabled          Upstream     the organizer's calendar has no Teams meetings
//	teams_meeting_pending      Unavailable  made, but not yet to be seen; the same Make goes on with it
//	booking_lobby              Invalid      the lobby of a booking is not this service's to set
//	booking_fixed              Conflict     a booking cannot be changed
//	meeting_organizer_changed  Conflict     the plan's organizer is not who holds the meeting
//	meeting_not_held           Conflict     a meeting that this service did not make
//	calendar_unknown           NotFound     the caller has an account without a mailbox
//	meeting_gone               NotFound     the meeting is no more
//	meeting_unknown            NotFound     the passcode is not the meeting's
package teams

import (
	"log/slog"
	"strings"

	"switchboard/shared/graph"
	"switchboard/shared/meeting"
	"switchboard/shared/problem"
)

// Callers says what is done for callers who are of the tenant.
type Callers string

// The ways to treat callers of the tenant.
const (
	Application Callers = "application" // they organize, and have their calendars read, by the application's permissions
	Delegated   Callers = "delegated"   // the same on their behalf, by their own
	None        Callers = "none"        // they are treated as everybody else
)

// Config is what a Scheduler works with. Graph and Tenant are needed.
type Config struct {
	Graph     *graph.Client
	Tenant    string  // GUID of the tenant that Graph is asked for
	Organizer string  // object id of the account that organizes for others; "" for none
	Callers   Callers // "" is None

	Business string   // Bookings: the mail address of the business
	Service  string   // and the id of its service
	Staff    []string // ids of who attends appointments; none leaves it to Bookings

	Log *slog.Logger // told of what could be done without; discarded if nil
}

// Scheduler holds meetings in Teams. It is safe for concurrent use.
type Scheduler struct{ Config }

var _ meeting.Scheduler = (*Scheduler)(nil)

// New returns a Scheduler. It makes no request.
func New(c Config) *Scheduler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Scheduler{c}
}

// Organizer is who holds a meeting that the actor makes.
func (s *Scheduler) Organizer(by meeting.Actor, mode meeting.Mode) (string, error) {
	switch {
	case mode == meeting.Booking && (s.Business == "" || s.Service == ""):
		return "", problem.New(problem.Upstream, "bookings_not_configured",
			"This service has no Bookings business to make appointments with. Its operator sets SWITCHBOARD_GRAPH_BOOKINGS_BUSINESS "+
				"(the mail address of the business) and SWITCHBOARD_GRAPH_BOOKINGS_SERVICE (the id of its service).")
	case mode == meeting.Booking:
		return "", nil
	case s.isColleague(by):
		return by.ObjectID, nil
	case s.Config.Organizer != "":
		return s.Config.Organizer, nil
	default:
		return "", problem.New(problem.Upstream, "organizer_not_configured",
			"Nobody can organize this meeting: you are not of the tenant where meetings are held, and no account organizes for others. "+
				"The operator of this service sets SWITCHBOARD_GRAPH_ORGANIZER to the object id of a licensed account.")
	}
}

// isColleague reports whether the actor has an account in the tenant that this service
// may use.
func (s *Scheduler) isColleague(by meeting.Actor) bool {
	return (s.Callers == Application || s.Callers == Delegated) && by.ObjectID != "" && strings.EqualFold(by.TenantID, s.Tenant)
}

// acting is the organizer, as the application or, where the settings want it and the
// actor is the organizer, as the actor.
func (s *Scheduler) acting(by meeting.Actor, organizer string) (*graph.User, error) {
	if s.Callers == Delegated && by.Token != "" && strings.EqualFold(by.ObjectID, organizer) {
		return s.Graph.OnBehalfOf(by.Token)
	}
	return s.Graph.User(organizer), nil
}
