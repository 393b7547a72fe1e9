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
		for _, c := range s.catalog.Load().containers {
			s.purgeContainer(c)
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
		err = s.update(func(tx *bolt.Tx) error {
			for _, key := range keys {
				if err := c.purgeKey(tx, key, s.now()); err != nil {
					return err
				}
			}
			return nil
		}, nil)
		if err != nil {
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

// purgeKey removes a record that is still expired. The change feed knows
// nothing of it, so no lsn is spent.
func (c *container) purgeKey(tx *bolt.Tx, key []byte, now time.Time) error {
	prefix, id, _ := bytes.Cut(key, []byte{0, 1})
	g, err := c.stage(tx, partitionKey(prefix), now)
	if err != nil {
		return err
	}
	if live, err := g.find(string(id)); live != nil || err != nil {
		return err
	}
	if err := g.delete(string(id)); err != nil {
		return err
	}
	return g.applyWrites()
}
