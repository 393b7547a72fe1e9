package spaces_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/testbed"
)

// at is the path of somebody in a space.
func (p person) at(space string) string { return space + "/members/" + p.id }

// rule has somebody decide what another shall be; no role removes them.
func (p person) rule(space string, target person, role string) testbed.Answer {
	p.T.Helper()
	if role == "" {
		return p.Do("DELETE", target.at(space), "")
	}
	return p.Do("PUT", target.at(space), fmt.Sprintf(`{"role":%q}`, role))
}

// make has an owner of a space on request give somebody a role, whatever it was before.
func (p person) make(space string, target person, role string) {
	p.T.Helper()
	p.rule(space, target, "").Want(http.StatusNoContent)
	if role != "" {
		target.Do("POST", space+"/join", "").Want(http.StatusOK)
	}
	if !slices.Contains([]string{"", "pending"}, role) {
		p.rule(space, target, role).Want(http.StatusOK)
	}
}

// roleIn is what somebody is in a space that is not for the invited only.
func (p person) roleIn(space string) string {
	p.T.Helper()
	got := p.Get(space)
	if got.Status == http.StatusNotFound {
		return "banned"
	}
	role, _ := got.Want(http.StatusOK).JSON()["role"].(string)
	return role
}

// TestLastOwner: a space has an owner, whoever leaves.
func TestLastOwner(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	club := ada.club("open")
	grace.Do("POST", club+"/join", "").Want(http.StatusOK)
	for _, role := range []string{"host", "member", ""} {
		ada.rule(club, ada, role).Problem(http.StatusConflict, "owner_last")
	}
	ada.rule(club, grace, "owner").Want(http.StatusOK)
	ada.rule(club, ada, "").Want(http.StatusNoContent)
	grace.rule(club, grace, "").Problem(http.StatusConflict, "owner_last")

	// Two who leave at the same moment do not both.
	for range 5 {
		grace.make(club, ada, "")
		ada.Do("POST", club+"/join", "").Want(http.StatusOK)
		grace.rule(club, ada, "owner").Want(http.StatusOK)
		var statuses [2]int
		var leaving sync.WaitGroup
		for i, p := range []person{ada, grace} {
			leaving.Go(func() { statuses[i] = p.rule(club, p, "").Status })
		}
		leaving.Wait()
		slices.Sort(statuses[:])
		if statuses != [2]int{http.StatusNoContent, http.StatusConflict} {
			t.Fatalf("two owners leave at once: %v", statuses)
		}
		if grace.Get(club).JSON()["role"] == nil { // Ada is the one who stays
			grace, ada = ada, grace
		}
	}
}

// TestComingAndGoing: who left or was removed is a stranger, and comes back as one.
func TestComingAndGoing(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	club := ada.club("request")
	for range 2 {
		if got := grace.Do("POST", club+"/join", "").Want(http.StatusOK).JSON(); got["role"] != "pending" || got["pending"] != nil || got["members"] != 1.0 {
			t.Fatalf("asked to join: %v", got)
		}
	}
	if mine := grace.mine(); len(mine) != 1 || mine[0]["role"] != "pending" {
		t.Errorf("her list before she is admitted: %v", mine)
	}
	if got := ada.Get(club).JSON(); got["pending"] != 1.0 {
		t.Errorf("Ada sees %v waiting", got["pending"])
	}
	first := ada.rule(club, grace, "member").Want(http.StatusOK)
	again := ada.rule(club, grace, "member").Want(http.StatusOK)
	if string(first.Body) != string(again.Body) || first.Header.Get("ETag") != again.Header.Get("ETag") {
		t.Errorf("admitting twice: %s, then %s", first.Body, again.Body)
	}
	eventually(t, "membership", func() bool { return grace.mine()[0]["role"] == "member" })
	if got := grace.Do("POST", club+"/join", "").Want(http.StatusOK).JSON(); got["role"] != "member" {
		t.Errorf("joining as a member: %v", got)
	}

	// She leaves, and her list says so at once.
	for range 2 {
		grace.rule(club, grace, "").Want(http.StatusNoContent)
	}
	if mine := grace.mine(); len(mine) != 0 {
		t.Errorf("her list after she left: %v", mine)
	}
	grace.Get(club+"/members").Problem(http.StatusForbidden, "members_only")

	// She is removed, and asks again; but she does not find what is for the invited.
	ada.make(club, grace, "member")
	for range 2 {
		ada.rule(club, grace, "").Want(http.StatusNoContent)
	}
	eventually(t, "removal", func() bool { return len(grace.mine()) == 0 })
	if got := grace.Do("POST", club+"/join", "").Want(http.StatusOK).JSON(); got["role"] != "pending" {
		t.Errorf("the removed come back as %v", got["role"])
	}
	ada.Do("PATCH", club, `{"joinPolicy":"invite"}`).Want(http.StatusOK)
	grace.Get(club).Want(http.StatusOK) // she still waits
	ada.rule(club, grace, "").Want(http.StatusNoContent)
	grace.Get(club).Problem(http.StatusNotFound, "space_unknown")

	// Who waits when the space opens comes in by asking again.
	ada.Do("PATCH", club, `{"joinPolicy":"request"}`).Want(http.StatusOK)
	grace.Do("POST", club+"/join", "").Want(http.StatusOK)
	ada.Do("PATCH", club, `{"joinPolicy":"open"}`).Want(http.StatusOK)
	if got := grace.Do("POST", club+"/join", "").Want(http.StatusOK).JSON(); got["role"] != "member" || got["members"] != 2.0 {
		t.Errorf("asked again once it is open: %v", got)
	}
	if got := ada.Get(club).JSON(); got["pending"] != nil {
		t.Errorf("%v still wait", got["pending"])
	}
}

// TestBans: to the banned there is no such space, by whatever way they come.
func TestBans(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	club := ada.club("open")
	code := ada.Do("POST", club+"/invites", `{"uses":5}`).Want(http.StatusCreated).Text("code")
	ghost := person{id: "usr_" + strings.Repeat("a", 52)}
	ada.rule(club, ghost, "banned").Problem(http.StatusNotFound, "member_unknown")
	ada.rule(club, ghost, "").Want(http.StatusNoContent)

	for before, name := range map[string]string{"": "", "member": "The grace"} { // in advance, and from within
		ada.make(club, grace, before)
		ban := ada.rule(club, grace, "banned").Want(http.StatusOK)
		if got := ban.JSON(); got["displayName"] != name || got["role"] != "banned" {
			t.Errorf("banned: %v", got)
		}
		again := ada.Do("PUT", grace.at(club), `{"role":"banned"}`, "If-Match: "+ban.Header.Get("ETag")).Want(http.StatusOK)
		if string(again.Body) != string(ban.Body) || again.Header.Get("ETag") != ban.Header.Get("ETag") {
			t.Errorf("banned: %s %s, again: %s %s", ban.Header.Get("ETag"), ban.Body, again.Header.Get("ETag"), again.Body)
		}
		eventually(t, "the ban", func() bool { return len(grace.mine()) == 0 })
		grace.Get(club).Problem(http.StatusNotFound, "space_unknown")
		grace.Do("POST", club+"/join", "").Problem(http.StatusNotFound, "space_unknown")
		grace.Do("POST", "/api/spaces/invites/"+code+"/accept", "").Problem(http.StatusNotFound, "invite_unknown")
		grace.rule(club, grace, "").Want(http.StatusNoContent)
		grace.Get(club).Problem(http.StatusNotFound, "space_unknown")
		if got := ada.Get(club).JSON(); got["members"] != 1.0 {
			t.Errorf("the banned are counted: %v", got["members"])
		}
		for range 2 {
			ada.rule(club, grace, "").Want(http.StatusNoContent)
		}
	}
	if got := grace.Get(club).Want(http.StatusOK).JSON(); got["role"] != nil {
		t.Errorf("after the ban she is %v", got["role"])
	}
	grace.Do("POST", "/api/spaces/invites/"+code+"/accept", "").Want(http.StatusOK)
}

// TestMemberVersions: who decides on what has changed since is told so.
func TestMemberVersions(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	club := ada.club("open")
	ada.Do("PUT", grace.at(club), `{"role":"banned"}`, "If-Match: *").Problem(http.StatusPreconditionFailed, "version_stale")
	ada.Do("DELETE", grace.at(club), "", "If-Match: *").Problem(http.StatusPreconditionFailed, "version_stale")
	grace.Do("POST", club+"/join", "").Want(http.StatusOK)
	old := ada.Do("PUT", grace.at(club), `{"role":"host"}`, "If-Match: *").Want(http.StatusOK).Header.Get("ETag")
	current := ada.Do("PUT", grace.at(club), `{"role":"member"}`, "If-Match: "+old).Want(http.StatusOK).Header.Get("ETag")
	if read := grace.Get(grace.at(club)).Want(http.StatusOK); read.Header.Get("ETag") != current || read.Text("role") != "member" {
		t.Errorf("Grace reads %s of herself, as %s", read.Body, read.Header.Get("ETag"))
	}
	for _, request := range [][2]string{{"PUT", `{"role":"host"}`}, {"PUT", `{"role":"member"}`}, {"DELETE", ""}} {
		ada.Do(request[0], grace.at(club), request[1], "If-Match: "+old).Problem(http.StatusPreconditionFailed, "version_stale")
	}
	// A name is no decision: it leaves the version as it is.
	grace.Do("PATCH", "/api/user", `{"displayName":"Amazing"}`).Want(http.StatusOK)
	b.Drain()
	ada.Do("DELETE", grace.at(club), "", "If-Match: "+current).Want(http.StatusNoContent)
	grace.Do("POST", club+"/join", "").Want(http.StatusOK)
	ada.Do("DELETE", grace.at(club), "", "If-Match: "+current).Problem(http.StatusPreconditionFailed, "version_stale")
}

// TestOneMember: who is a member is known to members, who waits or is banned to hosts, and
// everybody to themselves.
func TestOneMember(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace, linus, joseph := join(b, "ada"), join(b, "grace"), join(b, "linus"), join(b, "joseph")
	club := ada.club("request")
	ada.make(club, grace, "member")
	ada.make(club, linus, "pending")
	ada.make(club, joseph, "banned")
	for who, sees := range map[person]map[person]string{
		ada:    {ada: "owner", grace: "member", linus: "pending", joseph: "banned"},
		grace:  {ada: "owner", grace: "member", linus: "", joseph: ""},
		linus:  {linus: "pending"},
		joseph: {joseph: ""},
	} {
		for whom, role := range sees {
			got := who.Get(whom.at(club))
			if role == "" {
				got.Want(http.StatusNotFound)
			} else if got.Want(http.StatusOK); got.Text("role") != role || got.Header.Get("ETag") == "" {
				t.Errorf("%s sees %s", who.name, got.Body)
			}
		}
	}
	linus.Get(ada.at(club)).Problem(http.StatusForbidden, "admission_pending")
	ada.Get(join(b, "mallory").at(club)).Problem(http.StatusNotFound, "member_unknown")
}

// TestSince: the time of a role is when it came to it.
func TestSince(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	club := ada.club("open")
	grace.Do("POST", club+"/join", "").Want(http.StatusOK)
	b.Clock.Move(10 * time.Minute)
	since, err := time.Parse(time.RFC3339, ada.rule(club, grace, "host").Want(http.StatusOK).Text("since"))
	if off := b.Clock.Now().Sub(since); err != nil || off < 0 || off > time.Minute {
		t.Errorf("a host since %v, %v ago: %v", since, off, err)
	}
}
