package teams

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"switchboard/shared/graph"
	"switchboard/shared/problem"
)

// The permissions with which the probes can be answered, beside those that are needed.
const (
	roleMeetingsRead  = "OnlineMeetings.Read.All"
	roleCalendarsRead = "Calendars.Read"
)

// probe is a question to Graph.
type probe struct {
	check string
	skip  string   // why it is not asked; "" = it is
	roles []string // one of them lets it be answered
	ask   func(context.Context) error
	judge func(error) Finding // of an answer: of nil, and of errors that are about the question

	finding Finding
	outage  *problem.Error // Graph did not answer
}

// probes are independent of each other, and none where there is no token.
func (d *Doctor) probes(who *identity) []*probe {
	all := []*probe{d.policyProbe(who), d.providerProbe(who), d.bookingsProbe(who)}
	for _, p := range all {
		switch {
		case p.skip != "":
		case who == nil:
			p.skip = "There is no token to ask with: see credential."
		case p.check != checkBookings && !d.hasOrganizer():
			p.skip = "There is no organizer to ask about: see settings."
		}
	}
	return all
}

// run asks, and tells what lies in the way of an answer from the answer.
func (p *probe) run(ctx context.Context, who *identity) {
	if p.skip != "" {
		p.finding = skipped(p.check, p.skip)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := p.ask(ctx)
	switch code := codeOf(err); {
	case code == "graph_forbidden" && !who.has(p.roles...):
		p.finding = unknown(p.check, "It cannot be told without the permission: see app_roles.")
	case code == "" || slices.Contains([]string{"graph_access_policy_missing", "graph_forbidden", "graph_refused"}, code):
		p.finding = p.judge(err)
	default:
		p.outage = problem.From(err)
		p.finding = unknown(p.check, "Microsoft Graph did not answer: see graph.")
	}
}

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return problem.From(err).Code
}

// readCalendar reports whether the calendar of the organizer was read.
func (p *probe) readCalendar() bool { return p.check == checkProvider && p.finding.Status == OK }

// service tells whether Graph answered at all, from what the probes saw.
func (d *Doctor) service(who *identity, probes []*probe) Finding {
	asked := false
	for _, p := range probes {
		asked = asked || p.skip == ""
		if p.outage != nil {
			return failed(checkGraph, outageOf(p.outage), d.reachGraph(who)...)
		}
	}
	if !asked {
		return skipped(checkGraph, "There was nothing to ask.")
	}
	return fine(checkGraph, "Microsoft Graph answers.")
}

func outageOf(p *problem.Error) string {
	switch p.Code {
	case "graph_throttled":
		if p.RetryAfter > 0 {
			return fmt.Sprintf("Microsoft Graph takes no more requests of this service for %v.", p.RetryAfter)
		}
		return "Microsoft Graph takes no more requests of this service for the moment."
	case "graph_unavailable":
		return "Microsoft Graph cannot be reached, or is away."
	case "graph_failed":
		return "Microsoft Graph fails, or its answers are cut off or make no sense."
	default:
		return "Microsoft Graph did not answer in time."
	}
}

// noMeeting is the join URL of no meeting. To look for it takes the policy, and only that.
const noMeeting = "x"

// policyProbe asks for a meeting that does not exist: without the policy Graph does not
// get as far as not finding it.
func (d *Doctor) policyProbe(who *identity) *probe {
	return &probe{
		check: checkPolicy,
		roles: []string{roleMeetings, roleMeetingsRead},
		ask: func(ctx context.Context) error {
			_, err := d.Graph.User(d.Organizer).MeetingByJoinURL(ctx, noMeeting)
			if errors.Is(err, graph.ErrNotFound) || errors.Is(err, graph.ErrNotOrganizer) {
				return nil // it was looked for
			}
			return err
		},
		judge: func(err error) Finding {
			switch codeOf(err) {
			case "":
				return fine(checkPolicy, "Teams lets this service hold meetings for the organizer.")
			case "graph_access_policy_missing":
				return failed(checkPolicy, "No application access policy of Teams lets this service hold meetings for the organizer.", d.grantPolicy(who)...)
			case "graph_forbidden":
				return failed(checkPolicy, "Teams does not let this service hold meetings for the organizer, although it has the permission. What is missing is most often the application access policy.", d.grantPolicy(who)...)
			default:
				return unknown(checkPolicy, "Microsoft Graph refuses the question, so that nothing can be said of the application access policy.", d.showPolicy(who)...)
			}
		},
	}
}

// providerProbe asks what meetings the organizer's calendar can make.
func (d *Doctor) providerProbe(who *identity) *probe {
	var offered []string
	return &probe{
		check: checkProvider,
		roles: []string{roleCalendars, roleCalendarsRead},
		ask: func(ctx context.Context) (err error) {
			offered, err = d.Graph.User(d.Organizer).AllowedProviders(ctx)
			return err
		},
		judge: func(err error) Finding {
			switch code := codeOf(err); {
			case code == "" && slices.Contains(offered, graph.TeamsProvider):
				return fine(checkProvider, "The organizer's calendar makes Teams meetings.")
			case code == "":
				return failed(checkProvider, "The organizer's calendar does not offer Teams: its events silently get no meeting.", d.enableTeams()...)
			case code == "graph_forbidden":
				return failed(checkProvider, "Exchange does not let this service into the organizer's mailbox, although it has the permission.", d.openMailbox(who)...)
			default:
				return failed(checkProvider, "The tenant has no such organizer, or the account has no mailbox.", d.findAccount()...)
			}
		},
	}
}

// bookingsProbe reads a minute of the business's calendar.
func (d *Doctor) bookingsProbe(who *identity) *probe {
	p := &probe{
		check: checkBookings,
		roles: []string{roleBookings},
		ask: func(ctx context.Context) error {
			_, err := d.Graph.Appointments(ctx, d.Business, d.Now(), d.Now().Add(time.Minute))
			return err
		},
		judge: func(err error) Finding {
			switch code := codeOf(err); {
			case code == "" && d.Service == "":
				return failed(checkBookings, "SWITCHBOARD_GRAPH_BOOKINGS_SERVICE is not set: an appointment is for a service of the business.", d.listServices()...)
			case code == "":
				return fine(checkBookings, "The calendar of the Bookings business can be read. Whether its service exists is not looked at.")
			case code == "graph_forbidden":
				return failed(checkBookings, "The Bookings business is not open to this service, although it has the permission.", d.listBusinesses()...)
			default:
				return failed(checkBookings, "The tenant has no such Bookings business.", d.listBusinesses()...)
			}
		},
	}
	if d.Business == "" {
		p.skip = "SWITCHBOARD_GRAPH_BOOKINGS_BUSINESS is not set: there are no meetings of the mode booking."
	}
	return p
}
