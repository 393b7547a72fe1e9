package spaces_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"switchboard/shared/testbed"
)

// TestJoinRace: no more get in at once than there is room for.
func TestJoinRace(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), map[string]string{"SWITCHBOARD_SPACES_MEMBERS_MAX": "3", "SWITCHBOARD_SPACES_PENDING_MAX": "2"})
	all := everybody(b)
	owner, others := all[0], all[1:]
	for policy, full := range map[string]string{"open": "space_full", "request": "requests_full"} {
		club := owner.club(policy)
		answers := make([]testbed.Answer, len(others))
		var racing sync.WaitGroup
		for i, p := range others {
			racing.Go(func() { answers[i] = p.Do("POST", club+"/join", "") })
		}
		racing.Wait()
		in := 0
		for _, a := range answers {
			if a.Status == http.StatusOK {
				in++
				continue
			}
			a.Problem(http.StatusConflict, full)
		}
		if in != 2 {
			t.Errorf("%s: %d came into a space with room for 2", policy, in)
		}
	}
}

// TestStorm: whatever people do to each other at the same time, the counts are those of
// the list, everybody's own list says what they are, and there is an owner.
func TestStorm(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	all := everybody(b)
	club := all[0].club("open")
	for _, p := range all[1:3] {
		p.Do("POST", club+"/join", "").Want(http.StatusOK)
		all[0].rule(club, p, "owner").Want(http.StatusOK)
	}
	var storm sync.WaitGroup
	for i, p := range all {
		dice := rand.New(rand.NewPCG(uint64(i), 1))
		storm.Go(func() {
			for range 12 {
				target := all[dice.IntN(len(all))]
				var a testbed.Answer
				switch dice.IntN(6) {
				case 0, 1:
					a = p.Do("POST", club+"/join", "")
				case 2:
					a = p.Do("POST", club+"/call", "")
				case 3:
					a = p.Do("PATCH", club, fmt.Sprintf(`{"name":"Chess %d"}`, dice.IntN(100)))
				default:
					a = p.rule(club, target, []string{"", "owner", "host", "member", "banned"}[dice.IntN(5)])
				}
				if a.Status >= 500 && a.Text("code") != "contended" {
					t.Errorf("status %d: %s", a.Status, a.Body)
				}
			}
		})
	}
	storm.Wait()
	b.Drain()

	roles := map[string]string{}
	count := map[string]int{}
	owner := person{}
	for _, p := range all {
		roles[p.id] = p.roleIn(club)
		count[roles[p.id]]++
		if roles[p.id] == "owner" {
			owner = p
		}
	}
	if owner.id == "" {
		t.Fatalf("nobody owns the space: %v", roles)
	}
	whole := owner.Get(club).JSON()
	for _, role := range []string{"owner", "host", "member", "banned"} {
		listed := items(owner.Get(club + "/members?role=" + role))
		if len(listed) != count[role] {
			t.Errorf("%d are %s, and listed are %v", count[role], role, listed)
		}
	}
	if want := count["owner"] + count["host"] + count["member"]; whole["members"] != float64(want) {
		t.Errorf("the space counts %v members of %d", whole["members"], want)
	}
	for _, p := range all {
		mine := p.mine()
		if role := roles[p.id]; role == "" || role == "banned" {
			if len(mine) != 0 {
				t.Errorf("%s is %q, and lists %v", p.name, role, mine)
			}
		} else if len(mine) != 1 || mine[0]["role"] != role || mine[0]["name"] != whole["name"] || (mine[0]["call"] != nil) != (whole["call"] != nil) {
			t.Errorf("%s is %q in %v, and lists %v", p.name, role, whole, mine)
		}
	}
	if places := b.Stored(`SELECT * FROM c WHERE c.type = "place"`); len(places) != len(all)-count[""] {
		t.Errorf("there are %d places for %v", len(places), roles)
	}
}

// TestBackAtOnce: who is erased and comes back before the rest has heard of it keeps
// what they join then, and nothing else.
func TestBackAtOnce(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	old, again := ada.club("open"), ada.club("open")
	for range 4 {
		for _, club := range []string{old, again} {
			grace.Do("POST", club+"/join", "").Want(http.StatusOK)
			ada.rule(club, grace, "host").Want(http.StatusOK)
		}
		grace.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
		grace.Do("POST", "/api/user", "").Want(http.StatusCreated)
		if got := grace.Do("POST", again+"/join", "").Want(http.StatusOK).Text("role"); got != "member" {
			t.Errorf("back at once, she is %s", got)
		}
		b.Drain()
		if mine := grace.mine(); len(mine) != 1 || mine[0]["role"] != "member" || again != "/api/spaces/"+fmt.Sprint(mine[0]["id"]) {
			t.Errorf("back, she lists %v", mine)
		}
		if got := []any{ada.Get(old).JSON()["members"], ada.Get(again).JSON()["members"]}; got[0] != 1.0 || got[1] != 2.0 {
			t.Errorf("the spaces count %v", got)
		}
	}
}

// TestMadeAgain: the key of a deleted space makes no other while anything may be under
// way for the old one.
func TestMadeAgain(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada := join(b, "ada")
	again := func() testbed.Answer {
		return ada.Do("POST", "/api/spaces", `{"kind":"club","name":"Chess"}`, "Idempotency-Key: 1")
	}
	club := "/api/spaces/" + again().Want(http.StatusCreated).Text("id")
	ada.Do("DELETE", club, "").Want(http.StatusNoContent)
	again().Problem(http.StatusConflict, "idempotency_key_used")
	b.Drain()
	again().Problem(http.StatusConflict, "idempotency_key_used")
	b.Clock.Move(25 * time.Hour)
	ada.Client = b.As("ada")
	again().Want(http.StatusCreated)
	b.Drain()
	if got := ada.Get(club).Want(http.StatusOK).JSON(); got["role"] != "owner" || got["members"] != 1.0 || len(ada.mine()) != 1 {
		t.Errorf("the new space: %v", got)
	}
}
