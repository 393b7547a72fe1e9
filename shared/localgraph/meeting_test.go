package localgraph_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/localgraph"
)

const consultation = `{"subject":"Consultation 42","startDateTime":"2026-11-22T15:30:00+01:00","endDateTime":"2026-11-22T15:00:00Z",
 "lobbyBypassSettings":{"scope":"everyone","isDialInBypassEnabled":true},"allowedPresenters":"organizer","isEntryExitAnnounced":false,
 "joinMeetingIdSettings":{"isPasscodeRequired":true},
 "participants":{"attendees":[{"upn":"grace@contoso.example","role":"coorganizer"},{"upn":"patient@example.com"}]}}`

// TestCreateMeeting holds the answer against the documented one ("Create
// onlineMeeting", v1.0), member by member.
func TestCreateMeeting(t *testing.T) {
	n := meetingTenant(t)
	ada := localgraph.SeedUserID("ada")
	a := n.must(http.StatusCreated, "POST", user("ada")+"/onlineMeetings", consultation)
	for _, member := range []struct {
		path []any
		want any
	}{
		{[]any{"@odata.context"}, n.url + "/v1.0/$metadata#users('" + ada + "')/onlineMeetings/$entity"},
		{[]any{"creationDateTime"}, "2026-11-21T02:17:17.64911364Z"},
		{[]any{"startDateTime"}, "2026-11-22T14:30:00Z"},
		{[]any{"endDateTime"}, "2026-11-22T15:00:00Z"},
		{[]any{"subject"}, "Consultation 42"},
		{[]any{"isBroadcast"}, false},
		{[]any{"autoAdmittedUsers"}, "everyone"},
		{[]any{"allowedPresenters"}, "organizer"},
		{[]any{"videoTeleconferenceId"}, nil},
		{[]any{"externalId"}, nil},
		{[]any{"lobbyBypassSettings", "scope"}, "everyone"},
		{[]any{"lobbyBypassSettings", "isDialInBypassEnabled"}, true},
		{[]any{"joinMeetingIdSettings", "isPasscodeRequired"}, true},
		{[]any{"chatInfo", "messageId"}, "0"},
		{[]any{"chatInfo", "replyChainMessageId"}, nil},
		{[]any{"participants", "organizer", "role"}, "presenter"},
		{[]any{"participants", "organizer", "identity", "user", "id"}, ada},
		{[]any{"participants", "organizer", "identity", "user", "tenantId"}, n.Tenant()},
		{[]any{"participants", "organizer", "identity", "user", "displayName"}, nil},
		{[]any{"participants", "organizer", "identity", "user", "identityProvider"}, "AAD"},
		{[]any{"participants", "attendees", 0, "role"}, "coorganizer"},
		{[]any{"participants", "attendees", 1, "role"}, "attendee"},
		{[]any{"joinInformation", "contentType"}, "html"},
	} {
		if got := at(t, a.Body, member.path...); got != member.want {
			t.Errorf("%v is %v, want %v", member.path, got, member.want)
		}
	}
	thread := a.text(t, "chatInfo", "threadId")
	if id, err := base64.StdEncoding.DecodeString(a.text(t, "id")); err != nil || string(id) != "1*"+ada+"*0**"+thread {
		t.Errorf("the id is %s: %v", id, err)
	}
	for _, form := range []struct{ text, pattern string }{
		{thread, `^19:meeting_\w+@thread\.v2$`},
		{a.text(t, "joinMeetingIdSettings", "joinMeetingId"), `^[1-9]\d{12}$`},
		{a.text(t, "joinMeetingIdSettings", "passcode"), `^\w{6}$`},
		{a.text(t, "audioConferencing", "dialinUrl"), `^https://dialin\.teams\.microsoft\.com/.*\?id=\d+$`},
		{a.text(t, "joinInformation", "content"), `^data:text/html,%3Cdiv`},
		{a.text(t, "joinWebUrl"), `^https://teams\.microsoft\.com/l/meetup-join/19%3ameeting_\w+%40thread\.v2/0\?context=%7b%22Tid%22%3a%22`},
	} {
		if !regexp.MustCompile(form.pattern).MatchString(form.text) {
			t.Errorf("%q is not of the form %s", form.text, form.pattern)
		}
	}
	if again := n.must(http.StatusCreated, "POST", user("ada")+"/onlineMeetings", consultation); again.text(t, "id") == a.text(t, "id") {
		t.Error("a repeated creation gives the same meeting, which Graph does not")
	}
}

func TestShortLinks(t *testing.T) {
	n := newTenant(t, localgraph.Options{Settings: localgraph.Settings{PolicyGlobal: true, ShortLinks: true}})
	a := n.must(http.StatusCreated, "POST", user("ada")+"/onlineMeetings", consultation)
	prefix := "https://teams.microsoft.com/meet/" + a.text(t, "joinMeetingIdSettings", "joinMeetingId") + "?p="
	if !strings.HasPrefix(a.text(t, "joinWebUrl"), prefix) {
		t.Errorf("the link is %s, want %s…", a.text(t, "joinWebUrl"), prefix)
	}
}

func TestMeetingRefusals(t *testing.T) {
	n := meetingTenant(t)
	meetings := user("ada") + "/onlineMeetings"
	id := n.must(http.StatusCreated, "POST", meetings, consultation).text(t, "id")
	for _, c := range []struct{ name, method, path, body, message string }{
		{"no end", "POST", "", `{"startDateTime":"2026-11-22T14:30:00Z"}`, "endDateTime is required"},
		{"end before start", "POST", "", `{"startDateTime":"2026-11-22T14:30:00Z","endDateTime":"2026-11-22T14:00:00Z"}`, "before"},
		{"no time", "POST", "", `{"endDateTime":"tomorrow"}`, "another type"},
		{"unknown lobby", "POST", "", `{"endDateTime":"2026-11-22T15:00:00Z","lobbyBypassSettings":{"scope":"nobody"}}`, "unknown"},
		{"a chosen link", "POST", "", `{"endDateTime":"2026-11-22T15:00:00Z","joinWebUrl":"https://example.com"}`, "'joinWebUrl'"},
		{"externalId in plain creation", "POST", "", `{"endDateTime":"2026-11-22T15:00:00Z","externalId":"a"}`, "'externalId'"},
		{"an ACS attendee", "POST", "", `{"endDateTime":"2026-11-22T15:00:00Z","participants":{"attendees":[{"identity":{"azureCommunicationServicesUser":{"id":"8:acs:x"}}}]}}`, "azureCommunicationServicesUser"},
		{"a presenter from outside", "POST", "", `{"endDateTime":"2026-11-22T15:00:00Z","participants":{"attendees":[{"upn":"p@example.com","role":"presenter"}]}}`, "users of the tenant"},
		{"another organizer", "POST", "", `{"endDateTime":"2026-11-22T15:00:00Z","participants":{"organizer":{"identity":{"user":{"id":"x"}}}}}`, "organizer"},
		{"broken JSON", "POST", "", `{"endDateTime"`, "Unable to read JSON"},
		{"no external id", "POST", "/createOrGet", `{"subject":"x"}`, "externalId is required"},
		{"end alone", "POST", "/createOrGet", `{"externalId":"a","endDateTime":"2026-11-22T15:00:00Z"}`, "startDateTime"},
		{"a lobby in createOrGet", "POST", "/createOrGet", `{"externalId":"a","lobbyBypassSettings":{"scope":"everyone"}}`, "'lobbyBypassSettings'"},
		{"start alone", "PATCH", "/" + id, `{"startDateTime":"2026-11-22T14:30:00Z"}`, "together"},
		{"a later passcode", "PATCH", "/" + id, `{"joinMeetingIdSettings":{"isPasscodeRequired":false}}`, "'joinMeetingIdSettings'"},
		{"a changed organizer", "PATCH", "/" + id, `{"participants":{"organizer":{"identity":{"user":{"id":"x"}}},"attendees":[]}}`, "organizer"},
		{"a plain list", "GET", "", "", "not supported"},
		{"another filter", "GET", "?$filter=" + url.QueryEscape("subject eq 'x'"), "", "'subject'"},
		{"a broken filter", "GET", "?$filter=" + url.QueryEscape("JoinWebUrl eq 'x' or 1 eq 1"), "", "Invalid filter"},
	} {
		n.refused(c.name, n.call(c.method, meetings+c.path, c.body), http.StatusBadRequest, "BadRequest", c.message)
	}
	n.refused("no JSON", n.call("POST", meetings, consultation, "Content-Type", "text/plain"), http.StatusBadRequest, "BadRequest", "JSON Content-Type")
}

func TestCreateOrGet(t *testing.T) {
	n := meetingTenant(t)
	path := user("ada") + "/onlineMeetings/createOrGet"
	var ids sync.Map
	var created sync.Map
	var race sync.WaitGroup
	for i := range 8 {
		race.Go(func() {
			a := n.call("POST", path, `{"externalId":"visit-42","subject":"Visit"}`)
			ids.Store(at(t, a.Body, "id"), true)
			if a.Code == http.StatusCreated {
				created.Store(i, true)
			}
		})
	}
	race.Wait()
	if size(&ids) != 1 || size(&created) != 1 {
		t.Fatalf("racing requests made %d meetings, %d times", size(&ids), size(&created))
	}
	a := n.must(http.StatusOK, "POST", path, `{"externalId":"visit-42","subject":"Another"}`)
	if a.text(t, "subject") != "Visit" || a.text(t, "startDateTime") != "2026-11-21T02:17:17Z" || a.text(t, "endDateTime") != "2026-11-21T03:17:17Z" {
		t.Errorf("the meeting is %s", a.Text)
	}
	if passcode := at(t, a.Body, "joinMeetingIdSettings", "passcode"); passcode != nil {
		t.Errorf("nobody asked for the passcode %v", passcode)
	}
	n.must(http.StatusCreated, "POST", user("grace")+"/onlineMeetings/createOrGet", `{"externalId":"visit-42"}`)
	n.must(http.StatusNoContent, "DELETE", user("ada")+"/onlineMeetings/"+a.text(t, "id"), "")
	again := n.must(http.StatusCreated, "POST", path, `{"externalId":"visit-42","startDateTime":"2026-11-22T14:30:00Z"}`)
	if again.text(t, "endDateTime") != "2026-11-22T15:30:00Z" {
		t.Errorf("a start alone ends at %s, want an hour later", again.text(t, "endDateTime"))
	}
}

func size(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}

func TestPatchMeeting(t *testing.T) {
	n := meetingTenant(t)
	meetings := user("ada") + "/onlineMeetings"
	made := n.must(http.StatusCreated, "POST", meetings, consultation)
	path := meetings + "/" + made.text(t, "id")
	n.advance(time.Minute)
	a := n.must(http.StatusOK, "PATCH", path, `{"startDateTime":"2026-11-23T08:00:00-05:00","endDateTime":"2026-11-23T13:30:00Z",
		"lobbyBypassSettings":{"scope":"invited"},"participants":{"attendees":[{"upn":"linus@contoso.example","role":"presenter"}]}}`,
		"Prefer", "include-unknown-enum-members")
	if a.text(t, "startDateTime") != "2026-11-23T13:00:00Z" || a.text(t, "lobbyBypassSettings", "scope") != "invited" ||
		at(t, a.Body, "lobbyBypassSettings", "isDialInBypassEnabled") != true || len(at(t, a.Body, "participants", "attendees").([]any)) != 1 {
		t.Errorf("the changed meeting is %s", a.Text)
	}
	for _, member := range []string{"id", "joinWebUrl", "subject", "creationDateTime"} {
		if a.text(t, member) != made.text(t, member) {
			t.Errorf("%s has changed to %s", member, a.text(t, member))
		}
	}
	if b := n.must(http.StatusOK, "GET", path, ""); b.text(t, "lobbyBypassSettings", "scope") != "unknownFutureValue" {
		t.Errorf("without Prefer the lobby is %s", b.text(t, "lobbyBypassSettings", "scope"))
	}
	n.refused("of another user", n.call("GET", user("grace")+"/onlineMeetings/"+made.text(t, "id"), ""), http.StatusNotFound, "NotFound", "Organizer Id mismatch User Id: ")
	n.must(http.StatusNoContent, "DELETE", path, "")
	for _, method := range []string{"GET", "DELETE"} {
		n.refused(method, n.call(method, path, ""), http.StatusNotFound, "NotFound", "Invalid meeting id")
	}
}

// TestFilters: by link, which has to be escaped again, and by join id; for the
// organizer only.
func TestFilters(t *testing.T) {
	n := meetingTenant(t)
	made := n.must(http.StatusCreated, "POST", user("ada")+"/onlineMeetings", consultation)
	link := made.text(t, "joinWebUrl")
	byLink := "/onlineMeetings?$filter=" + strings.ReplaceAll(url.QueryEscape("JoinWebUrl eq '"+link+"'"), "+", "%20")
	byID := "/onlineMeetings?$filter=" + url.PathEscape("joinMeetingIdSettings/joinMeetingId eq '"+made.text(t, "joinMeetingIdSettings", "joinMeetingId")+"'")
	for _, filter := range []string{byLink, byID} {
		a := n.must(http.StatusOK, "GET", user("ada")+filter, "")
		if list := at(t, a.Body, "value").([]any); len(list) != 1 || at(t, list[0], "id") != made.text(t, "id") {
			t.Errorf("%s finds %s", filter, a.Text)
		}
		n.refused("attendee", n.call("GET", user("grace")+filter, ""), http.StatusForbidden, "Forbidden", "An error has occurred.")
		n.refused("stranger", n.call("GET", user("mallory")+filter, ""), http.StatusNotFound, "NotFound", "Organizer Id mismatch")
	}
	once := "/onlineMeetings?$filter=JoinWebUrl%20eq%20'" + link + "'" // its own escapes get lost
	n.refused("escaped once", n.call("GET", user("ada")+once, ""), http.StatusNotFound, "NotFound", "")
}
