package localoidc

import (
	"slices"
	"strings"
)

// The application roles that the seeds use, as package signin knows them.
const (
	roleAdmin   = "Switchboard.Admin"
	roleService = "Switchboard.Service"
)

// User is somebody who can sign in.
type User struct {
	ID    string   // claim sub, and the name to ask for: "ada"
	Name  string   // claim name
	Roles []string // claim roles
}

// SeedUsers are the users of a fresh laptop. Mallory is the one to test access
// control with; the operator is an administrator.
func SeedUsers() []User {
	return []User{
		{ID: "ada", Name: "Ada Lovelace"},
		{ID: "grace", Name: "Grace Hopper"},
		{ID: "linus", Name: "Linus Pauling"},
		{ID: "joseph", Name: "Joseph Fourier"},
		{ID: "mallory", Name: "Mallory Malone"},
		{ID: "operator", Name: "Olga Operator", Roles: []string{roleAdmin}},
	}
}

// Users returns who can sign in.
func (p *Provider) Users() []User { return slices.Clone(p.users) }

func (p *Provider) user(id string) (User, bool) {
	i := slices.IndexFunc(p.users, func(u User) bool { return u.ID == id })
	if i < 0 {
		return User{}, false
	}
	return p.users[i], true
}

// names lists the users for messages: "ada, grace, …".
func (p *Provider) names() string {
	var ids []string
	for _, u := range p.users {
		ids = append(ids, u.ID)
	}
	return strings.Join(ids, ", ")
}
