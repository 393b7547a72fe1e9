package localcosmos

import (
	"bytes"
	"net/http"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// onItems finds the operation for a path below docs.
func (s *Store) onItems(r *request) (*reply, error) {
	c, err := s.catalog.Load().container(r)
	if err != nil {
		return nil, ownerNotFound()
	}
	if err := r.refuseUnknown(); err != nil {
		return nil, err
	}
	if err := r.checkRange(); err != nil {
		return nil, err
	}
	if unreadable(r.leaf) {
		return nil, unauthorized("The input authorization token can't serve the request: the id %q holds one of / \\ # %%20 or ends in a space.", r.leaf)
	}
	return s.metered(r, c, func() (*reply, error) { return s.item(r, c) })
}

func (s *Store) item(r *request, c *container) (*reply, error) {
	isList := r.method == http.MethodGet && r.leaf == ""
	switch {
	case isList && r.header.Get("A-Im") != "":
		return s.changeFeed(r, c)
	case isList || r.method == http.MethodPost && r.isQuery():
		return s.queryItems(r, c)
	case r.method == http.MethodGet:
		return s.readItem(r, c)
	case r.method == http.MethodPost && r.header.Get("X-Ms-Cosmos-Is-Batch-Request") != "":
		return s.batch(r, c)
	}
	return s.writeItem(r, c)
}

// refuseUnknown refuses headers that would change what an operation does.
func (r *request) refuseUnknown() error {
	for _, name := range []string{
		"X-Ms-Documentdb-Pre-Trigger-Include", "X-Ms-Documentdb-Post-Trigger-Include",
		"X-Ms-Cosmos-Is-Query-Plan-Request", "X-Ms-Indexing-Directive",
	} {
		if r.header.Get(name) != "" {
			return unsupported("the header %s", strings.ToLower(name))
		}
	}
	return nil
}

func (s *Store) readItem(r *request, c *container) (*reply, error) {
	key, err := c.requiredKey(r)
	if err != nil {
		return nil, err
	}
	var answer *reply
	err = s.snapshot(r, c, func(docs *bolt.Bucket) error {
		found := c.find(docs, key.record(r.leaf), r.now)
		if found == nil {
			return notFound()
		}
		// The file's memory is the transaction's only.
		answer = r.unlessKnown(&reply{
			status: http.StatusOK, body: bytes.Clone(found.json), etag: c.etagOf(found),
			lsn: docs.Sequence(), charge: chargeRead(len(found.json)),
		})
		return nil
	})
	return answer, err
}

// writeItem creates, upserts, replaces, patches or deletes one item.
func (s *Store) writeItem(r *request, c *container) (*reply, error) {
	key, err := c.requiredKey(r)
	if err != nil {
		return nil, err
	}
	op := operation{kind: r.operation(), id: r.leaf, ifMatch: r.header.Get("If-Match")}
	if err := s.prepare(&op, c, key, r.body); err != nil {
		return nil, err
	}
	results, lsn, err := s.run(r, c, key, []operation{op})
	if err != nil {
		return nil, err
	}
	done := results[0]
	answer := &reply{status: done.status, lsn: lsn, charge: done.charge}
	if done.item != nil {
		answer.etag = c.etagOf(done.item)
		if !r.minimal() {
			answer.body = done.item.json
		}
	}
	return answer, nil
}

// operation names what a request does to one item.
func (r *request) operation() string {
	switch {
	case r.method == http.MethodPut:
		return "Replace"
	case r.method == http.MethodPatch:
		return "Patch"
	case r.method == http.MethodDelete:
		return "Delete"
	case r.is("X-Ms-Documentdb-Is-Upsert"):
		return "Upsert"
	}
	return "Create"
}

// prepare checks and completes an operation with its body, before any
// transaction.
func (s *Store) prepare(op *operation, c *container, key partitionKey, text []byte) (err error) {
	switch op.kind {
	case "Patch":
		op.patch, err = parsePatch(text)
		return err
	case "Delete", "Read":
		return nil
	}
	body, err := parseObject(text)
	if err != nil {
		return err
	}
	id, err := s.checkID(body.Get("id"))
	if err != nil {
		return err
	}
	if op.kind == "Replace" && id != op.id {
		return badRequest("The id in the body is not the id of the item to replace: an item cannot be renamed.")
	}
	op.id = id
	op.item = without(body, itemSystem())
	inBody, err := c.bodyKey(op.item)
	if err != nil {
		return err
	}
	if inBody != key {
		return refuse(http.StatusBadRequest, 1001, "PartitionKey extracted from document doesn't match the one specified in the header.")
	}
	return nil
}
