package spaces_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/functions/notify"
	"switchboard/functions/spaces"
	"switchboard/functions/token"
	"switchboard/functions/user"
	"switchboard/shared/function"
	"switchboard/shared/testbed"
)

func rows() []function.Function {
	return []function.Function{token.Function(), user.Function(), spaces.Function(), notify.Function()}
}

// person is a user with a mapping.
type person struct {
	testbed.Client
	id, name string
}

func join(b *testbed.Bed, name string) person {
	c := b.As(name)
	id := c.Do("POST", "/api/user", "").Text("userId")
	c.Do("PATCH", "/api/user", fmt.Sprintf(`{"displayName":"The %s"}`, name)).Want(http.StatusOK)
	return person{c, id, name}
}

// club makes a club of the given policy and returns its path.
func (p person) club(policy string) string {
	p.T.Helper()
	made := p.Do("POST", "/api/spaces", fmt.Sprintf(`{"kind":"club","name":"Chess","joinPolicy":%q}`, policy)).Want(http.StatusCreated)
	return "/api/spaces/" + made.Text("id")
}

func (p person) mine() []map[string]any {
	p.T.Helper()
	return items(p.Get("/api/spaces"))
}

func items(a testbed.Answer) []map[string]any {
	a.T.Helper()
	var page struct{ Items []map[string]any }
	if err := json.Unmarshal(a.Want(http.StatusOK).Body, &page); err != nil {
		a.T.Fatal(err)
	}
	return page.Items
}

// eventually waits for what the outbox brings.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s never came", what)
		}
	}
}

const groupID = "6D1F6F5E-58CD-4A3F-9C1B-2F0D8F4F8C11"

// TestSpaces is the published flow: Ada opens a club and shares her call's ID, Grace
// finds it and joins by a ticket, Mallory cannot.
func TestSpaces(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace, mallory := join(b, "ada"), join(b, "grace"), join(b, "mallory")
	club := ada.club("invite")
	if mine := ada.mine(); len(mine) != 1 || mine[0]["role"] != "owner" || mine[0]["call"] != nil || mine[0]["name"] != "Chess" {
		t.Fatalf("Ada's spaces: %v", mine)
	}

	// Grace is invited.
	grace.Get(club).Problem(http.StatusNotFound, "space_unknown")
	grace.Do("POST", club+"/join", "").Problem(http.StatusNotFound, "space_unknown")
	code := ada.Do("POST", club+"/invites", "").Want(http.StatusCreated).Text("code")
	for range 2 {
		if got := grace.Do("POST", "/api/spaces/invites/"+code+"/accept", "").Want(http.StatusOK).JSON(); got["role"] != "member" || got["members"] != 2.0 {
			t.Fatalf("accepted: %v", got)
		}
	}
	mallory.Do("POST", "/api/spaces/invites/"+code+"/accept", "").Problem(http.StatusConflict, "invite_used")
	names := ""
	for _, m := range items(grace.Get(club + "/members")) {
		names += fmt.Sprintf("%s (%s) ", m["displayName"], m["role"])
	}
	if names != "The ada (owner) The grace (member) " {
		t.Errorf("Grace's teammates: %s", names)
	}

	// Nothing is on yet.
	grace.Do("POST", club+"/call/join", "").Problem(http.StatusConflict, "call_not_live")
	grace.Get(club+"/call").Problem(http.StatusNotFound, "call_not_live")

	// Ada's client made a call, and she shares its ID.
	shared := ada.Do("PUT", club+"/call", fmt.Sprintf(`{"groupId":%q}`, groupID)).Want(http.StatusCreated)
	const stored = "6d1f6f5e-58cd-4a3f-9c1b-2f0d8f4f8c11"
	if shared.Text("groupId") != stored || shared.Text("startedBy") != ada.id || shared.Header.Get("ETag") == "" {
		t.Errorf("shared: %s", shared.Body)
	}
	ada.Do("PUT", club+"/call", fmt.Sprintf(`{"groupId":%q}`, stored)).Want(http.StatusOK)
	second := grace.Do("PUT", club+"/call", `{"groupId":"0b8cf2a4-6f2e-4c47-8a15-57a3b92f6b00"}`).Problem(http.StatusConflict, "call_live")
	if second.Text("groupId") != stored {
		t.Errorf("the second starter is told %s", second.Body)
	}
	if started := grace.Do("POST", club+"/call", "").Want(http.StatusOK); started.Text("groupId") != stored {
		t.Errorf("the third starter is told %s", started.Body)
	}

	// Grace sees it in her list, and joins.
	var call map[string]any
	eventually(t, "the call in Grace's list", func() bool { call, _ = grace.mine()[0]["call"].(map[string]any); return call != nil })
	if call["live"] != true || call["startedBy"] != ada.id || call["startedAt"] == nil || len(call) != 3 {
		t.Errorf("Grace's list says %v", call)
	}
	ticket := grace.Do("POST", club+"/call/join", "").Want(http.StatusOK).JSON()
	locator, _ := ticket["locator"].(map[string]any)
	who, _ := ticket["user"].(map[string]any)
	if ticket["provider"] != "acs" || locator["groupId"] != stored || len(locator) != 1 || ticket["displayName"] != "The grace" || ticket["token"] == "" ||
		ticket["expiresOn"] == nil || who["communicationUserId"] != grace.Get("/api/user").Text("communicationUserId") {
		t.Errorf("Grace's ticket: %v", ticket)
	}

	// Mallory has no club, no call and no ticket.
	for _, request := range []string{"GET ", "GET /call", "POST /call/join", "POST /call", "GET /members", "POST /join", "DELETE /call"} {
		method, path, _ := strings.Cut(request, " ")
		mallory.Do(method, club+path, "").Problem(http.StatusNotFound, "space_unknown")
	}

	// It ends, and nobody gets it any more.
	grace.Do("DELETE", club+"/call", "").Problem(http.StatusForbidden, "call_not_yours")
	ada.Do("DELETE", club+"/call", "").Want(http.StatusNoContent)
	ada.Do("DELETE", club+"/call", "").Want(http.StatusNoContent)
	grace.Do("POST", club+"/call/join", "").Problem(http.StatusConflict, "call_not_live")
	eventually(t, "the end in Grace's list", func() bool { return grace.mine()[0]["call"] == nil })
	ada.Do("PUT", club+"/call", fmt.Sprintf(`{"groupId":%q}`, stored)).Problem(http.StatusConflict, "group_id_used")
	if next := grace.Do("POST", club+"/call", "").Want(http.StatusCreated).Text("groupId"); next == stored {
		t.Error("the next call has the ID of the last")
	}
}
