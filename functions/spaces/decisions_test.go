package spaces_test

import (
	"net/http"
	"strings"
	"testing"

	"switchboard/shared/testbed"
)

// decisions are the codes of what is answered to each role that decides to make
// somebody of another an owner, a host, a member, banned, or to remove them; "ok" where
// it is done, "none" where there is nobody yet.
var decisions = map[string]map[string]string{
	"owner": {
		"owner":   "ok ok ok ok ok",
		"host":    "ok ok ok ok ok",
		"member":  "ok ok ok ok ok",
		"pending": "ok ok ok ok ok",
		"none":    "member_unknown member_unknown member_unknown ok ok",
		"banned":  "member_banned member_banned member_banned ok ok",
		"self":    "ok ok ok member_self ok",
	},
	"host": {
		"owner":   "owners_only owners_only owners_only owners_only owners_only",
		"host":    "owners_only owners_only owners_only owners_only owners_only",
		"member":  "owners_only owners_only ok ok ok",
		"pending": "owners_only owners_only ok ok ok",
		"none":    "owners_only owners_only member_unknown ok ok",
		"banned":  "owners_only owners_only member_banned ok ok",
		"self":    "owners_only ok ok member_self ok",
	},
	"member":  nobody("hosts_only", "hosts_only hosts_only ok member_self ok"),
	"pending": nobody("admission_pending", "admission_pending admission_pending admission_pending member_self ok"),
	"none":    nobody("members_only", "members_only members_only members_only member_self ok"),
	"banned":  nobody("space_unknown", "space_unknown space_unknown space_unknown space_unknown ok"),
}

// nobody is for those who decide about nobody but themselves.
func nobody(code, self string) map[string]string {
	about := map[string]string{"self": self}
	for _, target := range []string{"owner", "host", "member", "pending", "none", "banned"} {
		about[target] = strings.TrimSpace(strings.Repeat(code+" ", 5))
	}
	return about
}

// refusals are the statuses of the codes.
var refusals = map[string]int{
	"owners_only": 403, "hosts_only": 403, "members_only": 403, "admission_pending": 403,
	"member_unknown": 404, "space_unknown": 404,
	"member_banned": 409, "member_self": 409,
}

// TestDecisions goes through who may make whom what.
func TestDecisions(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace, joseph := join(b, "ada"), join(b, "grace"), join(b, "joseph")
	club := ada.club("request")
	for actor, about := range decisions {
		role := strings.TrimPrefix(actor, "none")
		ada.make(club, grace, role)
		for of, codes := range about {
			if of == "self" {
				continue
			}
			ada.make(club, joseph, strings.TrimPrefix(of, "none"))
			decide(t, ada, grace, joseph, club, strings.TrimPrefix(of, "none"), codes, actor+" about "+of)
		}
		decide(t, ada, grace, grace, club, role, about["self"], actor+" about themselves")
	}
	ada.make(club, grace, "")
	ada.make(club, joseph, "member")
	if got := ada.Get(club).JSON(); got["members"] != 2.0 || got["pending"] != nil {
		t.Errorf("after all, the space counts %v members, %v pending", got["members"], got["pending"])
	}
}

// decide has an actor decide everything about a target, whom an owner brings back to
// what they were after each that is done.
func decide(t *testing.T, owner, actor, target person, space, was, codes, what string) {
	t.Helper()
	for i, code := range strings.Fields(codes) {
		to := []string{"owner", "host", "member", "banned", ""}[i]
		want := decision(t, actor, space, target, was, to, code, what)
		if want == was {
			continue
		}
		if got := target.roleIn(space); got != want {
			t.Errorf("%s, to be %q: is %q now", what, to, got)
		}
		owner.make(space, target, was)
	}
	if got := target.roleIn(space); got != was {
		t.Errorf("%s: what was refused made them %q", what, got)
	}
}

// decision asks for one, and returns what the target is afterwards.
func decision(t *testing.T, actor person, space string, target person, was, to, code, what string) string {
	t.Helper()
	got := actor.rule(space, target, to)
	status, wanted := got.Status, http.StatusOK
	switch {
	case code != "ok":
		wanted, to = refusals[code], was
	case to == "" && actor.id == target.id && was == "banned":
		wanted, to = http.StatusNoContent, was // they do not see what there would be to leave
	case to == "":
		wanted = http.StatusNoContent
	default:
		if p := got.JSON(); p["role"] != to || p["userId"] != target.id || got.Header.Get("ETag") == "" {
			t.Errorf("%s, to be %q: %s", what, to, got.Body)
		}
	}
	if status != wanted {
		t.Errorf("%s, to be %q: status %d, want %d: %s", what, to, status, wanted, got.Body)
	} else if code != "ok" {
		got.Problem(wanted, code)
	}
	return to
}
