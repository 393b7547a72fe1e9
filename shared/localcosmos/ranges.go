package localcosmos

import (
	"net/http"
	"strings"

	"switchboard/shared/localcosmos/internal/value"
)

// rangeID names the one partition key range that every container has.
const rangeID = "0"

// partitionKeyRanges answers what SDKs ask before they read the change feed or
// query across partitions ("Get partition key ranges").
func (s *Store) partitionKeyRanges(r *request) (*reply, error) {
	c, err := s.catalog.Load().container(r)
	if err != nil {
		return nil, ownerNotFound()
	}
	// Some SDKs read until they are told that nothing is new.
	if r.header.Get("If-None-Match") == c.etag {
		return &reply{status: http.StatusNotModified, etag: c.etag, charge: chargeRead(0)}, nil
	}
	answer := feedReply(c.rid, "PartitionKeyRanges", []any{value.Object{
		{Name: "id", Value: rangeID},
		{Name: "_rid", Value: c.rid},
		{Name: "_self", Value: property(c.resource, "_self") + "pkranges/" + rangeID + "/"},
		{Name: "_etag", Value: c.etag},
		{Name: "_ts", Value: c.resource.Get("_ts")},
		{Name: "minInclusive", Value: ""},
		{Name: "maxExclusive", Value: "FF"},
		{Name: "ridPrefix", Value: 0.0},
		{Name: "throughputFraction", Value: 1.0},
		{Name: "status", Value: "online"},
		{Name: "parents", Value: []any{}},
	}})
	answer.etag = c.etag
	return answer, nil
}

// checkRange refuses what a client wants of a range that is not there: 410 with
// sub-status 1002 has SDKs read the ranges again.
func (r *request) checkRange() error {
	id := r.header.Get("X-Ms-Documentdb-Partitionkeyrangeid")
	if _, after, ok := strings.Cut(id, ","); ok {
		id = after // some SDKs put the container's _rid before it
	}
	if id != "" && id != rangeID {
		return refuse(http.StatusGone, 1002, "The requested partition key range does not exist.")
	}
	if from, to := r.header.Get("X-Ms-Start-Epk"), r.header.Get("X-Ms-End-Epk"); from != "" || to != "" && to != "FF" {
		return unsupported("ranges of hashed partition keys (the headers x-ms-start-epk and x-ms-end-epk)")
	}
	return nil
}
