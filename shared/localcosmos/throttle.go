package localcosmos

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"switchboard/shared/localcosmos/internal/value"
)

// throttle notes for every offer, by its id, when the work that it has paid for
// is paid off. It is for Options.Throttle.
type throttle struct {
	mu   sync.Mutex
	paid map[string]time.Time
}

// offerOf finds what pays for a container: its own offer, or the one that the
// containers of a database share.
func (c *catalog) offerOf(in *container) (id string, rate float64) {
	for _, rid := range []string{in.rid, resourceID(in.owner, 0, 0)} {
		if offer, ok := c.resources[offerKey(rid)]; ok {
			rate, _ = value.At(offer, []string{"content", "offerThroughput"}).(float64)
			return rid, rate
		}
	}
	return "", 0
}

// metered answers a request within its container's throughput, or with a 429
// that says when to come again.
func (s *Store) metered(r *request, c *container, answer func() (*reply, error)) (*reply, error) {
	if !s.options.Throttle || r.own {
		return answer()
	}
	id, rate := s.catalog.Load().offerOf(c)
	if rate == 0 {
		return answer()
	}
	if wait := s.throttle.wait(id, r.now); wait >= 0 {
		return throttled(wait), nil
	}
	done, err := answer()
	if err != nil {
		done = failed(err)
	}
	s.throttle.spend(id, done.charge/rate, r.now)
	return done, nil
}

// wait tells how long an offer is overdrawn, which it is not below 0. Work may
// be done up to a second before it is paid off: an offer has a second's worth
// at once, and the last request may overdraw it.
func (t *throttle) wait(id string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.paid[id].Add(-time.Second).Sub(now)
}

// spend takes so many seconds' worth of an offer.
func (t *throttle) spend(id string, seconds float64, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	from := t.paid[id]
	if from.Before(now) {
		from = now
	}
	t.paid[id] = from.Add(time.Duration(seconds * float64(time.Second)))
}

func throttled(wait time.Duration) *reply {
	answer := failed(&failure{http.StatusTooManyRequests, 3200, "TooManyRequests", "Request rate is large. More Request Units may be needed, so no changes were made. Please retry this request later."})
	answer.charge = 0
	answer.extra["X-Ms-Retry-After-Ms"] = strconv.FormatInt(wait.Milliseconds()+1, 10)
	return answer
}
