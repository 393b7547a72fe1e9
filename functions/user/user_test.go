package user_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/functions/notify"
	"switchboard/functions/token"
	"switchboard/functions/user"
	"switchboard/shared/faults"
	"switchboard/shared/function"
	"switchboard/shared/testbed"
)

func bed(t *testing.T) *testbed.Bed {
	t.Helper()
	return testbed.New(t, []function.Function{token.Function(), user.Function(), notify.Function()}, nil)
}

// TestATeamsUserIsAnotherUser than the one of the same name at another provider: people
// are told apart by who vouches for them.
func TestATeamsUserIsAnotherUser(t *testing.T) {
	b := bed(t)
	ada, teams := b.As("ada").Do("POST", "/api/user", "").Want(http.StatusCreated), b.AsTeams("ada").Do("POST", "/api/user", "").Want(http.StatusCreated)
	if ada.Text("userId") == teams.Text("userId") || ada.Text("communicationUserId") == teams.Text("communicationUserId") {
		t.Errorf("one user: %s %s", ada.Body, teams.Body)
	}
	if teams.Text("displayName") != "Ada Lovelace" {
		t.Errorf("the name of the sign-in token was not taken: %s", teams.Body)
	}
}

func TestTheMappingIsMadeOnceAndErased(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	ada.Get("/api/user").Problem(http.StatusNotFound, "identity_unknown")

	made := ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
	again := ada.Do("POST", "/api/user", "").Want(http.StatusOK)
	if string(made.Body) != string(again.Body) || string(made.Body) != string(ada.Get("/api/user").Want(http.StatusOK).Body) {
		t.Errorf("POST, POST again and GET differ:\n%s\n%s", made.Body, again.Body)
	}
	id := made.Text("communicationUserId")
	if made.Text("acsUserIdentity") != id || !b.Cloud.ACS.Owns(id) {
		t.Errorf("not an identity at ACS: %s", made.Body)
	}
	if made.Text("displayName") != "Ada Lovelace" {
		t.Errorf("the name of the sign-in token was not taken: %s", made.Body)
	}
	for _, member := range []string{"userId", "displayName", "handle", "phoneNumber", "phoneVisibleTo", "discoverable", "acsUserIdentity", "communicationUserId", "createdAt"} {
		if _, ok := made.JSON()[member]; !ok {
			t.Errorf("no member %s in %s", member, made.Body)
		}
	}
	b.Cloud.ACSFaults.Record()
	issued := ada.Get("/api/token").Want(http.StatusOK).Text("token")
	if calls := b.Cloud.ACSFaults.Calls(); len(calls) != 0 {
		t.Errorf("the first token after POST is not warm: %v", calls)
	}

	ada.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
	ada.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
	ada.Get("/api/user").Problem(http.StatusNotFound, "identity_unknown")
	if b.Cloud.ACS.Owns(id) || b.Cloud.ACS.TokenValid(issued) {
		t.Error("the identity or its tokens outlived the user")
	}
	if next := ada.Do("POST", "/api/user", "").Want(http.StatusCreated).Text("communicationUserId"); next == id {
		t.Error("a new user has the old identity")
	}
	b.As("grace").Do("DELETE", "/api/user", "").Want(http.StatusNoContent) // never was there
}

func TestAfterDeletionATokenRequestStartsAnew(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	old := ada.Do("POST", "/api/user", "").Want(http.StatusCreated).Text("communicationUserId")
	ada.Do("PATCH", "/api/user", `{"handle":"countess","phoneNumber":"+14255550123"}`).Want(http.StatusOK)
	ada.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
	ada.Get("/api/token").Want(http.StatusOK)
	fresh := ada.Get("/api/user").Want(http.StatusOK)
	if fresh.Text("communicationUserId") == old || fresh.JSON()["handle"] != nil || fresh.JSON()["phoneNumber"] != nil {
		t.Errorf("something of the deleted user is left: %s", fresh.Body)
	}
}

func TestErasureLeavesNothing(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
	ada.Do("PATCH", "/api/user", `{"displayName":"Augusta","handle":"countess","phoneNumber":"+14255550123"}`).Want(http.StatusOK)
	ada.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
	for _, doc := range b.Stored("SELECT * FROM c") {
		for _, trace := range []string{"Augusta", "Lovelace", "countess", "4255550123", "8:acs:"} {
			if strings.Contains(string(doc), trace) {
				t.Errorf("%q is left in %s", trace, doc)
			}
		}
	}
	b.Clock.Move(time.Hour)
	nothingLeft(t, b, "an hour later")
}

func TestProfileIsAMergePatch(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	ada.Do("PATCH", "/api/user", `{"handle":"ada"}`).Problem(http.StatusNotFound, "identity_unknown")
	ada.Do("POST", "/api/user", "").Want(http.StatusCreated)

	full := ada.Do("PATCH", "/api/user", `{"displayName":"  Countess ","handle":"Ada.L","phoneNumber":"+1 (425) 555-0123","phoneVisibleTo":"friends","discoverable":true}`,
		"Content-Type: application/merge-patch+json").Want(http.StatusOK).JSON()
	for member, want := range map[string]any{"displayName": "Countess", "handle": "Ada.L", "phoneNumber": "+14255550123", "phoneVisibleTo": "friends", "discoverable": true} {
		if full[member] != want {
			t.Errorf("%s is %v, want %v", member, full[member], want)
		}
	}
	part := ada.Do("PATCH", "/api/user", `{"phoneNumber":null,"phoneVisibleTo":null,"discoverable":null}`).Want(http.StatusOK).JSON()
	for member, want := range map[string]any{"displayName": "Countess", "handle": "Ada.L", "phoneNumber": nil, "phoneVisibleTo": "nobody", "discoverable": false} {
		if part[member] != want {
			t.Errorf("after the second patch %s is %v, want %v", member, part[member], want)
		}
	}
}

func TestBadProfilesSayWhatToMend(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
	for body, location := range map[string]string{
		`{"displayName":""}`:                                 "body.displayName",
		`{"displayName":"a\u0007b"}`:                         "body.displayName",
		`{"displayName":"` + strings.Repeat("é", 257) + `"}`: "body.displayName",
		`{"displayName":"a\u202eb"}`:                         "body.displayName",
		`{"displayName":7}`:                                  "body.displayName",
		`{"handle":"ad"}`:                                    "body.handle",
		`{"handle":"аda"}`:                                   "body.handle", // a Cyrillic а
		`{"handle":".ada"}`:                                  "body.handle",
		`{"handle":"ada/../grace"}`:                          "body.handle",
		`{"handle":""}`:                                      "body.handle",
		`{"phoneNumber":"4255550123"}`:                       "body.phoneNumber",
		`{"phoneNumber":"+14255550123;ext=5"}`:               "body.phoneNumber",
		`{"phoneNumber":"+1"}`:                               "body.phoneNumber",
		`{"phoneNumber":"+14255550123456789"}`:               "body.phoneNumber",
		`{"phoneVisibleTo":"everybody"}`:                     "body.phoneVisibleTo",
		`{"discoverable":"yes"}`:                             "body.discoverable",
		`{"userId":"usr_x"}`:                                 "body.userId",
		`{"communicationUserId":"8:acs:x"}`:                  "body.communicationUserId",
		`[]`:                                                 "body",
	} {
		answer := ada.Do("PATCH", "/api/user", body).Problem(http.StatusBadRequest, "request_invalid")
		if !strings.Contains(string(answer.Body), location) {
			t.Errorf("%s: the answer does not name %s: %s", body, location, answer.Body)
		}
	}
	if strings.Contains(b.Log.String(), "4255550123") {
		t.Error("a phone number is in the log")
	}
}

func TestAllFaultsAreListed(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
	answer := ada.Do("PATCH", "/api/user", `{"displayName":"","handle":"a","phoneNumber":"123","discoverable":"yes","z":1}`).Problem(http.StatusBadRequest, "request_invalid")
	for _, location := range []string{"body.displayName", "body.handle", "body.phoneNumber", "body.discoverable", "body.z"} {
		if !strings.Contains(string(answer.Body), `"`+location+`"`) {
			t.Errorf("%s lacks in %s", location, answer.Body)
		}
	}
}

func TestNothingChangedIsNoNewVersion(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	before := ada.Do("POST", "/api/user", "").Want(http.StatusCreated).Header.Get("ETag")
	for _, same := range []string{`{}`, `{"displayName":"Ada Lovelace"}`, `{"handle":null}`} {
		if after := ada.Do("PATCH", "/api/user", same).Want(http.StatusOK).Header.Get("ETag"); after != before {
			t.Errorf("%s changed the ETag", same)
		}
	}
}

func TestIfMatch(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	old := ada.Do("POST", "/api/user", "").Want(http.StatusCreated).Header.Get("ETag")
	ada.Get("/api/token?scope=chat").Want(http.StatusOK)
	changed := ada.Do("PATCH", "/api/user", `{"displayName":"A"}`, "If-Match: "+old).Want(http.StatusOK).Header.Get("ETag")
	if changed == old || changed == "" {
		t.Errorf("ETag %q after %q", changed, old)
	}
	ada.Do("PATCH", "/api/user", `{"displayName":"B"}`, "If-Match: "+old).Problem(http.StatusPreconditionFailed, "version_stale")
	ada.Do("DELETE", "/api/user", "", "If-Match: "+old).Problem(http.StatusPreconditionFailed, "version_stale")
	ada.Do("PATCH", "/api/user", `{"displayName":"B"}`, "If-Match: "+changed+`, "other"`).Want(http.StatusOK)
	ada.Do("PATCH", "/api/user", `{"displayName":"C"}`, "If-Match: *").Want(http.StatusOK)
	b.As("grace").Do("DELETE", "/api/user", "", "If-Match: *").Problem(http.StatusPreconditionFailed, "version_stale")
}

func TestHandlesAreUniqueWhateverTheCase(t *testing.T) {
	b := bed(t)
	ada, grace := b.As("ada"), b.As("grace")
	ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
	grace.Do("POST", "/api/user", "").Want(http.StatusCreated)
	ada.Do("PATCH", "/api/user", `{"handle":"Countess"}`).Want(http.StatusOK)
	grace.Do("PATCH", "/api/user", `{"handle":"countess"}`).Problem(http.StatusConflict, "handle_taken")
	ada.Do("PATCH", "/api/user", `{"handle":"COUNTESS"}`).Want(http.StatusOK)

	// Given up, it is free after a while, and at once when its holder leaves.
	ada.Do("PATCH", "/api/user", `{"handle":"ada"}`).Want(http.StatusOK)
	b.Clock.Move(2 * time.Minute)
	grace = b.As("grace")
	grace.Do("PATCH", "/api/user", `{"handle":"countess"}`).Want(http.StatusOK)
	b.As("ada").Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
	grace.Do("PATCH", "/api/user", `{"handle":"ada"}`).Want(http.StatusOK)
}

func TestAHandleClaimedInVainIsTakenOver(t *testing.T) {
	b := bed(t)
	b.As("ada").Do("POST", "/api/user", "").Want(http.StatusCreated)
	b.As("grace").Do("POST", "/api/user", "").Want(http.StatusCreated)
	b.Cloud.CosmosFaults.Add(faults.Rule{Method: "PUT", Skip: 1, Times: -1, Status: 500}) // noted and claimed, and then the profile cannot be written
	b.As("ada").Do("PATCH", "/api/user", `{"handle":"countess"}`).Problem(http.StatusBadGateway, "storage_failed")
	b.Cloud.CosmosFaults.Clear()
	b.As("grace").Do("PATCH", "/api/user", `{"handle":"countess"}`).Problem(http.StatusConflict, "handle_taken")
	b.As("ada").Do("PATCH", "/api/user", `{"handle":"countess"}`).Want(http.StatusOK) // a repetition is no conflict
	b.As("ada").Do("PATCH", "/api/user", `{"handle":null}`).Want(http.StatusOK)
	b.Clock.Move(2 * time.Minute)
	b.As("grace").Do("PATCH", "/api/user", `{"handle":"countess"}`).Want(http.StatusOK)
	b.Clock.Move(2 * time.Minute)
	b.As("ada").Do("PATCH", "/api/user", `{"handle":"countess"}`).Problem(http.StatusConflict, "handle_taken")
}

func TestAHandleThatCannotBeFreedDoesNotFailTheChange(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
	ada.Do("PATCH", "/api/user", `{"handle":"countess"}`).Want(http.StatusOK)
	b.Clock.Move(2 * time.Minute)
	b.Cloud.CosmosFaults.Add(faults.Rule{Method: "DELETE", Times: -1, Status: 500})
	if b.As("ada").Do("PATCH", "/api/user", `{"handle":"ada"}`).Want(http.StatusOK).Text("handle") != "ada" {
		t.Error("the change was not made")
	}
	if !strings.Contains(b.Log.String(), "not free yet") {
		t.Error("the log says nothing of it")
	}
}

func TestOneOfManyGetsTheHandle(t *testing.T) {
	b := bed(t)
	var names []string
	for _, u := range b.Cloud.OIDC.Users() {
		names = append(names, u.ID)
		b.As(u.ID).Do("POST", "/api/user", "").Want(http.StatusCreated)
	}
	other := b.Start()
	var all sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 4 * len(names) {
		client := b.As(names[i%len(names)])
		if i%2 == 0 {
			client = client.At(other)
		}
		all.Go(func() {
			answer := client.Do("PATCH", "/api/user", `{"handle":"wanted"}`)
			if answer.Status != http.StatusOK && answer.Status != http.StatusConflict {
				t.Errorf("%d %s", answer.Status, answer.Body)
			}
		})
	}
	all.Wait()
	for _, name := range names {
		if b.As(name).Get("/api/user").JSON()["handle"] == "wanted" {
			mu.Lock()
			won++
			mu.Unlock()
		}
	}
	if won != 1 {
		t.Errorf("%d users have the handle", won)
	}
}

func TestDeletionWhileTokensAreIssuedEndsWithTheUserGone(t *testing.T) {
	for round := range 8 {
		b := bed(t)
		instances := []string{b.URL, b.Start(), b.Start()}
		ada := b.As("ada")
		if round%2 == 0 {
			ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
		}
		// What is under way when the deletion ends began before it. The requests
		// stop being sent before the deletion is.
		var all sync.WaitGroup
		for i := range 24 {
			all.Go(func() {
				path := fmt.Sprintf("/api/token?scope=%s", []string{"voip", "chat", "voip.join"}[i%3])
				answer := ada.At(instances[i%len(instances)]).Get(path)
				if answer.Status != http.StatusOK && answer.Status != http.StatusConflict {
					t.Errorf("%d %s", answer.Status, answer.Body)
				}
			})
		}
		time.Sleep(time.Duration(round) * 2 * time.Millisecond)
		for deadline := time.Now().Add(10 * time.Second); ; {
			answer := ada.At(instances[1]).Do("DELETE", "/api/user", "")
			if answer.Status == http.StatusNoContent {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("never deleted: %d %s", answer.Status, answer.Body)
			}
		}
		all.Wait()
		// Whoever came after the deletion was let in anew: then there is one
		// mapping, and it is the one at ACS. Otherwise there is nothing.
		answer := ada.Get("/api/user")
		left := b.Cloud.ACS.Identities()
		switch answer.Status {
		case http.StatusNotFound:
			if len(left) != 0 {
				t.Errorf("round %d: the user is gone, at ACS there are still %v", round, left)
			}
		case http.StatusOK:
			if len(left) != 1 || left[0] != answer.Text("communicationUserId") {
				t.Errorf("round %d: the user has %s, at ACS there are %v", round, answer.Body, left)
			}
		default:
			t.Errorf("%d %s", answer.Status, answer.Body)
		}
	}
}

func TestARequestUnderWayDoesNotBringAUserBack(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
	// A token request is caught between its look at the document and ACS's answer.
	b.Cloud.ACSFaults.Add(faults.Rule{Contains: "issueAccessToken", Delay: faults.Duration(300 * time.Millisecond)})
	var slow testbed.Answer
	var under sync.WaitGroup
	under.Go(func() { slow = ada.At(b.Start()).Get("/api/token?scope=voip.join") })
	time.Sleep(100 * time.Millisecond)
	ada.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
	under.Wait()
	slow.Problem(http.StatusConflict, "identity_erased")
	ada.Get("/api/user").Problem(http.StatusNotFound, "identity_unknown")
	if left := b.Cloud.ACS.Identities(); len(left) != 0 {
		t.Errorf("at ACS there is %v", left)
	}
}

func TestADeletionThatFailsHalfWayIsFinishedByTheNext(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	id := ada.Do("POST", "/api/user", "").Want(http.StatusCreated).Text("communicationUserId")
	ada.Do("PATCH", "/api/user", `{"handle":"countess"}`).Want(http.StatusOK)
	b.Cloud.ACSFaults.Add(faults.Rule{Method: "DELETE", Times: -1, Status: 503, Header: map[string]string{"Retry-After": "3"}})
	if retry := ada.Do("DELETE", "/api/user", "").Problem(http.StatusServiceUnavailable, "calling_unavailable").Header.Get("Retry-After"); retry != "3" {
		t.Errorf("Retry-After %q", retry)
	}
	b.Clock.Move(time.Second)
	ada.Get("/api/token").Problem(http.StatusServiceUnavailable, "calling_unavailable") // it tries to finish, and may not give a token before
	ada.Get("/api/user").Problem(http.StatusNotFound, "identity_unknown")
	b.Cloud.ACSFaults.Clear()
	b.Clock.Move(time.Second)

	// Whatever comes next finishes it and starts clean, a token request too.
	ada.Get("/api/token").Want(http.StatusOK)
	fresh := ada.Get("/api/user").Want(http.StatusOK)
	if b.Cloud.ACS.Owns(id) || fresh.JSON()["handle"] != nil || len(b.Cloud.ACS.Identities()) != 1 {
		t.Errorf("the deletion was not finished: %s", fresh.Body)
	}
	b.As("grace").Do("POST", "/api/user", "").Want(http.StatusCreated)
	b.As("grace").Do("PATCH", "/api/user", `{"handle":"countess"}`).Want(http.StatusOK) // free again
}

func TestDeletionsEachHaveTheirOwnConditions(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
	b.Cloud.ACSFaults.Add(faults.Rule{Method: "DELETE", Delay: faults.Duration(200 * time.Millisecond)})
	var under sync.WaitGroup
	under.Go(func() { ada.Do("DELETE", "/api/user", "").Want(http.StatusNoContent) })
	time.Sleep(50 * time.Millisecond)
	ada.Do("DELETE", "/api/user", "", `If-Match: "old"`).Problem(http.StatusPreconditionFailed, "version_stale")
	under.Wait()
}

func TestOfAMemberThatIsThereTwiceTheLastCounts(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
	after := ada.Do("PATCH", "/api/user", `{"displayName":"x\u202ey","displayName":null,"phoneNumber":"not a number","phoneNumber":null,"phoneVisibleTo":"everyone","phoneVisibleTo":null,"handle":"../x","handle":null}`).Want(http.StatusOK).JSON()
	for _, member := range []string{"displayName", "phoneNumber", "handle"} {
		if after[member] != nil {
			t.Errorf("%s was stored unchecked: %v", member, after[member])
		}
	}
	ada.Do("PATCH", "/api/user", `{"phoneNumber":null,"phoneNumber":"not a number"}`).Problem(http.StatusBadRequest, "request_invalid")
}

// nothingLeft waits until the store is empty: the outbox is worked off beside the
// requests.
func nothingLeft(t *testing.T, b *testbed.Bed, when string) {
	t.Helper()
	left := b.Stored("SELECT * FROM c")
	for deadline := time.Now().Add(3 * time.Second); len(left) != 0 && time.Now().Before(deadline); left = b.Stored("SELECT * FROM c") {
		time.Sleep(2 * time.Millisecond)
	}
	if len(left) != 0 {
		t.Errorf("%s there is still %s", when, left)
	}
}
