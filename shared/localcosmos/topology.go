package localcosmos

import (
	"fmt"
	"net/http"
	"strings"

	"switchboard/shared/localcosmos/internal/value"
)

// accountDocument is the account in the shape of Microsoft's emulator, whose
// name and region these are, for the address that leads to it.
const accountDocument = `{
	"_self": "", "id": "localhost", "_rid": "localhost", "media": "//media/", "addresses": "//addresses/", "_dbs": "//dbs/",
	"writableLocations": [{"name": "South Central US", "databaseAccountEndpoint": %[1]s}],
	"readableLocations": [{"name": "South Central US", "databaseAccountEndpoint": %[1]s}],
	"enableMultipleWriteLocations": false,
	"userReplicationPolicy": {"asyncReplication": false, "minReplicaSetSize": 1, "maxReplicasetSize": 4},
	"userConsistencyPolicy": {"defaultConsistencyLevel": "Strong"},
	"systemReplicationPolicy": {"asyncReplication": false, "minReplicaSetSize": 1, "maxReplicasetSize": 4},
	"readPolicy": {"primaryReadCoefficient": 1, "secondaryReadCoefficient": 1},
	"queryEngineConfiguration": "{\"maxSqlQueryInputLength\":524288,\"maxQueryRequestTimeoutFraction\":0.9}"
}`

// account answers what SDKs ask first. The one location has the address that
// the client used: SDKs send everything else to what is named here.
func (s *Store) account(r *request) (*reply, error) {
	body := fmt.Appendf(nil, accountDocument, value.Append(nil, r.host+"/"))
	return &reply{status: http.StatusOK, body: body}, nil
}

// rangeID names the one partition key range that every container has.
const rangeID = "0"

// rangeDocument is a range that covers everything.
const rangeDocument = `{
	"id": %q, "_rid": %q, "_self": %q, "_etag": %q, "_ts": %.0f, "minInclusive": "", "maxExclusive": "FF",
	"ridPrefix": 0, "throughputFraction": 1, "status": "online", "parents": []
}`

// partitionKeyRanges answers what SDKs ask before they read the change feed or
// query across partitions ("Get partition key ranges").
func (s *Store) partitionKeyRanges(r *request) (*reply, error) {
	c, err := s.catalog.Load().container(r)
	if err != nil {
		return nil, ownerNotFound()
	}
	etag := property(c.resource, "_etag")
	self := property(c.resource, "_self") + "pkranges/" + rangeID + "/"
	var ranges list
	ranges.add(fmt.Appendf(nil, rangeDocument, rangeID, c.rid, self, etag, c.resource.Get("_ts")))
	answer := ranges.reply(c.rid, "PartitionKeyRanges")
	answer.etag = etag
	return r.unlessKnown(answer), nil // some SDKs read until they are told that nothing is new
}

// checkRange refuses what a client wants of a range that is not there: 410 with
// sub-status 1002 has SDKs read the ranges again.
func (r *request) checkRange() error {
	id := r.header.Get("X-Ms-Documentdb-Partitionkeyrangeid")
	id = id[strings.LastIndex(id, ",")+1:] // some SDKs put the container's _rid before it
	if id != "" && id != rangeID {
		return refuse(http.StatusGone, 1002, "The requested partition key range does not exist.")
	}
	if from, to := r.header.Get("X-Ms-Start-Epk"), r.header.Get("X-Ms-End-Epk"); from != "" || to != "" && to != "FF" {
		return unsupported("ranges of hashed partition keys (the headers x-ms-start-epk and x-ms-end-epk)")
	}
	return nil
}
