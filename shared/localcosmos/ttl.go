package localcosmos

import (
	"bytes"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	// purgeEvery is how often expired items are removed from the file. They
	// are invisible long before.
	purgeEvery = time.Minute
	// purgeBatch is how many are removed in one commit, so that writers wait
	// for little.
	purgeBatch = 500
)

// purge removes what has expired, until the store is closed.
func (s *Store) purge() {
	ticker := time.NewTicker(purgeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-ticker.C:
		}
		for _, d := range s.catalog.Load().databases {
			for _, c := range d.containers {
				s.purgeContainer(c)
			}
		}
	}
}

// purgeContainer gives up on a container at the first fault: the next round
// tries again, and requests see a fault of the file by themselves.
func (s *Store) purgeContainer(c *container) {
	for c.defaultTTL != 0 {
		var keys [][]byte
		err := s.view(func(tx *bolt.Tx) error {
			keys = c.expiredKeys(tx, s.now())
			return nil
		})
		if err != nil || len(keys) == 0 {
			return
		}
		if s.update(func(tx *bolt.Tx) error { return c.purgeKeys(tx, keys, s.now()) }, nil) != nil {
			return
		}
	}
}

func (c *container) expiredKeys(tx *bolt.Tx, now time.Time) [][]byte {
	docs := tx.Bucket(c.docs)
	if docs == nil {
		return nil
	}
	var keys [][]byte
	cursor := docs.Cursor()
	for key, stored := cursor.First(); key != nil && len(keys) < purgeBatch; key, stored = cursor.Next() {
		if r, err := decodeRecord(stored); err == nil && c.expired(r, now) {
			keys = append(keys, bytes.Clone(key))
		}
	}
	return keys
}

// purgeKeys removes the records that are still expired. The change feed knows
// nothing of it, so no lsn is spent.
func (c *container) purgeKeys(tx *bolt.Tx, keys [][]byte, now time.Time) error {
	for _, key := range keys {
		prefix, id, _ := bytes.Cut(key, []byte{0, 1})
		g, err := c.stage(tx, partitionKey(prefix), now)
		if err != nil {
			return err
		}
		stored := g.docs.Get(key)
		if stored == nil {
			continue
		}
		r, err := decodeRecord(stored)
		if err != nil {
			return err
		}
		if !c.expired(r, now) {
			continue
		}
		if err := g.release(string(id)); err != nil {
			return err
		}
		g.set(string(id), nil)
		if err := g.applyWrites(); err != nil {
			return err
		}
	}
	return nil
}
