package localcosmos

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"switchboard/shared/localcosmos/internal/value"

	bolt "go.etcd.io/bbolt"
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

// sessionLSN reads x-ms-session-token: for every partition key range
// id:version#lsn, with more after a further #, or in old SDKs id:lsn. Without a
// token it is 0.
func (r *request) sessionLSN() (newest uint64, err error) {
	tokens := strings.FieldsFunc(r.header.Get("X-Ms-Session-Token"), func(c rune) bool { return c == ',' })
	for _, token := range tokens {
		_, session, _ := strings.Cut(token, ":")
		parts := strings.Split(session, "#")
		lsn, err := strconv.ParseUint(parts[min(1, len(parts)-1)], 10, 64)
		if err != nil {
			return 0, badRequest("The session token %q is not one of the service's.", token)
		}
		newest = max(newest, lsn)
	}
	return newest, nil
}

// snapshot reads a container as of its last commit. Where that is older than
// the request's session, which happens with a token of another container or of
// one that was made anew, the answer is 404 with sub-status 1002.
func (s *Store) snapshot(r *request, c *container, read func(docs *bolt.Bucket) error) error {
	session, err := r.sessionLSN()
	if err != nil {
		return err
	}
	return s.view(func(tx *bolt.Tx) error {
		docs := tx.Bucket(c.docs)
		if docs == nil {
			return ownerNotFound()
		}
		if docs.Sequence() < session {
			return refuse(http.StatusNotFound, 1002, "The read session is not available for the input session token.")
		}
		return read(docs)
	})
}
