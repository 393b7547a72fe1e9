package spaces_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/functions/spaces"
	"switchboard/functions/token"
	"switchboard/functions/user"
	"switchboard/shared/function"
	"switchboard/shared/storage"
	"switchboard/shared/testbed"
)

func accept(p person, code string) testbed.Answer {
	p.T.Helper()
	return p.Do("POST", "/api/spaces/invites/"+code+"/accept", "")
}

// TestInvites: a code lets so many in as it is for, whatever the policy, until it ends.
func TestInvites(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace, linus := join(b, "ada"), join(b, "grace"), join(b, "linus")
	club := ada.club("request")
	made := ada.Do("POST", club+"/invites", `{"uses":2,"expiresInHours":2}`).Want(http.StatusCreated)
	code := made.Text("code")

	usual := ada.Do("POST", club+"/invites", `{}`).Want(http.StatusCreated).JSON()
	if ends, err := time.Parse(time.RFC3339, usual["expiresAt"].(string)); err != nil || usual["uses"] != 1.0 || ends.Sub(b.Clock.Now()).Round(time.Hour) != 72*time.Hour {
		t.Errorf("an invite is made as %v", usual)
	}
	ada.Do("POST", club+"/invites/"+usual["code"].(string)+"/revoke", "").Want(http.StatusNoContent)

	// Who waits is let in by it; who is in takes no use.
	grace.Do("POST", club+"/join", "").Want(http.StatusOK)
	if got := accept(grace, code).Want(http.StatusOK).JSON(); got["role"] != "member" || got["members"] != 2.0 {
		t.Errorf("accepted: %v", got)
	}
	accept(grace, code).Want(http.StatusOK)
	if got := accept(ada, code).Want(http.StatusOK).Text("role"); got != "owner" {
		t.Errorf("the owner's own invite makes her %s", got)
	}
	if got := ada.Get(club).JSON(); got["pending"] != nil {
		t.Errorf("%v still wait", got["pending"])
	}
	list := items(ada.Get(club + "/invites"))
	if len(list) != 1 || list[0]["code"] != code || list[0]["uses"] != 2.0 || list[0]["used"] != 1.0 || list[0]["expiresAt"] != made.Text("expiresAt") {
		t.Errorf("open invites: %v", list)
	}
	accept(linus, code).Want(http.StatusOK)
	if list := items(ada.Get(club + "/invites")); len(list) != 0 {
		t.Errorf("an invite that is used up is listed as open: %v", list)
	}
	accept(join(b, "joseph"), code).Problem(http.StatusConflict, "invite_used")

	// Who was removed may come back by an invite.
	ada.Do("PATCH", club, `{"joinPolicy":"invite"}`).Want(http.StatusOK)
	ada.rule(club, linus, "").Want(http.StatusNoContent)
	code = ada.Do("POST", club+"/invites", `{"expiresInHours":2}`).Want(http.StatusCreated).Text("code")
	accept(linus, code).Want(http.StatusOK)

	// An invite ends: by revocation, and by itself.
	revoked, expiring := ada.Do("POST", club+"/invites", `{"uses":9}`).Text("code"), ada.Do("POST", club+"/invites", `{"uses":9,"expiresInHours":1}`).Text("code")
	ada.rule(club, linus, "").Want(http.StatusNoContent)
	other := ada.club("open")
	ada.Do("POST", other+"/invites/"+revoked+"/revoke", "").Want(http.StatusNoContent) // of another space: nothing happens
	if list := items(ada.Get(club + "/invites")); len(list) != 2 {
		t.Errorf("open invites: %v", list)
	}
	for range 2 {
		ada.Do("POST", club+"/invites/"+revoked+"/revoke", "").Want(http.StatusNoContent)
	}
	accept(linus, revoked).Problem(http.StatusNotFound, "invite_unknown")
	later(b, time.Hour, &ada, &linus)
	accept(linus, expiring).Problem(http.StatusNotFound, "invite_unknown")
	if list := items(ada.Get(club + "/invites")); len(list) != 0 {
		t.Errorf("open invites: %v", list)
	}
}

// TestInvitedOnce: a request that is repeated makes one invite.
func TestInvitedOnce(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	club := ada.club("open")
	ada.make(club, grace, "")
	grace.Do("POST", club+"/join", "").Want(http.StatusOK)
	ada.rule(club, grace, "host").Want(http.StatusOK)
	invite := func(p person, space, body, key string) testbed.Answer {
		return p.Do("POST", space+"/invites", body, "Idempotency-Key: "+key)
	}
	var answers [6]testbed.Answer
	var racing sync.WaitGroup
	for i := range answers {
		racing.Go(func() { answers[i] = invite(ada, club, `{"uses":3}`, "1") })
	}
	racing.Wait()
	created := 0
	for _, a := range answers {
		if a.Text("code") != answers[0].Text("code") {
			t.Errorf("six at once make %s and %s", answers[0].Body, a.Body)
		}
		if a.Status == http.StatusCreated {
			created++
		}
	}
	if created != 1 {
		t.Errorf("%d were told that the invite is new", created)
	}
	for _, other := range []string{`{"uses":4}`, `{"uses":3,"expiresInHours":1}`} {
		invite(ada, club, other, "1").Problem(http.StatusConflict, "idempotency_key_used")
	}
	code := answers[0].Text("code")
	for what, a := range map[string]testbed.Answer{
		"another key": invite(ada, club, `{"uses":3}`, "2"), "another host": invite(grace, club, `{"uses":3}`, "1"), "another space": invite(ada, ada.club("open"), `{"uses":3}`, "1"),
	} {
		if a.Want(http.StatusCreated).Text("code") == code {
			t.Errorf("%s gives the same invite", what)
		}
	}
	ada.Do("POST", club+"/invites/"+code+"/revoke", "").Want(http.StatusNoContent)
	if invite(ada, club, `{"uses":3}`, "1").Want(http.StatusCreated).Text("code") == code {
		t.Error("a revoked invite is given again")
	}
}

// TestInviteRace: of those who come at once no more get in than the invite is for.
func TestInviteRace(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	all := everybody(b)
	owner, others := all[0], all[1:]
	club := owner.club("invite")
	code := owner.Do("POST", club+"/invites", `{"uses":2}`).Want(http.StatusCreated).Text("code")
	answers := make([]testbed.Answer, len(others))
	var racing sync.WaitGroup
	for i, p := range others {
		racing.Go(func() { answers[i] = accept(p, code) })
	}
	racing.Wait()
	in := 0
	for _, a := range answers {
		if a.Status == http.StatusOK {
			in++
			continue
		}
		a.Problem(http.StatusConflict, "invite_used")
	}
	if got := owner.Get(club).JSON()["members"]; in != 2 || fmt.Sprint(got) != "3" || len(items(owner.Get(club+"/members"))) != 3 {
		t.Errorf("%d got in by an invite for two; the space counts %v", in, got)
	}
}

// usedUp is the stored form of an invite that nobody may accept any more.
type usedUp struct {
	storage.Head
	Uses      int       `json:"uses"`
	Used      int       `json:"used"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// TestUsedInvites: however many were used up, another costs the same; and a request that
// is repeated late is told of the invite that it made.
func TestUsedInvites(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, []function.Function{token.Function(), user.Function(), spaces.Function()}, nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	h := hall{bed: b, club: ada.club("invite")}
	first := ada.Do("POST", h.club+"/invites", "", "Idempotency-Key: 1").Want(http.StatusCreated).Text("code")
	accept(grace, first).Want(http.StatusOK)
	for range 2 {
		var many storage.Batch
		for range storage.MaxBatch {
			id := "invite:" + strings.ToLower(rand.Text())
			many.Put(&usedUp{Head: storage.Head{PK: "s:" + strings.TrimPrefix(h.club, "/api/spaces/"), ID: id, Type: "invite"}, Uses: 1, Used: 1, ExpiresAt: b.Clock.Now().Add(time.Hour)})
		}
		if err := b.Store().Write(t.Context(), many); err != nil {
			t.Fatal(err)
		}
	}
	if again := ada.Do("POST", h.club+"/invites", "", "Idempotency-Key: 1").Want(http.StatusOK); again.Text("code") != first || again.JSON()["used"] != 1.0 {
		t.Errorf("repeated: %s", again.Body)
	}
	if got := h.cost(func() { ada.Do("POST", h.club+"/invites", "").Want(http.StatusCreated) }); got != (cost{posts: 3}) {
		t.Errorf("another invite costs %+v, want a read, a query and a batch", got)
	}
	if open := items(ada.Get(h.club + "/invites")); len(open) != 1 {
		t.Errorf("open are %v", open)
	}
}
