package localacs

import (
	"net/http"
	"sync"
	"time"
)

// window is the period that the published limits count in.
const window = 30 * time.Second

// Throttle makes the service refuse requests beyond a limit.
type Throttle struct {
	Limits       map[Operation]int // requests in 30 s; an operation that is missing has no limit
	NoRetryAfter bool              // refuse without saying for how long, as ACS is not documented to say
}

// PublishedLimits returns the limits that ACS documents ("Service limits",
// Identity).
func PublishedLimits() map[Operation]int {
	return map[Operation]int{Create: 1000, CreateWithToken: 1000, Issue: 1000, Revoke: 500, Delete: 500, Exchange: 500}
}

// throttle counts requests in windows of fixed length.
type throttle struct {
	Throttle
	now func() time.Time

	mu      sync.Mutex
	windows map[Operation]*count
}

type count struct {
	ends     time.Time
	requests int
}

func newThrottle(t *Throttle, now func() time.Time) *throttle {
	if t == nil {
		t = &Throttle{}
	}
	return &throttle{Throttle: *t, now: now, windows: map[Operation]*count{}}
}

// over counts one request and returns the refusal if it is one too many.
func (t *throttle) over(op Operation) (refusal answer, over bool) {
	limit, limited := t.Limits[op]
	if !limited {
		return answer{}, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	c := t.windows[op]
	if c == nil || !now.Before(c.ends) {
		c = &count{ends: now.Add(window)}
		t.windows[op] = c
	}
	c.requests++
	if c.requests <= limit {
		return answer{}, false
	}
	refusal = fail(http.StatusTooManyRequests, "TooManyRequests", "", "The rate limit of this operation is exceeded.")
	if !t.NoRetryAfter {
		refusal.retryAfter = c.ends.Sub(now)
	}
	return refusal, true
}
