package spaces_test

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

// TestBadSpaces: all faults of a draft are told at once, and nothing is made.
func TestBadSpaces(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada := join(b, "ada")
	at := func(d time.Duration) string { return b.Clock.Now().Add(d).UTC().Format(time.RFC3339) }
	const day = 24 * time.Hour
	event := func(starts, ends string) string {
		return fmt.Sprintf(`{"kind":"event","name":"x","startsAt":%q,"endsAt":%q}`, starts, ends)
	}
	for body, locations := range map[string]string{
		`{}`:                    "body body",
		`{"kind":"club"}`:       "body",
		`[]`:                    "body",
		`null`:                  "body",
		`{"kind":"club","name"`: "body",
		`{"kind":"circle","name":"x","joinPolicy":"none"}`:                             "body.kind body.joinPolicy",
		`{"kind":"Club","name":"x"}`:                                                   "body.kind",
		`{"kind":5,"name":5,"startsAt":5,"joinPolicy":5,"description":5}`:              "body.kind body.name body.startsAt body.joinPolicy body.description",
		`{"kind":"club","name":"x","id":"spc_x","role":"owner"}`:                       "body.id body.role",
		`{"kind":"club","name":""}`:                                                    "body.name",
		`{"kind":"club","name":" \t "}`:                                                "body.name",
		`{"kind":"club","name":"\u200b\u200d"}`:                                        "body.name",
		`{"kind":"club","name":"a\nb"}`:                                                "body.name",
		`{"kind":"club","name":"a\u0000b"}`:                                            "body.name",
		`{"kind":"club","name":"a\u007fb"}`:                                            "body.name",
		`{"kind":"club","name":"a\u202eb"}`:                                            "body.name",
		`{"kind":"club","name":"a\u2066b","description":"\u0007"}`:                     "body.name body.description",
		`{"kind":"club","name":"` + strings.Repeat("é", 101) + `"}`:                    "body.name",
		`{"kind":"club","name":"x","description":"` + strings.Repeat("é", 1001) + `"}`: "body.description",
		`{"kind":"club","name":"x","startsAt":"tomorrow"}`:                             "body.startsAt",
		`{"kind":"club","name":"x","startsAt":"2030-02-30T10:00:00Z"}`:                 "body.startsAt",
		`{"kind":"club","name":"x","startsAt":"2030-02-20T10:00:00"}`:                  "body.startsAt",
		`{"kind":"club","name":"","startsAt":"` + at(day) + `"}`:                       "body.name body.startsAt",
		`{"kind":"event","name":""}`:                                                   "body.name body.startsAt body.endsAt",
		`{"kind":"event","name":"x","startsAt":"` + at(day) + `"}`:                     "body.endsAt",
		`{"kind":"event","name":"x","endsAt":"` + at(day) + `"}`:                       "body.startsAt",
		event(at(day), at(day)):                                                        "body.endsAt",
		event(at(2*day), at(day)):                                                      "body.endsAt",
		event(at(day), at(15*day+time.Minute)):                                         "body.endsAt",
		event(at(-2*day), at(-day)):                                                    "body.endsAt",
		event(at(6*365*day), at(7*365*day)):                                            "body.startsAt body.endsAt",
		event("9999-12-31T23:00:00Z", "9999-12-31T23:30:00Z"):                          "body.startsAt",
		event("0001-01-01T00:00:00Z", at(day)):                                         "body.startsAt",
	} {
		wantFaults(t, ada.Do("POST", "/api/spaces", body), body, locations)
	}
	if mine := ada.mine(); len(mine) != 0 {
		t.Errorf("what was refused is there: %v", mine)
	}
	for _, body := range []string{
		`{"kind":"club","name":"` + strings.Repeat("é", 100) + `","description":"` + strings.Repeat(`é\n`, 500) + `"}`,
		event(at(-day), at(time.Minute)),
		event(at(day), at(15*day)),
		`{"kind":"event","name":"x","startsAt":"2040-01-01T00:00:00+14:00","endsAt":"2040-01-01T00:00:00-12:00"}`,
	} {
		if strings.Contains(body, "2040") {
			body = strings.ReplaceAll(body, "2040", fmt.Sprint(b.Clock.Now().Year()+2))
		}
		ada.Do("POST", "/api/spaces", body).Want(http.StatusCreated)
	}
}

// TestGroupIDs: a UUID as all SDKs write it, in any case.
func TestGroupIDs(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada := join(b, "ada")
	club := ada.club("open")
	for _, id := range []string{
		"", "x", "6d1f6f5e", "6d1f6f5e-58cd-4a3f-9c1b-2f0d8f4f8c1", "6d1f6f5e-58cd-4a3f-9c1b-2f0d8f4f8c111",
		"{6d1f6f5e-58cd-4a3f-9c1b-2f0d8f4f8c11}", "urn:uuid:6d1f6f5e-58cd-4a3f-9c1b-2f0d8f4f8c11", "6d1f6f5e58cd4a3f9c1b2f0d8f4f8c11",
		"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
		" 6D1F6F5E-58CD-4A3F-9C1B-2F0D8F4F8C11 ", "6D1F6F5E-58CD-4A3F-9C1B-2F0D8F4F8C11\n", " 6D1F6F5E-58CD-4A3F-9C1B-2F0D8F4F8C1",
		"6g1f6f5e-58cd-4a3f-9c1b-2f0d8f4f8c11", "6d1f6f5e_58cd_4a3f_9c1b_2f0d8f4f8c11", "６d1f6f5e-58cd-4a3f-9c1b-2f0d8f4f8c",
		strings.Repeat("6", 101),
	} {
		body, err := json.Marshal(map[string]string{"groupId": id})
		if err != nil {
			t.Fatal(err)
		}
		wantFaults(t, ada.Do("PUT", club+"/call", string(body)), id, "body.groupId")
	}
	for body, location := range map[string]string{
		`{}`: "body", `{"groupId":null}`: "body.groupId", `{"groupId":7}`: "body.groupId",
		`{"groupId":"` + groupID + `","startedBy":"me"}`: "body.startedBy",
	} {
		wantFaults(t, ada.Do("PUT", club+"/call", body), body, location)
	}
	ada.Get(club+"/call").Problem(http.StatusNotFound, "call_not_live")
	if got := ada.Do("PUT", club+"/call", fmt.Sprintf(`{"groupId":%q}`, groupID)).Want(http.StatusCreated).Text("groupId"); got != strings.ToLower(groupID) {
		t.Errorf("shared as %s", got)
	}
}

// TestBadRequests: ids, roles, sizes and forms that cannot be.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	club := ada.club("open")
	for _, id := range []string{"x", "spc_", "spc_" + strings.Repeat("a", 25), "spc_" + strings.Repeat("a", 27), "spc_" + strings.Repeat("A", 26), "spc_" + strings.Repeat("1", 26), "usr_" + strings.Repeat("a", 26), "invites", "spc_" + strings.Repeat("a", 25) + "%0a"} {
		wantFaults(t, ada.Get("/api/spaces/"+id), id, "path.id")
		wantFaults(t, ada.Do("POST", "/api/spaces/"+id+"/call/join", ""), id, "path.id")
	}
	wantFaults(t, ada.Do("PUT", club+"/members/ada", `{"role":"host"}`), "a name for an id", "path.userId")
	wantFaults(t, ada.Do("DELETE", club+"/members/ada?rotateCall=perhaps", ""), "two faults", "path.userId query.rotateCall")
	for body, locations := range map[string]string{
		`{}`: "body", `{"role":"pending"}`: "body.role", `{"role":"king"}`: "body.role", `{"role":""}`: "body.role", `{"role":"Owner"}`: "body.role",
		`{"role":1,"rotateCall":"yes","since":1}`: "body.role body.rotateCall body.since",
	} {
		wantFaults(t, ada.Do("PUT", grace.at(club), body), body, locations)
	}
	for body, locations := range map[string]string{
		`{"uses":0,"expiresInHours":0}`: "body.uses body.expiresInHours", `{"uses":10001,"expiresInHours":721}`: "body.uses body.expiresInHours",
		`{"uses":1.5,"expiresInHours":"1"}`: "body.uses body.expiresInHours", `{"role":"host"}`: "body.role",
	} {
		wantFaults(t, ada.Do("POST", club+"/invites", body), body, locations)
	}
	for query, locations := range map[string]string{
		"?role=king&limit=0": "query.role query.limit", "?limit=101": "query.limit", "?limit=x": "query.limit", "?cursor=" + strings.Repeat("x", 2001): "query.cursor",
	} {
		wantFaults(t, ada.Get(club+"/members"+query), query, locations)
	}
	key := "Idempotency-Key: " + strings.Repeat("x", 201)
	wantFaults(t, ada.Do("POST", "/api/spaces", `{"kind":"club","name":"x"}`, key), "a long key", "header.Idempotency-Key")

	for _, request := range []string{"POST /api/spaces", "PATCH " + club, "PUT " + club + "/call", "PUT " + grace.at(club), "POST " + club + "/invites"} {
		method, path, _ := strings.Cut(request, " ")
		ada.Do(method, path, `kind=club`, "Content-Type: application/x-www-form-urlencoded").Problem(http.StatusUnsupportedMediaType, "content_type_unsupported")
		ada.Do(method, path, `{"name":"`+strings.Repeat("x", 1<<20)+`"}`).Problem(http.StatusRequestEntityTooLarge, "body_too_large")
	}
	for _, code := range []string{"x", strings.Repeat("a", 52), strings.Repeat("A", 52), strings.Repeat("a", 25) + "!" + strings.Repeat("a", 26)} {
		ada.Do("POST", "/api/spaces/invites/"+code+"/accept", "").Problem(http.StatusNotFound, "invite_unknown")
		ada.Do("POST", club+"/invites/"+code+"/revoke", "").Want(http.StatusNoContent)
	}
	wantFaults(t, ada.Do("POST", "/api/spaces/invites/"+strings.Repeat("a", 201)+"/accept", ""), "a long code", "path.code")
	ada.Do("PUT", club, `{}`).Want(http.StatusMethodNotAllowed)
}
