package app

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"switchboard/shared/entra"
	"switchboard/shared/graph"
)

// graphEnvironment is the settings of Microsoft Graph as they come. None of
// them has to be set: without a tenant there is no Graph.
type graphEnvironment struct {
	Tenant              string `env:"SWITCHBOARD_GRAPH_TENANT"`
	ClientID            string `env:"SWITCHBOARD_GRAPH_CLIENT_ID"`
	ClientSecret        string `env:"SWITCHBOARD_GRAPH_CLIENT_SECRET"`
	Certificate         string `env:"SWITCHBOARD_GRAPH_CERTIFICATE"`
	CertificatePassword string `env:"SWITCHBOARD_GRAPH_CERTIFICATE_PASSWORD"`
	Federated           string `env:"SWITCHBOARD_GRAPH_FEDERATED, default=false"`
	ManagedIdentity     string `env:"SWITCHBOARD_GRAPH_MANAGED_IDENTITY"`
	Endpoint            string `env:"SWITCHBOARD_GRAPH_ENDPOINT, default=https://graph.microsoft.com"`
	Authority           string `env:"SWITCHBOARD_GRAPH_AUTHORITY, default=https://login.microsoftonline.com/"`
	Organizer           string `env:"SWITCHBOARD_GRAPH_ORGANIZER"`
	Callers             string `env:"SWITCHBOARD_GRAPH_CALLERS, default=application"`
	BookingsBusiness    string `env:"SWITCHBOARD_GRAPH_BOOKINGS_BUSINESS"`
	BookingsService     string `env:"SWITCHBOARD_GRAPH_BOOKINGS_SERVICE"`
	BookingsStaff       string `env:"SWITCHBOARD_GRAPH_BOOKINGS_STAFF"`
	NotifyURL           string `env:"SWITCHBOARD_GRAPH_NOTIFY_URL"`
}

// callers says how those who signed in with the tenant's own Entra ID organize
// meetings and have their calendars read.
type callers string

const (
	byApplication callers = "application" // by the application's permissions
	byDelegation  callers = "delegated"   // by their own, on their behalf
	notAtAll      callers = "none"        // as everybody else
)

// graphSettings are what the environment means. The zero value is none.
type graphSettings struct {
	tenant    string // GUID, in lower case; "": there is no Graph
	identity  entra.Settings
	endpoint  string
	authority string
	organizer string // object id of who organizes meetings for everybody; "": nobody
	callers   callers
	bookings  bookingsSettings
	notify    string // URL, without a slash at its end; "": nothing is watched
}

// bookingsSettings name what appointments are made with.
type bookingsSettings struct {
	business, service string // "": no Bookings
	staff             []string
}

// graph reads the group. What has a default may be set without a tenant, so
// that templates can say the default.
func (r *reader) graph(e graphEnvironment) graphSettings {
	if e.Tenant == "" {
		if alone := e.withoutTenant(); alone != nil {
			r.fault("SWITCHBOARD_GRAPH_TENANT", "is missing, while "+strings.Join(alone, ", ")+" is set")
		}
		return graphSettings{}
	}
	s := graphSettings{
		tenant:    r.guid("SWITCHBOARD_GRAPH_TENANT", e.Tenant),
		identity:  r.application(e),
		endpoint:  e.Endpoint,
		authority: e.Authority,
		organizer: r.guid("SWITCHBOARD_GRAPH_ORGANIZER", e.Organizer),
		callers:   r.callers(e),
		bookings:  r.bookings(e),
		notify:    r.notifyURL(e.NotifyURL),
	}
	_, err := graph.New(e.Endpoint, nobody{}, nil)
	r.check("SWITCHBOARD_GRAPH_ENDPOINT", err)
	if u, err := url.Parse(e.Authority); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		r.fault("SWITCHBOARD_GRAPH_AUTHORITY", "is not an https address")
	}
	if s.callers == notAtAll && s.organizer == "" && s.bookings.business == "" {
		r.fault("SWITCHBOARD_GRAPH_ORGANIZER", "is missing: with SWITCHBOARD_GRAPH_CALLERS=none, and no Bookings business, nobody could hold a meeting")
	}
	return s
}

// withoutTenant lists what is set and means nothing without a tenant.
func (e graphEnvironment) withoutTenant() (names []string) {
	for _, setting := range []struct{ name, value string }{
		{"CLIENT_ID", e.ClientID}, {"CLIENT_SECRET", e.ClientSecret}, {"CERTIFICATE", e.Certificate},
		{"CERTIFICATE_PASSWORD", e.CertificatePassword}, {"MANAGED_IDENTITY", e.ManagedIdentity}, {"ORGANIZER", e.Organizer},
		{"BOOKINGS_BUSINESS", e.BookingsBusiness}, {"BOOKINGS_SERVICE", e.BookingsService}, {"BOOKINGS_STAFF", e.BookingsStaff},
		{"NOTIFY_URL", e.NotifyURL},
	} {
		if setting.value != "" {
			names = append(names, "SWITCHBOARD_GRAPH_"+setting.name)
		}
	}
	return names
}

// application reads who the service is to Entra ID: an app registration with one
// proof, or the managed identity of the machine.
func (r *reader) application(e graphEnvironment) entra.Settings {
	s := entra.Settings{
		Tenant:              strings.ToLower(e.Tenant),
		ClientID:            r.guid("SWITCHBOARD_GRAPH_CLIENT_ID", e.ClientID),
		Secret:              e.ClientSecret,
		CertificatePassword: e.CertificatePassword,
		Federated:           r.flag("SWITCHBOARD_GRAPH_FEDERATED", e.Federated),
		ManagedIdentity:     r.guid("SWITCHBOARD_GRAPH_MANAGED_IDENTITY", e.ManagedIdentity),
	}
	if e.Certificate != "" {
		s.Certificate = r.certificate(e.Certificate, s)
	} else if e.CertificatePassword != "" {
		r.fault("SWITCHBOARD_GRAPH_CERTIFICATE_PASSWORD", "is set without SWITCHBOARD_GRAPH_CERTIFICATE")
	}
	var proofs []string
	for name, given := range map[string]bool{
		"SWITCHBOARD_GRAPH_CLIENT_SECRET": s.Secret != "", "SWITCHBOARD_GRAPH_CERTIFICATE": e.Certificate != "", "SWITCHBOARD_GRAPH_FEDERATED": s.Federated,
	} {
		if given {
			proofs = append(proofs, name)
		}
	}
	slices.Sort(proofs)
	switch {
	case len(proofs) > 1:
		r.fault(strings.Join(proofs, ", "), "are set together; choose one")
	case e.ClientID == "" && len(proofs) > 0:
		r.fault("SWITCHBOARD_GRAPH_CLIENT_ID", "is missing: "+proofs[0]+" proves an app registration")
	case e.ClientID != "" && len(proofs) == 0:
		r.fault("SWITCHBOARD_GRAPH_CLIENT_SECRET", "is missing: or SWITCHBOARD_GRAPH_CERTIFICATE, or SWITCHBOARD_GRAPH_FEDERATED, to prove the app registration SWITCHBOARD_GRAPH_CLIENT_ID")
	case e.ManagedIdentity != "" && e.ClientID != "" && !s.Federated:
		r.fault("SWITCHBOARD_GRAPH_MANAGED_IDENTITY", "is not used: "+proofs[0]+" proves the app registration")
	}
	if e.ClientID == "" { // a managed identity belongs to a tenant, and is not asked for it
		s.Tenant = ""
	}
	return s
}

// certificate decodes a certificate with its key, and checks that it is one.
func (r *reader) certificate(text string, s entra.Settings) []byte {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil || len(der) == 0 {
		r.fault("SWITCHBOARD_GRAPH_CERTIFICATE", "is not base64 of a PEM or PKCS #12 file")
		return nil
	}
	const some = "00000000-0000-0000-0000-000000000000" // the ids have faults of their own
	_, err = entra.New(entra.Settings{Tenant: some, ClientID: some, Certificate: der, CertificatePassword: s.CertificatePassword}, nil)
	r.check("SWITCHBOARD_GRAPH_CERTIFICATE", err)
	return der
}

func (r *reader) callers(e graphEnvironment) callers {
	c := callers(e.Callers)
	switch {
	case !slices.Contains([]callers{byApplication, byDelegation, notAtAll}, c):
		r.fault("SWITCHBOARD_GRAPH_CALLERS", "is not one of application, delegated, none")
	case c == byDelegation && e.ClientID == "":
		r.fault("SWITCHBOARD_GRAPH_CALLERS", "is delegated, but a managed identity alone cannot act on behalf of users: set SWITCHBOARD_GRAPH_CLIENT_ID, and SWITCHBOARD_GRAPH_FEDERATED to do without a secret")
	}
	return c
}

func (r *reader) bookings(e graphEnvironment) bookingsSettings {
	s := bookingsSettings{business: e.BookingsBusiness, service: e.BookingsService}
	for id := range strings.SplitSeq(e.BookingsStaff, ",") {
		if id = strings.TrimSpace(id); id != "" {
			s.staff = append(s.staff, id)
		}
	}
	switch {
	case s.business != "" && s.service == "":
		r.fault("SWITCHBOARD_GRAPH_BOOKINGS_SERVICE", "is missing: appointments are for a service of SWITCHBOARD_GRAPH_BOOKINGS_BUSINESS")
	case s.business == "" && (s.service != "" || s.staff != nil):
		r.fault("SWITCHBOARD_GRAPH_BOOKINGS_BUSINESS", "is missing: SWITCHBOARD_GRAPH_BOOKINGS_SERVICE and _STAFF are of a business")
	}
	return s
}

// notifyURL reads where Graph sends notifications. It sends them over https only;
// a local Graph, on this machine, takes http too.
func (r *reader) notifyURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case text == "":
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		r.fault("SWITCHBOARD_GRAPH_NOTIFY_URL", "is not an address such as https://switchboard.example.com/api/graph")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		r.fault("SWITCHBOARD_GRAPH_NOTIFY_URL", "is not https (http is for loopback hosts only)")
	}
	return strings.TrimRight(text, "/")
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// graph is the client of Microsoft Graph, and the application that it acts as. Both are
// nil, without an error, where the settings name no tenant.
func (b *builder) graph() (*graph.Client, *entra.App, error) {
	s := b.settings.graph
	if s.tenant == "" {
		return nil, nil, nil
	}
	known, exchange := microsoft(s.authority)
	application, err := entra.New(s.identity, &entra.Options{
		ClientOptions:            azcore.ClientOptions{Transport: b.Graph, Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: s.authority}},
		DisableInstanceDiscovery: !known,
		ExchangeAudience:         exchange,
	})
	if err != nil {
		return nil, nil, named("SWITCHBOARD_GRAPH_CLIENT_ID and what proves it", err)
	}
	client, err := graph.New(s.endpoint, application, &graph.Options{
		ClientOptions: azcore.ClientOptions{Transport: b.Graph},
		OnBehalfOf:    application.OnBehalfOf,
		Now:           b.Now,
	})
	return client, application, named("SWITCHBOARD_GRAPH_ENDPOINT", err)
}

// microsoft reports whether an authority is one of Microsoft's clouds, and what
// federated identities are exchanged for there (learn.microsoft.com/entra/workload-id,
// "Configure an app to trust a managed identity").
func microsoft(authority string) (known bool, exchange string) {
	u, err := url.Parse(authority)
	if err != nil {
		return false, ""
	}
	exchange, known = map[string]string{
		"login.microsoftonline.com":        "api://AzureADTokenExchange",
		"login.microsoftonline.us":         "api://AzureADTokenExchangeUSGov",
		"login.partner.microsoftonline.cn": "api://AzureADTokenExchangeChina",
	}[u.Hostname()]
	return known, exchange
}
