package localcosmos

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"switchboard/shared/localcosmos/internal/value"
)

// throttle keeps what is left of each offer's RU/s. It is for Options.Throttle.
type throttle struct {
	mu     sync.Mutex
	offers map[string]*allowance
}

// allowance holds up to a second's worth of an offer. A request is served while
// there is any, and may overdraw it; the debt is paid off by time.
type allowance struct {
	left float64
	at   time.Time
}

// offerOf finds what pays for a container: its own offer, or the one that the
// containers of a database share.
func (c *catalog) offerOf(in *container) (id string, rate float64) {
	for _, number := range []uint32{in.number, in.owner} {
		if offer, ok := c.offers[offerID(number)]; ok {
			rate, _ = value.At(offer, []string{"content", "offerThroughput"}).(float64)
			return offerID(number), rate
		}
	}
	return "", 0
}

// metered answers a request within its container's throughput, or with a 429
// that says when to come again.
func (s *Store) metered(r *request, c *container, answer func() (*reply, error)) (*reply, error) {
	id, rate := s.catalog.Load().offerOf(c)
	if !s.options.Throttle || rate == 0 || r.own {
		return answer()
	}
	if wait := s.throttle.wait(id, rate, r.now); wait > 0 {
		return throttled(wait), nil
	}
	done, err := answer()
	charge := chargeRefusal
	if err == nil {
		charge = done.charge
	}
	s.throttle.spend(id, charge)
	return done, err
}

// wait tells how long an offer is overdrawn.
func (t *throttle) wait(id string, rate float64, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.offers[id]
	if a == nil {
		a = &allowance{left: rate, at: now}
		t.offers[id] = a
	}
	if now.After(a.at) {
		a.left = min(rate, a.left+rate*now.Sub(a.at).Seconds())
		a.at = now
	}
	if a.left > 0 {
		return 0
	}
	// Just past the moment when it is paid off.
	return time.Duration((1-a.left)/rate*float64(time.Second)) + 1
}

func (t *throttle) spend(id string, charge float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.offers[id].left -= charge
}

func throttled(wait time.Duration) *reply {
	answer := failed(refuse(http.StatusTooManyRequests, 3200, "Request rate is large. More Request Units may be needed, so no changes were made. Please retry this request later."))
	answer.charge = 0
	answer.extra["X-Ms-Retry-After-Ms"] = strconv.FormatFloat(math.Ceil(wait.Seconds()*1000), 'f', 0, 64)
	return answer
}
