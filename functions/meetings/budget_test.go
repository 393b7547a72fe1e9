package meetings_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestWhatMakingCosts: at Graph one createOrGet and, where the lobby is not as wanted, one
// PATCH; in the store a read of the user, the plan, the batch, the
// host's own copy, and a look whether the meeting is still as it was.
func TestWhatMakingCosts(t *testing.T) {
	t.Parallel()
	l := newLossy(t, "standalone") // nothing works off the outbox
	l.make(l.trial(0, "warms the token"))
	for _, test := range []struct {
		lobby string
		graph []string // method and last part of the path
	}{
		{"everyone", []string{"POST createOrGet", "PATCH id"}},
		{"organization", []string{"POST createOrGet"}}, // as the tenant has it
	} {
		tr := l.trial(1, test.lobby)
		tr.body = strings.Replace(tr.body, "everyone", test.lobby, 1)
		l.Cloud.GraphFaults.Record()
		l.Cloud.CosmosFaults.Record()
		create(l.ada, tr).Want(http.StatusCreated)
		var graph, store []string
		for _, call := range l.Cloud.GraphFaults.Calls() {
			method, path, _ := strings.Cut(call, " ")
			last := path[strings.LastIndex(path, "/")+1:]
			if last != "createOrGet" {
				last = "id"
			}
			graph = append(graph, method+" "+last)
		}
		for _, call := range l.Cloud.CosmosFaults.Calls() {
			method, path, _ := strings.Cut(call, " ")
			store = append(store, method+" "+path[strings.LastIndex(path, "/")+1:])
		}
		if !slices.Equal(graph, test.graph) {
			t.Errorf("%s: Graph was asked %q", test.lobby, l.Cloud.GraphFaults.Calls())
		}
		if want := []string{"GET identity", "POST docs", "POST docs", "POST docs", "GET meeting"}; !slices.Equal(store, want) {
			t.Errorf("%s: the store was asked %q", test.lobby, l.Cloud.CosmosFaults.Calls())
		}
	}
}
