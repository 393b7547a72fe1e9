package meetings_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"switchboard/shared/testbed"
)

// How long nobody else goes on with what somebody is at, and until upkeep does.
const (
	lease   = 41 * time.Second
	forever = 15 * time.Minute
)

// everywhere runs a test for all modes, with outages of Graph and with those of the
// store, all at once: most of the time they wait.
func everywhere(t *testing.T, test func(l *lossy, onGraph bool), modes ...string) {
	t.Parallel()
	var running sync.WaitGroup
	for _, mode := range modes {
		for _, onGraph := range []bool{true, false} {
			l := newLossy(t, mode)
			running.Go(func() { test(l, onGraph) })
		}
	}
	running.Wait()
}

// split parts the trials of stubborn clients from the others.
func split(all []*trial) (stubborn, other []*trial) {
	for _, tr := range all {
		if tr.stubborn {
			stubborn = append(stubborn, tr)
		} else {
			other = append(other, tr)
		}
	}
	return stubborn, other
}

// create makes the meeting of a trial.
func create(c testbed.Client, tr *trial) testbed.Answer {
	return c.Do("POST", "/api/meetings", tr.body, "Idempotency-Key: "+tr.name)
}

// repeat sends a request of a trial once more, where nothing is away any more.
func (l *lossy) repeat(request func(testbed.Client, *trial) testbed.Answer, statuses ...int) func(*trial) {
	return func(tr *trial) {
		if a := request(l.ada, tr); !slices.Contains(statuses, a.Status) {
			l.t.Errorf("%s: repeated, the status is %d: %s", tr.name, a.Status, a.Body)
		}
	}
}

// TestMakingIsCutShort: whatever is away at whichever step, there are never two meetings
// and never one that nobody finds: who repeats the request gets the one, at once or after
// a while, and who does not gets none, or one that is whole.
func TestMakingIsCutShort(t *testing.T) {
	everywhere(t, func(l *lossy, onGraph bool) {
		all := l.trials(onGraph, func(*trial) {}, create)
		stubborn, other := split(all)
		together(all, func(tr *trial) {
			l.endure(tr, create)
			if tr.stubborn && l.mode != "booking" { // where nobody else goes on before the lease ends
				l.repeat(create, http.StatusOK, http.StatusCreated)(tr)
			}
		})
		l.Clock.Move(lease)
		together(stubborn, l.repeat(create, http.StatusOK, http.StatusCreated))
		l.settle()
		l.agree(stubborn, once)

		l.Clock.Move(forever)
		l.settle()
		l.agree(other, either)
		together(other, l.repeat(create, http.StatusOK, http.StatusCreated))
		l.settle()
		l.agree(all, once)
		if n := len(l.atGraph()); n != len(all)+1 {
			l.t.Errorf("at Graph there are %d meetings for %d requests", n, len(all)+1)
		}
	}, "standalone", "calendar", "booking")
}

// TestAChangeIsCutShort: in the end everybody sees what Graph has, which is what was asked
// for if the request is repeated.
func TestAChangeIsCutShort(t *testing.T) {
	everywhere(t, func(l *lossy, onGraph bool) {
		change := func(c testbed.Client, tr *trial) testbed.Answer {
			return c.Do("PATCH", "/api/meetings/"+tr.id, fmt.Sprintf(`{"subject":%q,"lobby":"organization"}`, tr.name))
		}
		all := l.trials(onGraph, l.make, change)
		stubborn, other := split(all)
		together(all, func(tr *trial) {
			l.endure(tr, change)
			if tr.stubborn {
				l.repeat(change, http.StatusOK, http.StatusConflict)(tr)
			}
		})
		l.Clock.Move(lease)
		together(stubborn, l.repeat(change, http.StatusOK))
		l.Clock.Move(forever)
		l.settle()
		l.agree(all, once)
		for start, found := range l.agenda(l.grace) {
			for _, tr := range stubborn {
				if tr.start.Equal(start) && found.subject != tr.name {
					l.t.Errorf("%s: in the end the subject is %q", tr.name, found.subject)
				}
			}
		}
		together(other, l.repeat(change, http.StatusOK))
		l.settle()
		l.agree(all, once)
	}, "standalone", "calendar") // appointments are not changed
}

// TestACancellationIsCutShort: a meeting that nobody finds any more does not go on at
// Graph, nor the other way round.
func TestACancellationIsCutShort(t *testing.T) {
	everywhere(t, func(l *lossy, onGraph bool) {
		remove := func(c testbed.Client, tr *trial) testbed.Answer {
			return c.Do("DELETE", "/api/meetings/"+tr.id, "")
		}
		all := l.trials(onGraph, l.make, remove)
		stubborn, other := split(all)
		together(all, func(tr *trial) {
			l.endure(tr, remove)
			if tr.stubborn {
				l.repeat(remove, http.StatusNoContent)(tr)
			}
		})
		l.settle()
		l.agree(stubborn, none)
		l.agree(other, either)
		together(all, l.repeat(remove, http.StatusNoContent))
		l.settle()
		l.agree(all, none)
	}, "standalone", "calendar", "booking")
}

// make makes the meeting of a trial while all is well.
func (l *lossy) make(tr *trial) {
	tr.id = create(l.ada, tr).Want(http.StatusCreated).Text("id")
}
