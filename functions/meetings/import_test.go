package meetings_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"switchboard/shared/localgraph"
	"switchboard/shared/testbed"
)

// capitals writes escapes in upper case, as most clients do.
func capitals(link string) string {
	return strings.NewReplacer("%3a", "%3A", "%7b", "%7B", "%7d", "%7D", "%2c", "%2C").Replace(link)
}

func launched(link string) string {
	return "https://teams.microsoft.com/dl/launcher/launcher.html?url=" + url.QueryEscape("/_#"+strings.TrimPrefix(link, "https://teams.microsoft.com")) + "&type=meetup-join"
}

func safe(link string) string {
	return "https://eur01.safelinks.protection.outlook.com/ap/t-59584e83/?url=" + url.QueryEscape(link) + "&data=05%7C02%7Cada%40contoso.com%7Cx&reserved=0"
}

// told are the details that Graph does not tell.
func told(subject string, from, to time.Time) string {
	return fmt.Sprintf(`"subject":%q,"startsAt":%q,"endsAt":%q`, subject, from.Format(time.RFC3339), to.Format(time.RFC3339))
}

func linked(link string, more ...string) string {
	return "{" + strings.Join(append([]string{fmt.Sprintf(`"link":%q`, link)}, more...), ",") + "}"
}

func numbered(id, passcode string, more ...string) string {
	return "{" + strings.Join(append([]string{fmt.Sprintf(`"meetingId":%q,"passcode":%q`, id, passcode)}, more...), ",") + "}"
}

func bring(c testbed.Client, body string) testbed.Answer {
	c.T.Helper()
	return c.Do("POST", "/api/meetings/import", body)
}

// thread is that of a meeting's chat, if it is known.
func thread(a testbed.Answer) string {
	a.T.Helper()
	chat, _ := a.JSON()["chat"].(map[string]any)
	id, _ := chat["threadId"].(string)
	return id
}

func join(a testbed.Answer) map[string]any {
	a.T.Helper()
	return a.JSON()["join"].(map[string]any)
}

// A meeting is the same in whatever form its link is, and Graph tells what it is.
func TestEveryFormOfALink(t *testing.T) {
	t.Parallel()
	for _, short := range []bool{false, true} {
		w := newWorld(t, unwatched)
		w.ok(w.Cloud.Graph.Configure(localgraph.Settings{PolicyGlobal: true, ShortLinks: short}))
		ada, adaID := w.colleague("ada")
		_, graceID := w.user("grace")
		start := w.day(0).Add(10 * time.Hour)
		review := w.plans("ada", "Review", start, "joseph")
		held, err := w.outlook("ada").MeetingByJoinURL(t.Context(), review.JoinURL)
		w.ok(err)
		link := review.JoinURL
		forms := []string{
			link, " <" + link + ">\n", link + "&anon=true", strings.ReplaceAll(link, "%", "%25"), strings.ReplaceAll(capitals(link), "%", "%25"),
			capitals(link), url.QueryEscape(link), url.QueryEscape(url.QueryEscape(link)), strings.Replace(link, ".com/", ".com/_#/", 1),
			strings.Replace(link, "teams.microsoft.com", "Teams.Microsoft.COM:443", 1), launched(link), safe(link), safe(launched(capitals(link))), safe(safe(link)),
		}
		first := bring(ada, linked(safe(link), told("Ignored", start.Add(time.Hour), start.Add(2*time.Hour)), attendees(graceID))).Want(http.StatusCreated)
		if first.Text("subject") != "Review" || first.Text("startsAt") != start.Format(time.RFC3339) || first.Text("mode") != "imported" || first.Text("role") != "host" ||
			first.JSON()["organizer"].(map[string]any)["userId"] != adaID || join(first)["meetingLink"] != link || join(first)["meetingId"] != held.JoinID || thread(first) != held.ThreadID {
			t.Errorf("imported is %s, of %+v", first.Body, held)
		}
		for _, form := range forms {
			if again := bring(ada, linked(form)).Want(http.StatusOK); again.Text("id") != first.Text("id") {
				t.Errorf("%s is another: %s", form, again.Body)
			}
		}
		if again := bring(ada, numbered(held.JoinID, "")).Want(http.StatusOK); again.Text("id") != first.Text("id") {
			t.Errorf("by its digits it is another: %s", again.Body)
		}
		w.Drain()
		ticket := w.As("grace").Do("POST", "/api/meetings/"+first.Text("id")+"/join", "")
		w.Clock.Move(2 * time.Hour)
		ticket.Problem(http.StatusConflict, "meeting_not_open")
		if got := w.As("grace").Do("POST", "/api/meetings/"+first.Text("id")+"/join", "").Want(http.StatusOK); got.JSON()["locator"].(map[string]any)["meetingLink"] != link || thread(got) != held.ThreadID {
			t.Errorf("a ticket: %s", got.Body)
		}
	}
}

// What cannot be joined is refused with the reason, and what is named wrongly where it is.
func TestWhatCannotBeImported(t *testing.T) {
	t.Parallel()
	w := newWorld(t, unwatched)
	ada, _ := w.user("ada")
	link, details := foreign("x"), told("Lesson", w.day(1), w.day(1).Add(time.Hour))
	for _, bad := range []struct{ body, code, locations string }{
		{linked("https://teams.live.com/meet/9345678901234?p=secret", details), "teams_link_consumer", ""},
		{linked(safe("https://teams.live.com/meet/9345678901234?p=secret"), details), "teams_link_consumer", ""},
		{linked(strings.Replace(link, "%7d", "%2c%22IsBroadcastMeeting%22%3atrue%7d", 1), details), "teams_link_broadcast", ""},
		{linked("https://example.com/secret", details), "teams_link_unknown", ""},
		{linked(strings.Replace(link, "https", "http", 1), details), "teams_link_unknown", ""},
		{linked("", details), "meeting_invalid", "body.link"},
		{linked(link, `"meetingId":"2345678901234"`, details), "meeting_invalid", "body.link"},
		{linked(link, `"passcode":"secret"`, details), "meeting_invalid", "body.passcode"},
		{numbered("12345x", "secret", details), "meeting_invalid", "body.meetingId"},
		{numbered(strings.Repeat("1", 21), "secret", details), "meeting_invalid", "body.meetingId"},
		{numbered(" ", "secret", details), "meeting_invalid", "body.link"},
		{linked(link + strings.Repeat("x", 4000)), "request_invalid", "body.link"},
		{linked(link, `"startsAt":"tomorrow"`), "request_invalid", "body.startsAt"},
		{linked(link), "meeting_details_needed", "body.subject body.startsAt body.endsAt"},
		{linked(link, `"subject":" "`, `"endsAt":"2030-01-01T00:00:00Z"`), "meeting_details_needed", "body.subject body.startsAt"},
		{linked(link, told("Lesson", w.day(1), w.day(1))), "meeting_invalid", "body.endsAt"},
		{linked(link, told("Lesson", w.day(1), w.day(3))), "meeting_invalid", "body.endsAt"},
		{linked(link, told("Lesson", w.day(2000), w.day(2000).Add(time.Hour))), "meeting_invalid", "body.startsAt"},
		{linked(link, told("a\u202eb", w.day(1), w.day(1).Add(time.Hour)), attendees("nobody@")), "meeting_invalid", "body.subject body.attendees[0].email"},
	} {
		answer := bring(ada, bad.body).Problem(http.StatusBadRequest, bad.code)
		var locations []string
		faults, _ := answer.JSON()["errors"].([]any)
		for _, f := range faults {
			locations = append(locations, f.(map[string]any)["location"].(string))
		}
		if strings.Join(locations, " ") != bad.locations || strings.Contains(string(answer.Body), "secret") {
			t.Errorf("%.300s: %s", bad.body, answer.Body)
		}
	}
	bring(ada, linked(link, told("Old", w.day(-62), w.day(-61)))).Problem(http.StatusConflict, "meeting_link_expired")
	w.ok(w.Cloud.Graph.Configure(localgraph.Settings{PolicyGlobal: true}))
	bring(ada, linked(w.plans("grace", "Old", w.day(-61)).JoinURL)).Problem(http.StatusConflict, "meeting_link_expired")
	bring(w.As("grace"), linked(link, details)).Problem(http.StatusNotFound, "identity_unknown")
	bring(w.Nobody(), linked(link, details)).Problem(http.StatusUnauthorized, "token_missing")
	if got := agenda(ada, "from="+w.day(-30).Format(time.RFC3339)+"&to="+w.day(1).Format(time.RFC3339)); len(got.Items) > 0 {
		t.Errorf("refused, there is %+v", got)
	}

	// One that ended lately may be joined still, for people may be there.
	bring(ada, linked(link, told("Lately", w.day(-58), w.day(-58).Add(time.Hour)))).Want(http.StatusCreated)
}

// protected makes a meeting with a passcode, as Teams does.
func (w world) protected(name string) (id, passcode string) {
	w.t.Helper()
	start := w.day(0).Add(10 * time.Hour)
	var made struct {
		JoinMeetingIDSettings struct{ JoinMeetingID, Passcode string }
	}
	w.graphDo("POST", "/users/"+localgraph.SeedUserID(name)+"/onlineMeetings", fmt.Sprintf(`{"subject":"Protected","startDateTime":%q,"endDateTime":%q,"joinMeetingIdSettings":{"isPasscodeRequired":true}}`,
		start.Format(time.RFC3339), start.Add(time.Hour).Format(time.RFC3339)), &made)
	return made.JoinMeetingIDSettings.JoinMeetingID, made.JoinMeetingIDSettings.Passcode
}

// By its digits a meeting is found with the right passcode: the service's own and the
// caller's. Of others nobody can tell, and the details are the caller's.
func TestImportByDigits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, unwatched)
	ada, _ := w.colleague("ada")
	stranger, _ := w.user("grace")
	start := w.Clock.Now().UTC().Truncate(time.Second)
	details := told("Lesson", start, start.Add(time.Hour))
	for _, test := range []struct {
		owner string
		by    testbed.Client
		known bool
	}{{"meetings", stranger, true}, {"meetings", ada, true}, {"ada", ada, true}, {"ada", stranger, false}, {"joseph", ada, false}} {
		id, passcode := w.protected(test.owner)
		if !test.known {
			bring(test.by, numbered(id, passcode)).Problem(http.StatusBadRequest, "meeting_details_needed")
			made := bring(test.by, numbered(id[:3]+" "+id[3:6]+" "+id[6:], passcode, details)).Want(http.StatusCreated)
			bring(test.by, numbered(id, passcode)).Want(http.StatusOK)
			ticket := test.by.Do("POST", "/api/meetings/"+made.Text("id")+"/join", "").Want(http.StatusOK)
			if locator := ticket.JSON()["locator"].(map[string]any); locator["meetingId"] != id || locator["passcode"] != passcode || len(locator) != 2 || thread(ticket) != "" {
				t.Errorf("a ticket: %s", ticket.Body)
			}
			continue
		}
		for _, wrong := range []string{passcode + "x", strings.ToLower(passcode)} {
			bring(test.by, numbered(id, wrong, details)).Problem(http.StatusNotFound, "meeting_unknown")
		}
		made := bring(test.by, numbered(id, passcode)).Want(http.StatusCreated)
		if made.Text("subject") != "Protected" || join(made)["meetingLink"] == nil || join(made)["passcode"] != passcode || thread(made) == "" {
			t.Errorf("imported is %s", made.Body)
		}
		if again := bring(test.by, linked(join(made)["meetingLink"].(string))).Want(http.StatusOK); again.Text("id") != made.Text("id") {
			t.Errorf("by its link it is another: %s", again.Body)
		}
	}
}
