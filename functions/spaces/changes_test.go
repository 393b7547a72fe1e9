package spaces_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/testbed"
)

// TestCreatedOnce: a request that is repeated makes one space.
func TestCreatedOnce(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	create := func(p person, body, key string) testbed.Answer {
		return p.Do("POST", "/api/spaces", body, "Idempotency-Key: "+key)
	}
	const chess = `{"kind":"club","name":"Chess"}`
	first := create(ada, chess, "1").Want(http.StatusCreated)
	id := first.Text("id")
	again := create(ada, `{"name":" Chess ","joinPolicy":"invite","kind":"club"}`, "1").Want(http.StatusOK)
	if string(again.Body) != string(first.Body) || again.Header.Get("ETag") != first.Header.Get("ETag") {
		t.Errorf("again: %s %s", again.Header.Get("ETag"), again.Body)
	}
	create(ada, `{"kind":"club","name":"Go"}`, "1").Problem(http.StatusConflict, "idempotency_key_used")
	if create(ada, chess, "2").Want(http.StatusCreated).Text("id") == id || create(grace, chess, "1").Want(http.StatusCreated).Text("id") == id {
		t.Error("another key, or another user's, gives the same space")
	}

	// What became of it since is shown.
	ada.Do("PATCH", "/api/spaces/"+id, `{"name":"Go"}`).Want(http.StatusOK)
	if got := create(ada, chess, "1").Want(http.StatusOK); got.Text("name") != "Go" {
		t.Errorf("after a change: %s", got.Body)
	}

	var answers [8]testbed.Answer
	var racing sync.WaitGroup
	for i := range answers {
		racing.Go(func() { answers[i] = create(ada, chess, "3") })
	}
	racing.Wait()
	for _, a := range answers {
		if a.Text("id") != answers[0].Text("id") {
			t.Errorf("eight at once make %s and %s", answers[0].Body, a.Body)
		}
	}
	if mine := ada.mine(); len(mine) != 3 {
		t.Errorf("Ada has %d spaces, want 3", len(mine))
	}
}

// TestChanging: a merge patch of what is there, at the version that was read.
func TestChanging(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	made := ada.Do("POST", "/api/spaces", `{"kind":"club","name":"Chess","description":"On Mondays\nat nine","joinPolicy":"open"}`).Want(http.StatusCreated)
	club, old := "/api/spaces/"+made.Text("id"), made.Header.Get("ETag")
	if read := ada.Get(club); read.Header.Get("ETag") != old || string(read.Body) != string(made.Body) {
		t.Errorf("made %s, read %s", made.Body, read.Body)
	}

	// Neither who comes nor a call makes another version of it.
	grace.Do("POST", club+"/join", "").Want(http.StatusOK)
	ada.Do("POST", club+"/call", "").Want(http.StatusCreated)
	same := ada.Do("PATCH", club, `{"name":"Chess"}`, "If-Match: "+old).Want(http.StatusOK)
	if same.Header.Get("ETag") != old {
		t.Error("a patch that changes nothing makes another version")
	}
	changed := ada.Do("PATCH", club, `{"name":" Go ","description":null}`, "If-Match: "+old, "Content-Type: application/merge-patch+json").Want(http.StatusOK)
	if got := changed.JSON(); got["name"] != "Go" || got["description"] != "" || got["joinPolicy"] != "open" || got["members"] != 2.0 || changed.Header.Get("ETag") == old {
		t.Errorf("changed: %v", got)
	}
	ada.Do("PATCH", club, `{"name":"Chess"}`, "If-Match: "+old).Problem(http.StatusPreconditionFailed, "version_stale")
	ada.Do("DELETE", club, "", "If-Match: "+old).Problem(http.StatusPreconditionFailed, "version_stale")
	eventually(t, "the change in Grace's list", func() bool { return grace.mine()[0]["name"] == "Go" })
	if got := ada.Do("PATCH", club, `{"joinPolicy":null}`).Want(http.StatusOK).Text("joinPolicy"); got != "invite" {
		t.Errorf("without a policy it is %s", got)
	}
	ada.Do("PATCH", club, `{}`).Want(http.StatusOK)

	for body, location := range map[string]string{
		`{"kind":"event"}`:                     "body.kind",
		`{"kind":"club"}`:                      "body.kind",
		`{"name":null}`:                        "body.name",
		`{"startsAt":"2030-01-01T00:00:00Z"}`:  "body.startsAt",
		`{"endsAt":"2030-01-01T00:00:00Z"}`:    "body.endsAt",
		`{"joinPolicy":"secret"}`:              "body.joinPolicy",
		`{"role":"owner"}`:                     "body.role",
		`{"description":"\u202e","name":"ok"}`: "body.description",
	} {
		wantFaults(t, ada.Do("PATCH", club, body), body, location)
	}
	if got := ada.Get(club).Text("name"); got != "Go" {
		t.Errorf("what was refused made the name %s", got)
	}
}

// TestDeleting: nobody finds it, and nothing of it is left.
func TestDeleting(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace, linus := join(b, "ada"), join(b, "grace"), join(b, "linus")
	club := ada.club("open")
	kept := ada.club("open")
	id := strings.TrimPrefix(club, "/api/spaces/")
	code := ada.Do("POST", club+"/invites", "").Want(http.StatusCreated).Text("code")
	for _, c := range []string{club, kept} {
		grace.Do("POST", c+"/join", "").Want(http.StatusOK)
		ada.rule(c, linus, "banned").Want(http.StatusOK)
		grace.Do("POST", c+"/call", "").Want(http.StatusCreated)
	}
	b.Drain()
	kepts := len(left(b, strings.TrimPrefix(kept, "/api/spaces/")))
	ada.Do("DELETE", club, "", "If-Match: "+ada.Get(club).Header.Get("ETag")).Want(http.StatusNoContent)
	if mine := ada.mine(); len(mine) != 1 {
		t.Errorf("the list of who deleted it: %v", mine)
	}
	for _, p := range []person{ada, grace, linus} {
		p.Get(club).Problem(http.StatusNotFound, "space_unknown")
		p.Do("POST", club+"/join", "").Problem(http.StatusNotFound, "space_unknown")
		p.Do("POST", club+"/call/join", "").Problem(http.StatusNotFound, "space_unknown")
		p.Do("DELETE", club, "").Problem(http.StatusNotFound, "space_unknown")
		p.Do("POST", "/api/spaces/invites/"+code+"/accept", "").Problem(http.StatusNotFound, "invite_unknown")
		p.rule(club, p, "").Want(http.StatusNoContent)
	}
	b.Drain()
	if mine := grace.mine(); len(mine) != 1 {
		t.Errorf("Grace's list: %v", mine)
	}
	for _, doc := range left(b, id) {
		t.Errorf("left of the space: %s", doc)
	}
	if left := len(left(b, strings.TrimPrefix(kept, "/api/spaces/"))); left != kepts || left == 0 {
		t.Errorf("the other space had %d documents, now %d", kepts, left)
	}
}

// TestLimits: what is full says so, and has room again when somebody goes.
func TestLimits(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), map[string]string{
		"SWITCHBOARD_SPACES_MAX": "3", "SWITCHBOARD_SPACES_MEMBERS_MAX": "2",
		"SWITCHBOARD_SPACES_PENDING_MAX": "1", "SWITCHBOARD_SPACES_INVITES_MAX": "2",
	})
	ada, grace, linus := join(b, "ada"), join(b, "grace"), join(b, "linus")
	open, asked := ada.club("open"), ada.club("request")
	refused := func(a testbed.Answer, code string) { t.Helper(); a.Problem(http.StatusConflict, code) }

	grace.Do("POST", open+"/join", "").Want(http.StatusOK)
	refused(linus.Do("POST", open+"/join", ""), "space_full")
	code := ada.Do("POST", open+"/invites", "").Want(http.StatusCreated).Text("code")
	refused(linus.Do("POST", "/api/spaces/invites/"+code+"/accept", ""), "space_full")
	ada.rule(open, grace, "host").Want(http.StatusOK) // she is counted already
	grace.rule(open, grace, "").Want(http.StatusNoContent)
	linus.Do("POST", "/api/spaces/invites/"+code+"/accept", "").Want(http.StatusOK)

	grace.Do("POST", asked+"/join", "").Want(http.StatusOK)
	refused(linus.Do("POST", asked+"/join", ""), "requests_full")
	ada.rule(asked, grace, "member").Want(http.StatusOK)
	linus.Do("POST", asked+"/join", "").Want(http.StatusOK)
	refused(ada.rule(asked, linus, "member"), "space_full")
	refused(ada.rule(asked, linus, "owner"), "space_full")
	ada.rule(asked, linus, "banned").Want(http.StatusOK)

	// Who is in as many spaces as one can be comes into those they wait for.
	joseph, waits := join(b, "joseph"), grace.club("request")
	joseph.Do("POST", waits+"/join", "").Want(http.StatusOK)
	joseph.club("open")
	joseph.club("open")
	grace.Do("PATCH", waits, `{"joinPolicy":"open"}`).Want(http.StatusOK)
	joseph.Do("POST", waits+"/join", "").Want(http.StatusOK)

	ada.club("open")
	refused(ada.Do("POST", "/api/spaces", `{"kind":"club","name":"x"}`), "spaces_full")
	refused(ada.Do("POST", grace.club("open")+"/join", ""), "spaces_full")
	ada.Do("DELETE", open, "").Want(http.StatusNoContent)
	ada.club("open")

	first := ada.Do("POST", asked+"/invites", "").Want(http.StatusCreated).Text("code")
	ada.Do("POST", asked+"/invites", `{"expiresInHours":1}`).Want(http.StatusCreated)
	refused(ada.Do("POST", asked+"/invites", ""), "invites_full")
	ada.Do("POST", asked+"/invites/"+first+"/revoke", "").Want(http.StatusNoContent)
	ada.Do("POST", asked+"/invites", "").Want(http.StatusCreated)
	b.Clock.Move(50 * time.Minute)
	refused(ada.Do("POST", asked+"/invites", ""), "invites_full")
	b.Clock.Move(11 * time.Minute) // one has expired
	b.As("ada").Do("POST", asked+"/invites", "").Want(http.StatusCreated)
}
