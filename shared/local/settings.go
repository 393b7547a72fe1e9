package local

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"strings"

	"switchboard/shared/app"
	"switchboard/shared/faults"
	"switchboard/shared/signin"
)

// Addresses of the services for clients in this process: names, not places,
// because Options gives the clients their transports.
const (
	cosmosName = "https://cosmos.localhost"
	acsName    = "https://acs.localhost"
	graphName  = "https://graph.localhost"
	entraName  = "https://entra.localhost"
)

// Options make a program use the services of this process without a network.
func (c *Cloud) Options() app.Options {
	graph, oidc := faults.Transport{Handler: c.GraphFaults}, faults.Transport{Handler: c.OIDCFaults}
	return app.Options{
		Cosmos:  faults.Transport{Handler: c.CosmosFaults},
		ACS:     faults.Transport{Handler: c.ACSFaults},
		Graph:   graph,
		Issuers: issuers{entra: graph, oidc: oidc},
		Now:     c.now,
	}
}

// Settings are the settings of a program in this process.
func (c *Cloud) Settings() map[string]string {
	settings := c.settings(acsName, cosmosName, c.people(), c.tenant(""))
	maps.Copy(settings, c.graphSettings(graphName))
	maps.Copy(settings, c.registration(entraName))
	return settings
}

// SettingsAt are the settings of a program that reaches the services over the
// network, at the given addresses; without one of Graph there is no Graph.
//
// Credentials of an app registration need an authority with TLS, which a program
// trusts by SSL_CERT_FILE. Over plain http the program is the managed identity of
// the machine instead, by the variables that App Service sets, which have to be in
// its environment; it can then not act on behalf of users.
func (c *Cloud) SettingsAt(acs, cosmos, graph string) map[string]string {
	if graph == "" {
		return c.settings(acs, cosmos, c.people())
	}
	settings := c.settings(acs, cosmos, c.people(), c.tenant(graph+"/"+c.Graph.Tenant()+"/discovery/v2.0/keys"))
	maps.Copy(settings, c.graphSettings(graph))
	if strings.HasPrefix(graph, "https:") {
		maps.Copy(settings, c.registration(graph))
	} else {
		settings["IDENTITY_ENDPOINT"] = graph + "/msi/token"
		settings["IDENTITY_HEADER"] = c.Graph.IdentityHeader()
	}
	return settings
}

// people is the OpenID provider, as the issuer of tokens.
func (c *Cloud) people() signin.Issuer {
	return signin.Issuer{
		Issuer:         c.OIDC.Issuer(),
		Audiences:      []string{c.OIDC.Audience()},
		RequiredScopes: []string{"access_as_user"},
		RequiredRoles:  []string{signin.RoleService, signin.RoleAdmin},
	}
}

// tenant is the tenant of Entra ID, as the issuer of tokens. Its keys are at an
// address, or, if that is empty, where Entra ID itself says.
func (c *Cloud) tenant(keys string) signin.Issuer {
	return signin.Issuer{
		Issuer:         "https://" + entraHost + "/" + c.Graph.Tenant() + "/v2.0",
		Audiences:      []string{GraphClientID},
		JWKSURL:        keys,
		RequiredScopes: []string{"access_as_user"},
	}
}

// settings are those of all but Graph.
func (c *Cloud) settings(acs, cosmos string, issuers ...signin.Issuer) map[string]string {
	trusted, err := json.Marshal(issuers)
	if err != nil {
		panic(err) // strings only
	}
	return map[string]string{
		"SWITCHBOARD_ISSUERS":                  string(trusted),
		"SWITCHBOARD_ACS_CONNECTION_STRING":    c.ACS.ConnectionString(acs),
		"SWITCHBOARD_COSMOS_CONNECTION_STRING": fmt.Sprintf("AccountEndpoint=%s;AccountKey=%s;", cosmos, c.Cosmos.Key()),
		"SWITCHBOARD_SEALING_KEYS":             c.sealingKey,
		"SWITCHBOARD_CORS_ORIGINS":             "*",
		"SWITCHBOARD_VERSION":                  "local",
	}
}

// graphSettings are those of Graph at an address, without who the program is to it.
func (c *Cloud) graphSettings(graph string) map[string]string {
	settings := map[string]string{
		"SWITCHBOARD_GRAPH_TENANT":            c.Graph.Tenant(),
		"SWITCHBOARD_GRAPH_ENDPOINT":          graph,
		"SWITCHBOARD_GRAPH_ORGANIZER":         Organizer(),
		"SWITCHBOARD_GRAPH_BOOKINGS_BUSINESS": BookingsBusiness,
		"SWITCHBOARD_GRAPH_BOOKINGS_SERVICE":  BookingsService,
	}
	if onLoopback(c.functions) {
		settings["SWITCHBOARD_GRAPH_NOTIFY_URL"] = c.functions + "/api/graph"
	}
	return settings
}

// registration proves the application to Entra ID at an address with TLS.
func (c *Cloud) registration(authority string) map[string]string {
	return map[string]string{
		"SWITCHBOARD_GRAPH_CLIENT_ID":     GraphClientID,
		"SWITCHBOARD_GRAPH_CLIENT_SECRET": c.graphSecret,
		"SWITCHBOARD_GRAPH_AUTHORITY":     authority + "/",
	}
}

func onLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && host.IsLoopback()
}
