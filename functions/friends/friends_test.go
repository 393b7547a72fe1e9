package friends_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"switchboard/functions/friends"
	"switchboard/functions/notify"
	"switchboard/functions/user"
	"switchboard/shared/faults"
	"switchboard/shared/function"
	"switchboard/shared/testbed"
)

func rows() []function.Function {
	return []function.Function{user.Function(), friends.Function(), notify.Function()}
}

// person is a user with a mapping whom others find by the handle.
type person struct {
	testbed.Client
	id string
}

func join(b *testbed.Bed, name string) person {
	c := b.As(name)
	id := c.Do("POST", "/api/user", "").Text("userId")
	c.Do("PATCH", "/api/user", fmt.Sprintf(`{"handle":%q,"displayName":"The %s","discoverable":true}`, name, name)).Want(http.StatusOK)
	return person{c, id}
}

func path(p person) string { return "/api/friends/" + p.id }

// eventually waits for what the outbox brings: the mirror is visible within a
// second.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s never came", what)
		}
	}
}

// becomes waits until a user stands to another as said.
func (p person) becomes(t testing.TB, other person, state string) map[string]any {
	t.Helper()
	var last testbed.Answer
	eventually(t, state, func() bool {
		last = p.Get(path(other))
		return last.Status == http.StatusOK && last.JSON()["state"] == state || state == "" && last.Status == http.StatusNotFound
	})
	return last.JSON()
}

func (p person) list(state string) []map[string]any {
	p.T.Helper()
	var page struct{ Items []map[string]any }
	if err := json.Unmarshal(p.Get("/api/friends?state="+state).Want(http.StatusOK).Body, &page); err != nil {
		p.T.Fatal(err)
	}
	return page.Items
}

// TestFriends is the story of Ada and Grace, from the request to the end.
func TestFriends(t *testing.T) {
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	ada.Do("PATCH", "/api/user", `{"phoneNumber":"+14255550123","phoneVisibleTo":"friends"}`).Want(http.StatusOK)

	// Grace finds Ada by her handle and asks.
	found := grace.Get("/api/friends/lookup?handle=ADA").Want(http.StatusOK).JSON()
	if found["userId"] != ada.id || found["displayName"] != "The ada" || found["state"] != "none" || len(found) != 3 {
		t.Fatalf("looked up: %v", found)
	}
	for range 2 {
		asked := grace.Do("PUT", path(ada), "").Want(http.StatusOK)
		if f := asked.JSON(); f["state"] != "requested" || f["communicationUserId"] != nil || f["phoneNumber"] != nil || asked.Header.Get("ETag") == "" {
			t.Fatalf("asked: %v", f)
		}
	}
	invited := ada.becomes(t, grace, "invited")
	if invited["displayName"] != "The grace" || invited["communicationUserId"] != nil {
		t.Errorf("Ada sees %v", invited)
	}

	// Ada accepts. Now each has what it takes to call the other.
	if f := ada.Do("PUT", path(grace), "").Want(http.StatusOK).JSON(); f["state"] != "friend" || f["communicationUserId"] == nil {
		t.Errorf("accepted: %v", f)
	}
	grace.becomes(t, ada, "friend")
	mine := ada.Get("/api/user").Text("communicationUserId")
	list := grace.list("friend")
	if len(list) != 1 || list[0]["communicationUserId"] != mine || list[0]["phoneNumber"] != "+14255550123" || list[0]["displayName"] != "The ada" || list[0]["since"] == nil {
		t.Fatalf("Grace's list: %v", list)
	}

	// "What number can I use to call my friend Joseph?"
	if number := grace.Get(path(ada)).Text("phoneNumber"); number != "+14255550123" {
		t.Errorf("the number is %s", number)
	}

	// Ada renames herself, and lets nobody see her number any more.
	ada.Do("PATCH", "/api/user", `{"displayName":"Countess","phoneVisibleTo":"nobody"}`).Want(http.StatusOK)
	eventually(t, "the new name", func() bool {
		f := grace.list("friend")[0]
		return f["displayName"] == "Countess" && f["phoneNumber"] == nil
	})

	// Grace unfriends.
	grace.Do("DELETE", path(ada), "").Want(http.StatusNoContent)
	grace.Do("DELETE", path(ada), "").Want(http.StatusNoContent)
	ada.becomes(t, grace, "none")
	if len(ada.list("friend")) != 0 {
		t.Error("Ada's list still has Grace")
	}
}

// TestBlocking: who is blocked sees somebody who does not want to be found.
func TestBlocking(t *testing.T) {
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	grace.Do("PUT", path(ada), "").Want(http.StatusOK)
	ada.becomes(t, grace, "invited")
	ada.Do("PUT", path(grace)+"/block", "").Want(http.StatusOK)
	grace.becomes(t, ada, "")

	hidden := grace.Get(path(ada))
	shy := join(b, "linus")
	shy.Do("PATCH", "/api/user", `{"discoverable":false}`).Want(http.StatusOK)
	nobody := person{id: "usr_" + strings.Repeat("a", 52)}
	for _, other := range []person{ada, shy, nobody} {
		for _, request := range [][2]string{{"GET", path(other)}, {"PUT", path(other)}, {"PUT", path(other) + "/block"}} {
			a := grace.Do(request[0], request[1], "").Problem(http.StatusNotFound, "user_unknown")
			if a.Text("detail") != hidden.Text("detail") {
				t.Errorf("%v is told apart: %s", request, a.Body)
			}
		}
		for _, request := range [][2]string{{"PUT", path(other)}, {"DELETE", path(other)}, {"PUT", path(other) + "/block"}, {"DELETE", path(other) + "/block"}} {
			grace.Do(request[0], request[1], "", "If-Match: *").Problem(http.StatusPreconditionFailed, "version_stale")
		}
		grace.Do("DELETE", path(other), "").Want(http.StatusNoContent)
		grace.Do("DELETE", path(other)+"/block", "").Want(http.StatusNoContent)
	}
	for _, handle := range []string{"ada", "linus", "no-such-user"} {
		grace.Get("/api/friends/lookup?handle="+handle).Problem(http.StatusNotFound, "user_unknown")
	}
	if blocked := ada.list("blocked"); len(blocked) != 1 || blocked[0]["displayName"] != "The grace" {
		t.Errorf("Ada's blocks: %v", blocked)
	}
	ada.Do("PUT", path(grace), "").Problem(http.StatusConflict, "friend_blocked")
	ada.Do("DELETE", path(grace), "").Want(http.StatusNoContent) // leaves the block
	ada.Do("DELETE", path(grace)+"/block", "").Want(http.StatusNoContent)
	grace.becomes(t, ada, "none")
	ada.becomes(t, grace, "none")
}

// TestNobodyIsToldApart: what a request finds, or that it finds nobody, cannot be told
// by the requests that it makes.
func TestNobodyIsToldApart(t *testing.T) {
	b := testbed.New(t, rows(), nil)
	ada, grace, shy, friend := join(b, "ada"), join(b, "grace"), join(b, "linus"), join(b, "joseph")
	shy.Do("PATCH", "/api/user", `{"discoverable":false}`).Want(http.StatusOK)
	ada.Do("PUT", path(grace)+"/block", "").Want(http.StatusOK)
	grace.Do("PUT", path(friend), "").Want(http.StatusOK)
	grace.becomes(t, ada, "")
	friend.becomes(t, grace, "invited")
	quiet(t, b)
	same := func(paths map[string]string, method, format string) {
		t.Helper()
		var want string
		for who, target := range paths {
			b.Cloud.CosmosFaults.Record()
			grace.Do(method, fmt.Sprintf(format, target), "")
			var kinds []string
			for _, call := range b.Cloud.CosmosFaults.Calls() {
				kind, _, _ := strings.Cut(call, " ")
				kinds = append(kinds, kind)
			}
			got := strings.Join(kinds, " ")
			if want == "" {
				want = got
			}
			if got != want || want == "" {
				t.Errorf("%s %s, %s: %s; another: %s", method, format, who, got, want)
			}
		}
	}
	same(map[string]string{"unknown": "no-such-user", "hidden": "linus", "blocked by": "ada", "asked": "joseph"}, "GET", "/api/friends/lookup?handle=%s")
	ids := map[string]string{"unknown": "usr_" + strings.Repeat("a", 52), "hidden": shy.id, "blocked by": ada.id}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		same(ids, method, "/api/friends/%s")
	}
	same(ids, "PUT", "/api/friends/%s/block")
	same(ids, "DELETE", "/api/friends/%s/block")
	for who, id := range ids {
		ids[who] = strings.TrimPrefix(id, "usr_") + strings.Repeat("b", 26)
	}
	same(ids, "POST", "/api/friends/invites/%s/accept")
}

// quiet waits until the outbox is empty, so that counts are of requests only.
func quiet(t testing.TB, b *testbed.Bed) {
	t.Helper()
	b.Drain()
	time.Sleep(20 * time.Millisecond)
}

// TestBudgets: what the operations may cost the store.
func TestBudgets(t *testing.T) {
	b := testbed.New(t, rows(), nil)
	ada, grace, linus := join(b, "ada"), join(b, "grace"), join(b, "linus")
	for _, asker := range []person{grace, linus} {
		asker.Do("PUT", path(ada), "").Want(http.StatusOK)
		ada.becomes(t, asker, "invited")
	}
	ada.Do("PUT", path(linus), "").Want(http.StatusOK)
	linus.becomes(t, ada, "friend")
	for name, c := range map[string]struct {
		do            func()
		reads, writes int
	}{
		"accept":               {func() { ada.Do("PUT", path(grace), "").Want(http.StatusOK) }, 2, 1},
		"a page of the list":   {func() { ada.Get("/api/friends?state=friend").Want(http.StatusOK) }, 0, 1}, // the query is a POST
		"a friend":             {func() { ada.Get(path(linus)).Want(http.StatusOK) }, 1, 0},
		"what changed nothing": {func() { linus.Do("PUT", path(ada), "").Want(http.StatusOK) }, 2, 0},
		"declining what is not so": {func() {
			ada.Do("DELETE", path(person{id: "usr_" + strings.Repeat("b", 52)}), "").Want(http.StatusNoContent)
		}, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			quiet(t, b)
			b.Cloud.CosmosFaults.Record()
			c.do()
			reads, writes := 0, 0
			for _, call := range b.Cloud.CosmosFaults.Calls() {
				if strings.HasPrefix(call, "GET ") {
					reads++
				} else {
					writes++
				}
				if writes == c.writes && reads >= c.reads && writes > 0 {
					break // what follows is the function notify's
				}
			}
			if reads > c.reads || writes > c.writes {
				t.Errorf("%d reads and %d writes, want %d and %d: %v", reads, writes, c.reads, c.writes, b.Cloud.CosmosFaults.Calls())
			}
		})
	}
}

func TestBadRequests(t *testing.T) {
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	for _, request := range []string{
		"GET /api/friends?state=enemy", "GET /api/friends?limit=0", "GET /api/friends?limit=101", "GET /api/friends?cursor=x",
		"GET /api/friends/usr_1", "PUT /api/friends/usr_UPPER", "DELETE /api/friends/" + url.PathEscape("usr_../x"), "PUT /api/friends/me/block",
		"GET /api/friends/lookup", "GET /api/friends/lookup?handle=a", "GET /api/friends/lookup?handle=..%2F", "GET /api/friends/lookup?handle=" + strings.Repeat("a", 31),
		"PUT " + path(ada), "GET " + path(ada), "PUT " + path(ada) + "/block",
	} {
		method, target, _ := strings.Cut(request, " ")
		if a := ada.Do(method, target, ""); a.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", request, a.Status, a.Body)
		}
	}
	for _, body := range []string{`{"uses":0}`, `{"uses":101}`, `{"expiresInHours":721}`, `{"uses":"1"}`, `{"x":1}`, `[]`, `{`} {
		if a := ada.Do("POST", "/api/friends/invites", body); a.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, a.Status, a.Body)
		}
	}
	asked := ada.Do("PUT", path(grace), "").Want(http.StatusOK)
	stale := `If-Match: "old"`
	ada.Do("PUT", path(grace), "", stale).Problem(http.StatusPreconditionFailed, "version_stale")
	ada.Do("DELETE", path(grace), "", stale).Problem(http.StatusPreconditionFailed, "version_stale")
	ada.Do("PUT", path(grace)+"/block", "", stale).Problem(http.StatusPreconditionFailed, "version_stale")
	quiet(t, b)
	fresh := ada.Get(path(grace)).Header.Get("ETag")
	if fresh == "" || asked.Header.Get("ETag") == "" {
		t.Error("no ETag")
	}
	ada.Do("DELETE", path(grace), "", "If-Match: "+fresh).Want(http.StatusNoContent)
}

// TestPages: a cursor works for its own list only.
func TestPages(t *testing.T) {
	b := testbed.New(t, rows(), nil)
	ada := join(b, "ada")
	for _, name := range []string{"grace", "linus", "joseph"} {
		ada.Do("PUT", path(join(b, name)), "").Want(http.StatusOK)
	}
	first := ada.Get("/api/friends?state=requested&limit=2").Want(http.StatusOK).JSON()
	cursor, _ := first["nextCursor"].(string)
	second := ada.Get("/api/friends?state=requested&limit=2&cursor=" + url.QueryEscape(cursor)).Want(http.StatusOK).JSON()
	if len(first["items"].([]any)) != 2 || len(second["items"].([]any)) != 1 || second["nextCursor"] != nil {
		t.Fatalf("pages %v and %v", first, second)
	}
	other := b.Start() // another instance takes it, too
	ada.At(other).Get("/api/friends?state=requested&limit=2&cursor=" + url.QueryEscape(cursor)).Want(http.StatusOK)
	changed := cursor[:len(cursor)-2] + "AA"
	for name, target := range map[string]string{
		"of another state":  "/api/friends?state=friend&cursor=" + url.QueryEscape(cursor),
		"of all states":     "/api/friends?cursor=" + url.QueryEscape(cursor),
		"changed":           "/api/friends?state=requested&cursor=" + url.QueryEscape(changed),
		"of an unknown key": "/api/friends?state=requested&cursor=" + url.QueryEscape("other"+cursor),
	} {
		if a := ada.Get(target); a.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	b.As("mallory").Get("/api/friends?state=requested&cursor="+url.QueryEscape(cursor)).Problem(http.StatusBadRequest, "cursor_invalid")
}

func TestInvites(t *testing.T) {
	b := testbed.New(t, rows(), nil)
	ada, grace, linus := join(b, "ada"), join(b, "grace"), join(b, "linus")
	ada.Do("PATCH", "/api/user", `{"discoverable":false}`).Want(http.StatusOK)
	made := ada.Do("POST", "/api/friends/invites", `{"uses":1,"expiresInHours":1}`, "Idempotency-Key: k1").Want(http.StatusCreated)
	again := ada.Do("POST", "/api/friends/invites", `{"uses":1,"expiresInHours":1}`, "Idempotency-Key: k1").Want(http.StatusOK)
	code := made.Text("code")
	if again.Text("code") != code || made.JSON()["uses"] != 1.0 || made.JSON()["used"] != 0.0 {
		t.Fatalf("%s, then %s", made.Body, again.Body)
	}
	link := "/api/friends/invites/" + code
	if f := grace.Do("POST", link+"/accept", "").Want(http.StatusOK).JSON(); f["state"] != "friend" || f["userId"] != ada.id || f["communicationUserId"] == nil {
		t.Errorf("accepted: %v", f)
	}
	ada.becomes(t, grace, "friend")
	linus.Do("POST", link+"/accept", "").Problem(http.StatusConflict, "invite_used")
	linus.Do("POST", "/api/friends/invites/xyz/accept", "").Problem(http.StatusNotFound, "invite_unknown")
	ada.Do("POST", link+"/accept", "").Problem(http.StatusConflict, "friend_self")

	second := ada.Do("POST", "/api/friends/invites", "").Want(http.StatusCreated)
	ada.Do("POST", "/api/friends/invites/"+second.Text("code")+"/revoke", "").Want(http.StatusNoContent)
	linus.Do("POST", "/api/friends/invites/"+second.Text("code")+"/accept", "").Problem(http.StatusNotFound, "invite_unknown")
	third := ada.Do("POST", "/api/friends/invites", `{"expiresInHours":2}`).Want(http.StatusCreated)
	if open := ada.Get("/api/friends/invites").JSON()["items"].([]any); len(open) != 1 {
		t.Errorf("open invites: %v", open)
	}
	b.Clock.Move(3 * time.Hour)
	b.As("linus").Do("POST", "/api/friends/invites/"+third.Text("code")+"/accept", "").Problem(http.StatusNotFound, "invite_unknown")
	if open := b.As("ada").Get("/api/friends/invites").JSON()["items"].([]any); len(open) != 0 {
		t.Errorf("open invites later: %v", open)
	}
}

// TestErasure: nothing is left of a user on either side, and a new beginning is one.
func TestErasure(t *testing.T) {
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	grace.Do("PUT", path(ada), "").Want(http.StatusOK)
	ada.becomes(t, grace, "invited")
	ada.Do("PUT", path(grace), "").Want(http.StatusOK)
	grace.becomes(t, ada, "friend")
	ada.Do("POST", "/api/friends/invites", "").Want(http.StatusCreated)
	ada.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
	grace.becomes(t, ada, "")
	if len(grace.list("")) != 0 {
		t.Error("Grace's list still has Ada")
	}
	quiet(t, b)
	for _, doc := range b.Stored("SELECT * FROM c") {
		if strings.Contains(string(doc), ada.id) && !strings.Contains(string(doc), `"erasedAt"`) {
			t.Errorf("left: %s", doc)
		}
	}
	ada.Do("PUT", path(grace), "").Problem(http.StatusNotFound, "identity_unknown")
	ada = join(b, "ada")
	if len(ada.list("")) != 0 || len(grace.list("")) != 0 {
		t.Error("the past came back")
	}
	ada.Do("PUT", path(grace), "").Want(http.StatusOK)
	grace.becomes(t, ada, "invited")
}

// TestLimits: each limit is a setting, and its refusal says what to do.
func TestLimits(t *testing.T) {
	b := testbed.New(t, rows(), map[string]string{
		"SWITCHBOARD_FRIENDS_MAX": "2", "SWITCHBOARD_FRIENDS_PENDING_MAX": "1", "SWITCHBOARD_FRIENDS_INVITES_MAX": "1",
		"SWITCHBOARD_FRIENDS_LOOKUPS_PER_MINUTE": "3",
	})
	ada, grace, linus := join(b, "ada"), join(b, "grace"), join(b, "linus")
	ada.Do("PUT", path(grace), "").Want(http.StatusOK)
	ada.Do("PUT", path(linus), "").Problem(http.StatusConflict, "requests_full")
	ada.Do("POST", "/api/friends/invites", "").Want(http.StatusCreated)
	ada.Do("POST", "/api/friends/invites", "").Problem(http.StatusConflict, "invites_full")
	throttled := false
	for range 7 { // a minute may begin in between
		a := ada.Get("/api/friends/lookup?handle=nobody-here")
		if a.Status == http.StatusTooManyRequests {
			throttled = true
			if a.Problem(http.StatusTooManyRequests, "friends_too_often").Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		}
	}
	if !throttled {
		t.Error("seven look-ups in a minute are allowed")
	}
}

// TestFaults: whatever the store does to a request, the request repeated does what it
// should, once, and both sides come to say the same.
func TestFaults(t *testing.T) {
	for name, rule := range map[string]faults.Rule{
		"busy":         {Status: http.StatusTooManyRequests, Times: 10},
		"broken":       {Status: http.StatusInternalServerError, Times: 10},
		"answer lost":  {Drop: "after"},
		"answers lost": {Drop: "after", Times: 10},
	} {
		t.Run(name, func(t *testing.T) {
			b := testbed.New(t, rows(), nil)
			ada, grace := join(b, "ada"), join(b, "grace")
			do := func(p person, method, target string, status int) testbed.Answer {
				t.Helper()
				quiet(t, b)
				b.Cloud.CosmosFaults.Add(rule)
				first := p.Do(method, target, "")
				b.Cloud.CosmosFaults.Clear()
				if first.Status != status && first.Status != http.StatusServiceUnavailable && first.Status != http.StatusBadGateway && first.Status != http.StatusGatewayTimeout {
					t.Errorf("%s %s: %d %s", method, target, first.Status, first.Body)
				}
				return p.Do(method, target, "").Want(status)
			}
			do(grace, "PUT", path(ada), http.StatusOK)
			ada.becomes(t, grace, "invited")
			do(ada, "PUT", path(grace), http.StatusOK)
			grace.becomes(t, ada, "friend")
			do(grace, "DELETE", path(ada), http.StatusNoContent)
			ada.becomes(t, grace, "none")
			code := ada.Do("POST", "/api/friends/invites", "").Text("code")
			if f := do(grace, "POST", "/api/friends/invites/"+code+"/accept", http.StatusOK).JSON(); f["state"] != "friend" {
				t.Errorf("accepted: %v", f)
			}
			ada.becomes(t, grace, "friend")
			do(ada, "PUT", path(grace)+"/block", http.StatusOK)
			grace.becomes(t, ada, "")
			do(ada, "DELETE", "/api/user", http.StatusNoContent)
			quiet(t, b)
			for _, doc := range b.Stored("SELECT * FROM c") {
				if strings.Contains(string(doc), ada.id) && !strings.Contains(string(doc), `"erasedAt"`) {
					t.Errorf("left: %s", doc)
				}
			}
		})
	}
}
