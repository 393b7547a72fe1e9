package meetings_test

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"switchboard/functions/meetings"
	"switchboard/functions/upkeep"
	"switchboard/functions/user"
	"switchboard/shared/faults"
	"switchboard/shared/function"
	"switchboard/shared/localgraph"
	"switchboard/shared/testbed"
)

// trial is a meeting, and a request for it during which a service is away.
type trial struct {
	name     string
	start    time.Time // of the meeting; each trial has one of its own, by which it is found
	body     string    // of the request that makes it
	onGraph  bool      // where the outage is: at Graph, or in the store
	step     int       // at which request it begins
	rules    []faults.Rule
	stubborn bool   // the client repeats the request until it is done, rather than give up
	id       string // of the meeting, where it was there before
}

// outages are the ways in which Graph, or the store, can be away: those that differ most,
// under the race detector, which makes all of it five times slower. A rule without a
// number of times is for the rest of the outage.
func outages(onGraph bool) map[string][]faults.Rule {
	lost, withoutPolicy := faults.Rule{Drop: "after"}, faults.Rule{
		Status: http.StatusForbidden,
		Body:   `{"error":{"code":"Forbidden","message":"No Application Access Policy found for this app."}}`,
	}
	lostOnce := lost
	lostOnce.Times = 1
	all := map[string][]faults.Rule{
		"answers lost": {lost},
		"silent":       {{Delay: faults.Duration(time.Minute)}},
	}
	if onGraph {
		all["without policy"] = []faults.Rule{withoutPolicy}
		all["an answer lost, then without policy"] = []faults.Rule{lostOnce, withoutPolicy}
	}
	if raceDetector {
		return all
	}
	all["throttled"] = []faults.Rule{{Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "30", "x-ms-retry-after-ms": "30000"}}}
	all["cut"] = []faults.Rule{{Drop: "before"}}
	all["an answer lost"] = []faults.Rule{lostOnce}
	if onGraph {
		all["away"] = []faults.Rule{{Status: http.StatusServiceUnavailable}}
		all["broken"] = []faults.Rule{{Status: http.StatusInternalServerError}}
	}
	return all
}

// patience is how long requests may take that meet an outage.
const patience = time.Second

// lossy is a world in which Ada holds meetings of one mode, with Grace. What a request
// leaves to be done is done when upkeep runs, and not before.
type lossy struct {
	world
	mode       string
	held       string // what Graph has of a meeting
	ada, grace testbed.Client
	graceID    string
	first      time.Time // start of the first trial's meeting
}

func newLossy(t *testing.T, mode string) *lossy {
	t.Helper()
	rows := []function.Function{meetings.Function(), user.Function(), upkeep.Function()}
	l := &lossy{mode: mode, world: world{testbed.New(t, rows, map[string]string{
		"SWITCHBOARD_GRAPH_NOTIFY_URL": "", "SWITCHBOARD_MEETINGS_OPENS_BEFORE": "24h",
	}), t}}
	l.held = map[string]string{"standalone": "meeting", "calendar": "event meeting", "booking": "appointment"}[mode]
	l.first = l.Clock.Now().Add(time.Hour).UTC().Truncate(time.Second)
	l.ada, _ = l.user("ada")
	l.grace, l.graceID = l.user("grace")
	l.Set("SWITCHBOARD_MEETINGS_TIMEOUT", patience.String()) // of the instances that meet outages
	return l
}

// trial is the nth, without an outage.
func (l *lossy) trial(n int, name string) *trial {
	start := l.first.Add(time.Duration(n) * time.Second)
	people, lobby := attendees(l.graceID), `"lobby":"everyone"`
	if l.mode == "calendar" {
		people = attendees(l.graceID, "patient@example.com")
	}
	if l.mode == "booking" {
		lobby = `"lobby":null`
	}
	body := fmt.Sprintf(`{"mode":%q,"subject":"Consultation","startsAt":%q,"endsAt":%q,%s,%s}`,
		l.mode, start.Format(time.RFC3339), start.Add(time.Hour).Format(time.RFC3339), people, lobby)
	return &trial{name: name, start: start, body: body}
}

// trials try each outage at each request that a request of ours makes, when all goes well,
// to the service that is away; with clients of both kinds.
func (l *lossy) trials(onGraph bool, prepare func(*trial), request func(testbed.Client, *trial) testbed.Answer) (all []*trial) {
	l.t.Helper()
	well := l.trial(0, "well")
	prepare(well)
	ada, watched := l.apart(onGraph)
	if a := request(ada, well); a.Status >= 300 {
		l.t.Fatalf("all goes well, and the status is %d: %s", a.Status, a.Body)
	}
	for step, call := range watched.Calls() {
		if strings.Contains(call, l.Cloud.Graph.Tenant()) && l.mode != "standalone" { // for a token, which is the same for all
			continue
		}
		for i, way := range slices.Sorted(maps.Keys(outages(onGraph))) {
			for _, stubborn := range []bool{true, false} {
				if raceDetector && stubborn == ((step+i)%2 == 0) {
					continue
				}
				tr := l.trial(len(all)+1, fmt.Sprintf("%s: %s at %d, %.40s (stubborn: %t)", l.mode, way, step, call, stubborn))
				tr.onGraph, tr.step, tr.rules, tr.stubborn = onGraph, step, outages(onGraph)[way], stubborn
				for i := range tr.rules {
					tr.rules[i].Skip, tr.rules[i].Times = step, cmp.Or(tr.rules[i].Times, -1)
				}
				all = append(all, tr)
			}
		}
	}
	together(all, prepare)
	return all
}

// apart starts an instance, and gives what stands before Graph, or the store, for it alone.
// It knows the store; it has no token for Graph yet.
func (l *lossy) apart(onGraph bool) (ada testbed.Client, in *faults.Injector) {
	l.t.Helper()
	url, graph, store := l.StartApart()
	ada = l.ada.At(url)
	ada.Get("/api/meetings/mtg_" + strings.Repeat("a", 26)).Want(http.StatusNotFound)
	if in = store; onGraph {
		in = graph
	}
	in.Record()
	return ada, in
}

// together does something for all, some at a time.
func together(all []*trial, do func(*trial)) {
	var g errgroup.Group
	g.SetLimit(100) // most of the time they wait
	for _, tr := range all {
		g.Go(func() error {
			do(tr)
			return nil
		})
	}
	g.Wait()
}

// endure sends a request of a trial to an instance that meets its outage. The outage ends
// with it.
func (l *lossy) endure(tr *trial, request func(testbed.Client, *trial) testbed.Answer) {
	l.t.Helper()
	ada, broken := l.apart(tr.onGraph)
	broken.Add(tr.rules...)
	began := time.Now()
	a := request(ada, tr)
	inTime := time.Since(began) < patience // on a machine that has other things to do it may not be
	broken.Clear()
	if a.Status < 300 && inTime && len(broken.Calls()) <= tr.step {
		l.t.Errorf("%s: there were only %q", tr.name, broken.Calls())
	}
}

// settle lets the timer fire until nothing is left to be done.
func (l *lossy) settle() {
	l.t.Helper()
	const left = `SELECT c.id FROM c WHERE c.type = "outbox"`
	for range 100 {
		if err := l.Fire("upkeep"); err != nil {
			l.t.Fatal(err)
		}
		if len(l.Stored(left)) == 0 {
			return
		}
	}
	l.t.Fatalf("these stay in the outbox: %s", l.Stored(`SELECT * FROM c WHERE c.type = "outbox"`))
}

// seen is what somebody's agenda, or Graph, has at a time.
type seen struct {
	what    string // all that is there: roles, or kinds of entries
	id      string
	subject string
	lobby   string // of the meeting at Graph
}

// agenda is somebody's whole agenda.
func (l *lossy) agenda(c testbed.Client) map[time.Time]seen {
	l.t.Helper()
	const hour = time.Hour
	all := map[time.Time]seen{}
	path := fmt.Sprintf("/api/meetings?limit=100&from=%s&to=%s", l.first.Add(-hour).Format(time.RFC3339), l.first.Add(2*hour).Format(time.RFC3339))
	for cursor := ""; ; {
		page := c.Get(path + "&cursor=" + cursor).Want(http.StatusOK).JSON()
		for _, one := range page["items"].([]any) {
			i := one.(map[string]any)
			start, err := time.Parse(time.RFC3339, i["startsAt"].(string))
			if err != nil {
				l.t.Fatal(err)
			}
			was := all[start]
			all[start] = seen{what: strings.TrimSpace(was.what + " " + i["role"].(string)), id: i["id"].(string), subject: i["subject"].(string)}
		}
		if cursor, _ = page["nextCursor"].(string); cursor == "" {
			return all
		}
	}
}

// atGraph is all that Graph has.
func (l *lossy) atGraph() map[time.Time]seen {
	l.t.Helper()
	entries, err := l.Cloud.Graph.Schedule()
	if err != nil {
		l.t.Fatal(err)
	}
	slices.SortFunc(entries, func(a, b localgraph.Entry) int { return cmp.Compare(a.Kind, b.Kind) })
	all := map[time.Time]seen{}
	for _, e := range entries {
		was := all[e.Start]
		all[e.Start] = seen{what: strings.TrimSpace(was.what + " " + e.Kind), subject: e.Subject, lobby: was.lobby + e.Lobby}
	}
	return all
}

// expected is what there has to be of a trial's meeting.
type expected int

const (
	either expected = iota // one, or none
	once
	none
)

// agree demands that Graph, the store and the agendas of those who are invited have the
// same of the meetings of trials, and at most one of each.
func (l *lossy) agree(all []*trial, want expected) {
	l.t.Helper()
	graph, ada, grace := l.atGraph(), l.agenda(l.ada), l.agenda(l.grace)
	if ready := l.Stored(`SELECT * FROM c WHERE c.type = "meeting" AND c.state = "ready"`); len(ready) != len(ada) {
		l.t.Errorf("%d meetings are stored, and Ada finds %d", len(ready), len(ada))
	}
	for _, tr := range all {
		got := []string{graph[tr.start].what, ada[tr.start].what, grace[tr.start].what}
		whole, nothing := slices.Equal(got, []string{l.held, "host", "attendee"}), slices.Equal(got, []string{"", "", ""})
		if !whole && !nothing || want == once && !whole || want == none && !nothing {
			l.t.Errorf("%s: at Graph there is %q, in Ada's agenda %q, in Grace's %q", tr.name, got[0], got[1], got[2])
		}
		subjects := []string{graph[tr.start].subject, ada[tr.start].subject, grace[tr.start].subject}
		if l.mode != "booking" && len(slices.Compact(slices.Clone(subjects))) > 1 { // an appointment has none
			l.t.Errorf("%s: the subjects are %q", tr.name, subjects)
		}
		if whole {
			tr.id = ada[tr.start].id
			l.joinable(tr, graph[tr.start].lobby)
		}
	}
}

// joinable demands that Grace can join a meeting, and knows who waits in its lobby.
func (l *lossy) joinable(tr *trial, lobby string) {
	l.t.Helper()
	ticket := l.grace.Do("POST", "/api/meetings/"+tr.id+"/join", "").Want(http.StatusOK).JSON()
	if link := ticket["locator"].(map[string]any)["meetingLink"]; link == nil || link == "" {
		l.t.Errorf("%s: the ticket is %v", tr.name, ticket)
	}
	if scope := ticket["lobby"].(map[string]any)["scope"]; l.mode != "booking" && scope != lobby {
		l.t.Errorf("%s: the lobby is for %v, and at Graph for %q", tr.name, scope, lobby)
	}
}
