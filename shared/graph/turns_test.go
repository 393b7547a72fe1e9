package graph_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/problem"
)

// gate is a Graph that answers nobody until it is opened, and counts who is at
// the gate, by mailbox.
type gate struct {
	open chan struct{}
	mu   sync.Mutex
	now  map[string]int
	most map[string]int
}

func newGate() *gate {
	return &gate{open: make(chan struct{}), now: map[string]int{}, most: map[string]int{}}
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user := strings.Split(r.URL.Path, "/")[3]
	g.count(user, 1)
	defer g.count(user, -1)
	select {
	case <-g.open:
	case <-r.Context().Done():
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, meetingJSON)
}

func (g *gate) count(user string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now[user] += n
	g.most[user] = max(g.most[user], g.now[user])
}

func (g *gate) at(user string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now[user]
}

func gated(t *testing.T, g http.Handler, o graph.Options) *graph.Client {
	t.Helper()
	o.Transport = faults.Transport{Handler: g}
	client, err := graph.New(graph.DefaultEndpoint, &entra{token: "app"}, &o)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestFourAtAMailbox: the fifth call waits, at another mailbox it does not, and
// in the end all are served.
func TestFourAtAMailbox(t *testing.T) {
	for _, limit := range []int{0, 1, 3} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate()
			client := gated(t, g, graph.Options{MaxPerMailbox: limit})
			want := limit
			if limit == 0 {
				want = 4
			}
			var calls sync.WaitGroup
			for i := range 20 {
				id := []string{"ada", "ADA", "grace"}[i%3] // Entra's names have no case
				calls.Go(func() {
					if _, err := client.User(id).Meeting(t.Context(), "1"); err != nil {
						t.Error(err)
					}
				})
			}
			synctest.Wait()
			if ada, grace := g.at("ada")+g.at("ADA"), g.at("grace"); ada != want || grace != min(want, 6) {
				t.Errorf("%d and %d calls are at the mailboxes, want %d", ada, grace, want)
			}
			close(g.open)
			calls.Wait()
			if g.most["grace"] > want {
				t.Errorf("%d calls were at one mailbox at once, want %d", g.most["grace"], want)
			}
		})
	}
}

// TestWhoWaitsCanLeave: a caller whose time is up while others are served has
// made no request and takes nobody's place.
func TestWhoWaitsCanLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		client := gated(t, g, graph.Options{MaxPerMailbox: 1})
		first := make(chan error)
		go func() {
			_, err := client.User("ada").Meeting(t.Context(), "1")
			first <- err
		}()
		synctest.Wait()

		late, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := client.User("ada").Meeting(late, "1")
		wantProblem(t, "late", err, problem.UpstreamTimeout, "graph_timeout")
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := client.User("ada").Meeting(gone, "1"); !errors.Is(err, context.Canceled) {
			t.Errorf("who has left is told %v", err)
		}

		close(g.open)
		if err := <-first; err != nil {
			t.Error(err)
		}
		if _, err := client.User("ada").Meeting(t.Context(), "1"); err != nil || g.most["ada"] != 1 {
			t.Errorf("afterwards: %v, %d at once", err, g.most["ada"])
		}
	})
}

// TestFailuresGiveTheirPlaceBack, whatever they are.
func TestFailuresGiveTheirPlaceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _, injector := behindWith(t, answers{"GET " + meetingPath: "200 " + meetingJSON}, graph.Options{MaxPerMailbox: 1})
		for i, rule := range []faults.Rule{says(500), says(404), says(429, "Retry-After", "60"), {Times: -1, Drop: "before"}, saysJSON(200, "{")} {
			injector.Add(rule)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			if _, err := client.User(organizer).Meeting(ctx, meetingID); err == nil {
				t.Error("no failure", fmt.Sprint(i))
			}
			cancel()
			injector.Clear()
			if _, err := client.User(organizer).Meeting(t.Context(), meetingID); err != nil {
				t.Errorf("after failure %d: %v", i, err)
			}
		}
	})
}
