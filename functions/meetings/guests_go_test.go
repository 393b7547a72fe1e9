package meetings_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"switchboard/shared/faults"
	"switchboard/shared/storage"
	"switchboard/shared/testbed"
)

// noGuests fails the test unless nothing of guests is left, but for marks that say that
// somebody was erased.
func (w world) noGuests(what string, users ...testbed.Client) {
	w.t.Helper()
	if left := w.guests(users...); len(left) != 0 {
		w.t.Errorf("%s: ACS still has %v", what, left)
	}
	if left := w.Stored(`SELECT * FROM c WHERE c.type = "guest" OR c.kind = "guest" AND NOT IS_DEFINED(c.erasedAt)`); len(left) != 0 {
		w.t.Errorf("%s: %d documents are left, such as %.120s", what, len(left), left[0])
	}
}

// alive tells whether somebody can still do what their ticket is for.
func (w world) alive(ticket testbed.Answer) bool {
	w.t.Helper()
	return w.Cloud.ACS.TokenValid(ticket.Want(http.StatusOK).Text("token"))
}

// When a meeting is over its guests go, and not before.
func TestGuestsGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	path := w.schedule(ada, w.draft(0))
	code := link(ada, path)
	tickets := []testbed.Answer{w.visit(code, ""), w.visit(code, "")}
	w.Clock.Move(85 * time.Minute)
	w.wantUpkeep()
	late := w.visit(code, "")
	if len(w.guests(w.As("ada"))) != 3 || !w.alive(tickets[0]) || !w.alive(late) {
		t.Error("guests went before the end")
	}
	w.Clock.Move(5 * time.Minute)
	w.wantUpkeep()
	w.noGuests("after the end", w.As("ada"))
	if w.alive(late) {
		t.Error("the token outlives its guest")
	}
	w.wantUpkeep()
}

// What ACS does not do now it does at the next tick, and one guest who cannot be erased
// keeps no other.
func TestUpkeepGoesOn(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]faults.Rule{
		"ACS refuses":     {Method: "DELETE", Status: http.StatusForbidden, Times: -1},
		"ACS is away":     {Method: "DELETE", Status: http.StatusServiceUnavailable, Header: map[string]string{"Retry-After": "60"}, Times: -1},
		"one guest only":  {Method: "DELETE", Status: http.StatusForbidden, Times: -1, Contains: "one"},
		"the store fails": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			ada, _ := w.user("ada")
			code := link(ada, w.schedule(ada, w.draft(0)))
			var bad string
			for range 3 {
				bad = guest(w.visit(code, ""))
			}
			w.Clock.Move(2 * time.Hour)
			ada = w.As("ada")
			w.Drain()
			in := w.Cloud.ACSFaults
			switch {
			case fault.Method == "": // each guest's document outlasts the identity
				in, fault = w.Cloud.CosmosFaults, faults.Rule{Method: "DELETE", Contains: "guest", Status: http.StatusForbidden, Times: -1}
			case fault.Contains != "":
				_, fault.Contains, _ = strings.Cut(bad, "_")
			}
			in.Add(fault)
			if w.Fire("upkeep") == nil {
				t.Error("upkeep says that all went well")
			}
			if name == "one guest only" {
				if left := w.guests(ada); len(left) != 1 || left[0] != bad {
					t.Errorf("one cannot be erased, and %v are left", left)
				}
			}
			in.Clear()
			w.wantUpkeep()
			w.noGuests("at the next tick", ada)
		})
	}
}

// Who was let in and never got an identity, or never heard of it, goes as everybody.
func TestGuestsWhoWereCutShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	code, key := link(ada, w.schedule(ada, w.draft(0))), uuid.NewString()
	w.Cloud.ACSFaults.Add(faults.Rule{Method: "POST", Contains: "/identities?", Status: http.StatusForbidden, Times: -1})
	w.visit(code, key).Problem(http.StatusBadGateway, "calling_misconfigured")
	w.visit(code, uuid.NewString()).Problem(http.StatusBadGateway, "calling_misconfigured")
	w.Cloud.ACSFaults.Clear()
	w.Clock.Move(10 * time.Second)
	w.visit(code, key).Want(http.StatusOK) // of the two one comes again
	if used := ada.Do("PUT", "/api/meetings/mtg_"+code[:26]+"/invite", "").JSON()["used"]; used != 2.0 {
		t.Errorf("two guests take %v places", used)
	}
	w.Clock.Move(2 * time.Hour)
	w.wantUpkeep()
	w.noGuests("after the end", w.As("ada"))
}

// Revoking the link ends the guests whom it let in, however late the outbox is, and none
// of those who came by the next link.
func TestRevokingALinkEndsItsGuests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	path := w.schedule(ada, w.draft(0))
	old, key := link(ada, path), uuid.NewString()
	out := w.visit(old, key)
	w.Drain()
	w.Cloud.ACSFaults.Add(faults.Rule{Method: "DELETE", Status: http.StatusForbidden, Times: 2})
	ada.Do("DELETE", path+"/invite", "").Want(http.StatusNoContent)
	w.visit(old, key).Problem(http.StatusNotFound, "invite_unknown")
	in := w.visit(link(ada, path), key)
	w.Drain()
	if w.alive(out) || !w.alive(in) || guest(in) == guest(out) {
		t.Errorf("who came by the old link is in: %v, by the new one: %v", w.alive(out), w.alive(in))
	}
	ada.Do("PATCH", path, `{"subject":"Other"}`).Want(http.StatusOK)
	w.wantUpkeep()
	if left := w.guests(ada); len(left) != 1 || left[0] != guest(in) {
		t.Errorf("left are %v", left)
	}
	if docs := w.Stored(`SELECT * FROM c WHERE c.type = "guest"`); len(docs) != 1 {
		t.Errorf("left are %s", docs)
	}
	w.Clock.Move(2 * time.Hour)
	w.wantUpkeep()
	w.noGuests("after the end", w.As("ada"))
}

// A guest is let in, and the link is revoked before they have an identity: it goes, too.
func TestAGuestUnderWayWhenTheLinkIsRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	path := w.schedule(ada, w.draft(0))
	code := link(ada, path)
	w.Drain()
	w.Cloud.CosmosFaults.Add(faults.Rule{Method: "GET", Contains: "/docs/identity:", Delay: faults.Duration(150 * time.Millisecond)})
	var under sync.WaitGroup
	under.Go(func() { w.visit(code, "") })
	for len(w.Stored(`SELECT * FROM c WHERE c.type = "guest"`)) == 0 {
		time.Sleep(time.Millisecond)
	}
	ada.Do("DELETE", path+"/invite", "").Want(http.StatusNoContent)
	w.Drain()
	under.Wait()
	w.wantUpkeep()
	w.noGuests("after the link was revoked", ada)
}

// Guests stay until the end that the meeting has now.
func TestGuestsOfAMeetingThatMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"SWITCHBOARD_MEETINGS_CLOSES_AFTER": "1m"})
	ada, _ := w.user("ada")
	longer, shorter, later := w.schedule(ada, w.draft(0)), w.schedule(ada, w.draft(0)), w.schedule(ada, w.draft(0))
	ids := map[string]string{}
	for _, path := range []string{longer, shorter, later} {
		ids[path] = guest(w.visit(link(ada, path), ""))
	}
	ada.Do("PATCH", longer, fmt.Sprintf(`{"endsAt":%q}`, w.at(90))).Want(http.StatusOK)
	ada.Do("PATCH", shorter, fmt.Sprintf(`{"endsAt":%q}`, w.at(20))).Want(http.StatusOK)
	w.Drain()
	w.Clock.Move(23 * time.Minute)
	w.wantUpkeep()
	if w.Cloud.ACS.Owns(ids[shorter]) || !w.Cloud.ACS.Owns(ids[later]) {
		t.Error("who has to go earlier stays, or somebody else went")
	}
	// The news of a move come late: upkeep knows where the meeting is.
	w.Cloud.CosmosFaults.Add(faults.Rule{Method: "PUT", Contains: "/docs/guest", Status: http.StatusForbidden, Times: -1})
	ada.Do("PATCH", later, fmt.Sprintf(`{"endsAt":%q}`, w.at(60))).Want(http.StatusOK)
	w.Clock.Move(20 * time.Minute)
	if err := w.Fire("upkeep"); err != nil {
		t.Error(err)
	}
	w.Cloud.CosmosFaults.Clear()
	w.wantUpkeep()
	for _, path := range []string{longer, later} {
		if !w.Cloud.ACS.Owns(ids[path]) {
			t.Error("a guest went before the end")
		}
	}
	w.Clock.Move(time.Hour)
	w.wantUpkeep()
	w.noGuests("after the end", w.As("ada"))
}

// A link that was handed out is good whenever the meeting is moved to.
func TestALinkOutlastsAMove(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	path := w.schedule(ada, w.draft(0))
	code := link(ada, path)
	const day = 24 * 60
	ada.Do("PATCH", path, fmt.Sprintf(`{"startsAt":%q,"endsAt":%q}`, w.at(200*day), w.at(200*day+60))).Want(http.StatusOK)
	w.Drain()
	w.Clock.Move(200 * 24 * time.Hour)
	w.visit(code, "").Want(http.StatusOK)
	if again := w.As("ada").Do("PUT", path+"/invite", "").Want(http.StatusOK).JSON(); again["code"] != code || again["used"] != 1.0 {
		t.Errorf("the link is %v", again)
	}
}

// Cancelling a meeting ends its guests, also while Graph is away.
func TestCancellingEndsGuests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	grace, graceID := w.user("grace")
	path := w.schedule(ada, w.draft(0, attendees(graceID)))
	code := link(ada, path)
	ticket := w.visit(code, "")
	w.Drain()
	w.Cloud.GraphFaults.Add(faults.Rule{Method: "DELETE", Status: http.StatusForbidden, Times: 2})
	ada.Do("DELETE", path, "").Want(http.StatusNoContent)
	w.visit(code, "").Problem(http.StatusNotFound, "invite_unknown")
	w.Drain()
	if w.alive(ticket) {
		t.Error("a guest of a cancelled meeting is in")
	}
	w.wantUpkeep()
	w.noGuests("after the meeting was cancelled", ada, grace)
	for _, doc := range w.Stored(`SELECT * FROM c WHERE c.type = "agenda"`) {
		t.Errorf("left is %s", doc)
	}
}

// stray is the stored form of a guest of a meeting that is no more.
type stray struct {
	storage.Head
	Guest string    `json:"guest"`
	Until time.Time `json:"until"`
}

// However many guests have to go, upkeep finds them all: a page of the store has 100.
func TestUpkeepFindsAllGuests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	store := w.Store()
	for page := range 2 {
		var b storage.Batch
		pk := "m:mtg_" + strings.Repeat(fmt.Sprint(page+2), 26)
		for n := range 55 {
			id := fmt.Sprint(n)
			b.Put(&stray{storage.Head{PK: pk, ID: "guest:" + id, Type: "guest"}, id, w.Clock.Now().UTC().Truncate(time.Second)})
		}
		if err := store.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	w.wantUpkeep()
	w.noGuests("after one tick")
}
