package meetings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"switchboard/functions/friends"
	"switchboard/shared/storage"
	"switchboard/shared/testbed"
)

// Who is invited may decline, and is then invited no more.
func TestDeclining(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	grace, graceID := w.user("grace")
	_, linusID := w.user("linus")
	path := w.schedule(ada, w.draft(5, attendees(graceID, linusID)))
	w.Drain()
	grace.Do("POST", path+"/decline", "").Want(http.StatusNoContent)
	if _, ids := today(grace); len(ids) > 0 {
		t.Errorf("Grace still has %v", ids)
	}
	grace.Do("POST", path+"/join", "").Problem(http.StatusNotFound, "meeting_unknown")
	grace.Do("POST", path+"/decline", "").Problem(http.StatusNotFound, "meeting_unknown")
	ada.Do("POST", path+"/decline", "").Problem(http.StatusConflict, "meeting_hosted")
	if left := ada.Get(path).JSON()["attendees"].([]any); len(left) != 1 || left[0].(map[string]any)["userId"] != linusID {
		t.Errorf("invited are %v", left)
	}
	w.Drain()
	ada.Do("PATCH", path, fmt.Sprintf(`{%s}`, attendees(graceID))).Want(http.StatusOK)
	w.Drain()
	if _, ids := today(grace); len(ids) != 1 {
		t.Error("Grace cannot be invited again")
	}
}

// What somebody who is blocked invites to is in no agenda.
func TestBlockedPeopleInviteInVain(t *testing.T) {
	t.Parallel()
	w := world{testbed.New(t, append(rows(), friends.Function()), nil), t}
	mallory, malloryID := w.user("mallory")
	ada, _ := w.user("ada")
	grace, graceID := w.user("grace")
	mallory.Do("PATCH", "/api/user", `{"handle":"mallory","discoverable":true}`).Want(http.StatusOK)
	grace.Do("PUT", "/api/friends/"+malloryID+"/block", "").Want(http.StatusOK)
	w.schedule(mallory, w.draft(5, attendees(graceID)))
	wanted := w.schedule(ada, w.draft(5, attendees(graceID)))
	w.Drain()
	if _, ids := today(grace); len(ids) != 1 || "/api/meetings/"+ids[0] != wanted {
		t.Errorf("Grace has %v", ids)
	}
}

// However many meetings somebody is put into, the agenda has them all, page by page.
func TestAgendasHaveNoEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	grace, graceID := w.user("grace")
	const many = 1037
	from := w.Clock.Now().UTC().Truncate(time.Second).Add(time.Hour)
	type entry struct {
		storage.Head
		Meeting  string    `json:"meeting"`
		Role     string    `json:"role"`
		Subject  string    `json:"subject"`
		StartsAt time.Time `json:"startsAt"`
		EndsAt   time.Time `json:"endsAt"`
		Order    string    `json:"order"`
	}
	for first := 0; first < many; first += 100 {
		var b storage.Batch
		for n := first; n < min(first+100, many); n++ {
			id := fmt.Sprintf("mtg_%026d", n)
			starts := from.Add(time.Duration(n%7) * time.Minute)
			ends := starts.Add(time.Hour)
			b.Put(&entry{
				Head: storage.Head{PK: "u:" + graceID, ID: "meeting:" + id, Type: "agenda"}, Meeting: id, Role: "attendee", Subject: "spam",
				StartsAt: starts, EndsAt: ends, Order: starts.Format(time.RFC3339) + "|" + ends.Format(time.RFC3339) + "|" + id,
			})
		}
		if err := w.Store().Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	seen, cursor, last := map[string]bool{}, "", ""
	for pages := 0; pages < 20; pages++ {
		var page struct {
			Items []struct {
				ID       string
				StartsAt string
			}
			NextCursor string
		}
		answer := grace.Get("/api/meetings?limit=100&cursor=" + cursor).Want(http.StatusOK)
		if err := json.Unmarshal(answer.Body, &page); err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Items {
			if seen[i.ID] || i.StartsAt < last {
				t.Fatalf("%s comes again, or late", i.ID)
			}
			seen[i.ID], last = true, i.StartsAt
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if len(seen) != many {
		t.Errorf("%d of %d", len(seen), many)
	}
}

// Nobody finds meetings by trying: an ID alone tells nothing, and passcodes are not tried
// for long.
func TestGuessingIsInVain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	mallory, _ := w.user("mallory")
	made := ada.Do("POST", "/api/meetings", w.draft(5)).Want(http.StatusCreated)
	digits := made.JSON()["join"].(map[string]any)["meetingId"].(string)
	alone := mallory.Do("POST", "/api/meetings/import", fmt.Sprintf(`{"meetingId":%q}`, digits))
	nobodys := mallory.Do("POST", "/api/meetings/import", `{"meetingId":"123456789012"}`).Problem(http.StatusBadRequest, "meeting_details_needed")
	if alone.Status != nobodys.Status || alone.Text("detail") != nobodys.Text("detail") {
		t.Errorf("by the ID alone: %s", alone.Body)
	}
	w.Cloud.GraphFaults.Record()
	refused := 0
	for n := range 30 {
		if mallory.Do("POST", "/api/meetings/import", fmt.Sprintf(`{"meetingId":%q,"passcode":"guess%d"}`, digits, n)).Status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 30-2*10 || refused == 30 {
		t.Errorf("%d guesses of 30 were refused", refused)
	}
	w.Clock.Move(2 * time.Minute)
	mallory.Do("POST", "/api/meetings/import", fmt.Sprintf(`{"meetingId":%q,"passcode":"again"}`, digits)).Problem(http.StatusNotFound, "meeting_unknown")
}
