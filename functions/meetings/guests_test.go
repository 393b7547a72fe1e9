package meetings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"switchboard/shared/faults"
	"switchboard/shared/testbed"
)

// A meeting has one link, whoever asks for it when.
func TestOneLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	grace, graceID := w.user("grace")
	mallory, _ := w.user("mallory")
	path := w.schedule(ada, w.draft(0, attendees(graceID)))
	grace.Do("PUT", path+"/invite", "").Problem(http.StatusForbidden, "meeting_not_yours")
	grace.Do("DELETE", path+"/invite", "").Problem(http.StatusForbidden, "meeting_not_yours")
	mallory.Do("PUT", path+"/invite", "").Problem(http.StatusNotFound, "meeting_unknown")

	instances := []string{w.URL, w.Start(), w.Start(), w.Start()}
	answers := make([]testbed.Answer, 3*len(instances))
	var racing sync.WaitGroup
	for i := range answers {
		racing.Go(func() { answers[i] = ada.At(instances[i%len(instances)]).Do("PUT", path+"/invite", "") })
	}
	racing.Wait()
	made := 0
	for _, a := range answers {
		if a.Status == http.StatusCreated {
			made++
		} else {
			a.Want(http.StatusOK)
		}
		if string(a.Body) != string(answers[0].Body) {
			t.Errorf("at once there are %s and %s", answers[0].Body, a.Body)
		}
	}
	if made != 1 {
		t.Errorf("%d were told that the link is new", made)
	}
	code := answers[0].Text("code")
	w.visit(code, "").Want(http.StatusOK)
	again := ada.Do("PUT", path+"/invite", "").Want(http.StatusOK).JSON()
	ends := ada.Get(path).JSON()["endsAt"].(string)
	end, err := time.Parse(time.RFC3339, ends)
	if err != nil || again["code"] != code || again["used"] != 1.0 || again["uses"] != 100.0 || again["expiresAt"] != end.Add(time.Hour).Format(time.RFC3339) {
		t.Errorf("of a meeting that ends %s: %v", ends, again)
	}
	for range 2 {
		ada.Do("DELETE", path+"/invite", "").Want(http.StatusNoContent)
	}
	if renewed := ada.Do("PUT", path+"/invite", "").Want(http.StatusCreated); renewed.Text("code") == code || renewed.JSON()["used"] != 0.0 {
		t.Errorf("after it was revoked: %s", renewed.Body)
	}
}

// The answer that made the link is lost: it is the same for who asks again.
func TestALinkWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	path := w.schedule(ada, w.draft(0))
	w.Drain()
	w.Cloud.CosmosFaults.Add(faults.Rule{Method: "POST", Contains: "/docs", Skip: 1, Drop: "after"})
	first := ada.Do("PUT", path+"/invite", "")
	w.Cloud.CosmosFaults.Clear()
	code := link(ada, path)
	if first.Status < 300 && first.Text("code") != code {
		t.Errorf("there were two: %s", first.Body)
	}
	w.visit(code, "").Want(http.StatusOK)
}

// From when it opens until some time after the end; the token is for no more than that.
func TestWhenGuestsComeIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"SWITCHBOARD_MEETINGS_OPENS_BEFORE": "10m", "SWITCHBOARD_MEETINGS_CLOSES_AFTER": "30m"})
	ada, _ := w.user("ada")
	began := w.Clock.Now().Truncate(time.Second)
	path := w.schedule(ada, fmt.Sprintf(`{"subject":"Long","startsAt":%q,"endsAt":%q}`, w.at(60), w.at(60+180)))
	meeting := ada.Get(path).JSON()
	code := link(ada, path)
	early := w.visit(code, "").Problem(http.StatusConflict, "meeting_not_open")
	if wait, err := strconv.Atoi(early.Header.Get("Retry-After")); err != nil || wait < 49*60 || wait > 50*60 {
		t.Errorf("ten minutes before a meeting in an hour, Retry-After is %q", early.Header.Get("Retry-After"))
	}
	if len(w.guests(ada)) != 0 || ada.Do("PUT", path+"/invite", "").JSON()["used"] != 0.0 {
		t.Error("who is too early takes a place")
	}
	gone := began.Add((60 + 180 + 30) * time.Minute)
	for _, minutes := range []int{51, 120, 200, 240, 269} {
		w.Clock.Move(began.Add(time.Duration(minutes) * time.Minute).Sub(w.Clock.Now()))
		ticket := w.visit(code, "")
		access, err := w.Cloud.ACS.Validate(ticket.Want(http.StatusOK).Text("token"))
		if err != nil || access.Identity != guest(ticket) {
			t.Fatalf("%s: %v", ticket.Body, err)
		}
		slices.Sort(access.Scopes)
		if !slices.Equal(access.Scopes, []string{"chat.join", "voip.join"}) {
			t.Errorf("the token is for %v", access.Scopes)
		}
		// ACS has no tokens for less than an hour.
		if most := gone.Add(time.Minute); access.ExpiresOn.After(most) && access.ExpiresOn.After(w.Clock.Now().Add(61*time.Minute)) || access.ExpiresOn.Before(gone.Add(-time.Minute)) {
			t.Errorf("after %d minutes the token lives until %s, guests go at %s", minutes, access.ExpiresOn, gone)
		}
		body := ticket.JSON()
		if body["expiresOn"] != access.ExpiresOn.Truncate(time.Second).Format(time.RFC3339) || body["displayName"] != "Visitor" || body["provider"] != "teams" {
			t.Errorf("ticket %s", ticket.Body)
		}
		if got, want := body["locator"].(map[string]any), meeting["join"].(map[string]any); len(got) != 1 || got["meetingLink"] != want["meetingLink"] {
			t.Errorf("locator %v of a meeting %v", got, want)
		}
		// The ticket is all that they have.
		for _, elsewhere := range []string{path, "/api/meetings", "/api/user"} {
			c := w.Nobody()
			c.Token = ticket.Text("token")
			c.Get(elsewhere).Want(http.StatusUnauthorized)
			w.Nobody().Get(elsewhere).Want(http.StatusUnauthorized)
		}
	}
	w.Clock.Move(gone.Sub(w.Clock.Now()))
	w.As("ada").Do("PUT", path+"/invite", "").Problem(http.StatusConflict, "meeting_over")
	w.visit(code, "").Problem(http.StatusNotFound, "invite_unknown")
}

// All that is no code is answered alike, after as many requests to the store.
func TestCodesThatAreNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	mine, other, revoked, cancelled := w.schedule(ada, w.draft(0)), w.schedule(ada, w.draft(0)), w.schedule(ada, w.draft(0)), w.schedule(ada, w.draft(0))
	code, foreign, old, over := link(ada, mine), link(ada, other), link(ada, revoked), link(ada, cancelled)
	ada.Do("DELETE", revoked+"/invite", "").Want(http.StatusNoContent)
	link(ada, revoked)
	ada.Do("DELETE", cancelled, "").Want(http.StatusNoContent)
	w.Drain()
	const owner = 26 // letters of the meeting's id
	letters := strings.Repeat("a", owner)
	refuse := func(code string) (calls int) {
		w.Cloud.CosmosFaults.Record()
		a := w.visit(code, uuid.NewString()).Problem(http.StatusNotFound, "invite_unknown")
		if a.Header.Get("Retry-After") != "" {
			t.Errorf("%q is answered with %v", code, a.Header)
		}
		return len(w.Cloud.CosmosFaults.Calls())
	}
	want := refuse(letters + letters)
	for what, code := range map[string]string{
		"a wrong secret": code[:owner] + letters, "another meeting's": code[:owner] + foreign[owner:], "no meeting's": letters + code[owner:], "revoked": old,
	} {
		if calls := refuse(code); calls != want {
			t.Errorf("%s: %d requests to the store, others %d", what, calls, want)
		}
	}
	refuse(over)
	for _, code := range []string{"", "x", code[1:], code + "a", strings.ToUpper(code), code[:51] + "0", code[:51] + " ", code[:50] + "é", "mtg_" + code, " " + code} {
		if calls := refuse(code); calls != 0 {
			t.Errorf("%q is looked up", code)
		}
	}
	wantFaults(t, w.visit(strings.Repeat("a", 201), ""), "a long code", "body.code")
	w.visit(code, "").Want(http.StatusOK)
}

// However many come at once, no more than the limit get in, and they come in again.
func TestGuestsAreFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"SWITCHBOARD_MEETINGS_GUESTS_MAX": "3"})
	ada, _ := w.user("ada")
	path := w.schedule(ada, w.draft(0))
	code := link(ada, path)
	instances := []string{w.URL, w.Start()}
	keys, answers := make([]string, 12), make([]testbed.Answer, 12)
	var racing sync.WaitGroup
	for i := range answers {
		keys[i] = uuid.NewString()
		c := w.Nobody().At(instances[i%len(instances)])
		racing.Go(func() { answers[i] = visitAt(c, code, keys[i]) })
	}
	racing.Wait()
	in := 0
	for i, a := range answers {
		if a.Status != http.StatusOK {
			a.Problem(http.StatusConflict, "guests_full")
			continue
		}
		in++
		if guest(w.visit(code, keys[i])) != guest(a) {
			t.Error("who comes again is somebody else")
		}
	}
	if in != 3 || len(w.guests(ada)) != 3 || ada.Do("PUT", path+"/invite", "").JSON()["used"] != 3.0 {
		t.Errorf("%d of 3 got in, ACS has %v", in, w.guests(ada))
	}
}

// One key is one guest with one identity, wherever and however often they come; another
// is another.
func TestOneGuest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	path := w.schedule(ada, w.draft(0))
	code := link(ada, path)
	instances := []string{w.URL, w.Start(), w.Start(), w.Start()}
	key := uuid.NewString()
	answers := make([]testbed.Answer, 2*len(instances))
	var racing sync.WaitGroup
	for i := range answers {
		racing.Go(func() { answers[i] = visitAt(w.Nobody().At(instances[i%len(instances)]), code, key) })
	}
	racing.Wait()
	for _, a := range answers {
		if guest(a) != guest(answers[0]) {
			t.Error("one key is several guests")
		}
	}
	again := w.Nobody().Do("POST", "/api/meetings/guests", fmt.Sprintf(`{"code":%q,"displayName":"Somebody else"}`, code), "Idempotency-Key: "+strings.ToUpper(key))
	if guest(again) != guest(answers[0]) || again.Text("displayName") != "Visitor" {
		t.Errorf("come again: %s", again.Body)
	}
	others := []string{guest(answers[0]), guest(w.visit(code, uuid.NewString())), guest(w.visit(code, "")), guest(w.visit(code, ""))}
	slices.Sort(others)
	if len(slices.Compact(others)) != 4 || len(w.guests(ada)) != 4 || ada.Do("PUT", path+"/invite", "").JSON()["used"] != 4.0 {
		t.Errorf("four people are %v, ACS has %v", others, w.guests(ada))
	}
	// The same key is somebody else with another link.
	elsewhere := link(ada, w.schedule(ada, w.draft(0)))
	if guest(w.visit(elsewhere, key)) == guest(answers[0]) {
		t.Error("a guest is known in another meeting")
	}
}

// Whichever of the store's answers is lost, the guest who comes again is the same, and
// takes one place.
func TestAGuestWhoseAnswersAreLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	other := w.Start()
	for lost := range 7 {
		path := w.schedule(ada, w.draft(0))
		code, key := link(ada, path), uuid.NewString()
		w.Drain()
		was := len(w.guests(ada))
		w.Cloud.CosmosFaults.Add(faults.Rule{Skip: lost, Drop: "after"})
		first := w.visit(code, key)
		w.Cloud.CosmosFaults.Clear()
		second := visitAt(w.Nobody().At(other), code, key)
		if first.Status == http.StatusOK && guest(first) != guest(second) {
			t.Errorf("after the answer %d was lost they are two", lost)
		}
		if used := ada.Do("PUT", path+"/invite", "").JSON()["used"]; used != 1.0 || len(w.guests(ada)) != was+1 {
			t.Errorf("after the answer %d was lost they take %v places and %d identities", lost, used, len(w.guests(ada))-was)
		}
		guest(second)
	}
}

// What guests call themselves can be shown.
func TestNamesOfGuests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	code := link(ada, w.schedule(ada, w.draft(0)))
	for _, name := range []string{"", " ", " x", "x ", "a\nb", "a\x00b", "a\u007fb", "a\u202eb", "\u2066", "\ufffd", strings.Repeat("é", 257)} {
		body, err := json.Marshal(map[string]string{"code": code, "displayName": name})
		if err != nil {
			t.Fatal(err)
		}
		wantFaults(t, w.Nobody().Do("POST", "/api/meetings/guests", string(body)), name, "body.displayName")
	}
	for body, locations := range map[string]string{
		`{}`:                           "body body body.displayName",
		`{"code":5,"displayName":"x"}`: "body.code",
		`{"code":"x","displayName":"a\u202eb","role":"host"}`: "body.displayName body.role",
	} {
		wantFaults(t, w.Nobody().Do("POST", "/api/meetings/guests", body), body, locations)
	}
	wantFaults(t, w.visit(code, "not-random"), "a key that others guess", "header.Idempotency-Key")
	if len(w.guests(ada)) != 0 {
		t.Error("who was refused has an identity")
	}
	w.Nobody().Do("POST", "/api/meetings/guests", fmt.Sprintf(`{"code":%q,"displayName":%q}`, code, strings.Repeat("é", 256))).Want(http.StatusOK)
}
