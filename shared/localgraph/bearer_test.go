package localgraph_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/localgraph"
)

func TestBearers(t *testing.T) {
	n := meetingTenant(t)
	stranger := newTenant(t, localgraph.Options{Tenant: "11111111-2222-3333-4444-555555555555"})
	forAPI, err := n.UserToken(localgraph.SeedUserID("ada"), clientID)
	if err != nil {
		t.Fatal(err)
	}
	for name, authorization := range map[string]string{
		"none":              "",
		"another scheme":    "Basic dTpw",
		"no token":          "Bearer ",
		"garbage":           "Bearer a.b.c",
		"a changed claim":   "Bearer " + changed(n.token),
		"another audience":  "Bearer " + forAPI,
		"another tenant":    "Bearer " + stranger.token,
		"another signature": "Bearer " + n.token[:len(n.token)-8] + "AAAAAAAA",
	} {
		a := n.call("GET", user("ada")+"/onlineMeetings/x", "", "Authorization", authorization)
		n.refused(name, a, http.StatusUnauthorized, "InvalidAuthenticationToken", "")
		if !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s: WWW-Authenticate is %q", name, a.Header.Get("WWW-Authenticate"))
		}
	}
	n.refused("untouched", n.call("GET", user("ada")+"/onlineMeetings/x", ""), http.StatusNotFound, "NotFound", "Invalid meeting id")
	n.advance(time.Hour + time.Second)
	n.refused("expired", n.call("GET", user("ada")+"/onlineMeetings/x", ""), http.StatusUnauthorized, "InvalidAuthenticationToken", "")
}

// changed gives a token the claims of nobody, under its old signature.
func changed(token string) string {
	parts := strings.Split(token, ".")
	return parts[0] + ".e30." + parts[2]
}

func TestPermissions(t *testing.T) {
	reader := application()
	reader.Roles = []string{"OnlineMeetings.Read.All", "Calendars.Read"}
	n := newTenant(t, localgraph.Options{Apps: []localgraph.App{reader}, Settings: localgraph.Settings{PolicyGlobal: true}})
	n.refused("read", n.call("GET", user("ada")+"/onlineMeetings/x", ""), http.StatusNotFound, "NotFound", "")
	n.refused("create", n.call("POST", user("ada")+"/onlineMeetings", "{}"), http.StatusForbidden, "Forbidden", "")
	n.refused("/me", n.call("GET", "/v1.0/me/onlineMeetings/x", ""), http.StatusBadRequest, "BadRequest", "delegated")
	n.refused("no object id", n.call("GET", "/v1.0/users/ada@contoso.example/onlineMeetings/x", ""), http.StatusNotFound, "NotFound", "object id")
}

// TestDelegated: somebody signed in needs no access policy, acts for
// themselves, and with what they consented to.
func TestDelegated(t *testing.T) {
	app := application()
	app.Scopes = []string{"OnlineMeetings.ReadWrite", "Calendars.Read"}
	n := newTenant(t, localgraph.Options{Apps: []localgraph.App{app}, Transport: faults.Transport{Handler: newReceiver(t)}})
	assertion, err := n.UserToken(localgraph.SeedUserID("ada"), clientID)
	if err != nil {
		t.Fatal(err)
	}
	n.token = n.form(n.Tenant(), url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "requested_token_use": {"on_behalf_of"},
		"client_id": {clientID}, "client_secret": {secret}, "assertion": {assertion}, "scope": {resource + "/.default"}}).text(t, "access_token")
	id := n.must(http.StatusCreated, "POST", "/v1.0/me/onlineMeetings", consultation).text(t, "id")
	n.must(http.StatusOK, "GET", user("ada")+"/onlineMeetings/"+id, "")
	n.must(http.StatusOK, "GET", "/v1.0/me/calendar", "")
	n.refused("of somebody else", n.call("GET", user("grace")+"/calendar", ""), http.StatusForbidden, "Forbidden", "themselves")
	n.refused("without consent", n.call("POST", "/v1.0/me/events", appointment), http.StatusForbidden, "ErrorAccessDenied", "")
	mine := strings.Replace(subscription(""), "users/"+localgraph.SeedUserID("ada"), "me", 1)
	if a := n.must(http.StatusCreated, "POST", "/v1.0/subscriptions", mine); a.text(t, "creatorId") != localgraph.SeedUserID("ada") {
		t.Errorf("the subscription is %s", a.Text)
	}
	others := strings.Replace(subscription(""), localgraph.SeedUserID("ada"), localgraph.SeedUserID("grace"), 1)
	n.refused("a subscription to somebody else", n.call("POST", "/v1.0/subscriptions", others), http.StatusNotFound, "ErrorInvalidUser", "")
}

// TestAccessPolicy: permissions alone do not suffice, and what is told of it
// has three shapes (facts of the field, not of the documentation).
func TestAccessPolicy(t *testing.T) {
	n := newTenant(t, localgraph.Options{})
	for shape, want := range map[string][2]string{
		"":                            {"Forbidden", "No Application Access Policy found for this app."},
		localgraph.PolicyForbidden:    {"Forbidden", "No Application Access Policy found for this app."},
		localgraph.PolicyGeneral:      {"General", "No application access policy found for this app."},
		localgraph.PolicyUnauthorized: {"Unauthorized", "is not authorized to Create meeting on behalf of user " + localgraph.SeedUserID("ada")},
	} {
		if err := n.Configure(localgraph.Settings{PolicyRefusal: shape}); err != nil {
			t.Fatal(err)
		}
		n.refused(shape, n.call("POST", user("ada")+"/onlineMeetings", "{}"), http.StatusForbidden, want[0], want[1])
	}
	granted := `{"policyUsers":["` + localgraph.SeedUserID("ada") + `"]}`
	if a := n.call("PATCH", "/_settings", granted); a.Code != http.StatusOK || at(t, a.Body, "policyRefusal") == nil {
		t.Errorf("PATCH /_settings answers %d %s, and should keep what it does not name", a.Code, a.Text)
	}
	n.refused("granted", n.call("GET", user("ada")+"/onlineMeetings/x", ""), http.StatusNotFound, "NotFound", "")
	if a := n.call("GET", user("grace")+"/onlineMeetings/x", ""); a.Code != http.StatusForbidden {
		t.Errorf("a policy for Ada covers Grace: %d %s", a.Code, a.Text)
	}
	for _, bad := range []string{`{"policyGlobl":true}`, `{"policyRefusal":"maybe"}`, `{`} {
		if a := n.call("PATCH", "/_settings", bad); a.Code != http.StatusBadRequest {
			t.Errorf("PATCH /_settings %s answers %d", bad, a.Code)
		}
	}
}

func TestUnknownPaths(t *testing.T) {
	n := meetingTenant(t)
	n.refused("$batch", n.call("POST", "/v1.0/$batch", `{"requests":[]}`), http.StatusNotImplemented, "NotImplemented", "one by one")
	n.refused("unknown", n.call("GET", "/v1.0/users/x/messages", ""), http.StatusBadRequest, "BadRequest", "segment 'messages'")
	n.refused("unknown method", n.call("PUT", user("ada")+"/onlineMeetings/x", "{}"), http.StatusBadRequest, "BadRequest", "PUT")
	if a := n.call("GET", "/v2.0/users", ""); a.Code != http.StatusNotFound {
		t.Errorf("an unknown version answers %d", a.Code)
	}
	large := `{"subject":"` + strings.Repeat("s", 4<<20) + `"}`
	n.refused("a large body", n.call("POST", user("ada")+"/onlineMeetings", large), http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "")
	a := n.call("GET", "/beta"+strings.TrimPrefix(user("ada"), "/v1.0")+"/onlineMeetings/x", "", "client-request-id", "mine")
	n.refused("beta", a, http.StatusNotFound, "NotFound", "")
	if a.Header.Get("client-request-id") != "mine" || at(t, a.Body, "error", "innerError", "client-request-id") != "mine" {
		t.Errorf("the client's request id is lost: %v %s", a.Header, a.Text)
	}
}
