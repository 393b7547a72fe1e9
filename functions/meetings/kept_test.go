package meetings_test

import (
	"net/http"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/graph"
)

// What an event does not tell of the meeting behind it stays as it was when its subject is
// changed here: the number to dial for free, and that nobody may write.
func TestAChangeKeepsWhatEventsDoNotTell(t *testing.T) {
	t.Parallel()
	w := newWorld(t, unwatched)
	ada, _ := w.colleague("ada")
	draft, key := w.draft(5, `"mode":"calendar"`), "Idempotency-Key: lesson"
	w.Cloud.CosmosFaults.Add(faults.Rule{Method: "POST", Skip: 1, Status: http.StatusForbidden, Times: -1})
	ada.Do("POST", "/api/meetings", draft, key)
	w.Cloud.CosmosFaults.Clear()
	w.shut("ada")

	path := "/api/meetings/" + ada.Do("POST", "/api/meetings", draft, key).Want(http.StatusCreated).Text("id")
	for change, body := range map[string]string{"none": `{}`, "a subject": `{"subject":"Lesson"}`} {
		got := ada.Do("PATCH", path, body).Want(http.StatusOK).JSON()
		dial, _ := got["dialIn"].(map[string]any)
		if dial["tollFreeNumber"] == nil || dial["conferenceId"] == nil || got["chat"] != nil {
			t.Errorf("after %s changed: dialIn is %v, chat %v", change, dial, got["chat"])
		}
	}
}

// shut lets nobody write in the one meeting that is on somebody's calendar.
func (w world) shut(name string) {
	w.t.Helper()
	user, now := w.outlook(name), w.Clock.Now()
	events, err := user.CalendarView(w.t.Context(), now, now.Add(time.Hour))
	w.ok(err)
	if len(events) != 1 {
		w.t.Fatalf("%d events", len(events))
	}
	m, err := user.MeetingByJoinURL(w.t.Context(), events[0].JoinURL)
	w.ok(err)
	_, err = user.UpdateMeeting(w.t.Context(), m.ID, graph.MeetingChange{Chat: graph.ChatDisabled})
	w.ok(err)
}
