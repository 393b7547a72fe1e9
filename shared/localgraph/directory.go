package localgraph

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"switchboard/shared/localoidc"
)

// User is somebody in the tenant. Everybody has a mailbox and a Teams licence.
type User struct {
	ID   string // object id, a GUID
	UPN  string // and mail address
	Name string
}

// SeedUsers are the users of localoidc, and the service account that organizes
// meetings for others. Their object ids are SeedUserID of their names.
func SeedUsers() []User {
	users := []User{{ID: SeedUserID("meetings"), UPN: "meetings@contoso.example", Name: "Contoso Meetings"}}
	for _, u := range localoidc.SeedUsers() {
		users = append(users, User{ID: SeedUserID(u.ID), UPN: u.ID + "@contoso.example", Name: u.Name})
	}
	return users
}

// SeedUserID is the object id of a seed user, such as "ada".
func SeedUserID(name string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://contoso.example/users/"+name)).String()
}

// App is an application that the tenant knows, or a managed identity.
type App struct {
	ClientID string   // a GUID
	ObjectID string   // of its service principal
	Roles    []string // application permissions with consent, such as "Calendars.Read"
	Scopes   []string // delegated permissions with consent; none: on-behalf-of needs consent

	// How it proves who it is. Any of these that is set will do.
	Secret           string
	Certificate      *x509.Certificate // of RSA; signs client assertions
	FederatedSubject string            // object id of the managed identity whose tokens are client assertions
	ManagedIdentity  bool              // gets tokens at /msi/token, and nowhere else
}

// AllRoles are the application permissions that the operations here can need.
func AllRoles() []string {
	return []string{
		"OnlineMeetings.ReadWrite.All", "Calendars.ReadWrite",
		"VirtualAppointment.ReadWrite.All", "BookingsAppointment.ReadWrite.All",
	}
}

// directory is who exists.
type directory struct {
	users      []User
	apps       []App
	businesses []string
}

func newDirectory(users []User, apps []App, businesses []string) (directory, error) {
	for _, u := range users {
		if uuid.Validate(u.ID) != nil || u.UPN == "" {
			return directory{}, fmt.Errorf("localgraph: user %q needs a GUID and a UPN", u.Name)
		}
	}
	for _, a := range apps {
		if uuid.Validate(a.ClientID) != nil {
			return directory{}, fmt.Errorf("localgraph: the client id %q of an application is no GUID", a.ClientID)
		}
	}
	return directory{users: slices.Clone(users), apps: slices.Clone(apps), businesses: slices.Clone(businesses)}, nil
}

// userByID finds a user by object id only, as the paths of Teams do.
func (d directory) userByID(id string) (User, bool) {
	return find(d.users, func(u User) bool { return strings.EqualFold(u.ID, id) })
}

// mailbox finds a user by object id or UPN, as the paths of Exchange do.
func (d directory) mailbox(name string) (User, bool) {
	return find(d.users, func(u User) bool { return strings.EqualFold(u.ID, name) || strings.EqualFold(u.UPN, name) })
}

func (d directory) app(clientID string) (App, bool) {
	return find(d.apps, func(a App) bool { return strings.EqualFold(a.ClientID, clientID) })
}

// managedIdentity is the one with the client id, or the first.
func (d directory) managedIdentity(clientID string) (App, bool) {
	return find(d.apps, func(a App) bool {
		return a.ManagedIdentity && (clientID == "" || strings.EqualFold(a.ClientID, clientID))
	})
}

func find[T any](list []T, match func(T) bool) (found T, ok bool) {
	if i := slices.IndexFunc(list, match); i >= 0 {
		return list[i], true
	}
	return found, false
}
