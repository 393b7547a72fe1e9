package meetings_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/functions/graph"
	"switchboard/functions/meetings"
	"switchboard/functions/notify"
	"switchboard/functions/upkeep"
	"switchboard/functions/user"
	"switchboard/shared/function"
	"switchboard/shared/testbed"
)

func rows() []function.Function {
	return []function.Function{meetings.Function(), user.Function(), notify.Function(), graph.Function(), upkeep.Function()}
}

// world is a bed with users who have mappings. It is eight in the morning.
type world struct {
	*testbed.Bed
	t *testing.T
}

func newWorld(t *testing.T, settings map[string]string) world {
	t.Helper()
	w := world{testbed.New(t, rows(), settings), t}
	w.Clock.Move(time.Until(w.day(1).Add(8 * time.Hour)))
	return w
}

// day is when a day begins in UTC, some days after this one.
func (w world) day(after int) time.Time {
	return w.Clock.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, after)
}

// user signs somebody in who has a mapping, and tells their id.
func (w world) user(name string) (c testbed.Client, id string) {
	w.t.Helper()
	c = w.As(name)
	return c, c.Do("POST", "/api/user", "").Text("userId")
}

// at is a time some minutes from now, as requests write it.
func (w world) at(minutes int) string {
	return w.Clock.Now().Add(time.Duration(minutes) * time.Minute).UTC().Truncate(time.Second).Format(time.RFC3339)
}

// draft is a request for a meeting from some minutes from now for half an hour.
func (w world) draft(minutes int, more ...string) string {
	parts := append([]string{`"subject":"Consultation"`, fmt.Sprintf(`"startsAt":%q,"endsAt":%q`, w.at(minutes), w.at(minutes+30))}, more...)
	return "{" + strings.Join(parts, ",") + "}"
}

func attendees(ids ...string) string {
	var all []string
	for _, id := range ids {
		if strings.Contains(id, "@") {
			all = append(all, fmt.Sprintf(`{"email":%q}`, id))
		} else {
			all = append(all, fmt.Sprintf(`{"userId":%q}`, id))
		}
	}
	return `"attendees":[` + strings.Join(all, ",") + "]"
}

// today are the subjects and ids of somebody's agenda.
func today(c testbed.Client) (subjects, ids []string) {
	c.T.Helper()
	items, _ := c.Get("/api/meetings?tz=UTC").Want(http.StatusOK).JSON()["items"].([]any)
	for _, i := range items {
		one := i.(map[string]any)
		id, _ := one["id"].(string)
		subjects, ids = append(subjects, one["subject"].(string)), append(ids, id)
	}
	return subjects, ids
}

// schedule makes a meeting and gives its path.
func (w world) schedule(host testbed.Client, draft string) string {
	w.t.Helper()
	return "/api/meetings/" + host.Do("POST", "/api/meetings", draft).Want(http.StatusCreated).Text("id")
}

// link is the code of a meeting's invite link, which is made first where there is none.
func link(host testbed.Client, meeting string) string {
	host.T.Helper()
	a := host.Do("PUT", meeting+"/invite", "")
	if a.Status != http.StatusCreated {
		a.Want(http.StatusOK)
	}
	return a.Text("code")
}

// visit exchanges a code for a ticket. Without a key everybody is somebody new.
func (w world) visit(code, key string) testbed.Answer {
	w.t.Helper()
	return visitAt(w.Nobody(), code, key)
}

func visitAt(c testbed.Client, code, key string) testbed.Answer {
	c.T.Helper()
	var headers []string
	if key != "" {
		headers = append(headers, "Idempotency-Key: "+key)
	}
	return c.Do("POST", "/api/meetings/guests", fmt.Sprintf(`{"code":%q,"displayName":"Visitor"}`, code), headers...)
}

// guest is the calling identity in a ticket.
func guest(ticket testbed.Answer) string {
	ticket.T.Helper()
	return ticket.Want(http.StatusOK).JSON()["user"].(map[string]any)["communicationUserId"].(string)
}

// guests are the identities at ACS of those who are no users.
func (w world) guests(users ...testbed.Client) []string {
	w.t.Helper()
	all := w.Cloud.ACS.Identities()
	for _, u := range users {
		id := u.Get("/api/user").Want(http.StatusOK).Text("communicationUserId")
		all = slices.DeleteFunc(all, func(one string) bool { return one == id })
	}
	return all
}

// upkeep fires the timer when nothing is under way any more that began before.
func (w world) upkeep() error {
	w.t.Helper()
	w.Drain()
	w.Clock.Move(time.Minute)
	err := w.Fire("upkeep")
	w.Drain()
	return err
}

func (w world) wantUpkeep() {
	w.t.Helper()
	if err := w.upkeep(); err != nil {
		w.t.Error(err)
	}
}

// Ada schedules, Grace sees it today and joins, Mallory cannot; Ada moves it, and cancels it.
func TestAdaSchedulesGraceJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	grace, graceID := w.user("grace")
	mallory, _ := w.user("mallory")
	made := ada.Do("POST", "/api/meetings", w.draft(10, attendees(graceID, "patient@example.com"), `"lobby":{"scope":"everyone"}`), "Idempotency-Key: one").Want(http.StatusCreated)
	id := made.Text("id")
	if _, ids := today(ada); len(ids) != 1 || ids[0] != id {
		t.Errorf("Ada's agenda at once: %v", ids)
	}
	w.Drain()
	if subjects, ids := today(grace); len(ids) != 1 || ids[0] != id || subjects[0] != "Consultation" {
		t.Errorf("Grace's agenda: %v %v", subjects, ids)
	}
	if _, ids := today(mallory); len(ids) > 0 {
		t.Errorf("Mallory's agenda: %v", ids)
	}
	ticket := grace.Do("POST", "/api/meetings/"+id+"/join", "").Want(http.StatusOK)
	locator := ticket.JSON()["locator"].(map[string]any)
	if ticket.Text("provider") != "teams" || locator["meetingLink"] != made.JSON()["join"].(map[string]any)["meetingLink"] {
		t.Errorf("ticket %s", ticket.Body)
	}
	mallory.Do("POST", "/api/meetings/"+id+"/join", "").Problem(http.StatusNotFound, "meeting_unknown")
	mallory.Get("/api/meetings/"+id).Problem(http.StatusNotFound, "meeting_unknown")
	if got := grace.Get("/api/meetings/" + id).Want(http.StatusOK); strings.Contains(string(got.Body), "patient@") || got.Text("role") != "attendee" {
		t.Errorf("Grace sees %s", got.Body)
	}
	grace.Do("PATCH", "/api/meetings/"+id, `{"subject":"Mine"}`).Problem(http.StatusForbidden, "meeting_not_yours")
	ada.Do("PATCH", "/api/meetings/"+id, `{"subject":"Review","lobby":"organization"}`).Want(http.StatusOK)
	w.Drain()
	if subjects, _ := today(grace); len(subjects) != 1 || subjects[0] != "Review" {
		t.Errorf("Grace's agenda after the change: %v", subjects)
	}
	ada.Do("DELETE", "/api/meetings/"+id, "").Want(http.StatusNoContent)
	w.Drain()
	for name, c := range map[string]testbed.Client{"ada": ada, "grace": grace} {
		c.Get("/api/meetings/"+id).Problem(http.StatusNotFound, "meeting_unknown")
		if _, ids := today(c); len(ids) > 0 {
			t.Errorf("%s still has %v", name, ids)
		}
	}
}
