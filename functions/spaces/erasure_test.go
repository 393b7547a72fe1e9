package spaces_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/testbed"
)

// erase deletes a user and waits for all that follows. For some minutes there are marks
// that say who was erased, so that what is under way ends there.
func (p person) erase(b *testbed.Bed) {
	p.T.Helper()
	p.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
	b.Drain()
	for _, doc := range b.Stored(`SELECT * FROM c WHERE NOT IS_DEFINED(c.erasedAt)`) {
		if strings.Contains(string(doc), p.id) {
			p.T.Errorf("left of %s: %s", p.name, doc)
		}
	}
}

// TestErasure: of a member nothing is left anywhere, and whoever comes back under the
// same sign-in is a stranger.
func TestErasure(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	clubs := map[string]string{}
	for _, role := range []string{"member", "host", "owner", "pending", "banned"} {
		clubs[role] = ada.club("request")
		ada.make(clubs[role], grace, role)
	}
	grace.Do("POST", clubs["member"]+"/call", "").Want(http.StatusCreated)
	grace.Do("POST", clubs["host"]+"/call", "").Want(http.StatusCreated)
	ada.Do("DELETE", clubs["host"]+"/call", "").Want(http.StatusNoContent)
	code := grace.Do("POST", clubs["host"]+"/invites", "", "Idempotency-Key: 1").Want(http.StatusCreated).Text("code")
	b.Drain()
	grace.erase(b)

	for role, club := range clubs {
		if got := ada.Get(club).Want(http.StatusOK).JSON(); got["role"] != "owner" || got["members"] != 1.0 || got["pending"] != nil {
			t.Errorf("where she was %s: %v", role, got)
		}
		for _, list := range []string{"", "?role=pending", "?role=banned"} {
			if people := items(ada.Get(club + "/members" + list)); len(people) > 1 || list != "" && len(people) > 0 {
				t.Errorf("where she was %s there are %v", role, people)
			}
		}
	}
	if got := ada.Get(clubs["member"] + "/call").Want(http.StatusOK).JSON(); got["startedBy"] != nil {
		t.Errorf("her call: %v", got)
	}
	if items := ada.mine(); len(items) != len(clubs) {
		t.Errorf("Ada's list: %v", items)
	}

	grace = join(b, "grace")
	if mine := grace.mine(); len(mine) != 0 {
		t.Errorf("back, she has %v", mine)
	}
	for role, club := range clubs {
		if got := grace.Get(club).Want(http.StatusOK).JSON(); got["role"] != nil {
			t.Errorf("back, she is %v where she was %s", got["role"], role)
		}
	}
	accept(grace, code).Want(http.StatusOK)
	grace.Do("POST", clubs["banned"]+"/join", "").Want(http.StatusOK)
	b.Drain()
	if mine := grace.mine(); len(mine) != 2 {
		t.Errorf("what she joined since: %v", mine)
	}
}

// TestInheritance: the host of longest standing takes over what had one owner.
func TestInheritance(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace, linus, joseph := join(b, "ada"), join(b, "grace"), join(b, "linus"), join(b, "joseph")
	club := ada.club("open")
	alone := ada.club("open")
	for _, p := range []person{joseph, grace, linus} { // Joseph is a member for longest, Linus a host
		p.Do("POST", club+"/join", "").Want(http.StatusOK)
		p.Do("POST", alone+"/join", "").Want(http.StatusOK)
	}
	code := ada.Do("POST", alone+"/invites", `{"uses":9}`).Want(http.StatusCreated).Text("code")
	grace.Do("POST", alone+"/call", "").Want(http.StatusCreated)
	begun := ada.Do("POST", club+"/call", "").Want(http.StatusCreated).Text("groupId")
	ada.rule(club, linus, "host").Want(http.StatusOK)
	b.Clock.Move(2 * time.Second)
	ada.rule(club, grace, "host").Want(http.StatusOK)
	b.Drain()
	ada.erase(b)

	names := ""
	for _, m := range items(joseph.Get(club + "/members")) {
		names += fmt.Sprintf("%s (%s) ", m["displayName"], m["role"])
	}
	if names != "The linus (owner) The grace (host) The joseph (member) " {
		t.Errorf("after the owner is gone: %s", names)
	}
	if got := linus.Get(club).JSON(); got["members"] != 3.0 || got["role"] != "owner" {
		t.Errorf("the heir sees %v", got)
	}
	if got := linus.Get(club + "/call").Want(http.StatusOK); got.Text("groupId") != begun || got.JSON()["startedBy"] != nil {
		t.Errorf("the call goes on as %s", got.Body)
	}
	linus.rule(club, linus, "").Problem(http.StatusConflict, "owner_last")
	if mine := linus.mine(); len(mine) != 1 || mine[0]["role"] != "owner" {
		t.Errorf("the heir's list: %v", mine)
	}

	// Without a host there is nobody to take over.
	grace.Get(alone).Problem(http.StatusNotFound, "space_unknown")
	accept(joseph, code).Problem(http.StatusNotFound, "invite_unknown")
	for _, doc := range left(b, strings.TrimPrefix(alone, "/api/spaces/")) {
		t.Errorf("left of a space without owner: %s", doc)
	}
	linus.Do("DELETE", club, "").Want(http.StatusNoContent)
	b.Drain()
	for _, doc := range left(b, "spc_") {
		t.Errorf("left of the last space: %s", doc)
	}
}

// TestAllErasedAtOnce: whoever inherits what while they are erased themselves, no space
// is left without an owner.
func TestAllErasedAtOnce(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	all := []person{join(b, "ada"), join(b, "grace"), join(b, "linus"), join(b, "joseph")}
	for _, owner := range all {
		club := owner.club("open")
		for _, p := range all {
			if p.id != owner.id {
				p.Do("POST", club+"/join", "").Want(http.StatusOK)
				owner.rule(club, p, "host").Want(http.StatusOK)
			}
		}
	}
	var erasing sync.WaitGroup
	answers := make([]testbed.Answer, len(all))
	for i, p := range all {
		erasing.Go(func() { answers[i] = p.Do("DELETE", "/api/user", "") })
	}
	erasing.Wait()
	for _, a := range answers {
		a.Want(http.StatusNoContent)
	}
	b.Drain()
	for _, doc := range left(b, "spc_") {
		t.Errorf("left when everybody is gone: %s", doc)
	}
}

// left is what the store has of a space, but for the mark that a deleted one leaves for
// a day, which tells nothing but its id.
func left(b *testbed.Bed, id string) []json.RawMessage {
	return slices.DeleteFunc(b.Stored(fmt.Sprintf(`SELECT * FROM c WHERE CONTAINS(c.pk, %q) OR CONTAINS(c.id, %[1]q)`, id)), func(doc json.RawMessage) bool {
		var mark struct {
			Closed                         bool
			TTL                            int
			Name, Request, Secret, Version string
		}
		return json.Unmarshal(doc, &mark) == nil && mark.Closed && mark.TTL == 24*60*60 && mark.Name+mark.Request+mark.Secret+mark.Version == ""
	})
}
