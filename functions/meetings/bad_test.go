package meetings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/shared/testbed"
)

// wantFaults fails the test unless an answer is 400 with exactly these faults, by their
// locations, separated by spaces.
func wantFaults(t *testing.T, a testbed.Answer, what, locations string) {
	t.Helper()
	var p struct {
		Errors []struct{ Location, Message string }
	}
	if err := json.Unmarshal(a.Body, &p); err != nil || a.Status != http.StatusBadRequest {
		t.Errorf("%s: status %d, want 400: %s", what, a.Status, a.Body)
		return
	}
	var got []string
	for _, e := range p.Errors {
		if e.Message == "" {
			t.Errorf("%s: %s has no message", what, e.Location)
		}
		got = append(got, e.Location)
	}
	want := strings.Fields(locations)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s: faults at %v, want %v: %s", what, got, want, a.Body)
	}
}

// TestBadMeetings: all faults of a request are told at once, in one order, and nothing is
// asked of Graph.
func TestBadMeetings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"SWITCHBOARD_MEETINGS_ATTENDEES_MAX": "3"})
	ada, _ := w.user("ada")
	one := "usr_" + strings.Repeat("a", 52)
	times := func(from, to string) string {
		return fmt.Sprintf(`{"subject":"x","startsAt":%q,"endsAt":%q}`, from, to)
	}
	const day = 24 * 60
	w.Cloud.GraphFaults.Record()
	for body, locations := range map[string]string{
		`{}`: "body body body", `[]`: "body", `null`: "body", `"x"`: "body", `{"subject":"x"`: "body",
		`{"subject":5,"startsAt":5,"endsAt":"tomorrow","attendees":{},"lobby":5,"mode":5}`: "body.subject body.startsAt body.endsAt body.attendees body.lobby body.mode",
		w.draft(0, `"id":"mtg_x"`, `"Subject":"y"`, `"organizer":{"userId":"x"}`):          "body.id body.Subject body.organizer",

		times(w.at(60), w.at(60)):                             "body.endsAt",
		times(w.at(60), w.at(30)):                             "body.endsAt",
		times(w.at(60), w.at(60+day+1)):                       "body.endsAt",
		times(w.at(-10), w.at(30)):                            "body.startsAt",
		times(w.at(-60), w.at(-30)):                           "body.startsAt body.endsAt",
		times(w.at(-4), w.at(-1)):                             "body.endsAt",
		times(w.at(6*365*day), w.at(6*365*day+30)):            "body.startsAt",
		times("9999-12-31T23:00:00Z", w.at(30)):               "body.startsAt body.endsAt",
		times("0001-01-01T00:00:00Z", w.at(30)):               "body.startsAt",
		times("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"): "body.startsAt body.endsAt",
		times("2030-02-30T10:00:00Z", w.at(30)):               "body.startsAt",
		times("2030-02-20T10:00:00", "2030-02-20 10:30Z"):     "body.startsAt body.endsAt",
		times("2030-02-20", "1900000000"):                     "body.startsAt body.endsAt",
		times("", w.at(30)):                                   "body.startsAt",

		strings.Replace(w.draft(60), "Consultation", "", 1):                        "body.subject",
		strings.Replace(w.draft(60), "Consultation", ` \t `, 1):                    "body.subject",
		strings.Replace(w.draft(60), "Consultation", `a\u202eb`, 1):                "body.subject",
		strings.Replace(w.draft(60), "Consultation", `a\nb`, 1):                    "body.subject",
		strings.Replace(w.draft(60), "Consultation", strings.Repeat("é", 257), 1):  "body.subject",
		strings.Replace(w.draft(60), "Consultation", strings.Repeat("é", 1101), 1): "body.subject",

		w.draft(60, `"attendees":[{}]`):                                                                              "body.attendees[0]",
		w.draft(60, `"attendees":[{"userId":"`+one+`","email":"a@b.example"}]`):                                      "body.attendees[0]",
		w.draft(60, `"attendees":[{"userId":"ada"},{"userId":"","email":"x"},5]`):                                    "body.attendees[0].userId body.attendees[1].userId body.attendees[2]",
		w.draft(60, attendees("a@b.example", "Ada <ada@c.example>", "@", "a b@c.example", "a@b\n.example")):          "body.attendees",
		w.draft(60, attendees("a@", "Ada <ada@c.example>", "a b@c.example")):                                         "body.attendees[0].email body.attendees[1].email body.attendees[2].email",
		w.draft(60, attendees(strings.Repeat("a", 250)+"@b.example", strings.Repeat("a", 300)+"@b.example")):         "body.attendees[1].email",
		w.draft(60, attendees(strings.Repeat("a", 250)+"@b.example")):                                                "body.attendees[0].email",
		w.draft(60, attendees("a@b.example", "b@b.example", "c@b.example", "d@b.example")):                           "body.attendees",
		w.draft(60, `"lobby":"nobody"`):                                                                              "body.lobby",
		w.draft(60, `"lobby":{"scope":"Everyone"}`):                                                                  "body.lobby",
		w.draft(60, `"lobby":{"scope":5}`):                                                                           "body.lobby",
		w.draft(60, `"lobby":{}`):                                                                                    "body.lobby",
		w.draft(60, `"lobby":["everyone"]`):                                                                          "body.lobby",
		w.draft(60, `"lobby":{"scope":"everyone","isDialInBypassEnabled":true}`):                                     "body.lobby",
		w.draft(60, `"mode":"private"`):                                                                              "body.mode",
		w.draft(60, `"mode":"imported"`):                                                                             "body.mode",
		w.draft(60, `"mode":"booking"`, `"lobby":"everyone"`):                                                        "body.lobby",
		`{"subject":"","startsAt":"` + w.at(60) + `","endsAt":"` + w.at(30) + `","attendees":[{}],"lobby":"nobody"}`: "body.subject body.endsAt body.attendees[0] body.lobby",
	} {
		first := ada.Do("POST", "/api/meetings", body)
		wantFaults(t, first, body, locations)
		if told := first.JSON(); told["code"] == "meeting_invalid" { // found by us
			if again := ada.Do("POST", "/api/meetings", body).JSON(); fmt.Sprint(again["errors"]) != fmt.Sprint(told["errors"]) {
				t.Errorf("%s: told as %v, and then as %v", body, told["errors"], again["errors"])
			}
		}
	}
	if calls := w.Cloud.GraphFaults.Calls(); len(calls) != 0 {
		t.Errorf("Graph was asked %v", calls)
	}
	if _, ids := today(ada); len(ids) != 0 {
		t.Errorf("what was refused is there: %v", ids)
	}
	for _, body := range []string{
		strings.Replace(w.draft(-4), "Consultation", strings.Repeat("é", 256), 1), times(w.at(0), w.at(day)),
		w.draft(60, attendees("a@b.example", "A@B.example", "c@b.example", "d@b.example")), // one is there twice
		w.draft(60, `"attendees":null`, `"lobby":null`),
		times(strings.Replace(w.at(60), "Z", "-00:00", 1), strings.Replace(w.at(61), "Z", ".999999999+00:00", 1)),
	} {
		ada.Do("POST", "/api/meetings", body).Want(http.StatusCreated)
	}
}

// TestBadChanges: what a merge patch may not say, and that a refused one changes nothing.
func TestBadChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	path := w.schedule(ada, w.draft(0, attendees("patient@example.com")))
	before := string(ada.Get(path).Body)
	w.Cloud.GraphFaults.Record()
	for body, locations := range map[string]string{
		`[]`: "body", `null`: "body", `"x"`: "body",
		`{"subject":null}`:                                         "body.subject",
		`{"startsAt":null,"endsAt":null}`:                          "body.startsAt body.endsAt",
		`{"subject":5,"startsAt":5,"attendees":5,"lobby":5,"x":1}`: "body.subject body.startsAt body.attendees body.lobby body.x",
		`{"mode":"calendar","role":"host"}`:                        "body.mode body.role",
		`{"attendees":[{}],"lobby":"nobody"}`:                      "body.attendees[0] body.lobby",
		`{"attendees":[null]}`:                                     "body.attendees[0]",
		`{"lobby":{"scope":null}}`:                                 "body.lobby",
		`{"organizer":"me"}`:                                       "body.organizer",
		fmt.Sprintf(`{"endsAt":%q}`, w.at(-1)):                     "body.endsAt",
		fmt.Sprintf(`{"startsAt":%q}`, w.at(45)):                   "body.endsAt",
		fmt.Sprintf(`{"startsAt":%q,"subject":""}`, w.at(-60)):     "body.startsAt body.subject",
		`{"subject":"ok","subject":null}`:                          "body.subject",
	} {
		wantFaults(t, ada.Do("PATCH", path, body), body, locations)
	}
	if after := string(ada.Get(path).Body); after != before {
		t.Errorf("%s has become %s", before, after)
	}
	if calls := w.Cloud.GraphFaults.Calls(); len(calls) != 0 {
		t.Errorf("Graph was asked %v", calls)
	}
	// What is past by now is no fault of a change that leaves it.
	w.Clock.Move(20 * time.Minute)
	ada.Do("PATCH", path, `{"subject":"Late"}`).Want(http.StatusOK)
	w.Clock.Move(20 * time.Minute)
	ada.Do("PATCH", path, `{"attendees":null}`).Want(http.StatusOK)
}

// TestBadRequests: ids, forms and sizes that cannot be.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	path := w.schedule(ada, w.draft(0))
	for _, id := range []string{"x", "mtg_", "mtg_" + strings.Repeat("a", 25), "mtg_" + strings.Repeat("A", 26), "mtg_" + strings.Repeat("1", 26), "spc_" + strings.Repeat("a", 26), "mtg_" + strings.Repeat("a", 25) + "%0a"} {
		for _, request := range []string{"GET /api/meetings/" + id, "DELETE /api/meetings/" + id, "POST /api/meetings/" + id + "/join", "PUT /api/meetings/" + id + "/invite"} {
			method, path, _ := strings.Cut(request, " ")
			wantFaults(t, ada.Do(method, path, ""), request, "path.id")
		}
	}
	wantFaults(t, ada.Do("PATCH", "/api/meetings/x", `{"subject":5}`), "two faults", "path.id body.subject")
	wantFaults(t, ada.Do("POST", "/api/meetings", w.draft(0), "Idempotency-Key: "+strings.Repeat("x", 201)), "a long key", "header.Idempotency-Key")
	for body, locations := range map[string]string{
		`{}`: "body.link", `{"link":"https://teams.microsoft.com/meet/2451234567890?p=a","meetingId":"2451234567890"}`: "body.link",
		`{"meetingId":"none","passcode":"x"}`: "body.meetingId", `{"meetingId":"123456789012345678901"}`: "body.meetingId",
		`{"link":"https://teams.microsoft.com/meet/2451234567890?p=a","passcode":"x"}`: "body.passcode",
		`{"link":5,"meetingId":5,"mode":"x"}`:                                          "body.link body.meetingId body.mode",
		`{"link":"https://teams.microsoft.com/meet/2451234567890?p=a"}`:                "body.subject body.startsAt body.endsAt",
	} {
		wantFaults(t, ada.Do("POST", "/api/meetings/import", body), body, locations)
	}
	for _, request := range []string{"POST /api/meetings", "POST /api/meetings/import", "PATCH " + path, "POST /api/meetings/guests"} {
		method, path, _ := strings.Cut(request, " ")
		ada.Do(method, path, `subject=x`, "Content-Type: application/x-www-form-urlencoded").Problem(http.StatusUnsupportedMediaType, "content_type_unsupported")
		ada.Do(method, path, `{"subject":"`+strings.Repeat("x", 1<<20)+`"}`).Problem(http.StatusRequestEntityTooLarge, "body_too_large")
	}
	ada.Do("PUT", path, `{}`).Want(http.StatusMethodNotAllowed)
	ada.Do("PATCH", path, `{"subject":"Merged"}`, "Content-Type: application/merge-patch+json").Want(http.StatusOK)
	first := ada.Do("POST", "/api/meetings", w.draft(90), "Idempotency-Key: 1").Want(http.StatusCreated)
	ada.Do("POST", "/api/meetings", w.draft(91), "Idempotency-Key: 1").Problem(http.StatusConflict, "idempotency_key_used")
	ada.Do("POST", "/api/meetings", w.draft(90, `"mode":"calendar"`), "Idempotency-Key: 1").Problem(http.StatusConflict, "idempotency_key_used")
	ada.Do("DELETE", "/api/meetings/"+first.Text("id"), "").Want(http.StatusNoContent)
	ada.Do("POST", "/api/meetings", w.draft(90), "Idempotency-Key: 1").Problem(http.StatusConflict, "idempotency_key_used")
}
