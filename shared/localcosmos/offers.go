package localcosmos

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"strconv"

	bolt "go.etcd.io/bbolt"

	"switchboard/shared/localcosmos/internal/value"
)

// bucketOffers holds id -> resource.
const bucketOffers = "offers"

// offerID names the offer of the database or container with a number; no two of
// them have the same one.
func offerID(number uint32) string { return fmt.Sprintf("%08x", number) }

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

// putOffer notes the throughput of a database or container, which need not have
// any.
func putOffer(tx *bolt.Tx, owner value.Object, throughput float64, ts int64) error {
	if throughput == 0 {
		return nil
	}
	db, coll, err := numbers(property(owner, "_rid"))
	if err != nil {
		return err
	}
	number := cmp.Or(coll, db)
	id := offerID(number)
	offer := value.Object{
		{Name: "id", Value: id},
		{Name: "offerVersion", Value: "V2"},
		{Name: "offerType", Value: "Invalid"}, // what the service says where there is no S1 to S3
		{Name: "content", Value: value.Object{{Name: "offerThroughput", Value: throughput}}},
		{Name: "resource", Value: property(owner, "_self")},
		{Name: "offerResourceId", Value: property(owner, "_rid")},
	}
	bucket := tx.Bucket([]byte(bucketOffers))
	n, err := bucket.NextSequence()
	if err != nil {
		return err
	}
	offer = systemProperties(offer, id, "offers/"+id+"/", etag(number, n, ts), ts)
	return bucket.Put([]byte(id), value.Append(nil, offer))
}

func deleteOffer(tx *bolt.Tx, number uint32) error {
	return tx.Bucket([]byte(bucketOffers)).Delete([]byte(offerID(number)))
}

// readOffers fills in the catalog's offers.
func (c *catalog) readOffers(tx *bolt.Tx) error {
	return tx.Bucket([]byte(bucketOffers)).ForEach(func(id, text []byte) error {
		offer, err := parseObject(text)
		if err != nil {
			return fmt.Errorf("localcosmos: offer %q: %v", id, err)
		}
		c.offers[string(id)] = offer
		return nil
	})
}

func (c *catalog) offerResources() []any {
	var resources []any
	for _, offer := range inOrder(c.offers) {
		resources = append(resources, offer)
	}
	return resources
}

// onOffers finds the operation for a path below offers. Offers come and go with
// what they belong to.
func (s *Store) onOffers(r *request) (*reply, error) {
	now := s.catalog.Load()
	switch id := r.db; {
	case r.method == http.MethodGet && id == "":
		return feedReply("", "Offers", now.offerResources()), nil
	case r.method == http.MethodPost && id == "" && r.isQuery():
		return s.queryResources(r, "", "Offers", now.offerResources())
	case r.method == http.MethodGet && now.offers[id] != nil:
		return resourceReply(http.StatusOK, now.offers[id], chargeMetadata), nil
	case r.method == http.MethodPut && id != "":
		return s.replaceOffer(r)
	case r.method == http.MethodGet:
		return nil, notFound()
	}
	return nil, unsupported("%s on the path /%s", r.method, r.shape)
}

// replaceOffer changes the throughput, and nothing else.
func (s *Store) replaceOffer(r *request) (*reply, error) {
	body, err := parseObject(r.body)
	if err != nil {
		return nil, err
	}
	if !value.IsUndefined(value.At(body, []string{"content", "offerAutopilotSettings"})) {
		return nil, unsupported("autoscale throughput (offerAutopilotSettings)")
	}
	throughput, err := parseThroughput(value.At(body, []string{"content", "offerThroughput"}))
	if err != nil {
		return nil, err
	}
	err = s.define(func(tx *bolt.Tx, now *catalog) error {
		old, ok := now.offers[r.db]
		if !ok {
			return notFound()
		}
		if match := r.header.Get("If-Match"); match != "" && match != property(old, "_etag") {
			return preconditionFailed()
		}
		owner := value.Object{{Name: "_self", Value: old.Get("resource")}, {Name: "_rid", Value: old.Get("offerResourceId")}}
		return putOffer(tx, owner, throughput, r.now.Unix())
	})
	if err != nil {
		return nil, err
	}
	offer, ok := s.catalog.Load().offers[r.db]
	if !ok {
		return nil, notFound() // gone since
	}
	return resourceReply(http.StatusOK, offer, chargeDefinition), nil
}
