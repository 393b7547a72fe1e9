package meetings_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/signin"
	"switchboard/shared/testbed"
)

// sees tells whether somebody finds a meeting by its id and can join it, which go together.
func sees(c testbed.Client, path string) bool {
	c.T.Helper()
	got, joined := c.Get(path).Status, c.Do("POST", path+"/join", "").Status
	if got != joined || got != http.StatusOK && got != http.StatusNotFound {
		c.T.Errorf("reading answers %d, joining %d", got, joined)
	}
	return got == http.StatusOK
}

// Who is invited changes at once, and agendas soon after.
func TestWhoIsInvited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, adaID := w.user("ada")
	grace, graceID := w.user("grace")
	linus, linusID := w.user("linus")
	path := w.schedule(ada, w.draft(0, attendees(graceID, adaID, graceID))) // the host is not among them, nobody is twice
	if got := ada.Get(path).JSON()["attendees"].([]any); len(got) != 1 {
		t.Errorf("attendees %v", got)
	}
	w.Drain()
	invite := func(people string) { ada.Do("PATCH", path, "{"+people+"}").Want(http.StatusOK) }
	want := func(what string, whom map[*testbed.Client]bool) {
		t.Helper()
		for c, in := range whom {
			if sees(*c, path) != in {
				t.Errorf("%s: sees the meeting: %v", what, !in)
			}
		}
		w.Drain()
		for c, in := range whom {
			if _, ids := today(*c); (len(ids) == 1) != in {
				t.Errorf("%s: has it in the agenda: %v", what, !in)
			}
		}
	}
	want("at first", map[*testbed.Client]bool{&ada: true, &grace: true, &linus: false})
	invite(attendees(linusID, "patient@example.com"))
	want("after another was invited instead", map[*testbed.Client]bool{&ada: true, &grace: false, &linus: true})
	invite(`"attendees":null`)
	want("after nobody was invited", map[*testbed.Client]bool{&ada: true, &grace: false, &linus: false})
	invite(attendees(linusID, graceID))
	want("after all were invited", map[*testbed.Client]bool{&ada: true, &grace: true, &linus: true})
}

// Users without a mapping host nothing and join nothing; who is invited and is nobody is
// taken off the list.
func TestUsersWithoutAMapping(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	stranger := w.As("mallory")
	stranger.Do("POST", "/api/meetings", w.draft(0), "Idempotency-Key: 1").Problem(http.StatusNotFound, "identity_unknown")
	stranger.Do("POST", "/api/meetings/import", w.foreign("2451234567890")).Problem(http.StatusNotFound, "identity_unknown")
	if _, ids := today(stranger); len(ids) != 0 {
		t.Errorf("she has %v", ids)
	}
	ada, _ := w.user("ada")
	nobody := "usr_" + strings.Repeat("a", 52)
	path := w.schedule(ada, w.draft(0, attendees(nobody)))
	w.Drain()
	if got := ada.Get(path).JSON()["attendees"].([]any); len(got) != 0 {
		t.Errorf("invited are %v", got)
	}
	admin := w.As("operator", signin.RoleAdmin)
	admin.Get(path).Want(http.StatusOK)
	admin.Do("POST", path+"/join", "").Problem(http.StatusNotFound, "identity_unknown")
	stranger, _ = w.user("mallory")
	stranger.Do("POST", "/api/meetings", w.draft(0), "Idempotency-Key: 1").Want(http.StatusCreated)
}

// Administrators see, join, change and cancel what they are not invited to; e-mails are
// for them and the host.
func TestAdministrators(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, adaID := w.user("ada")
	grace, graceID := w.user("grace")
	admin := w.As("operator", signin.RoleAdmin)
	admin.Do("POST", "/api/user", "")
	path := w.schedule(ada, w.draft(0, attendees(graceID, "patient@example.com"), `"mode":"calendar"`))
	w.Drain()
	for name, c := range map[string]testbed.Client{"host": ada, "attendee": grace, "admin": admin} {
		got := c.Get(path).Want(http.StatusOK)
		if role, _ := got.JSON()["role"].(string); role != name && name != "admin" || name == "admin" && role != "" {
			t.Errorf("the %s is %q", name, role)
		}
		if shown := strings.Contains(string(got.Body), "patient@example.com"); shown == (name == "attendee") {
			t.Errorf("the %s sees %s", name, got.Body)
		}
		c.Do("POST", path+"/join", "").Want(http.StatusOK)
	}
	if got := admin.Do("PATCH", path, `{"subject":"Mended"}`).Want(http.StatusOK).JSON(); got["organizer"].(map[string]any)["userId"] != adaID {
		t.Errorf("after an administrator changed it: %v", got)
	}
	link(admin, path)
	w.Drain()
	if _, ids := today(admin); len(ids) != 0 {
		t.Errorf("it is in the administrator's agenda: %v", ids)
	}
	if subjects, _ := today(grace); !slices.Equal(subjects, []string{"Mended"}) {
		t.Errorf("Grace has %v", subjects)
	}
	for range 2 {
		admin.Do("DELETE", path, "").Want(http.StatusNoContent)
	}
	grace.Do("DELETE", path, "").Problem(http.StatusNotFound, "meeting_unknown")
	ada.Do("DELETE", path, "").Want(http.StatusNoContent)
	ada.Do("PATCH", path, `{"subject":"x"}`).Problem(http.StatusNotFound, "meeting_unknown")
}

// A change is for the version that its author has seen.
func TestVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, adaID := w.user("ada")
	made := ada.Do("POST", "/api/meetings", w.draft(0)).Want(http.StatusCreated)
	path, first := "/api/meetings/"+made.Text("id"), made.Header.Get("ETag")
	if got := ada.Get(path).Header.Get("ETag"); first == "" || got != first {
		t.Errorf("made as %s, read as %s", first, got)
	}
	for _, same := range []string{`{}`, `{"subject":" Consultation "}`, `{"lobby":null,"attendees":null}`, fmt.Sprintf(`{"organizer":{"userId":%q}}`, adaID)} {
		if got := ada.Do("PATCH", path, same, "If-Match: "+first).Want(http.StatusOK).Header.Get("ETag"); got != first {
			t.Errorf("%s makes a new version", same)
		}
	}
	second := ada.Do("PATCH", path, `{"subject":"Other"}`, "If-Match: "+first).Want(http.StatusOK).Header.Get("ETag")
	if second == first {
		t.Error("a change makes no new version")
	}
	w.Cloud.GraphFaults.Record()
	ada.Do("PATCH", path, `{"subject":"Third"}`, "If-Match: "+first).Problem(http.StatusPreconditionFailed, "version_stale")
	ada.Do("DELETE", path, "", "If-Match: "+first).Problem(http.StatusPreconditionFailed, "version_stale")
	if calls := w.Cloud.GraphFaults.Calls(); len(calls) != 0 {
		t.Errorf("Graph was told of what was refused: %v", calls)
	}
	if got := ada.Get(path).Text("subject"); got != "Other" {
		t.Errorf("the subject is %s", got)
	}
	for _, organizer := range []string{`{"userId":"usr_x"}`, `null`, `{"userId":""}`} {
		ada.Do("PATCH", path, `{"subject":"Mine","organizer":`+organizer+`}`).Problem(http.StatusConflict, "meeting_organizer_fixed")
	}
	ada.Do("DELETE", path, "", "If-Match: "+second+`, "other"`).Want(http.StatusNoContent)
	ada.Do("DELETE", path, "", "If-Match: "+first).Want(http.StatusNoContent) // it is done, and an answer may have been lost
}

// A ticket is there from some time before the start until the link expires, and says so.
func TestWhenToJoin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"SWITCHBOARD_MEETINGS_OPENS_BEFORE": "20m"})
	ada, _ := w.user("ada")
	path := w.schedule(ada, w.draft(30))
	early := ada.Do("POST", path+"/join", "").Problem(http.StatusConflict, "meeting_not_open")
	if wait, err := strconv.Atoi(early.Header.Get("Retry-After")); err != nil || wait < 9*60 || wait > 10*60 {
		t.Errorf("Retry-After %q", early.Header.Get("Retry-After"))
	}
	w.Clock.Move(10 * time.Minute)
	ticket := ada.Do("POST", path+"/join", "").Want(http.StatusOK)
	if at, err := time.Parse("2006-01-02T15:04:05Z", ticket.Text("expiresOn")); err != nil || !at.After(w.Clock.Now()) {
		t.Errorf("the token expires on %s", ticket.Text("expiresOn"))
	}
	access, err := w.Cloud.ACS.Validate(ticket.Text("token"))
	slices.Sort(access.Scopes)
	if err != nil || !slices.Equal(access.Scopes, []string{"chat.join", "voip.join"}) {
		t.Errorf("the token is for %v: %v", access.Scopes, err)
	}
	const life = 60 * 24 * time.Hour
	expires := ada.Get(path).Text("linkExpiresAt")
	w.Clock.Move(life)
	w.As("ada").Do("POST", path+"/join", "").Want(http.StatusOK)
	w.Clock.Move(50 * time.Minute)
	if now := w.Clock.Now().Format(time.RFC3339); expires > now {
		t.Fatalf("the link expires at %s, it is %s", expires, now)
	}
	late := w.As("ada").Do("POST", path+"/join", "").Problem(http.StatusConflict, "meeting_link_expired")
	if late.Header.Get("Retry-After") != "" {
		t.Error("an expired link is to be tried again")
	}
	w.As("ada").Get(path).Want(http.StatusOK)
}

// Who may have to wait in the lobby is told, by what the tenant lets people do.
func TestLobbies(t *testing.T) {
	t.Parallel()
	for start, lobby := range map[string]string{"": `"lobby":{"scope":%q}`, "true": `"lobby":%q`} {
		w := newWorld(t, map[string]string{"SWITCHBOARD_MEETINGS_ANONYMOUS_START": start})
		ada, _ := w.user("ada")
		scopes := []string{"organizer", "invited", "organization", "organizationExcludingGuests", "organizationAndFederated", "everyone"}
		if start != "" {
			scopes = scopes[4:]
		}
		for _, scope := range scopes {
			path := w.schedule(ada, w.draft(0, fmt.Sprintf(lobby, scope)))
			want := fmt.Sprintf("map[mayWait:%v scope:%s]", scope != "everyone" || start == "", scope)
			for _, a := range []testbed.Answer{ada.Get(path), ada.Do("POST", path+"/join", ""), w.visit(link(ada, path), "")} {
				if got := fmt.Sprint(a.Want(http.StatusOK).JSON()["lobby"]); got != want {
					t.Errorf("lobby %s, anonymous start %q: %s, want %s", scope, start, got, want)
				}
			}
		}
		path := w.schedule(ada, w.draft(0)) // as the tenant has it
		if got := fmt.Sprint(ada.Get(path).JSON()["lobby"]); got != "map[mayWait:true scope:organization]" {
			t.Errorf("lobby %s", got)
		}
		changed := ada.Do("PATCH", path, `{"lobby":"everyone"}`).Want(http.StatusOK).JSON()
		if got := fmt.Sprint(changed["lobby"]); got != fmt.Sprintf("map[mayWait:%v scope:everyone]", start == "") {
			t.Errorf("changed to %s", got)
		}
		imported := ada.Do("POST", "/api/meetings/import", w.foreign("2451234567890")).Want(http.StatusCreated).JSON()
		if got := fmt.Sprint(imported["lobby"]); got != "map[mayWait:true]" {
			t.Errorf("nobody has told, and the lobby is %s", got)
		}
	}
}

// The chat is there where it is known and people may write in it.
func TestChats(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	chat := func(path string) (thread string) {
		t.Helper()
		body := ada.Get(path).Want(http.StatusOK).JSON()
		ticket := ada.Do("POST", path+"/join", "").Want(http.StatusOK).JSON()
		for _, of := range []map[string]any{body, ticket} {
			if _, there := of["chat"]; !there || fmt.Sprint(of["chat"]) != fmt.Sprint(body["chat"]) {
				t.Errorf("the chat is told as %v and as %v", body["chat"], of["chat"])
			}
		}
		if body["chat"] == nil {
			return ""
		}
		return body["chat"].(map[string]any)["threadId"].(string)
	}
	if thread := chat(w.schedule(ada, w.draft(0))); !strings.HasPrefix(thread, "19:meeting_") {
		t.Errorf("the chat is %q", thread)
	}
	unknown := "/api/meetings/" + ada.Do("POST", "/api/meetings/import", w.foreign("2451234567890")).Want(http.StatusCreated).Text("id")
	if thread := chat(unknown); thread != "" {
		t.Errorf("nobody knows the chat, and it is %s", thread)
	}
	w.Cloud.GraphFaults.Add(faults.Rule{Contains: "createOrGet", Status: http.StatusCreated, Header: map[string]string{"Content-Type": "application/json"}, Body: fmt.Sprintf(
		`{"id":"1","subject":"Consultation","startDateTime":%q,"endDateTime":%q,"joinWebUrl":"https://teams.microsoft.com/l/meetup-join/19%%3ameeting_x%%40thread.v2/0","allowMeetingChat":"disabled","chatInfo":{"threadId":"19:meeting_x@thread.v2"},"lobbyBypassSettings":{"scope":"organization"}}`, w.at(0), w.at(30))})
	if thread := chat(w.schedule(ada, w.draft(0))); thread != "" {
		t.Errorf("the chat is off, and it is %s", thread)
	}
	w.Cloud.GraphFaults.Add(faults.Rule{Contains: "JoinWebUrl", Status: http.StatusOK, Header: map[string]string{"Content-Type": "application/json"}, Body: `{"value":[
		{"id":"2","joinWebUrl":"https://teams.microsoft.com/l/meetup-join/19%3ameeting_y%40thread.v2/0","allowMeetingChat":"disabled","chatInfo":{"threadId":"19:meeting_y@thread.v2"},"lobbyBypassSettings":{"scope":"organization"}}]}`})
	lesson := w.schedule(ada, w.draft(0, `"mode":"calendar"`))
	if thread := chat(lesson); thread != "" {
		t.Errorf("the chat of an event is off, and it is %s", thread)
	}
	ada.Do("PATCH", lesson, `{"subject":"Review"}`).Want(http.StatusOK) // the event's answer does not tell of it
	if thread := chat(lesson); thread != "" {
		t.Errorf("the chat of an event is off after a change, and it is %s", thread)
	}
}
