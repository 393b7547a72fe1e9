package localcosmos

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"switchboard/shared/localcosmos/internal/value"
)

// operation is one thing done to one item, alone or in a batch.
type operation struct {
	kind    string // Create, Upsert, Replace, Patch, Delete, Read
	id      string
	item    value.Object // Create, Upsert, Replace
	patch   *patch       // Patch
	ifMatch string
	ifNone  string // Read: If-None-Match
	fault   error  // what was wrong with it before it ran
}

// outcome is what an operation did. item is the record after it, nil after a
// delete.
type outcome struct {
	status int
	item   *record
	charge float64
	fault  error // of the one that undid the rest
}

// run performs operations in one commit, all or none. Where one fails, it is
// the last of results, with its fault.
func (s *Store) run(r *request, c *container, key partitionKey, operations []operation) (results []outcome, lsn uint64, err error) {
	err = s.update(func(tx *bolt.Tx) error {
		docs := tx.Bucket(c.docs)
		if docs == nil {
			return ownerNotFound()
		}
		lsn = docs.Sequence()
		g := &stage{writer: &s.writer, c: c, key: key, now: r.now, docs: docs, write: firstWrite(lsn + 1)}
		for _, op := range operations {
			done, err := g.do(op)
			done.fault = err
			results = append(results, done)
			if err != nil {
				return g.rollback(err)
			}
		}
		if len(g.done) == 0 {
			return nil // only reads
		}
		lsn++
		return docs.SetSequence(lsn)
	}, nil)
	return results, lsn, err
}

// stage is one request at work in one partition. It writes straight into the
// transaction, which it shares with other requests, and can undo its own part.
type stage struct {
	writer *writer
	c      *container
	key    partitionKey
	now    time.Time
	docs   *bolt.Bucket
	write  uint64 // number of the next write
	done   []undo
}

// undo takes a write back; old is nil where there was nothing.
type undo struct{ key, old []byte }

// do performs one operation. Its errors are failures with the operation's own
// status, unless the file is at fault.
func (g *stage) do(op operation) (outcome, error) {
	if op.fault != nil {
		return outcome{}, op.fault
	}
	old := g.c.find(g.docs, g.key.record(op.id), g.now)
	switch {
	case old == nil && (op.kind == "Create" || op.kind == "Upsert"):
		// Whatever an upsert's If-Match says, which the service heeds for items
		// that exist (azure-cosmos-dotnet-v3 issue 1698).
		return g.put(http.StatusCreated, op, g.write)
	case old == nil:
		return outcome{}, notFound()
	case op.kind == "Create":
		return outcome{}, conflict()
	case op.kind == "Read":
		return g.read(op, old), nil
	case op.ifMatch != "" && op.ifMatch != "*" && op.ifMatch != g.c.etagOf(old):
		return outcome{}, preconditionFailed()
	case op.kind == "Delete":
		return outcome{status: http.StatusNoContent, charge: chargeWrite(len(old.json), 0)}, g.set(op.id, nil)
	case op.kind == "Patch":
		var err error
		if op.item, err = op.patch.apply(g.c, g.key, old); err != nil {
			return outcome{}, err
		}
	}
	return g.put(http.StatusOK, op, old.born)
}

// read copies the item, which the answer needs longer than the transaction
// lasts.
func (g *stage) read(op operation, r *record) outcome {
	if op.ifNone == "*" || op.ifNone == g.c.etagOf(r) {
		return outcome{status: http.StatusNotModified, charge: chargeRead(0)}
	}
	kept := *r
	kept.json = bytes.Clone(r.json)
	return outcome{status: http.StatusOK, item: &kept, charge: chargeRead(len(kept.json))}
}

// put writes an operation's item; born is the write that created it.
func (g *stage) put(status int, op operation, born uint64) (outcome, error) {
	r := &record{write: g.write, born: born, ts: g.now.Unix()}
	if ttl := op.item.Get("ttl"); !value.IsUndefined(ttl) {
		var err error
		if r.ttl, err = parseTTL(ttl); err != nil {
			return outcome{}, err
		}
	}
	g.c.render(r, slices.Clip(op.item))
	if len(r.json) > maxRequest {
		return outcome{}, tooLarge()
	}
	if err := g.claim(op.id, op.item); err != nil {
		return outcome{}, err
	}
	g.write++
	leaves := 0
	if !g.c.index.none() {
		leaves = value.Leaves(op.item)
	}
	return outcome{status: status, item: r, charge: chargeWrite(len(r.json), leaves)}, g.set(op.id, r)
}

// set puts a record in the place of whatever is there; nil deletes.
func (g *stage) set(id string, r *record) error {
	key := g.key.record(id)
	g.done = append(g.done, undo{key, g.docs.Get(key)})
	if r == nil {
		return g.docs.Delete(key)
	}
	return g.docs.Put(key, r.encode())
}

// rollback undoes the request's part of the transaction and gives cause back.
// An error that is no failure makes the whole transaction be dropped.
func (g *stage) rollback(cause error) error {
	index := g.writer.unique[g.c.number]
	for _, done := range slices.Backward(g.done) {
		err := g.docs.Delete(done.key)
		if done.old != nil {
			err = errors.Join(g.docs.Put(done.key, done.old), g.noteUnique(index, done.key, decodeRecord(done.old)))
		}
		if err != nil {
			return fmt.Errorf("localcosmos: undo: %w", err)
		}
	}
	return cause
}
