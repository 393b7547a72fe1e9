package graph_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/problem"
)

// meetingJSON is Graph's example of a meeting, whole.
const meetingJSON = `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users('f4053f86-...')/onlineMeetings/$entity",
 "id":"MSpkYzE3/+==","creationDateTime":"2026-11-21T02:17:17.6491364Z","startDateTime":"2026-11-22T14:30:00Z","endDateTime":"2026-11-22T15:00:00Z",
 "joinWebUrl":"` + joinURL + `",
 "subject":"Consultation 42","isBroadcast":false,"autoAdmittedUsers":"everyone","isEntryExitAnnounced":false,"allowedPresenters":"organizer",
 "videoTeleconferenceId":null,"externalId":null,"lobbyBypassSettings":{"scope":"everyone","isDialInBypassEnabled":true},
 "joinMeetingIdSettings":{"isPasscodeRequired":true,"joinMeetingId":"1234567890","passcode":"123abc"},
 "chatInfo":{"threadId":"19:meeting_M2Iz@thread.v2","messageId":"0","replyChainMessageId":null},
 "audioConferencing":{"conferenceId":"24999","tollNumber":"+1252578","tollFreeNumber":"+18588","dialinUrl":"https://dialin.teams.microsoft.com/x?id=24999"},
 "participants":{"organizer":{"upn":"ada@contoso.com","role":"presenter","identity":{"user":{"id":"550f","tenantId":"72f9","displayName":null,"identityProvider":"AAD"}}},
  "attendees":[{"upn":"nurse@contoso.com","role":"coorganizer","identity":{"user":{"id":"1f35f2e6"}}},{"upn":"guest@example.com","role":"attendee","identity":null}]},
 "joinInformation":{"content":"data:text/html,%3cdiv","contentType":"html"}}`

var (
	start = time.Date(2026, 11, 22, 14, 30, 0, 0, time.UTC)
	end   = start.Add(30 * time.Minute)

	meetingPath = users + "/onlineMeetings/MSpkYzE3%2F+=="
)

const meetingID = "MSpkYzE3/+=="

func wholeMeeting() graph.Meeting {
	return graph.Meeting{
		ID: meetingID, Subject: "Consultation 42", Start: start, End: end,
		Created: time.Date(2026, 11, 21, 2, 17, 17, 649136400, time.UTC),
		JoinURL: joinURL, JoinID: "1234567890", Passcode: "123abc", ThreadID: thread,
		Lobby: graph.Lobby{Scope: graph.LobbyEveryone, DialInBypass: true}, AllowedPresenters: graph.PresentOrganizer,
		Organizer: graph.Participant{UserID: "550f", TenantID: "72f9", UPN: "ada@contoso.com", Role: graph.Presenter},
		Attendees: []graph.Participant{
			{UserID: "1f35f2e6", UPN: "nurse@contoso.com", Role: graph.Coorganizer},
			{UPN: "guest@example.com", Role: graph.Attendee},
		},
		DialIn: &graph.DialIn{ConferenceID: "24999", TollNumber: "+1252578", TollFreeNumber: "+18588", URL: "https://dialin.teams.microsoft.com/x?id=24999"},
	}
}

func TestCreateOrGetMeeting(t *testing.T) {
	const path = "POST " + users + "/onlineMeetings/createOrGet"
	for status, created := range map[string]bool{"201": true, "200": false} {
		client, service, _ := behind(t, answers{path: status + " " + meetingJSON})
		got, isNew, err := client.User(organizer).CreateOrGetMeeting(t.Context(), "m-42", graph.NewMeeting{
			Subject: "Consultation 42", Start: start.In(time.FixedZone("", 3600)), End: end,
			Attendees: []graph.Participant{{UserID: "1f35f2e6", UPN: "nurse@contoso.com", Role: graph.Coorganizer}},
		})
		if err != nil || isNew != created {
			t.Fatalf("%s: created %v, %v", status, isNew, err)
		}
		if diff := cmp.Diff(wholeMeeting(), got); diff != "" {
			t.Errorf("the meeting (-want +got):\n%s", diff)
		}
		sent := service.last(t)
		wantBody(t, sent, `{"externalId":"m-42","subject":"Consultation 42","startDateTime":"2026-11-22T14:30:00Z","endDateTime":"2026-11-22T15:00:00Z",
			"participants":{"attendees":[{"upn":"nurse@contoso.com","role":"coorganizer","identity":{"user":{"id":"1f35f2e6"}}}]}}`)
		want := map[string]string{"Authorization": "Bearer app", "Accept": "application/json", "Content-Type": "application/json", "Prefer": "include-unknown-enum-members"}
		for name, value := range want {
			if got := sent.header.Get(name); got != value {
				t.Errorf("%s is %q, want %q", name, got, value)
			}
		}
		if sent.header.Get("client-request-id") == "" {
			t.Error("the request has no id")
		}
	}
}

func TestAMeetingWithoutTimesHasNone(t *testing.T) {
	client, service, _ := behind(t, answers{"POST " + users + "/onlineMeetings/createOrGet": "201 " + meetingJSON})
	if _, _, err := client.User(organizer).CreateOrGetMeeting(t.Context(), "m-42", graph.NewMeeting{}); err != nil {
		t.Fatal(err)
	}
	wantBody(t, service.last(t), `{"externalId":"m-42"}`)
}

// TestALostCreationIsFound: the second try gets what the first one made.
func TestALostCreationIsFound(t *testing.T) {
	made := 0
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if made++; made == 1 {
			w.WriteHeader(http.StatusCreated)
		}
		w.Write([]byte(meetingJSON))
	})
	injector := faults.Wrap(handler)
	injector.Add(faults.Rule{Drop: "after"})
	opts := &graph.Options{}
	opts.Transport = faults.Transport{Handler: injector}
	opts.Retry.RetryDelay = time.Millisecond
	client, err := graph.New(graph.DefaultEndpoint, &entra{token: "app"}, opts)
	if err != nil {
		t.Fatal(err)
	}
	m, created, err := client.User(organizer).CreateOrGetMeeting(t.Context(), "m-42", graph.NewMeeting{})
	if err != nil || created || m.ID != meetingID || made != 2 {
		t.Errorf("%q, created %v, %v after %d requests", m.ID, created, err, made)
	}
}

func TestUpdateMeeting(t *testing.T) {
	no, name := false, "Other"
	for _, tt := range []struct {
		change graph.MeetingChange
		want   string
	}{
		{graph.MeetingChange{Lobby: &graph.Lobby{Scope: graph.LobbyEveryone}, AllowedPresenters: graph.PresentOrganizer, Announcements: &no},
			`{"lobbyBypassSettings":{"scope":"everyone","isDialInBypassEnabled":false},"allowedPresenters":"organizer","isEntryExitAnnounced":false}`},
		{graph.MeetingChange{Start: start, End: end}, `{"startDateTime":"2026-11-22T14:30:00Z","endDateTime":"2026-11-22T15:00:00Z"}`},
		{graph.MeetingChange{Subject: &name, Attendees: []graph.Participant{}}, `{"subject":"Other","participants":{"attendees":[]}}`},
		{graph.MeetingChange{Chat: graph.ChatDisabled}, `{"allowMeetingChat":"disabled"}`},
		{graph.MeetingChange{}, `{}`},
	} {
		client, service, _ := behind(t, answers{"PATCH " + meetingPath: "200 " + meetingJSON})
		got, err := client.User(organizer).UpdateMeeting(t.Context(), meetingID, tt.change)
		if err != nil || got.ID != meetingID {
			t.Fatal(got.ID, err)
		}
		wantBody(t, service.last(t), tt.want)
	}
	client, service, _ := behind(t, nil)
	if _, err := client.User(organizer).UpdateMeeting(t.Context(), meetingID, graph.MeetingChange{Start: start}); err == nil || len(service.asked) > 0 {
		t.Errorf("one time alone was sent (%v)", err)
	}
}

// TestFindMeetings checks the filters byte by byte: the join URL, escaped
// already, is escaped once more, and quotes in it are doubled.
func TestFindMeetings(t *testing.T) {
	const (
		byURL = users + "/onlineMeetings?$filter=JoinWebUrl%20eq%20%27https%3A%2F%2Fteams.microsoft.com%2Fl%2Fmeetup-join%2F19%253ameeting_M2Iz%2540thread.v2" +
			"%2F0%3Fcontext%3D%257b%2522Tid%2522%253a%252272f9%2522%252c%2522Oid%2522%253a%2522f405%2522%257d%27"
		byID   = users + "/onlineMeetings?$filter=joinMeetingIdSettings%2FjoinMeetingId%20eq%20%271234567890%27"
		quoted = users + "/onlineMeetings?$filter=JoinWebUrl%20eq%20%27https%3A%2F%2Fx%2F%27%27%20or%20%27%271%27%27%27"
	)
	list := `200 {"value":[` + meetingJSON + `]}`
	client, _, _ := behind(t, answers{"GET " + byURL: list, "GET " + byID: list, "GET " + quoted: `200 {"value":[]}`})
	user := client.User(organizer)
	found, err := user.MeetingByJoinURL(t.Context(), joinURL)
	if diff := cmp.Diff(wholeMeeting(), found); err != nil || diff != "" {
		t.Errorf("by join URL: %v (-want +got):\n%s", err, diff)
	}
	found, err = user.MeetingByJoinID(t.Context(), "1234567890")
	if diff := cmp.Diff(wholeMeeting(), found); err != nil || diff != "" {
		t.Errorf("by join id: %v (-want +got):\n%s", err, diff)
	}
	if _, err := user.MeetingByJoinURL(t.Context(), "https://x/' or '1'"); !errors.Is(err, graph.ErrNotFound) {
		t.Errorf("an empty list gives %v", err)
	}
}

// TestMeetingsOfOthers are the answers about meetings that are not the user's.
func TestMeetingsOfOthers(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		status     int
		found, get error
	}{
		{"an attendee asks", `{"error":{"code":"Forbidden","message":"An error has occurred."}}`, 403, graph.ErrNotOrganizer, nil},
		{"an outsider asks", `{"error":{"code":"Forbidden","message":"3003: User does not have access to lookup meeting."}}`, 403, graph.ErrNotOrganizer, nil},
		{"another's meeting", `{"error":{"code":"NotFound","message":"Organizer Id mismatch User Id: ` + leak + `"}}`, 404, graph.ErrNotFound, graph.ErrNotFound},
		{"a bad id", `{"error":{"code":"BadRequest","message":"Invalid meeting id ` + leak + `."}}`, 400, graph.ErrNotFound, graph.ErrNotFound},
		{"nothing there", ``, 404, graph.ErrNotFound, graph.ErrNotFound},
	} {
		client, _, injector := behind(t, nil)
		injector.Add(saysJSON(tt.status, tt.body))
		user := client.User(organizer)
		_, byURL := user.MeetingByJoinURL(t.Context(), joinURL)
		_, byID := user.MeetingByJoinID(t.Context(), "1234567890")
		_, get := user.Meeting(t.Context(), meetingID)
		if !errors.Is(byURL, tt.found) || !errors.Is(byID, tt.found) {
			t.Errorf("%s: by join URL: %v, by join id: %v, want %v", tt.name, byURL, byID, tt.found)
		}
		if tt.get == nil {
			wantProblem(t, tt.name, get, problem.Upstream, "graph_forbidden")
		} else if !errors.Is(get, tt.get) {
			t.Errorf("%s: by id: %v, want %v", tt.name, get, tt.get)
		}
		wantNoLeak(t, tt.name, byURL)
		wantNoLeak(t, tt.name, get)
		if n := len(injector.Calls()); n != 3 {
			t.Errorf("%s: %d requests for three calls", tt.name, n)
		}
	}
}

func TestReadDeleteAndVirtualAppointment(t *testing.T) {
	const visit = "https://visit.teams.microsoft.com/webrtc-svc/api/route?tid=72f9&convId=19:meeting_M2Iz@thread.v2"
	client, _, injector := behind(t, answers{
		"GET " + meetingPath:    "200 " + meetingJSON,
		"DELETE " + meetingPath: "204",
		"GET " + meetingPath + "/getVirtualAppointmentJoinWebUrl": `200 {"@odata.context":"x#Edm.String","value":"` + visit + `"}`,
	})
	user := client.User(organizer)
	if m, err := user.Meeting(t.Context(), meetingID); err != nil || m.ThreadID != thread {
		t.Error(m, err)
	}
	if got, err := user.VirtualAppointmentURL(t.Context(), meetingID); err != nil || got != visit {
		t.Error(got, err)
	}
	if err := user.DeleteMeeting(t.Context(), meetingID); err != nil {
		t.Error(err)
	}
	injector.Add(says(http.StatusNotFound))
	if err := user.DeleteMeeting(t.Context(), meetingID); !errors.Is(err, graph.ErrNotFound) {
		t.Errorf("a second deletion gives %v", err)
	}
}

// TestAnswersOfOtherShapes: values that this package does not know survive,
// thread ids come plain, and what may be absent is.
func TestAnswersOfOtherShapes(t *testing.T) {
	client, service, _ := behind(t, nil)
	for name, tt := range map[string]struct {
		body string
		want graph.Meeting
	}{
		"unknown values": {`{"id":"1","joinWebUrl":"u","allowedPresenters":"nobody","lobbyBypassSettings":{"scope":"starSigns"},"allowMeetingChat":"sung"}`,
			graph.Meeting{ID: "1", JoinURL: "u", AllowedPresenters: "nobody", Lobby: graph.Lobby{Scope: "starSigns"}, Chat: "sung"}},
		"an escaped thread": {`{"id":"1","joinWebUrl":"u","chatInfo":{"threadId":"19%3ameeting_M2Iz%40thread.v2"}}`,
			graph.Meeting{ID: "1", JoinURL: "u", ThreadID: thread}},
		"a thread with a percent sign": {`{"id":"1","joinWebUrl":"u","chatInfo":{"threadId":"19:a%zz%3a"}}`,
			graph.Meeting{ID: "1", JoinURL: "u", ThreadID: "19:a%zz%3a"}},
		"nulls": {`{"id":"1","joinWebUrl":"u","subject":null,"chatInfo":null,"audioConferencing":null,"participants":null,"joinMeetingIdSettings":{"isPasscodeRequired":false,"joinMeetingId":"12","passcode":null}}`,
			graph.Meeting{ID: "1", JoinURL: "u", JoinID: "12"}},
	} {
		service.answers = answers{"GET " + users + "/onlineMeetings/1": "200 " + tt.body}
		got, err := client.User(organizer).Meeting(t.Context(), "1")
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// TestIncompleteAnswers: what a caller could not use is an error.
func TestIncompleteAnswers(t *testing.T) {
	for _, body := range []string{``, `{}`, `null`, `[]`, `"x"`, `{"id":"1"}`, `{"joinWebUrl":"u"}`, `{"id":1,"joinWebUrl":"` + leak + `"}`,
		`{"id":"1","joinWebUrl":"u","startDateTime":"` + leak + `"}`, `{"value":`} {
		client, _, injector := behind(t, nil)
		injector.Add(saysJSON(http.StatusOK, body))
		_, err := client.User(organizer).Meeting(t.Context(), "1")
		wantProblem(t, body, err, problem.Upstream, "graph_failed")
		if _, err := client.User(organizer).VirtualAppointmentURL(t.Context(), "1"); err == nil {
			t.Errorf("%s was taken for a URL", body)
		}
	}
	client, _, injector := behind(t, nil)
	injector.Add(saysJSON(http.StatusOK, `{"value":[`+meetingJSON+`,`+meetingJSON+`]}`))
	_, err := client.User(organizer).MeetingByJoinURL(t.Context(), joinURL)
	wantProblem(t, "two meetings", err, problem.Upstream, "graph_failed")
}

// TestNoIDNoRequest: an id that is missing must not make another path.
func TestNoIDNoRequest(t *testing.T) {
	client, _, injector := behind(t, nil)
	ctx, user := t.Context(), client.User(organizer)
	call := map[string]error{}
	_, _, call["create without an external id"] = user.CreateOrGetMeeting(ctx, "", graph.NewMeeting{})
	_, _, call["create without a user"] = client.User("").CreateOrGetMeeting(ctx, "m-42", graph.NewMeeting{})
	_, call["get"] = user.Meeting(ctx, "")
	_, call["get of nobody"] = client.User("").Meeting(ctx, "1")
	_, call["get above"] = user.Meeting(ctx, "..")
	_, call["find by URL"] = user.MeetingByJoinURL(ctx, "")
	_, call["find by id"] = user.MeetingByJoinID(ctx, "")
	_, call["update"] = user.UpdateMeeting(ctx, "", graph.MeetingChange{})
	_, call["virtual appointment"] = user.VirtualAppointmentURL(ctx, "")
	call["delete"] = user.DeleteMeeting(ctx, "")
	for name, err := range call {
		if _, is := errors.AsType[*problem.Error](err); err == nil || is || errors.Is(err, graph.ErrNotFound) || !strings.HasPrefix(err.Error(), "graph: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if calls := injector.Calls(); len(calls) != 0 {
		t.Errorf("requests were made: %q", calls)
	}
}
