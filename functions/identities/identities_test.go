package identities_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"switchboard/functions/identities"
	"switchboard/functions/user"
	"switchboard/shared/faults"
	"switchboard/shared/function"
	"switchboard/shared/signin"
	"switchboard/shared/testbed"
)

func bed(t *testing.T) (*testbed.Bed, testbed.Client) {
	t.Helper()
	b := testbed.New(t, []function.Function{identities.Function(), user.Function()}, nil)
	return b, b.As("ada", signin.RoleAdmin)
}

func TestABotHasAnIdentityOfItsOwn(t *testing.T) {
	b, admin := bed(t)
	const path = "/api/identities/reception"
	admin.Get(path).Problem(http.StatusNotFound, "identity_unknown")
	admin.Do("POST", path+"/token", "").Problem(http.StatusNotFound, "identity_unknown")

	made := admin.Do("PUT", path, `{"kind":"bot","displayName":"Reception"}`).Want(http.StatusCreated)
	again := admin.Do("PUT", path, `{"kind":"bot","displayName":"Reception"}`).Want(http.StatusOK)
	if string(made.Body) != string(again.Body) || made.Header.Get("ETag") != again.Header.Get("ETag") {
		t.Errorf("PUT is not idempotent:\n%s\n%s", made.Body, again.Body)
	}
	id := made.Text("communicationUserId")
	if made.Text("name") != "reception" || made.Text("kind") != "bot" || !b.Cloud.ACS.Owns(id) {
		t.Errorf("%s", made.Body)
	}
	changed := admin.Do("PUT", path, `{"kind":"service","displayName":"Desk"}`, "If-Match: "+made.Header.Get("ETag")).Want(http.StatusOK)
	if changed.Text("communicationUserId") != id || changed.Text("kind") != "service" || changed.Text("displayName") != "Desk" {
		t.Errorf("%s", changed.Body)
	}
	admin.Do("PUT", path, `{"kind":"bot"}`, "If-Match: "+made.Header.Get("ETag")).Problem(http.StatusPreconditionFailed, "version_stale")
	admin.Do("PUT", "/api/identities/other", `{"kind":"bot"}`, "If-Match: *").Problem(http.StatusPreconditionFailed, "version_stale")

	issued := admin.Do("POST", path+"/token", `{"scopes":["chat"],"expiresInMinutes":90}`).Want(http.StatusOK)
	access, err := b.Cloud.ACS.Validate(issued.Text("token"))
	if err != nil || access.Identity != id || strings.Join(access.Scopes, ",") != "chat" {
		t.Errorf("%+v, %v", access, err)
	}
	b.Cloud.ACSFaults.Record()
	if admin.Do("POST", path+"/token", `{"scopes":["chat"],"expiresInMinutes":90}`).Want(http.StatusOK).Text("token") != issued.Text("token") || len(b.Cloud.ACSFaults.Calls()) != 0 {
		t.Error("a warm token is not given again")
	}

	admin.Do("DELETE", path, "", "If-Match: "+made.Header.Get("ETag")).Problem(http.StatusPreconditionFailed, "version_stale")
	admin.Do("DELETE", path, "").Want(http.StatusNoContent)
	admin.Do("DELETE", path, "").Want(http.StatusNoContent)
	admin.Get(path).Problem(http.StatusNotFound, "identity_unknown")
	admin.Do("POST", path+"/token", "").Problem(http.StatusNotFound, "identity_unknown")
	if b.Cloud.ACS.Owns(id) || b.Cloud.ACS.TokenValid(issued.Text("token")) {
		t.Error("the identity outlived its deletion")
	}
	admin.Do("PUT", path, `{"kind":"bot"}`).Want(http.StatusCreated)
}

func TestAServiceIsNotAUser(t *testing.T) {
	b, admin := bed(t)
	admin.Do("PUT", "/api/identities/ada", `{"kind":"service"}`).Want(http.StatusCreated)
	b.As("ada").Get("/api/user").Problem(http.StatusNotFound, "identity_unknown")
	if len(b.Cloud.ACS.Identities()) != 1 {
		t.Error("a service and a user share something")
	}
}

func TestListingGoesOnWhereItStopped(t *testing.T) {
	b, admin := bed(t)
	var names []string
	for i := range 7 {
		name := fmt.Sprintf("bot-%02d", i)
		names = append(names, name)
		admin.Do("PUT", "/api/identities/"+name, `{"kind":"bot"}`).Want(http.StatusCreated)
	}
	admin.Do("PUT", "/api/identities/gone", `{"kind":"bot"}`).Want(http.StatusCreated)
	admin.Do("DELETE", "/api/identities/gone", "").Want(http.StatusNoContent)

	var seen []string
	cursor := ""
	for page := 0; ; page++ {
		b.Cloud.CosmosFaults.Record()
		answer := admin.Get("/api/identities?limit=3&cursor=" + url.QueryEscape(cursor)).Want(http.StatusOK).JSON()
		if n := len(b.Cloud.CosmosFaults.Calls()); n != 1 {
			t.Errorf("page %d cost %d requests", page, n)
		}
		for _, item := range answer["items"].([]any) {
			seen = append(seen, item.(map[string]any)["name"].(string))
		}
		next, more := answer["nextCursor"].(string)
		if !more {
			break
		}
		cursor = next
		// What comes and goes meanwhile neither repeats nor hides the others.
		admin.Do("PUT", fmt.Sprintf("/api/identities/aaa-%d", page), `{"kind":"bot"}`).Want(http.StatusCreated)
	}
	if strings.Join(seen, " ") != strings.Join(names, " ") {
		t.Errorf("listed %v, want %v", seen, names)
	}
	if body := string(admin.Get("/api/identities?limit=100").Want(http.StatusOK).Body); strings.Contains(body, "gone") {
		t.Errorf("a deleted one is listed: %s", body)
	}
}

func TestAnEmptyListIsAList(t *testing.T) {
	_, admin := bed(t)
	if body := strings.TrimSpace(string(admin.Get("/api/identities").Want(http.StatusOK).Body)); body != `{"items":[]}` {
		t.Errorf("%s", body)
	}
}

func TestBadRequestsSayWhatToMend(t *testing.T) {
	_, admin := bed(t)
	for _, test := range []struct{ method, path, body, code, mentions string }{
		{"PUT", "/api/identities/Reception", `{"kind":"bot"}`, "request_invalid", "path.name"},
		{"PUT", "/api/identities/-x", `{"kind":"bot"}`, "request_invalid", "path.name"},
		{"PUT", "/api/identities/" + strings.Repeat("x", 65), `{"kind":"bot"}`, "request_invalid", "path.name"},
		{"PUT", "/api/identities/a%2Fb", `{"kind":"bot"}`, "request_invalid", "path.name"},
		{"PUT", "/api/identities/x", `{"kind":"user"}`, "request_invalid", "body.kind"},
		{"PUT", "/api/identities/x", `{}`, "request_invalid", "kind"},
		{"PUT", "/api/identities/x", ``, "request_invalid", "body"},
		{"PUT", "/api/identities/x", `{"kind":"bot","name":"y"}`, "request_invalid", "body.name"},
		{"POST", "/api/identities/x/token", `{"scopes":["pstn"]}`, "request_invalid", "body.scopes"},
		{"GET", "/api/identities?limit=0", ``, "request_invalid", "query.limit"},
		{"GET", "/api/identities?limit=101", ``, "request_invalid", "query.limit"},
		{"GET", "/api/identities?limit=many", ``, "request_invalid", "query.limit"},
		{"GET", "/api/identities?cursor=%21", ``, "cursor_invalid", ""},
		{"GET", "/api/identities?cursor=Li4v", ``, "cursor_invalid", ""},
	} {
		answer := admin.Do(test.method, test.path, test.body).Problem(http.StatusBadRequest, test.code)
		if !strings.Contains(string(answer.Body), test.mentions) {
			t.Errorf("%s %s %s: the answer does not name %q: %s", test.method, test.path, test.body, test.mentions, answer.Body)
		}
	}
}

func TestALongIdleTokenIsRenewed(t *testing.T) {
	b, admin := bed(t)
	admin.Do("PUT", "/api/identities/x", `{"kind":"bot"}`).Want(http.StatusCreated)
	first := admin.Do("POST", "/api/identities/x/token", "").Want(http.StatusOK).Text("token")
	b.Clock.Move(25 * time.Hour)
	next := b.As("ada", signin.RoleAdmin).Do("POST", "/api/identities/x/token", "").Want(http.StatusOK).Text("token")
	if next == first || !b.Cloud.ACS.TokenValid(next) {
		t.Error("a token that has ended was given")
	}
}

// An administrator's PUT failed half-way.
func TestATokenRequestMakesNoService(t *testing.T) {
	b, admin := bed(t)
	b.Cloud.ACSFaults.Add(faults.Rule{Method: "POST", Contains: "/identities", Status: 503, Times: 1, Header: map[string]string{"Retry-After": "9"}})
	admin.Do("PUT", "/api/identities/reception", `{"kind":"bot","displayName":"Reception"}`).Want(http.StatusServiceUnavailable)
	admin.Get("/api/identities/reception").Problem(404, "identity_unknown")
	b.Clock.Move(2 * time.Second)
	a := admin.Do("POST", "/api/identities/reception/token", "")
	if a.Status != 404 {
		t.Errorf("%d; now it is %s", a.Status, admin.Get("/api/identities/reception").Body)
	}
}

// A deletion failed half-way.
func TestAListGoesOnPastWhatIsBeingDeleted(t *testing.T) {
	b, admin := bed(t)
	for _, n := range []string{"a", "b", "c", "d", "e", "f"} {
		admin.Do("PUT", "/api/identities/"+n, `{"kind":"bot"}`).Want(http.StatusCreated)
	}
	b.Cloud.ACSFaults.Add(faults.Rule{Method: "DELETE", Status: 400})
	if admin.Do("DELETE", "/api/identities/b", "").Status == 204 {
		t.Fatal("does not test")
	}
	answer := admin.Get("/api/identities?limit=3").Want(200)
	if answer.JSON()["nextCursor"] == nil {
		t.Errorf("five live, three listed, and no way on: %s", answer.Body)
	}
}

// It is finished first.
func TestPutAfterADeletionThatFailedHalfWay(t *testing.T) {
	b, admin := bed(t)
	admin.Do("PUT", "/api/identities/a", `{"kind":"bot"}`).Want(http.StatusCreated)
	b.Cloud.ACSFaults.Add(faults.Rule{Method: "DELETE", Status: 400})
	admin.Do("DELETE", "/api/identities/a", "")
	b.Clock.Move(time.Hour)
	if a := admin.Do("PUT", "/api/identities/a", `{"kind":"bot"}`); a.Status != 201 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}
