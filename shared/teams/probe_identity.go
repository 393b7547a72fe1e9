package teams

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"switchboard/shared/entra"
	"switchboard/shared/problem"
)

// The application permissions that meetings need ("Microsoft Graph permissions
// reference").
const (
	roleMeetings  = "OnlineMeetings.ReadWrite.All"
	roleCalendars = "Calendars.ReadWrite"
	roleBookings  = "BookingsAppointment.ReadWrite.All"
	roleVisits    = "VirtualAppointment.Read.All" // optional
)

// identity is what a token of the application says of it. Graph's tokens are nobody's
// business but Graph's: their form may change, and then nothing is known. What is here is
// fit to be shown.
type identity struct {
	clientID string // GUIDs, or ""
	objectID string // of the service principal
	tenant   string
	roles    []string
	readable bool
}

// has reports whether the application has one of these roles.
func (i *identity) has(roles ...string) bool {
	return slices.ContainsFunc(roles, func(role string) bool { return slices.Contains(i.roles, role) })
}

// settings finds what is missing before anything is asked.
func (d *Doctor) settings() Finding {
	var faults, remedy []string
	if uuid.Validate(d.Tenant) != nil {
		faults = append(faults, "SWITCHBOARD_GRAPH_TENANT is not the GUID of a tenant.")
		remedy = append(remedy, "az account show --query tenantId --output tsv", "Set SWITCHBOARD_GRAPH_TENANT to what it prints, and restart the service.")
	}
	own := d.Organizer == "" && (d.Callers == Application || d.Callers == Delegated)
	switch {
	case own:
	case d.Organizer == "":
		faults = append(faults, "SWITCHBOARD_GRAPH_ORGANIZER is not set: nobody holds the meetings of callers from outside of the tenant.")
	case !d.hasOrganizer():
		faults = append(faults, "SWITCHBOARD_GRAPH_ORGANIZER is not an object id: Teams takes no user principal names.")
	}
	if !d.hasOrganizer() && !own {
		remedy = append(remedy, findOrganizer()...)
	}
	if len(faults) > 0 {
		return failed(checkSettings, strings.Join(faults, " "), remedy...)
	}
	if own {
		return fine(checkSettings, "The tenant is set. No account organizes for others: only callers of the tenant can schedule meetings.")
	}
	return fine(checkSettings, "The tenant and the organizer are set.")
}

func (d *Doctor) hasOrganizer() bool { return uuid.Validate(d.Organizer) == nil }

// unconfigured is the only finding where there is no Graph.
func (d *Doctor) unconfigured() Finding {
	return failed(checkSettings, "Microsoft Graph is not configured: this service makes no meetings and reads no calendars.",
		"Set SWITCHBOARD_GRAPH_TENANT, SWITCHBOARD_GRAPH_ORGANIZER and, unless the managed identity of the host is used, SWITCHBOARD_GRAPH_CLIENT_ID with SWITCHBOARD_GRAPH_CLIENT_SECRET, _CERTIFICATE or _FEDERATED. Then restart the service and ask again.")
}

// identify gets a token and reads it. Without one the identity is nil.
func (d *Doctor) identify(ctx context.Context) (*identity, Finding) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	token, err := d.Token(ctx)
	if err != nil {
		return nil, d.noToken(err)
	}
	who := readToken(token)
	if d.ClientID == "" && who.tenant != "" && !strings.EqualFold(who.tenant, d.Tenant) {
		return who, failed(checkCredential, "The managed identity is of another tenant than SWITCHBOARD_GRAPH_TENANT says.",
			fmt.Sprintf("Set SWITCHBOARD_GRAPH_TENANT to %s, or use an app registration of the tenant %s, and restart the service.", who.tenant, d.Tenant))
	}
	return who, fine(checkCredential, "Microsoft Entra ID gives this service tokens for Microsoft Graph.")
}

func readToken(token string) *identity {
	var claims struct {
		jwt.RegisteredClaims
		AppID    string   `json:"appid"`
		ObjectID string   `json:"oid"`
		Tenant   string   `json:"tid"`
		Roles    []string `json:"roles"`
	}
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil {
		return &identity{}
	}
	return &identity{clientID: guid(claims.AppID), objectID: guid(claims.ObjectID), tenant: guid(claims.Tenant), roles: claims.Roles, readable: true}
}

func guid(s string) string {
	if uuid.Validate(s) != nil {
		return ""
	}
	return s
}

// noToken explains why there is no token.
func (d *Doctor) noToken(err error) Finding {
	switch numbers := entra.Numbers(err); {
	case problem.From(err).Code == "entra_unavailable":
		return failed(checkCredential, "Microsoft Entra ID cannot be reached, fails, or asks to wait.", d.reachEntra()...)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return failed(checkCredential, "Microsoft Entra ID gave no token in time.", d.reachEntra()...)
	case len(numbers) > 0:
		detail, remedy := d.refusedBy(numbers[0])
		return failed(checkCredential, fmt.Sprintf("%s (AADSTS%d)", detail, numbers[0]), remedy...)
	case d.ClientID == "":
		return failed(checkCredential, "The host has no such managed identity, or gives it no token.", d.assignIdentity()...)
	default:
		return failed(checkCredential, "The credential gives no token, and nobody says why.", d.checkRegistration()...)
	}
}

// roles compares what the token carries with what meetings need. A permission for
// mailboxes may also come from Exchange, which no token tells, but calendars do.
func (d *Doctor) roles(who *identity, probes []*probe) Finding {
	switch {
	case who == nil:
		return skipped(checkRoles, "There is no token to look at: see credential.")
	case !who.readable:
		return unknown(checkRoles, "The token cannot be read here.", d.showRoles()...)
	}
	needed := []string{roleMeetings, roleCalendars}
	if d.Business != "" {
		needed = append(needed, roleBookings)
	}
	missing := slices.DeleteFunc(needed, func(role string) bool { return who.has(role) })
	detail := "The application permissions are granted."
	if i := slices.Index(missing, roleCalendars); i >= 0 && !who.has(roleCalendarsRead) && slices.ContainsFunc(probes, (*probe).readCalendar) {
		missing = slices.Delete(missing, i, i+1)
		detail = "The application permissions are granted; that for calendars by Exchange, which was seen to let them be read."
	}
	if len(missing) > 0 {
		return failed(checkRoles, "The application lacks permissions: "+strings.Join(missing, ", ")+".", d.grant(who, missing)...)
	}
	if !who.has(roleVisits, "VirtualAppointment.ReadWrite.All") {
		detail += " " + roleVisits + " is not: it is only needed for links of virtual appointments."
	}
	return fine(checkRoles, detail)
}
