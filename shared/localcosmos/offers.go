package localcosmos

import (
	"math"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"

	"switchboard/shared/localcosmos/internal/value"
)

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
	n, err := strconv.Atoi(header)
	if err != nil {
		return 0, badRequest("The header x-ms-offer-throughput is not a number.")
	}
	return parseThroughput(float64(n))
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
