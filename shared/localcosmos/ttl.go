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
			keys = c.expiredKeys(tx.Bucket(c.docs), s.options.Now())
			return nil
		})
		if err != nil || len(keys) == 0 {
			return
		}
		err = s.update(func(tx *bolt.Tx) error { return c.purgeKeys(tx.Bucket(c.docs), keys, s.options.Now()) }, nil)
		if err != nil {
			return
		}
	}
}

func (c *container) expiredKeys(docs *bolt.Bucket, now time.Time) (keys [][]byte) {
	if docs == nil {
		return nil // the container is gone
	}
	for key, r := range records(docs, nil) {
		if len(keys) == purgeBatch {
			break
		}
		if c.expired(r, now) {
			keys = append(keys, bytes.Clone(key))
		}
	}
	return keys
}

// purgeKeys removes records that are still expired. The change feed knows
// nothing of it, so it is no commit that counts.
func (c *container) purgeKeys(docs *bolt.Bucket, keys [][]byte, now time.Time) error {
	if docs == nil {
		return ownerNotFound()
	}
	for _, key := range keys {
		if c.find(docs, key, now) != nil {
			continue
		}
		if err := docs.Delete(key); err != nil {
			return err
		}
	}
	return nil
}
