package teams

import (
	"context"
	"net/http"
	"sync"
	"time"

	"switchboard/shared/graph"
)

// Status is what an examination came to.
type Status string

// The outcomes of a check.
const (
	OK      Status = "ok"
	Failed  Status = "failed"  // it is wrong, and the remedy mends it
	Unknown Status = "unknown" // it could not be found out
	Skipped Status = "skipped" // there is nothing to look at
)

// Finding is what was found of one thing that meetings need. It holds ids and addresses
// of the settings, and never a secret, a token or a text that somebody else wrote.
type Finding struct {
	Check  string   `json:"check" doc:"What was looked at, stable, for programs" example:"access_policy"`
	Status Status   `json:"status" enum:"ok,failed,unknown,skipped" doc:"failed: it is wrong; unknown: it could not be found out; skipped: there is nothing to look at"`
	Detail string   `json:"detail" doc:"What was found, for people"`
	Remedy []string `json:"remedy,omitempty" nullable:"false" doc:"What to do, step by step: commands, with their ids filled in, and words"`
}

// The checks, in the order of the findings.
const (
	checkSettings     = "settings"
	checkCredential   = "credential"
	checkRoles        = "app_roles"
	checkGraph        = "graph"
	checkPolicy       = "access_policy"
	checkProvider     = "meeting_provider"
	checkBookings     = "bookings"
	checkAnonymous    = "anonymous_join"
	checkNotification = "webhook"
)

// patience is the most that a single check waits.
const patience = 5 * time.Second

// DoctorConfig is what a Doctor examines: the settings as the service has them, and what
// the service calls Graph with.
type DoctorConfig struct {
	Graph *graph.Client // nil: Graph is not configured
	// Token gets the application's own token for Graph. Its errors are package entra's.
	Token func(context.Context) (string, error)

	Tenant          string // GUID
	ClientID        string // of the app registration; "" = a managed identity
	ManagedIdentity string // client id of a user-assigned managed identity; "" = the system-assigned one
	Authority       string // where administrators consent; "" = https://login.microsoftonline.com
	Endpoint        string // of Graph; "" = graph.DefaultEndpoint
	Organizer       string // object id
	Callers         Callers
	Business        string // of Bookings; "" = none
	Service         string // of that business
	NotifyURL       string // "" = nothing is watched

	Transport http.RoundTripper // to NotifyURL; nil = HTTP
	Now       func() time.Time
	NewID     func() string // makes texts that nobody can guess
}

// Doctor finds out what keeps meetings from working, by trying it. It reads, and changes
// nothing. It is safe for concurrent use.
type Doctor struct{ DoctorConfig }

// Examine makes every check, at most four at a time, and returns what each found, in an
// order that stays. A check waits five seconds at most, all of them ten; with less left of
// ctx they give up earlier, and say that nothing answered. Where Graph is not configured
// there is one finding.
func (d *Doctor) Examine(ctx context.Context) []Finding {
	if d.Graph == nil {
		return []Finding{d.unconfigured()}
	}
	var aside sync.WaitGroup
	var webhook Finding
	aside.Go(func() { webhook = d.webhook(ctx) })
	who, credential := d.identify(ctx)
	probes := d.probes(who)
	for _, p := range probes {
		aside.Go(func() { p.run(ctx, who) })
	}
	aside.Wait()
	findings := []Finding{d.settings(), credential, d.roles(who, probes), d.service(who, probes)}
	for _, p := range probes {
		findings = append(findings, p.finding)
	}
	return append(findings, d.anonymousJoin(), webhook)
}

// anonymousJoin: the settings of Teams are in no part of Graph v1.0 that this service may
// read, and only somebody who joins would see what they do.
func (d *Doctor) anonymousJoin() Finding {
	return unknown(checkAnonymous,
		"This was not looked at: Microsoft Graph does not tell. For Teams, people who come through this service are anonymous. "+
			"They cannot join unless the tenant and the organizer's meeting policy let anonymous people join.", d.admitAnonymous()...)
}

func fine(check, detail string) Finding { return Finding{check, OK, detail, nil} }

func skipped(check, detail string, remedy ...string) Finding {
	return Finding{check, Skipped, detail, remedy}
}

func unknown(check, detail string, remedy ...string) Finding {
	return Finding{check, Unknown, detail, remedy}
}

func failed(check, detail string, remedy ...string) Finding {
	return Finding{check, Failed, detail, remedy}
}
