package local

import (
	"crypto/rand"
	"net/http"

	"switchboard/shared/faults"
	"switchboard/shared/localgraph"
)

// The application that the functions are to the tenant, and the managed identity
// of their machine, which can stand in for its secret. The ids are no secrets.
const (
	GraphClientID         = "b0f4c6de-7a51-4c0e-9d1c-52a9f3a7e8c4"
	managedIdentityID     = "3d7e1f92-4b8a-4f36-8c55-0e6d9a1b2c73"
	managedIdentityObject = "a94d2b60-1c3f-4e87-b5d8-7f20c6e4a951"
)

// The Bookings business of the tenant and its service. Services are not known to
// the local Graph: any id does.
const (
	BookingsBusiness = "consultations@contoso.example"
	BookingsService  = "57da6774-a087-4d69-b0e6-6fb82c339976"
)

// Organizer is the object id of the account that organizes meetings for
// everybody.
func Organizer() string { return localgraph.SeedUserID("meetings") }

// openGraph opens a tenant that has done all that an administrator must do: the
// application has its permissions, and its access policy covers everybody. The
// settings of the local Graph take things away again.
func (c *Cloud) openGraph(o Options) (err error) {
	if c.graphSecret, err = kept(o.file("graph.secret"), rand.Text, checkClientSecret); err != nil {
		return err
	}
	c.Graph, err = localgraph.New(localgraph.Options{
		Path: o.file("graph.db"),
		Apps: []localgraph.App{{
			ClientID:         GraphClientID,
			ObjectID:         "e2c1a0b7-95d4-4f1e-8a3b-6d7c5f4e3b21",
			Roles:            localgraph.AllRoles(),
			Scopes:           []string{"OnlineMeetings.ReadWrite", "Calendars.ReadWrite", "VirtualAppointment.ReadWrite", "BookingsAppointment.ReadWrite.All"},
			Secret:           c.graphSecret,
			FederatedSubject: managedIdentityObject,
		}, {
			ClientID:        managedIdentityID,
			ObjectID:        managedIdentityObject,
			Roles:           localgraph.AllRoles(),
			ManagedIdentity: true,
		}},
		Businesses:     []string{BookingsBusiness},
		Settings:       localgraph.Settings{PolicyGlobal: true},
		SigningKey:     o.SigningKey,
		IdentityHeader: c.graphSecret,
		Now:            o.Now,
		Log:            o.Log,
	})
	return err
}

// TeamsToken is the access token of a user of the tenant, such as "ada", for the
// functions. She is another Switchboard user than the one of the OpenID provider.
func (c *Cloud) TeamsToken(user string) (string, error) {
	return c.Graph.UserToken(localgraph.SeedUserID(user), GraphClientID)
}

// entraHost is the host of Entra ID's issuers, which tokens name wherever the
// tenant is.
const entraHost = "login.microsoftonline.com"

// issuers reaches the identity providers in this process by their names.
type issuers struct{ entra, oidc faults.Transport }

func (i issuers) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == entraHost {
		return i.entra.RoundTrip(r)
	}
	return i.oidc.RoundTrip(r)
}
