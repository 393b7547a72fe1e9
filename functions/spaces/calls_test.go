package spaces_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"switchboard/shared/testbed"
)

// TestOneCall: whoever starts at the same moment ends up in the same call.
func TestOneCall(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	people := []person{join(b, "ada"), join(b, "grace"), join(b, "linus"), join(b, "joseph")}
	club := people[0].club("open")
	for _, p := range people[1:] {
		p.Do("POST", club+"/join", "").Want(http.StatusOK)
	}
	made := []string{otherID, strings.ToLower(groupID), "c0ffee00-0000-4000-8000-000000000001", "c0ffee00-0000-4000-8000-000000000002"}
	var shared, started [4]testbed.Answer
	var racing sync.WaitGroup
	for i, p := range people {
		racing.Go(func() { shared[i] = share(p, club, made[i]) })
		racing.Go(func() { started[i] = p.Do("POST", club+"/call", "") })
	}
	racing.Wait()
	live := people[1].Get(club + "/call").Want(http.StatusOK).Text("groupId")
	begun := 0
	for _, a := range append(shared[:], started[:]...) {
		if a.Text("groupId") != live {
			t.Errorf("somebody is told of %s, while %s is live", a.Body, live)
		}
		switch a.Status {
		case http.StatusCreated:
			begun++
		case http.StatusConflict:
			a.Problem(http.StatusConflict, "call_live")
		default:
			a.Want(http.StatusOK)
		}
	}
	if begun != 1 {
		t.Errorf("%d calls were begun", begun)
	}
}

// TestEnding: by who began it and those who may more; and only the call that was meant.
func TestEnding(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace, linus := join(b, "ada"), join(b, "grace"), join(b, "linus")
	club := ada.club("open")
	for _, p := range []person{grace, linus} {
		p.Do("POST", club+"/join", "").Want(http.StatusOK)
	}
	end := func(p person, headers ...string) testbed.Answer { return p.Do("DELETE", club+"/call", "", headers...) }
	first := grace.Do("POST", club+"/call", "").Want(http.StatusCreated)
	end(linus).Problem(http.StatusForbidden, "call_not_yours")
	end(grace, "If-Match: "+first.Header.Get("ETag")).Want(http.StatusNoContent)
	second := grace.Do("POST", club+"/call", "").Want(http.StatusCreated)
	if second.Text("groupId") == first.Text("groupId") || second.Header.Get("ETag") == first.Header.Get("ETag") {
		t.Errorf("the next call is %s", second.Body)
	}
	end(grace, "If-Match: "+first.Header.Get("ETag")).Problem(http.StatusPreconditionFailed, "version_stale")
	if got := linus.Get(club + "/call"); got.Text("groupId") != second.Text("groupId") || got.Header.Get("ETag") != second.Header.Get("ETag") {
		t.Errorf("the end of the first call reached the second: %s", got.Body)
	}
	ada.rule(club, linus, "host").Want(http.StatusOK)
	end(linus).Want(http.StatusNoContent)
	for _, p := range []person{ada, grace, linus} {
		end(p).Want(http.StatusNoContent)
	}
	share(linus, club, first.Text("groupId")).Problem(http.StatusConflict, "group_id_used")

	// Who means to confirm the first call does not begin another.
	again := fmt.Sprintf(`{"groupId":%q}`, otherID)
	linus.Do("PUT", club+"/call", again, "If-Match: "+first.Header.Get("ETag")).Problem(http.StatusPreconditionFailed, "version_stale")
	third := linus.Do("PUT", club+"/call", again).Want(http.StatusCreated)
	linus.Do("PUT", club+"/call", again, "If-Match: "+third.Header.Get("ETag")).Want(http.StatusOK)

	// Another space is not concerned: it may have the id.
	share(linus, linus.club("open"), first.Text("groupId")).Want(http.StatusCreated)
}

// TestStartedOnce: a start that is repeated under its key starts no second call, even
// when the first has ended.
func TestStartedOnce(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	clubs := []string{ada.club("open"), ada.club("open")}
	grace.Do("POST", clubs[0]+"/join", "").Want(http.StatusOK)
	start := func(p person, club, key string) testbed.Answer {
		return p.Do("POST", club+"/call", "", "Idempotency-Key: "+key)
	}
	first := start(ada, clubs[0], "k").Want(http.StatusCreated).Text("groupId")
	if again := start(ada, clubs[0], "k").Want(http.StatusOK).Text("groupId"); again != first {
		t.Errorf("repeated: %s, not %s", again, first)
	}
	ada.Do("DELETE", clubs[0]+"/call", "").Want(http.StatusNoContent)
	start(ada, clubs[0], "k").Problem(http.StatusConflict, "group_id_used")
	ids := map[string]bool{first: true, start(grace, clubs[0], "k").Want(http.StatusCreated).Text("groupId"): true, start(ada, clubs[1], "k").Want(http.StatusCreated).Text("groupId"): true}
	if len(ids) != 3 {
		t.Errorf("another user's or space's call has the same ID: %v", ids)
	}
}

// TestWhoSeesTheCall: that one is live is for members, its id for them alone.
func TestWhoSeesTheCall(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace, linus := join(b, "ada"), join(b, "grace"), join(b, "linus")
	club := ada.club("request")
	share(ada, club, otherID).Want(http.StatusCreated)
	grace.Do("POST", club+"/join", "").Want(http.StatusOK)
	b.Drain()
	for _, a := range []testbed.Answer{
		linus.Get(club), linus.Get(club + "/call"), grace.Get(club), grace.Get(club + "/call"), grace.Get("/api/spaces"),
		grace.Do("POST", club+"/join", ""), share(grace, club, groupID), grace.Do("POST", club+"/call/join", ""),
	} {
		if strings.Contains(string(a.Body), otherID) || a.Status == http.StatusOK && strings.Contains(string(a.Body), `"live"`) {
			t.Errorf("who is no member is told of the call: %s", a.Body)
		}
	}
	ada.rule(club, grace, "member").Want(http.StatusOK)
	grace.Do("POST", club+"/call/join", "").Want(http.StatusOK)
	for _, a := range []testbed.Answer{grace.Get(club), grace.Get("/api/spaces")} {
		if strings.Contains(string(a.Body), otherID) {
			t.Errorf("the id is told by more than the call: %s", a.Body)
		}
	}
	for _, doc := range b.Stored(`SELECT * FROM c WHERE c.type = "place"`) {
		if strings.Contains(string(doc), otherID) {
			t.Errorf("a copy holds the id: %s", doc)
		}
	}
}

// TestRotation: who is put out of a space knows the id of a call that is over.
func TestRotation(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace, linus := join(b, "ada"), join(b, "grace"), join(b, "linus")
	club := ada.club("open")
	linus.Do("POST", club+"/join", "").Want(http.StatusOK)
	for what, putOut := range map[string]func() testbed.Answer{
		"banned":  func() testbed.Answer { return ada.Do("PUT", grace.at(club), `{"role":"banned","rotateCall":true}`) },
		"removed": func() testbed.Answer { return ada.Do("DELETE", grace.at(club)+"?rotateCall=true", "") },
	} {
		ada.rule(club, grace, "").Want(http.StatusNoContent)
		grace.Do("POST", club+"/join", "").Want(http.StatusOK)
		old := grace.Do("POST", club+"/call", "").Want(http.StatusCreated)
		if a := putOut(); a.Status >= 300 {
			t.Fatalf("%s: %s", what, a.Body)
		}
		b.Drain()
		now := linus.Get(club + "/call").Want(http.StatusOK)
		if got := now.JSON(); got["groupId"] == old.Text("groupId") || got["startedBy"] != nil || got["startedAt"] != old.Text("startedAt") || now.Header.Get("ETag") == old.Header.Get("ETag") {
			t.Errorf("%s: the call was %s and is %s", what, old.Body, now.Body)
		}
		for _, a := range []testbed.Answer{
			grace.Get(club), grace.Get(club + "/call"), grace.Do("POST", club+"/call/join", ""), grace.Do("POST", club+"/call", ""),
			share(grace, club, old.Text("groupId")), grace.Do("DELETE", club+"/call", ""), grace.Get("/api/spaces"),
		} {
			if strings.Contains(string(a.Body), now.Text("groupId")) || strings.Contains(string(a.Body), `"live"`) {
				t.Errorf("%s, she is told of the new call: %s", what, a.Body)
			}
		}
		if told := share(linus, club, old.Text("groupId")).Problem(http.StatusConflict, "call_live"); told.Text("groupId") != now.Text("groupId") {
			t.Errorf("%s: who shares the old id is told %s", what, told.Body)
		}
		ticket := linus.Do("POST", club+"/call/join", "").Want(http.StatusOK).JSON()
		if ticket["locator"].(map[string]any)["groupId"] != now.Text("groupId") {
			t.Errorf("%s: Linus' ticket is for %v", what, ticket["locator"])
		}
		ada.Do("DELETE", club+"/call", "").Want(http.StatusNoContent)
		share(linus, club, old.Text("groupId")).Problem(http.StatusConflict, "group_id_used")
		share(linus, club, now.Text("groupId")).Problem(http.StatusConflict, "group_id_used")
	}

	// Where no call is live there is nothing to rotate.
	ada.Do("DELETE", linus.at(club)+"?rotateCall=true", "").Want(http.StatusNoContent)
	ada.Get(club+"/call").Problem(http.StatusNotFound, "call_not_live")
}

// TestRotationIsForHosts: nobody moves a call that others are in by going themselves.
func TestRotationIsForHosts(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	club := ada.club("request")
	share(ada, club, otherID).Want(http.StatusCreated)
	for _, role := range []string{"pending", "member"} {
		ada.make(club, grace, role)
		grace.Do("DELETE", grace.at(club)+"?rotateCall=true", "").Want(http.StatusNoContent)
		if got := ada.Get(club + "/call").Text("groupId"); got != otherID {
			t.Errorf("somebody %s left, and the call is %s", role, got)
		}
	}
}

// TestStarterLeaves: the call goes on without the name of who began it.
func TestStarterLeaves(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	club := ada.club("open")
	for what, leave := range map[string]func() testbed.Answer{
		"left":    func() testbed.Answer { return grace.rule(club, grace, "") },
		"removed": func() testbed.Answer { return ada.rule(club, grace, "") },
		"banned":  func() testbed.Answer { return ada.rule(club, grace, "banned") },
	} {
		ada.rule(club, grace, "").Want(http.StatusNoContent)
		grace.Do("POST", club+"/join", "").Want(http.StatusOK)
		begun := grace.Do("POST", club+"/call", "").Want(http.StatusCreated)
		if a := leave(); a.Status >= 300 {
			t.Fatalf("%s: %s", what, a.Body)
		}
		got := ada.Get(club + "/call").Want(http.StatusOK)
		if got.JSON()["startedBy"] != nil || got.Text("groupId") != begun.Text("groupId") {
			t.Errorf("%s: the call is %s", what, got.Body)
		}
		eventually(t, "the list without her name", func() bool {
			call, _ := ada.mine()[0]["call"].(map[string]any)
			return call != nil && call["startedBy"] == nil
		})
		ada.Do("DELETE", club+"/call", "").Want(http.StatusNoContent)
	}
	// Who comes back is no starter any more.
	ada.make(club, grace, "")
	grace.Do("POST", club+"/join", "").Want(http.StatusOK)
	grace.Do("POST", club+"/call", "").Want(http.StatusCreated)
	grace.rule(club, grace, "").Want(http.StatusNoContent)
	grace.Do("POST", club+"/join", "").Want(http.StatusOK)
	grace.Do("DELETE", club+"/call", "").Problem(http.StatusForbidden, "call_not_yours")
}
