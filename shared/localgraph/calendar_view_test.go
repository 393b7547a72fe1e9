package localgraph_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"switchboard/shared/localgraph"
)

// book puts an event into Ada's calendar, in UTC.
func (n *tenant) book(subject, start, end string, online bool) {
	n.t.Helper()
	n.must(http.StatusCreated, "POST", user("ada")+"/events", fmt.Sprintf(
		`{"subject":%q,"isOnlineMeeting":%v,"start":{"dateTime":%q,"timeZone":"UTC"},"end":{"dateTime":%q,"timeZone":"UTC"}}`, subject, online, start, end))
}

// TestCalendarViewBounds: offsets decide which events are in a view, and no
// preference does.
func TestCalendarViewBounds(t *testing.T) {
	n := meetingTenant(t)
	n.book("over midnight in", "2026-11-21T22:30:00", "2026-11-21T23:30:00", false)
	n.book("yesterday in Berlin", "2026-11-21T22:00:00", "2026-11-21T23:00:00", false)
	n.book("noon", "2026-11-22T11:00:00", "2026-11-22T12:00:00", true)
	n.book("over midnight out", "2026-11-22T22:30:00", "2026-11-22T23:30:00", false)
	n.book("tomorrow in Berlin", "2026-11-22T23:00:00", "2026-11-22T23:30:00", false)
	if got := n.day("ada", "").subjects(t); got != "over midnight in, noon, over midnight out" {
		t.Errorf("the day in Berlin is %s", got)
	}
	if got := n.day("ada", "&$orderby=start/dateTime%20desc", "Prefer", `outlook.timezone="Asia/Tokyo"`).subjects(t); got != "over midnight out, noon, over midnight in" {
		t.Errorf("the day in Berlin, backwards, seen from Tokyo, is %s", got)
	}
	utc := n.must(http.StatusOK, "GET", user("ada")+"/calendarView?startDateTime=2026-11-22&endDateTime=2026-11-23T00:00:00", "")
	if got := utc.subjects(t); got != "noon, over midnight out, tomorrow in Berlin" {
		t.Errorf("the day in UTC is %s", got)
	}
}

func TestCalendarViewZones(t *testing.T) {
	n := meetingTenant(t)
	n.book("noon", "2026-11-22T11:00:00", "2026-11-22T12:00:00", true)
	for zone, want := range map[string]string{
		"Europe/Berlin":           "2026-11-22T12:00:00.0000000",
		"W. Europe Standard Time": "2026-11-22T12:00:00.0000000",
		"Pacific Standard Time":   "2026-11-22T03:00:00.0000000",
		"UTC":                     "2026-11-22T11:00:00.0000000",
	} {
		a := n.day("ada", "", "Prefer", `outlook.timezone="`+zone+`"`)
		if at(t, a.Body, "value", 0, "start", "dateTime") != want || at(t, a.Body, "value", 0, "start", "timeZone") != zone ||
			a.Header.Get("Preference-Applied") != `outlook.timezone="`+zone+`"` {
			t.Errorf("in %s the event is %s", zone, a.Text)
		}
	}
	if a := n.day("ada", ""); at(t, a.Body, "value", 0, "start", "timeZone") != "UTC" || a.Header.Get("Preference-Applied") != "" {
		t.Errorf("without a preference the event is %s", a.Text)
	}
}

// TestSelect: Exchange gives onlineMeeting to nobody who does not also select
// isOnlineMeeting.
func TestSelect(t *testing.T) {
	n := meetingTenant(t)
	n.book("noon", "2026-11-22T11:00:00", "2026-11-22T12:00:00", true)
	alone := n.day("ada", "&$select=subject,onlineMeeting")
	item := at(t, alone.Body, "value", 0).(map[string]any)
	if item["onlineMeeting"] != nil || item["id"] == nil || item["@odata.etag"] == nil || len(item) != 4 {
		t.Errorf("onlineMeeting alone gives %s", alone.Text)
	}
	both := n.day("ada", "&$select=isOnlineMeeting,onlineMeeting")
	if !strings.HasPrefix(at(t, both.Body, "value", 0, "onlineMeeting", "joinUrl").(string), "https://teams.microsoft.com/") {
		t.Errorf("with isOnlineMeeting it gives %s", both.Text)
	}
	whole := n.day("ada", "")
	if at(t, whole.Body, "value", 0, "onlineMeeting", "joinUrl") == nil {
		t.Errorf("without $select it gives %s", whole.Text)
	}
}

// TestPaging follows nextLink as it is.
func TestPaging(t *testing.T) {
	n := meetingTenant(t)
	var want []string
	for hour := range 23 {
		want = append(want, fmt.Sprintf("%02d", hour))
		n.book(want[hour], fmt.Sprintf("2026-11-22T%02d:00:00", hour), fmt.Sprintf("2026-11-22T%02d:30:00", hour), false)
	}
	for size, pages := range map[string]int{"": 3, "&$top=9": 3, "&$top=23": 1, "&$top=1000": 1, "&$top=22&$orderby=start/dateTime": 2} {
		a := n.day("ada", size)
		got := []string{a.subjects(t)}
		for a.Body["@odata.nextLink"] != nil {
			next := a.text(t, "@odata.nextLink")
			if !strings.HasPrefix(next, n.url+"/v1.0/users/") {
				t.Fatalf("the next page is at %s", next)
			}
			a = n.must(http.StatusOK, "GET", strings.TrimPrefix(next, n.url), "")
			got = append(got, a.subjects(t))
		}
		if len(got) != pages || strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("with %q there are %d pages: %v", size, len(got), got)
		}
	}
}

func TestCalendarViewRefusals(t *testing.T) {
	n := meetingTenant(t)
	const span = "startDateTime=2026-11-22T00:00:00Z&endDateTime=2026-11-23T00:00:00Z"
	for _, c := range []struct{ name, query, code, message string }{
		{"isOnlineMeeting", span + "&$filter=isOnlineMeeting%20eq%20true", "ErrorInvalidProperty", "isOnlineMeeting"},
		{"another filter", span + "&$filter=subject%20eq%20'x'", "BadRequest", "not supported"},
		{"no bounds", "", "ErrorInvalidParameter", "startDateTime"},
		{"no end", "startDateTime=2026-11-22T00:00:00Z", "ErrorInvalidParameter", "endDateTime"},
		{"a plus that is not escaped", "startDateTime=2026-11-22T00:00:00+01:00&endDateTime=2026-11-23T00:00:00Z", "ErrorInvalidParameter", "'2026-11-22T00:00:00 01:00'"},
		{"backwards", "startDateTime=2026-11-23T00:00:00Z&endDateTime=2026-11-22T00:00:00Z", "ErrorInvalidParameter", "after"},
		{"too many", span + "&$top=1001", "BadRequest", "'$top'"},
		{"expand", span + "&$expand=attachments", "BadRequest", "'$expand'"},
		{"another order", span + "&$orderby=subject", "BadRequest", "'subject'"},
	} {
		n.refused(c.name, n.call("GET", user("ada")+"/calendarView?"+c.query, ""), http.StatusBadRequest, c.code, c.message)
	}
	n.book("noon", "2026-11-22T11:00:00", "2026-11-22T12:00:00", true)
	for _, member := range []string{"nonsense", "mailbox", "createdDateTime", "lastModifiedDateTime"} {
		n.refused(member, n.call("GET", user("ada")+"/calendarView?"+span+"&$select="+member, ""), http.StatusBadRequest, "RequestBroker--ParseUri", "'"+member+"'")
	}
	n.refused("a zone", n.call("GET", user("ada")+"/calendarView?"+span, "", "Prefer", `outlook.timezone="Mars"`), http.StatusBadRequest, "TimeZoneNotSupportedException", "'Mars'")
}

// FuzzQueries: whatever the options, the answer is one of Graph's, and a page
// never leads to itself.
func FuzzQueries(f *testing.F) {
	n := meetingTenant(f)
	n.book("noon", "2026-11-22T11:00:00", "2026-11-22T12:00:00", true)
	n.book("evening", "2026-11-22T18:00:00", "2026-11-22T19:00:00", false)
	f.Add("2026-11-22T00:00:00+01:00", "2026-11-23", "subject,start", "1", "0", "JoinWebUrl eq 'it''s'", `outlook.timezone="UTC"`)
	f.Add("2026-11-22T00:00", "", "@odata.etag,,", "-1", "99999999999", "' eq '", "outlook.timezone=Local")
	f.Fuzz(func(t *testing.T, from, to, selection, top, skip, filter, prefer string) {
		view := url.Values{"startDateTime": {from}, "endDateTime": {to}, "$select": {selection}, "$top": {top}, "$skip": {skip}}.Encode()
		for _, target := range []string{"/calendarView?" + view, "/onlineMeetings?" + url.Values{"$filter": {filter}}.Encode()} {
			r := httptest.NewRequest("GET", "/v1.0/users/"+localgraph.SeedUserID("ada")+target, nil)
			r.Header.Set("Authorization", "Bearer "+n.token)
			r.Header.Set("Prefer", prefer)
			w := httptest.NewRecorder()
			n.ServeHTTP(w, r)
			if w.Code != 200 && w.Code != 400 && w.Code != 404 {
				t.Errorf("%s answers %d %s", target, w.Code, w.Body)
			}
			if skip != "" && strings.Contains(w.Body.String(), url.Values{"$skip": {skip}}.Encode()+`"`) {
				t.Errorf("%s leads to itself: %s", target, w.Body)
			}
		}
	})
}
