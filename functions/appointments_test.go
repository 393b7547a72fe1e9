package functions_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/shared/testbed"
)

// Callers with a mapping who are something in the meeting that the meetings' operations are
// asked of. To the others, but for administrators, it does not exist.
const (
	attendeeOf = "attendee of the meeting"
	hosting    = "host of the meeting"
)

var parts = []string{attendeeOf, hosting}

// taking adds what they get to the callers of signedIn.
func (e expectation) taking(attendeeGets, hostGets int) expectation {
	e[attendeeOf], e[hosting] = attendeeGets, hostGets
	return e
}

// meetingTimes fills the times of a meeting that is about to begin into a request.
func meetingTimes(b *testbed.Bed, body string) string {
	now := b.Clock.Now().UTC().Truncate(time.Second)
	return strings.NewReplacer("{soon}", now.Add(5*time.Minute).Format(time.RFC3339), "{later}", now.Add(time.Hour).Format(time.RFC3339)).Replace(body)
}

const scheduling = `"subject":"x","startsAt":"{soon}","endsAt":"{later}"`

// withMeeting puts a new meeting of Linus's, or the caller's, with an invite link, into a
// path or body.
func withMeeting(t *testing.T, b *testbed.Bed, text string, client testbed.Client, who string) string {
	t.Helper()
	if !strings.Contains(text, "{meeting}") && !strings.Contains(text, "{guestCode}") {
		return text
	}
	host, guests := b.As("linus"), ""
	host.Do("POST", "/api/user", "")
	switch who {
	case attendeeOf:
		guests = fmt.Sprintf(`{"userId":%q}`, client.Get("/api/user").Text("userId"))
	case hosting:
		host = client
	}
	made := host.Do("POST", "/api/meetings", meetingTimes(b, "{"+scheduling+`,"attendees":[`+guests+`]}`)).Want(http.StatusCreated)
	invite := host.Do("PUT", "/api/meetings/"+made.Text("id")+"/invite", "").Want(http.StatusCreated)
	return strings.NewReplacer("{meeting}", made.Text("id"), "{guestCode}", invite.Text("code")).Replace(text)
}
