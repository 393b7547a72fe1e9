package localcosmos

import (
	"net/http"
	"strconv"
	"strings"

	bolt "go.etcd.io/bbolt"
)

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
