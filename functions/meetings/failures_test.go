package meetings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/localgraph"
	"switchboard/shared/signin"
)

// graphSays is an answer of Graph that fails, with a text that nobody is to see.
func graphSays(status int, header, code string) faults.Rule {
	rule := faults.Rule{Contains: "/v1.0/", Times: -1, Status: status, Header: map[string]string{"Content-Type": "application/json"},
		Body: fmt.Sprintf(`{"error":{"code":%q,"message":"Secret words of Graph about patient@example.com","innerError":{"request-id":"4f5a"}}}`, code)}
	if name, value, ok := strings.Cut(header, ": "); ok {
		rule.Header[name] = value
	}
	return rule
}

// TestGraphFails: each way in which Graph fails has our code and our words, and the same
// request succeeds once it does not.
func TestGraphFails(t *testing.T) {
	t.Parallel()
	policy := func(refusal string) func(w world) {
		return func(w world) {
			if err := w.Cloud.Graph.Configure(localgraph.Settings{PolicyRefusal: refusal}); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	answers := func(rule faults.Rule) func(w world) {
		return func(w world) { w.Cloud.GraphFaults.Add(rule) }
	}
	for name, c := range map[string]struct {
		fail     func(w world)
		status   int
		code     string
		retry    string
		detail   string
		patience string
	}{
		"no access policy":         {policy(localgraph.PolicyForbidden), http.StatusBadGateway, "graph_access_policy_missing", "", "Grant-CsApplicationAccessPolicy", ""},
		"no access policy, either": {policy(localgraph.PolicyGeneral), http.StatusBadGateway, "graph_access_policy_missing", "", "New-CsApplicationAccessPolicy", ""},
		"throttled":                {answers(graphSays(429, "Retry-After: 120", "TooManyRequests")), http.StatusServiceUnavailable, "graph_throttled", "120", "", ""},
		"away":                     {answers(graphSays(503, "Retry-After: 77", "ServiceUnavailable")), http.StatusServiceUnavailable, "graph_unavailable", "77", "", ""},
		"no permission":            {answers(graphSays(403, "", "Authorization_RequestDenied")), http.StatusBadGateway, "graph_forbidden", "", "OnlineMeetings.ReadWrite.All", ""},
		"at fault":                 {answers(graphSays(400, "", "BadRequest")), http.StatusBadGateway, "graph_refused", "", "", ""},
		"nonsense":                 {answers(faults.Rule{Contains: "createOrGet", Times: -1, Status: http.StatusOK, Body: "patient@example.com"}), http.StatusBadGateway, "graph_failed", "", "", ""},
		"slow":                     {answers(faults.Rule{Contains: "/v1.0/", Times: -1, Delay: faults.Duration(time.Minute)}), http.StatusGatewayTimeout, "graph_timeout", "", "", "1s"},
		"no token":                 {answers(faults.Rule{Contains: "/oauth2/", Times: -1, Status: http.StatusBadRequest, Body: `{"error":"invalid_client"}`}), http.StatusBadGateway, "entra_misconfigured", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, map[string]string{"SWITCHBOARD_MEETINGS_TIMEOUT": c.patience})
			ada, _ := w.user("ada")
			body := w.draft(30, attendees("patient@example.com"))
			c.fail(w)
			a := ada.Do("POST", "/api/meetings", body, "Idempotency-Key: 1").Problem(c.status, c.code)
			if got := a.Header.Get("Retry-After"); got != c.retry {
				t.Errorf("Retry-After is %q, want %q", got, c.retry)
			}
			if detail := a.Text("detail"); !strings.Contains(detail, c.detail) || strings.Contains(detail, "Secret") || strings.Contains(detail, "patient@") {
				t.Errorf("the detail is %q", detail)
			}
			if _, ids := today(ada); len(ids) != 0 {
				t.Errorf("the agenda has %v", ids)
			}
			w.Cloud.GraphFaults.Clear()
			if err := w.Cloud.Graph.Configure(localgraph.Settings{PolicyGlobal: true}); err != nil {
				t.Fatal(err)
			}
			w.Clock.Move(time.Minute)
			ada.Do("POST", "/api/meetings", body, "Idempotency-Key: 1").Want(http.StatusCreated)
			ada.Do("POST", "/api/meetings", body, "Idempotency-Key: 1").Want(http.StatusOK)
			w.Drain()
			if _, ids := today(ada); len(ids) != 1 {
				t.Errorf("the agenda has %v", ids)
			}
			if log := w.Log.String(); strings.Contains(log, "Secret words") || strings.Contains(log, "patient@") {
				t.Errorf("the log has Graph's words: %s", log)
			}
		})
	}
}

// TestWithoutGraph: what needs Graph says so, and the rest works.
func TestWithoutGraph(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"SWITCHBOARD_GRAPH_TENANT": ""})
	ada, _ := w.user("ada")
	ada.Do("POST", "/api/meetings", w.draft(0)).Problem(http.StatusBadGateway, "graph_not_configured")
	path := "/api/meetings/" + ada.Do("POST", "/api/meetings/import", w.foreign("2451234567890")).Want(http.StatusCreated).Text("id")
	ada.Do("POST", path+"/join", "").Want(http.StatusOK)
	ada.Do("PATCH", path, `{"subject":"Mine"}`).Want(http.StatusOK)
	w.visit(link(ada, path), "").Want(http.StatusOK)
	if subjects, _ := today(ada); len(subjects) != 1 || subjects[0] != "Mine" {
		t.Errorf("Ada has %v", subjects)
	}
	ada.Do("DELETE", path, "").Want(http.StatusNoContent)
	w.wantUpkeep()
	w.noGuests("cancelled", ada)
}

// TestNothingIsLogged: not who is invited to what, nor what it takes to join, whatever is
// done and goes wrong.
func TestNothingIsLogged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, _ := w.user("ada")
	grace, graceID := w.user("grace")
	admin := w.As("operator", signin.RoleAdmin)
	var secrets []string
	hide := func(path string) {
		var m struct {
			Join struct{ MeetingLink, MeetingID, Passcode string }
			Chat struct{ ThreadID string }
		}
		if err := json.Unmarshal(ada.Get(path).Body, &m); err != nil {
			t.Fatal(err)
		}
		code := link(ada, path)
		secrets = append(secrets, m.Join.MeetingLink, m.Join.MeetingID, m.Join.Passcode, m.Chat.ThreadID, code, code[26:],
			w.visit(code, "").Text("token"), grace.Do("POST", path+"/join", "").Text("token"))
	}
	private := func(more ...string) string {
		return strings.Replace(w.draft(0, append(more, attendees(graceID, "patient@example.com"))...), "Consultation", "Oncology", 1)
	}
	paths := []string{w.schedule(ada, private()), w.schedule(ada, private(`"mode":"calendar"`, `"lobby":"everyone"`)), w.schedule(ada, private(`"mode":"booking"`))}
	imported := strings.Replace(w.foreign("2451234567890", attendees(graceID)), "Consultation", "Oncology", 1)
	paths = append(paths, "/api/meetings/"+ada.Do("POST", "/api/meetings/import", imported).Want(http.StatusCreated).Text("id"))
	w.Drain()
	for _, path := range paths {
		hide(path)
		ada.Do("PATCH", path, `{"subject":"Oncology 2",`+attendees(graceID, "patient2@example.com")+`}`)
	}
	admin.Get("/api/meetings/doctor").Want(http.StatusOK)
	ada.Do("POST", "/api/meetings", w.draft(0, attendees("patient at example.com"))).Want(http.StatusBadRequest)
	ada.Do("POST", "/api/meetings/import", `{"link":"https://example.com/oncology?to=patient@example.com"}`).Want(http.StatusBadRequest)
	w.visit(strings.Repeat("b", 52), "").Want(http.StatusNotFound)
	for _, fail := range []func(...faults.Rule){w.Cloud.GraphFaults.Add, w.Cloud.CosmosFaults.Add} {
		fail(faults.Rule{Times: 4, Status: http.StatusForbidden, Body: `{"error":{"code":"x","message":"patient@example.com Oncology"},"code":"x","message":"patient@example.com Oncology"}`})
		ada.Do("POST", "/api/meetings", private())
		ada.Do("DELETE", paths[0], "")
		w.Cloud.GraphFaults.Clear()
		w.Cloud.CosmosFaults.Clear()
		w.Drain()
	}
	for _, path := range paths {
		ada.Do("DELETE", path, "").Want(http.StatusNoContent)
	}
	w.wantUpkeep()
	log := w.Log.String()
	for _, secret := range append(secrets, "patient", "example.com", "oncology", "Oncology", "Visitor", "p=abc", "teams.microsoft.com/") {
		if secret != "" && strings.Contains(log, secret) {
			at := strings.Index(log, secret)
			t.Errorf("the log has %q: %s", secret, log[max(0, at-200):min(len(log), at+200)])
		}
	}
	if !strings.Contains(log, "join-meeting") && !strings.Contains(log, "/join") {
		t.Error("the log tells nothing at all")
	}
}
