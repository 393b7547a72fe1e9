package spaces_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"switchboard/shared/testbed"
)

// later moves the clock and signs everybody in anew, since tokens end meanwhile.
func later(b *testbed.Bed, d time.Duration, people ...*person) {
	b.Clock.Move(d)
	for _, p := range people {
		p.Client = b.As(p.name)
	}
}

// event makes an event that anybody may join and returns its path.
func (p person) event(starts, ends time.Time) string {
	p.T.Helper()
	made := p.Do("POST", "/api/spaces", fmt.Sprintf(`{"kind":"event","name":"Finals","joinPolicy":"open","startsAt":%q,"endsAt":%q}`,
		starts.Format(time.RFC3339), ends.Format(time.RFC3339))).Want(http.StatusCreated)
	return "/api/spaces/" + made.Text("id")
}

// notBegun fails the test unless an answer tells when to come back.
func notBegun(a testbed.Answer, in time.Duration) {
	a.T.Helper()
	a.Problem(http.StatusConflict, "event_not_begun")
	seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
	if off := time.Duration(seconds)*time.Second - in; err != nil || off < -2*time.Second || off > 2*time.Second {
		a.T.Errorf("Retry-After %q, want %v", a.Header.Get("Retry-After"), in)
	}
}

const otherID = "0b8cf2a4-6f2e-4c47-8a15-57a3b92f6b00"

func share(p person, space, groupID string) testbed.Answer {
	p.T.Helper()
	return p.Do("PUT", space+"/call", fmt.Sprintf(`{"groupId":%q}`, groupID))
}

// TestEvent: its call is there from a quarter of an hour before until half an hour after.
func TestEvent(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	starts := b.Clock.Now().Add(3 * time.Hour).UTC().Truncate(time.Second)
	event := ada.event(starts, starts.Add(time.Hour))
	if got := grace.Do("POST", event+"/join", "").Want(http.StatusOK).JSON(); got["startsAt"] != starts.Format(time.RFC3339) || got["endsAt"] == nil {
		t.Errorf("joined: %v", got)
	}
	opensIn := func(before time.Duration) time.Duration { return starts.Add(-before).Sub(b.Clock.Now()) }
	begin := func(in time.Duration) {
		t.Helper()
		notBegun(grace.Do("POST", event+"/call/join", ""), in)
		notBegun(ada.Do("POST", event+"/call", ""), in)
		notBegun(share(ada, event, otherID), in)
		grace.Get(event+"/call").Problem(http.StatusNotFound, "call_not_live")
		ada.Do("DELETE", event+"/call", "").Want(http.StatusNoContent)
	}
	begin(opensIn(15 * time.Minute))

	// It is put off by an hour, and opens then.
	starts = starts.Add(time.Hour)
	ada.Do("PATCH", event, fmt.Sprintf(`{"startsAt":%q,"endsAt":%q}`, starts.Format(time.RFC3339), starts.Add(2*time.Hour).Format(time.RFC3339))).Want(http.StatusOK)
	later(b, opensIn(15*time.Minute)-5*time.Second, &ada, &grace)
	begin(5 * time.Second)
	later(b, 6*time.Second, &ada, &grace)
	grace.Do("POST", event+"/call/join", "").Problem(http.StatusConflict, "call_not_live")
	share(ada, event, otherID).Want(http.StatusCreated)
	if ticket := grace.Do("POST", event+"/call/join", "").Want(http.StatusOK).JSON(); ticket["locator"].(map[string]any)["groupId"] != otherID {
		t.Errorf("a ticket for %v", ticket["locator"])
	}
	eventually(t, "the call in the list", func() bool { return grace.mine()[0]["call"] != nil })

	// Moved once more the call cannot be joined now, nor is it shown.
	ada.Do("PATCH", event, fmt.Sprintf(`{"startsAt":%q}`, starts.Add(time.Hour).Format(time.RFC3339))).Want(http.StatusOK)
	notBegun(grace.Do("POST", event+"/call/join", ""), opensIn(-45*time.Minute))
	eventually(t, "the empty list", func() bool { return grace.mine()[0]["call"] == nil })
	ada.Do("PATCH", event, fmt.Sprintf(`{"startsAt":%q}`, starts.Format(time.RFC3339))).Want(http.StatusOK)
	b.Drain()

	// It lasts for half an hour more than planned, and no longer.
	ends := starts.Add(2*time.Hour + 30*time.Minute)
	later(b, ends.Sub(b.Clock.Now())-time.Minute, &ada, &grace)
	c := grace.Do("POST", event+"/call", "").Want(http.StatusCreated)
	if c.Text("expiresAt") != ends.Format(time.RFC3339) {
		t.Errorf("a call of an event until %s expires at %s", ends, c.Text("expiresAt"))
	}
	eventually(t, "the last call in the list", func() bool { return ada.mine()[0]["call"] != nil })
	later(b, 61*time.Second, &ada, &grace)
	if mine := ada.mine(); mine[0]["call"] != nil {
		t.Errorf("the list after the end: %v", mine)
	}
	grace.Do("POST", event+"/call/join", "").Problem(http.StatusConflict, "event_over")
	grace.Do("POST", event+"/call", "").Problem(http.StatusConflict, "event_over")
	share(ada, event, groupID).Problem(http.StatusConflict, "event_over")
	ada.Get(event+"/call").Problem(http.StatusNotFound, "call_not_live")

	// It may be renamed still, and go on if it is given more time.
	ada.Do("PATCH", event, `{"name":"Finals of last year"}`).Want(http.StatusOK)
	wantFaults(t, ada.Do("PATCH", event, fmt.Sprintf(`{"endsAt":%q}`, starts.Add(time.Minute).Format(time.RFC3339))), "an end that has passed", "body.endsAt")
	wantFaults(t, ada.Do("PATCH", event, `{"startsAt":null,"endsAt":null}`), "no times", "body.startsAt body.endsAt")
	ada.Do("PATCH", event, fmt.Sprintf(`{"endsAt":%q}`, b.Clock.Now().Add(time.Hour).UTC().Format(time.RFC3339))).Want(http.StatusOK)
	grace.Do("POST", event+"/call", "").Want(http.StatusCreated)
}

// TestWindow: how long before and after is a setting.
func TestWindow(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), map[string]string{"SWITCHBOARD_SPACES_OPENS_BEFORE": "0s", "SWITCHBOARD_SPACES_CLOSES_AFTER": "0s"})
	ada := join(b, "ada")
	starts := b.Clock.Now().Add(time.Minute).UTC().Truncate(time.Second)
	event := ada.event(starts, starts.Add(10*time.Minute))
	notBegun(ada.Do("POST", event+"/call", ""), starts.Sub(b.Clock.Now()))
	b.Clock.Move(2 * time.Minute)
	ada.Do("POST", event+"/call", "").Want(http.StatusCreated)
	ada.Do("POST", event+"/call/join", "").Want(http.StatusOK)
	// Cut short, the call goes with it.
	ends := b.Clock.Now().Add(time.Minute).UTC().Truncate(time.Second)
	ada.Do("PATCH", event, fmt.Sprintf(`{"endsAt":%q}`, ends.Format(time.RFC3339))).Want(http.StatusOK)
	if got := ada.Get(event + "/call").Want(http.StatusOK).Text("expiresAt"); got != ends.Format(time.RFC3339) {
		t.Errorf("the call of an event until %s expires at %s", ends, got)
	}
	b.Clock.Move(time.Minute)
	ada.Do("POST", event+"/call/join", "").Problem(http.StatusConflict, "event_over")
}

// TestExpiry: a call that nobody confirms ends by itself, and the list knows.
func TestExpiry(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), map[string]string{"SWITCHBOARD_SPACES_CALL_LIFE": "20m"})
	ada, grace := join(b, "ada"), join(b, "grace")
	club := ada.club("open")
	grace.Do("POST", club+"/join", "").Want(http.StatusOK)
	left := func() time.Duration {
		t.Helper()
		expires, err := time.Parse(time.RFC3339, grace.Get(club+"/call").Want(http.StatusOK).Text("expiresAt"))
		if err != nil {
			t.Fatal(err)
		}
		return expires.Sub(b.Clock.Now())
	}
	first := share(ada, club, otherID).Want(http.StatusCreated)
	confirmations := map[string]func() testbed.Answer{
		"sharing":  func() testbed.Answer { return share(ada, club, otherID) },
		"starting": func() testbed.Answer { return grace.Do("POST", club+"/call", "") },
		"joining":  func() testbed.Answer { return grace.Do("POST", club+"/call/join", "") },
	}
	for what, confirm := range confirmations {
		before := left()
		confirm().Want(http.StatusOK) // too early to be worth a write
		if got := left(); got > before {
			t.Errorf("%s put the end off by %v at once", what, got-before)
		}
		later(b, 11*time.Minute, &ada, &grace)
		confirm().Want(http.StatusOK)
		if got := left(); got < 19*time.Minute || got > 20*time.Minute {
			t.Errorf("%s leaves the call %v", what, got)
		}
	}
	if got := grace.Get(club + "/call"); got.Header.Get("ETag") != first.Header.Get("ETag") || got.Text("startedAt") != first.Text("startedAt") || got.Text("startedBy") != ada.id {
		t.Errorf("confirmed, it is another call: %s", got.Body)
	}
	b.Drain()
	later(b, 19*time.Minute, &ada, &grace)
	if grace.mine()[0]["call"] == nil {
		t.Error("the list does not know that the call was confirmed")
	}
	later(b, time.Minute, &ada, &grace)
	if mine := grace.mine(); mine[0]["call"] != nil {
		t.Errorf("the list shows a call that has expired: %v", mine)
	}
	if got := grace.Get(club).JSON(); got["call"] != nil {
		t.Errorf("the space shows a call that has expired: %v", got)
	}
	grace.Get(club+"/call").Problem(http.StatusNotFound, "call_not_live")
	grace.Do("POST", club+"/call/join", "").Problem(http.StatusConflict, "call_not_live")
	grace.Do("DELETE", club+"/call", "").Want(http.StatusNoContent)
	share(grace, club, otherID).Problem(http.StatusConflict, "group_id_used")
	if got := share(grace, club, groupID).Want(http.StatusCreated).Text("startedBy"); got != grace.id {
		t.Errorf("the next call is begun by %s", got)
	}
}
