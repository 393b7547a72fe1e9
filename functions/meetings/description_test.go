package meetings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/functions/about"
	"switchboard/shared/signin"
	"switchboard/shared/testbed"
)

// description is what is looked at of the OpenAPI document.
type description struct {
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]schema }
}

type operation struct {
	OperationID string
	Responses   map[string]struct {
		Headers map[string]any
		Content map[string]struct{ Schema schema }
	}
}

type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Format     string
	Enum       []any
	Properties map[string]schema
	Required   []string
	Items      *schema
	Additional any `json:"additionalProperties"`
}

// types are the types that a value may have: "string", or with null ["object","null"].
func (s schema) types() []string {
	switch all := s.Type.(type) {
	case string:
		return []string{all}
	case []any:
		var names []string
		for _, one := range all {
			names = append(names, one.(string))
		}
		return names
	}
	return nil
}

// check tells where a value is not as it is described.
func (d description) check(at string, s schema, value any) (faults []string) {
	if s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	is := map[bool]string{true: "null"}[value == nil]
	switch v := value.(type) {
	case string:
		is = "string"
		if _, err := time.Parse("2006-01-02T15:04:05Z", v); s.Format == "date-time" && err != nil {
			faults = append(faults, at+" is "+v+", no time in UTC and whole seconds")
		}
	case bool:
		is = "boolean"
	case float64:
		is = map[bool]string{true: "integer", false: "number"}[v == float64(int64(v))]
	case []any:
		is = "array"
		for i, one := range v {
			faults = append(faults, d.check(fmt.Sprintf("%s[%d]", at, i), *s.Items, one)...)
		}
	case map[string]any:
		is = "object"
		faults = append(faults, d.members(at, s, v)...)
	}
	if !slices.Contains(s.types(), is) || len(s.Enum) > 0 && !slices.Contains(s.Enum, value) {
		faults = append(faults, fmt.Sprintf("%s is %v, described as %v %v", at, value, s.Type, s.Enum))
	}
	return faults
}

func (d description) members(at string, s schema, object map[string]any) (faults []string) {
	for _, member := range s.Required {
		if _, there := object[member]; !there {
			faults = append(faults, at+" lacks "+member)
		}
	}
	if len(s.Properties) == 0 && s.Additional != nil && s.Additional != false {
		return faults // a map of texts
	}
	for member, value := range object {
		described, ok := s.Properties[member]
		if !ok {
			faults = append(faults, at+" has "+member+", which is not described")
			continue
		}
		faults = append(faults, d.check(at+"."+member, described, value)...)
	}
	return faults
}

// TestMeetingsAreDescribed: every operation answers with what the description says, with
// every status that is provoked here.
func TestMeetingsAreDescribed(t *testing.T) {
	t.Parallel()
	w := world{testbed.New(t, append(rows(), about.Function()), nil), t}
	var described description
	if err := json.Unmarshal(w.Nobody().Get("/api/openapi.json").Want(http.StatusOK).Body, &described); err != nil {
		t.Fatal(err)
	}
	operations := map[string]operation{}
	for path, methods := range described.Paths {
		for _, op := range methods {
			if strings.HasPrefix(path, "/meetings") {
				operations[op.OperationID] = op
			}
		}
	}
	seen := map[string]bool{}
	verify := func(id string, a testbed.Answer) testbed.Answer {
		t.Helper()
		seen[id] = true
		as, ok := operations[id].Responses[fmt.Sprint(a.Status)]
		if !ok {
			t.Errorf("%s: %d is not described: %s", id, a.Status, a.Body)
			return a
		}
		for name := range as.Headers {
			if a.Header.Get(name) == "" && a.Status < 300 {
				t.Errorf("%s: %d without the header %s", id, a.Status, name)
			}
		}
		if len(a.Body) == 0 && len(as.Content) == 0 {
			return a
		}
		media, ok := as.Content[a.Header.Get("Content-Type")]
		if !ok {
			t.Errorf("%s: %d is of type %s", id, a.Status, a.Header.Get("Content-Type"))
			return a
		}
		for _, fault := range described.check("body", media.Schema, a.JSON()) {
			t.Errorf("%s: %d: %s", id, a.Status, fault)
		}
		return a
	}

	ada, _ := w.user("ada")
	grace, graceID := w.user("grace")
	admin := w.As("operator", signin.RoleAdmin)
	path := func(a testbed.Answer) string { return "/api/meetings/" + a.Text("id") }
	for _, mode := range []string{"standalone", "calendar", "booking"} {
		body := w.draft(0, fmt.Sprintf(`"mode":%q`, mode), attendees(graceID, "patient@example.com"))
		made := verify("create-meeting", ada.Do("POST", "/api/meetings", body, "Idempotency-Key: "+mode).Want(http.StatusCreated))
		verify("create-meeting", ada.Do("POST", "/api/meetings", body, "Idempotency-Key: "+mode).Want(http.StatusOK))
		for _, c := range []testbed.Client{ada, grace, admin} {
			verify("get-meeting", c.Get(path(made)).Want(http.StatusOK))
		}
		verify("join-meeting", grace.Do("POST", path(made)+"/join", "").Want(http.StatusOK))
		verify("put-meeting-invite", ada.Do("PUT", path(made)+"/invite", "").Want(http.StatusCreated))
		verify("join-meeting-as-guest", w.visit(verify("put-meeting-invite", ada.Do("PUT", path(made)+"/invite", "").Want(http.StatusOK)).Text("code"), ""))
		verify("delete-meeting-invite", ada.Do("DELETE", path(made)+"/invite", "").Want(http.StatusNoContent))
	}
	foreign := verify("import-meeting", ada.Do("POST", "/api/meetings/import", w.foreign("2451234567890")).Want(http.StatusCreated))
	verify("import-meeting", ada.Do("POST", "/api/meetings/import", w.foreign("2451234567890")).Want(http.StatusOK))
	verify("import-meeting", ada.Do("POST", "/api/meetings/import", `{"link":"https://teams.live.com/meet/1"}`).Want(http.StatusBadRequest))
	verify("get-meeting", ada.Get(path(foreign)))
	verify("join-meeting", ada.Do("POST", path(foreign)+"/join", ""))
	linus := w.AsTeams("linus") // has a calendar, and no mapping yet
	verify("create-meeting", linus.Do("POST", "/api/meetings", w.draft(0)).Want(http.StatusNotFound))
	linus.Do("POST", "/api/user", "").Want(http.StatusCreated)
	verify("create-meeting", linus.Do("POST", "/api/meetings", w.draft(0, `"mode":"calendar"`)).Want(http.StatusCreated))
	if got := verify("list-meetings", linus.Get("/api/meetings")).Text("calendar"); got != "merged" {
		t.Errorf("the calendar is %s", got)
	}
	for _, period := range []string{"", "?limit=1", "?day=2026-11-22&tz=Europe/Istanbul", "?tz=Nowhere"} {
		verify("list-meetings", ada.Get("/api/meetings"+period))
	}
	verify("update-meeting", ada.Do("PATCH", path(foreign), `{"subject":"Other"}`).Want(http.StatusOK))
	verify("update-meeting", ada.Do("PATCH", path(foreign), `{"organizer":null}`).Want(http.StatusConflict))
	verify("update-meeting", ada.Do("PATCH", path(foreign), `{"subject":"x"}`, `If-Match: "x"`).Want(http.StatusPreconditionFailed))
	verify("update-meeting", ada.Do("PATCH", path(foreign), `x`, "Content-Type: text/plain").Want(http.StatusUnsupportedMediaType))
	verify("cancel-meeting", ada.Do("DELETE", path(foreign), "", `If-Match: "x"`).Want(http.StatusPreconditionFailed))
	verify("cancel-meeting", ada.Do("DELETE", path(foreign), "").Want(http.StatusNoContent))
	verify("decline-meeting", grace.Do("POST", w.schedule(ada, w.draft(90, attendees(graceID)))+"/decline", "").Want(http.StatusNoContent))
	verify("decline-meeting", ada.Do("POST", w.schedule(ada, w.draft(90))+"/decline", "").Want(http.StatusConflict))
	for id, request := range map[string]string{"get-meeting": "GET ", "join-meeting": "POST /join", "put-meeting-invite": "PUT /invite", "cancel-meeting": "DELETE ", "delete-meeting-invite": "DELETE /invite"} {
		method, rest, _ := strings.Cut(request, " ")
		verify(id, grace.Do(method, path(foreign)+rest, "").Want(http.StatusNotFound))
		verify(id, w.Nobody().Do(method, path(foreign)+rest, "").Want(http.StatusUnauthorized))
	}
	early := ada.Do("PUT", w.schedule(ada, w.draft(90))+"/invite", "").Text("code")
	verify("join-meeting-as-guest", w.visit(early, "").Want(http.StatusConflict))
	verify("join-meeting-as-guest", w.visit("x", "").Want(http.StatusNotFound))
	verify("join-meeting-as-guest", w.Nobody().Do("POST", "/api/meetings/guests", `{}`).Want(http.StatusBadRequest))
	verify("examine-meetings", admin.Get("/api/meetings/doctor").Want(http.StatusOK))
	verify("examine-meetings", ada.Get("/api/meetings/doctor").Want(http.StatusForbidden))
	for id := range operations {
		if !seen[id] {
			t.Errorf("%s is not looked at", id)
		}
	}
}
