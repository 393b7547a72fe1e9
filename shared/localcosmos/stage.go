package localcosmos

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"switchboard/shared/localcosmos/internal/value"
)

// stage collects what one request does to one partition. Operations see those
// before them; the transaction sees none until apply, so dropping a stage
// undoes it.
type stage struct {
	c      *container
	key    partitionKey
	now    time.Time
	docs   *bolt.Bucket
	feed   *bolt.Bucket
	unique *bolt.Bucket

	lsn    uint64
	write  uint64
	items  map[string]*record // by id; nil is deleted
	order  []string
	claims map[string]string // unique key -> id; "" is released
}

func (c *container) stage(tx *bolt.Tx, key partitionKey, now time.Time) (*stage, error) {
	g := &stage{
		c: c, key: key, now: now,
		docs: tx.Bucket(c.docs), feed: tx.Bucket(c.feed), unique: tx.Bucket(c.unique),
		items: map[string]*record{}, claims: map[string]string{},
	}
	if g.docs == nil || g.feed == nil || g.unique == nil {
		return nil, ownerNotFound()
	}
	g.lsn, g.write = g.feed.Sequence()+1, g.docs.Sequence()
	return g, nil
}

// find gives an item, or nil if it is absent or has expired.
func (g *stage) find(id string) (*record, error) {
	if staged, ok := g.items[id]; ok {
		return staged, nil
	}
	return g.c.find(g.docs, g.key.record(id), g.now)
}

// find gives the live record under a key, or nil. It shares the file's memory,
// so it holds as long as the transaction.
func (c *container) find(docs *bolt.Bucket, key []byte, now time.Time) (*record, error) {
	stored := docs.Get(key)
	if stored == nil {
		return nil, nil
	}
	r, err := decodeRecord(stored)
	if err != nil || c.expired(r, now) {
		return nil, err
	}
	return r, nil
}

// put stages an item in place of old, which is nil for a new one.
func (g *stage) put(id string, item value.Object, old *record) (*record, error) {
	r := &record{lsn: g.lsn, write: g.write + 1, ts: g.now.Unix()}
	r.born = r.write
	if old != nil {
		r.born = old.born
	}
	if ttl := item.Get("ttl"); !value.IsUndefined(ttl) {
		var err error
		if r.ttl, err = parseTTL(ttl); err != nil {
			return nil, err
		}
	}
	g.c.render(r, item)
	if len(r.json) > maxRequest {
		return nil, tooLarge()
	}
	if err := g.claim(id, item); err != nil {
		return nil, err
	}
	g.write++
	g.set(id, r)
	return r, nil
}

func (g *stage) delete(id string) error {
	if err := g.release(id); err != nil {
		return err
	}
	g.set(id, nil)
	return nil
}

func (g *stage) set(id string, r *record) {
	if _, ok := g.items[id]; !ok {
		g.order = append(g.order, id)
	}
	g.items[id] = r
}

// apply moves what was staged into the transaction. All of it carries one lsn,
// as one transaction does in the change feed.
func (g *stage) apply() error {
	if len(g.order) == 0 {
		g.lsn-- // nothing is committed
		return nil
	}
	if err := g.applyWrites(); err != nil {
		return err
	}
	if err := g.docs.SetSequence(g.write); err != nil {
		return err
	}
	return g.feed.SetSequence(g.lsn)
}

func (g *stage) applyWrites() error {
	for _, id := range g.order {
		if err := g.applyItem(g.key.record(id), g.items[id]); err != nil {
			return fmt.Errorf("localcosmos: write: %w", err)
		}
	}
	if err := g.applyClaims(); err != nil {
		return fmt.Errorf("localcosmos: write: %w", err)
	}
	return nil
}

func (g *stage) applyItem(key []byte, r *record) error {
	if stored := g.docs.Get(key); stored != nil {
		old, err := decodeRecord(stored)
		if err != nil {
			return err
		}
		if err := g.feed.Delete(feedKey(old)); err != nil {
			return err
		}
	}
	if r == nil {
		return g.docs.Delete(key)
	}
	if err := g.feed.Put(feedKey(r), key); err != nil {
		return err
	}
	return g.docs.Put(key, r.encode())
}

// feedKey orders items by commit, and by write within one.
func feedKey(r *record) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, r.lsn), r.write)
}

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

// do performs one operation. Its errors are failures with the operation's own
// status, unless the file is at fault.
func (g *stage) do(op operation) (outcome, error) {
	if op.fault != nil {
		return outcome{}, op.fault
	}
	old, err := g.find(op.id)
	if err != nil {
		return outcome{}, err
	}
	if old == nil {
		return g.doNew(op)
	}
	switch op.kind {
	case "Create":
		return outcome{}, conflict()
	case "Read":
		return g.read(op, old), nil
	}
	if op.ifMatch != "" && op.ifMatch != "*" && op.ifMatch != g.c.etagOf(old) {
		return outcome{}, preconditionFailed()
	}
	switch op.kind {
	case "Delete":
		return outcome{status: http.StatusNoContent, charge: chargeWrite(len(old.json), 0)}, g.delete(op.id)
	case "Patch":
		if op.item, err = op.patch.apply(g.c, g.key, old); err != nil {
			return outcome{}, err
		}
	}
	return g.written(http.StatusOK, op, old)
}

// run performs operations in one commit, all or none. Where one fails, it is
// the last of results, with its fault.
func (s *Store) run(r *request, c *container, key partitionKey, operations []operation) (results []outcome, lsn uint64, err error) {
	err = s.update(func(tx *bolt.Tx) error {
		g, err := c.stage(tx, key, r.now)
		if err != nil {
			return err
		}
		for _, op := range operations {
			done, err := g.do(op)
			done.fault = err
			results = append(results, done)
			if err != nil {
				return err
			}
		}
		err = g.apply()
		lsn = g.lsn
		return err
	}, nil)
	return results, lsn, err
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

// doNew performs an operation on an item that is not there. An upsert creates
// it whatever its If-Match says, which the service heeds for items that exist
// (azure-cosmos-dotnet-v3 issue 1698).
func (g *stage) doNew(op operation) (outcome, error) {
	if op.kind == "Create" || op.kind == "Upsert" {
		return g.written(http.StatusCreated, op, nil)
	}
	return outcome{}, notFound()
}

func (g *stage) written(status int, op operation, old *record) (outcome, error) {
	leaves := 0
	if !g.c.index.none() {
		leaves = value.Leaves(op.item)
	}
	r, err := g.put(op.id, slices.Clip(op.item), old)
	if err != nil {
		return outcome{}, err
	}
	return outcome{status: status, item: r, charge: chargeWrite(len(r.json), leaves)}, nil
}
