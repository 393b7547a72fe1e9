package functions_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"switchboard/shared/testbed"
)

// Callers with a mapping who are something to the club that the spaces' operations are
// asked of. To the others it does not exist.
const (
	atOpen     = "at an open club"
	atRequest  = "at a club on request"
	pendingIn  = "pending"
	memberOf   = "member"
	hostOf     = "host"
	ownerOf    = "owner"
	bannedFrom = "banned" // from an open club
)

var standings = []string{atOpen, atRequest, pendingIn, memberOf, hostOf, ownerOf, bannedFrom}

// standing adds what they get to the callers of signedIn, in the order of standings.
func (e expectation) standing(gets ...int) expectation {
	for i, who := range standings {
		e[who] = gets[i]
	}
	return e
}

const groupID = "6d1f6f5e-58cd-4a3f-9c1b-2f0d8f4f8c11"

// clubs are Linus's, each with a call that is live and an invite. One serves all callers
// of a kind until somebody has changed something.
type clubs struct {
	bed      *testbed.Bed
	linus    testbed.Client
	owner    string            // Linus's user id
	outsider string            // a user who is in no club
	ready    map[string]string // by the kind of caller: what replaces {club} and {code}
}

func newClubs(b *testbed.Bed) *clubs {
	c := &clubs{bed: b, linus: b.As("linus"), ready: map[string]string{}}
	c.owner = c.linus.Do("POST", "/api/user", "").Want(http.StatusCreated).Text("userId")
	c.outsider = b.As("operator").Do("POST", "/api/user", "").Want(http.StatusCreated).Text("userId")
	return c
}

// shelf is where the club for a kind of caller is: strangers share one.
func shelf(who string) string {
	if slices.Contains(standings, who) {
		return who
	}
	return ""
}

// forget has the next caller of the kind find a new club after an operation that
// changed something. Who is erased is in no club any more.
func (c *clubs) forget(operation, who string) {
	if operation == "delete-user" {
		clear(c.ready)
	}
	delete(c.ready, shelf(who))
}

// fill puts a club in which the caller is what their kind says into a path.
func (c *clubs) fill(t *testing.T, path string, client testbed.Client, who string) string {
	t.Helper()
	if !strings.Contains(path, "{club}") && !strings.Contains(path, "{code}") {
		return path
	}
	if c.ready[shelf(who)] == "" {
		c.ready[shelf(who)] = c.open(t, client, who)
	}
	id, code, _ := strings.Cut(c.ready[shelf(who)], " ")
	return strings.NewReplacer("{club}", id, "{code}", code, "{linus}", c.owner, "{outsider}", c.outsider).Replace(path)
}

// open makes a club with an invite for many, and gives the caller their role in it.
func (c *clubs) open(t *testing.T, client testbed.Client, who string) string {
	t.Helper()
	policy := "open"
	switch who {
	case atRequest, pendingIn:
		policy = "request"
	default:
		if shelf(who) == "" {
			policy = "invite"
		}
	}
	id := c.linus.Do("POST", "/api/spaces", fmt.Sprintf(`{"kind":"club","name":"Chess","joinPolicy":%q}`, policy)).Want(http.StatusCreated).Text("id")
	club := "/api/spaces/" + id
	c.linus.Do("PUT", club+"/call", `{"groupId":"`+groupID+`"}`).Want(http.StatusCreated)
	code := c.linus.Do("POST", club+"/invites", `{"uses":100}`).Want(http.StatusCreated).Text("code")
	if slices.Contains([]string{pendingIn, memberOf, hostOf, ownerOf, bannedFrom}, who) {
		client.Do("POST", club+"/join", "").Want(http.StatusOK)
	}
	if slices.Contains([]string{hostOf, ownerOf, bannedFrom}, who) {
		hers := client.Get("/api/user").Text("userId")
		c.linus.Do("PUT", club+"/members/"+hers, fmt.Sprintf(`{"role":%q}`, who)).Want(http.StatusOK)
	}
	return id + " " + code
}
