package meetings_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"switchboard/functions/meetings"
	"switchboard/functions/user"
	"switchboard/shared/faults"
	"switchboard/shared/function"
	"switchboard/shared/localgraph"
	"switchboard/shared/signin"
	"switchboard/shared/testbed"
)

// Pages of a merged list have each meeting once and in order, also where the calendar
// fails between them: then they have those that are kept.
func TestPagesOfAMergedList(t *testing.T) {
	t.Parallel()
	w := newWorld(t, unwatched)
	ada, _ := w.colleague("ada")
	var events []string
	for n := range 24 { // several begin together
		start, end := w.day(1).Add(time.Duration(n/4)*time.Hour), w.day(1).Add(time.Duration(n/4+1)*time.Hour)
		link := foreign(fmt.Sprint(n))
		events = append(events, event(fmt.Sprint("calendar ", n), start, link))
		switch n % 8 {
		case 0:
			imports(ada, link, fmt.Sprintf(`"subject":"x","startsAt":%q,"endsAt":%q`, start.Format(time.RFC3339), end.Format(time.RFC3339)))
		case 4:
			hosts(ada, fmt.Sprint("kept ", n), start, end)
		}
	}
	w.calendarIs(events...)
	const day = "tz=UTC&day="
	date := w.day(1).Format(time.DateOnly)
	whole := agenda(ada, day+date+"&limit=100")
	if len(whole.Items) != 27 || whole.NextCursor != "" || whole.Calendar != "merged" {
		t.Fatalf("%d items, %s, %q", len(whole.Items), whole.Calendar, whole.NextCursor)
	}
	if !slices.IsSortedFunc(whole.Items, func(a, b listed) int { return a.StartsAt.Compare(b.StartsAt) }) {
		t.Errorf("not by start: %s", whole.subjects())
	}
	for _, limit := range []int{1, 7, 26, 27} {
		var all []listed
		for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
			p := agenda(ada, fmt.Sprintf("%s%s&limit=%d&cursor=%s", day, date, limit, cursor))
			if len(p.Items) > limit || len(p.Items) == 0 {
				t.Fatalf("a page of %d has %d", limit, len(p.Items))
			}
			all, cursor = append(all, p.Items...), p.NextCursor
		}
		if !slices.Equal(all, whole.Items) {
			t.Errorf("by pages of %d: %d items", limit, len(all))
		}
	}
	first := agenda(ada, day+date+"&limit=9")
	w.Cloud.GraphFaults.Clear()
	w.Cloud.GraphFaults.Add(faults.Rule{Contains: "/calendarView", Status: http.StatusForbidden})
	rest := agenda(ada, day+date+"&limit=100&cursor="+first.NextCursor)
	kept := func(items []listed) (all []listed) {
		for _, i := range items {
			if i.ID != "" {
				i.Subject, i.Join.MeetingLink = "", ""
				all = append(all, i)
			}
		}
		return all
	}
	if got := append(kept(first.Items), kept(rest.Items)...); rest.Calendar != "unavailable" || len(rest.Items) != len(kept(rest.Items)) || !slices.Equal(got, kept(whole.Items)) {
		t.Errorf("%s: %+v", rest.Calendar, got)
	}
	w.AsTeams("grace").Get("/api/meetings?"+day+date+"&cursor="+first.NextCursor).Problem(http.StatusBadRequest, "cursor_invalid")
}

// However the calendar fails, the meetings that are kept here are there, within the time
// that a request has, and it is said that there may be more.
func TestWithoutTheCalendarForNow(t *testing.T) {
	t.Parallel()
	json := map[string]string{"Content-Type": "application/json"}
	for name, fault := range map[string]faults.Rule{
		"it fails":        {Status: http.StatusInternalServerError},
		"it throttles":    {Status: http.StatusTooManyRequests},
		"for a while":     {Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "30"}},
		"it hangs":        {Delay: faults.Duration(time.Minute)},
		"it is cut off":   {Drop: "before"},
		"answers are cut": {Drop: "after"},
		"it refuses":      {Status: http.StatusForbidden, Header: json, Body: `{"error":{"code":"ErrorAccessDenied","message":"Not Ada's"}}`},
		"nonsense":        {Status: http.StatusOK, Header: json, Body: `{"value":[{}]}`},
		"no end":          {Status: http.StatusOK, Header: json, Body: `{"value":[],"@odata.nextLink":"https://graph.localhost/v1.0/users/x/calendarView?x=1"}`},
		"no token":        {Contains: "/oauth2/", Status: http.StatusBadRequest, Header: json, Body: `{"error":"invalid_client"}`},
		"Entra is down":   {Contains: "/oauth2/", Drop: "before"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, map[string]string{"SWITCHBOARD_MEETINGS_TIMEOUT": "1s", "SWITCHBOARD_GRAPH_NOTIFY_URL": ""})
			_, adaID := w.colleague("ada")
			grace, _ := w.user("grace")
			hosts(grace, "Lesson", w.day(0).Add(9*time.Hour), w.day(0).Add(10*time.Hour), attendees(adaID))
			w.Drain()
			ada := w.AsTeams("ada").At(w.Start()) // which has no tokens yet
			fault.Contains, fault.Times = cmp.Or(fault.Contains, "/calendarView"), -1
			w.Cloud.GraphFaults.Add(fault)
			if got := agenda(ada, ""); got.subjects() != "Lesson" || got.Calendar != "unavailable" {
				t.Errorf("%+v", got)
			}
			if log := w.Log.String(); !strings.Contains(log, "an agenda is without the calendar") || strings.Contains(log, "Not Ada's") {
				t.Errorf("the log says %s", log)
			}
			w.Cloud.GraphFaults.Clear()
			if got := agenda(ada, ""); got.subjects() != "Lesson" || got.Calendar != "merged" {
				t.Errorf("mended: %+v", got)
			}
		})
	}
}

// Who has an account without a mailbox has no calendar, which is nothing to warn of.
func TestWithoutAMailbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t, unwatched)
	ada, adaID := w.colleague("ada")
	grace, _ := w.user("grace")
	hosts(grace, "Lesson", w.day(0).Add(9*time.Hour), w.day(0).Add(10*time.Hour), attendees(adaID))
	w.Drain()
	w.Cloud.GraphFaults.Add(faults.Rule{Contains: "/calendarView", Status: http.StatusNotFound, Header: map[string]string{"Content-Type": "application/json"}, Body: `{"error":{"code":"MailboxNotEnabledForRESTAPI"}}`})
	if got := agenda(ada, ""); got.subjects() != "Lesson" || got.Calendar != "none" || strings.Contains(w.Log.String(), "without the calendar") {
		t.Errorf("%+v", got)
	}
}

// graphCalls are the requests to Graph since Record, and those for tokens are not.
func (w world) graphCalls() (all []string) {
	for _, call := range w.Cloud.GraphFaults.Calls() {
		if strings.Contains(call, "/v1.0/") {
			all = append(all, call)
		}
	}
	return all
}

// Who has no calendar here is not looked for in Graph, and who has is as the settings say.
func TestWhoseCalendarIsRead(t *testing.T) {
	t.Parallel()
	for callers, test := range map[string]struct{ calendar, path string }{
		"application": {"merged", "/v1.0/users/" + localgraph.SeedUserID("ada") + "/calendarView"},
		"delegated":   {"merged", "/v1.0/me/calendarView"},
		"none":        {"none", ""},
	} {
		w := newWorld(t, map[string]string{"SWITCHBOARD_GRAPH_CALLERS": callers, "SWITCHBOARD_GRAPH_NOTIFY_URL": ""})
		w.plans("grace", "Review", w.Clock.Now(), "ada")
		for name, c := range map[string]testbed.Client{"ada": w.AsTeams("ada"), "a stranger": w.As("ada"), "an administrator": w.As("ada", "Switchboard.Admin"), "a daemon": w.daemon()} {
			w.Cloud.GraphFaults.Record()
			got, calls := agenda(c, ""), w.graphCalls()
			if name == "ada" && test.path != "" {
				if got.subjects() != "Review" || got.Calendar != test.calendar || !slices.Equal(calls, []string{"GET " + test.path}) {
					t.Errorf("%s, %s: %+v after %q", callers, name, got, calls)
				}
			} else if len(got.Items) > 0 || got.Calendar != "none" || len(calls) > 0 {
				t.Errorf("%s, %s: %+v after %q", callers, name, got, calls)
			}
		}
		if callers == "delegated" { // consent that lapses is the caller's to renew, and no reason to show nothing
			w.ok(w.Cloud.Graph.Configure(localgraph.Settings{ConditionalAccess: true}))
			if got := agenda(w.AsTeams("grace"), ""); got.Calendar != "unavailable" {
				t.Errorf("without consent: %+v", got)
			}
		}
	}
}

// daemon is an application of the tenant that signs in for itself, at an instance that
// admits it.
func (w world) daemon() testbed.Client {
	w.t.Helper()
	var issuers []signin.Issuer
	w.ok(json.Unmarshal([]byte(w.Cloud.Settings()["SWITCHBOARD_ISSUERS"]), &issuers))
	tenant := w.Cloud.Graph.Tenant()
	issuers = append(issuers, signin.Issuer{
		Issuer: "https://sts.windows.net/" + tenant + "/", JWKSURL: "https://login.microsoftonline.com/" + tenant + "/discovery/v2.0/keys",
		Audiences: []string{"https://graph.localhost"}, RequiredRoles: []string{"Calendars.ReadWrite"},
	})
	text, err := json.Marshal(issuers)
	w.ok(err)
	w.Set("SWITCHBOARD_ISSUERS", string(text))
	token, err := w.application().GetToken(w.t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://graph.localhost/.default"}})
	w.ok(err)
	c := w.Nobody().At(w.Start())
	c.Token = token.Token
	return c
}

// What an agenda and a ticket cost, with what they need at hand: nothing delivers news here,
// so that what is counted is the requests'.
func TestCosts(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, []function.Function{meetings.Function(), user.Function()}, maps.Clone(unwatched))
	w := world{b, t}
	ada, _ := w.colleague("ada")
	stranger, _ := w.user("grace")
	id := hosts(ada, "Lesson", w.Clock.Now(), w.Clock.Now().Add(time.Hour), `"mode":"calendar"`)
	cost := func(do func()) string {
		w.Cloud.CosmosFaults.Record()
		w.Cloud.GraphFaults.Record()
		w.Cloud.ACSFaults.Record()
		do()
		return fmt.Sprintf("%d of the store, %d of Graph, %d of ACS", len(w.Cloud.CosmosFaults.Calls()), len(w.graphCalls()), len(w.Cloud.ACSFaults.Calls()))
	}
	for _, test := range []struct {
		what string
		do   func()
		want string
	}{
		{"an agenda", func() { agenda(ada, "") }, "1 of the store, 1 of Graph, 0 of ACS"},
		{"an agenda without a calendar", func() { agenda(stranger, "") }, "1 of the store, 0 of Graph, 0 of ACS"},
		{"a month", func() { agenda(ada, "from="+w.day(0).Format(time.RFC3339)+"&to="+w.day(31).Format(time.RFC3339)) }, "1 of the store, 1 of Graph, 0 of ACS"},
		{"what is no agenda", func() { ada.Get("/api/meetings?day=x").Want(http.StatusBadRequest) }, "0 of the store, 0 of Graph, 0 of ACS"},
		{"reading a meeting", func() { ada.Get("/api/meetings/" + id).Want(http.StatusOK) }, "1 of the store, 0 of Graph, 0 of ACS"},
		{"the first ticket", func() { ada.Do("POST", "/api/meetings/"+id+"/join", "").Want(http.StatusOK) }, ""},
		{"a ticket", func() { ada.Do("POST", "/api/meetings/"+id+"/join", "").Want(http.StatusOK) }, "2 of the store, 0 of Graph, 0 of ACS"},
		{"a ticket for the uninvited", func() { stranger.Do("POST", "/api/meetings/"+id+"/join", "").Want(http.StatusNotFound) }, "1 of the store, 0 of Graph, 0 of ACS"},
	} {
		if got := cost(test.do); got != test.want && test.want != "" {
			t.Errorf("%s costs %s; want %s", test.what, got, test.want)
		}
	}
}
