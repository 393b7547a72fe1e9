package meetings_test

import (
	"net/http"
	"testing"
	"time"

	"switchboard/shared/faults"
)

// TestGraphIsBrokenForLong: what is to be ended at Graph, or undone, is once it works again,
// and nothing else waits for that.
func TestGraphIsBrokenForLong(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"standalone", "calendar", "booking"} {
		l := newLossy(t, mode)
		cancelled, given := l.trial(0, "cancelled"), l.trial(1, "given up")
		l.make(cancelled)
		ada, store := l.apart(false)
		store.Add(faults.Rule{Skip: 2, Times: -1, Status: http.StatusTooManyRequests, Header: map[string]string{"x-ms-retry-after-ms": "30000"}})
		create(ada, given).Want(http.StatusServiceUnavailable) // made at Graph, and not stored
		l.Cloud.GraphFaults.Add(faults.Rule{Times: -1, Status: http.StatusInternalServerError, Header: map[string]string{"Retry-After": "60"}})
		l.ada.Do("DELETE", "/api/meetings/"+cancelled.id, "").Want(http.StatusNoContent)
		for range 15 {
			l.Clock.Move(time.Minute)
			if l.Fire("upkeep") == nil {
				t.Errorf("%s: upkeep does not say that Graph is broken", mode)
			}
		}
		l.Cloud.GraphFaults.Clear()
		l.Clock.Move(time.Minute)
		l.settle()
		l.agree([]*trial{cancelled, given}, none)
	}
}
