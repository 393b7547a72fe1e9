package localcosmos

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"switchboard/shared/localcosmos/internal/value"
)

// Request charges are estimates: straight lines through the figures that
// Microsoft documents ("Request Units in Azure Cosmos DB": point read of 1 KB
// is 1, of 100 KB 10; write of 1 KB 5, of 100 KB 50, without indexing), plus
// what an indexed leaf costs in the documented examples.
const (
	chargeRefusal    = 1.0
	chargeMetadata   = 2.0
	chargeDefinition = 4.95
	chargeLeaf       = 0.14
	chargeQuery      = 2.3
	chargeExamined   = 0.03
)

func chargeRead(size int) float64 { return line(size, 1, 10) }

func chargeWrite(size, leaves int) float64 {
	return line(size, 5, 50) + chargeLeaf*float64(leaves)
}

// line goes through at1 for 1 KB and below, and at100 for 100 KB.
func line(size int, at1, at100 float64) float64 {
	kb := max(1, float64(size)/1024)
	return at1 + (kb-1)*(at100-at1)/99
}

// throughput reads the RU/s that a new database or container is to have; 0 is
// none, as in a serverless account.
func (r *request) throughput() (float64, error) {
	if r.header.Get("X-Ms-Cosmos-Offer-Autopilot-Settings") != "" {
		return 0, unsupported("autoscale throughput (the header x-ms-cosmos-offer-autopilot-settings)")
	}
	header := r.header.Get("X-Ms-Offer-Throughput")
	if header == "" {
		return 0, nil
	}
	n, _ := strconv.ParseFloat(header, 64) // 0, which is refused, where it is no number
	return parseThroughput(n)
}

// parseThroughput checks manual throughput ("Azure Cosmos DB service quotas":
// from 400 RU/s, in steps of 100, up to 1,000,000).
func parseThroughput(v any) (float64, error) {
	n, ok := v.(float64)
	if !ok || n < 400 || n > 1e6 || math.Mod(n, 100) != 0 {
		return 0, badRequest("The offer should have valid throughput values between 400 and 1000000 inclusive in increments of 100.")
	}
	return n, nil
}

// offerKey finds the offer for the database or container with a _rid. The offer
// has the same _rid, and has it as its id too.
func offerKey(rid string) string { return "offers/" + rid }

// newOffer makes the offer for the database or container with a _rid and _self.
func newOffer(rid, self string, throughput float64) value.Object {
	return value.Object{
		{Name: "id", Value: rid},
		{Name: "offerVersion", Value: "V2"},
		{Name: "offerType", Value: "Invalid"}, // what the service says where there is no S1 to S3
		{Name: "content", Value: value.Object{{Name: "offerThroughput", Value: throughput}}},
		{Name: "resource", Value: self},
		{Name: "offerResourceId", Value: rid},
	}
}

// createOffer notes the throughput of a new database or container.
func createOffer(tx *bolt.Tx, owner value.Object, throughput float64, now time.Time) error {
	rid := property(owner, "_rid")
	offer := newOffer(rid, property(owner, "_self"), throughput)
	_, err := put(tx, offerKey(rid), offer, rid, "offers/"+rid+"/", now)
	return err
}

// settleOffer changes the throughput, and nothing else.
func settleOffer(old, definition value.Object) (value.Object, error) {
	if !value.IsUndefined(value.At(definition, []string{"content", "offerAutopilotSettings"})) {
		return nil, unsupported("autoscale throughput (offerAutopilotSettings)")
	}
	throughput, err := parseThroughput(value.At(definition, []string{"content", "offerThroughput"}))
	return newOffer(property(old, "offerResourceId"), property(old, "resource"), throughput), err
}

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
	answer := failed(refuse(http.StatusTooManyRequests, 3200, "Request rate is large. More Request Units may be needed, so no changes were made. Please retry this request later."))
	answer.charge = 0
	answer.extra["X-Ms-Retry-After-Ms"] = strconv.FormatInt(wait.Milliseconds()+1, 10)
	return answer
}
