package localcosmos

import (
	"bytes"
	"errors"
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
// tries again, and requests see a fault of the file by themselves. The change
// feed knows nothing of it, so its commits do not count.
func (s *Store) purgeContainer(c *container) {
	var err error
	for c.defaultTTL != 0 && err == nil {
		err = s.update(func(tx *bolt.Tx) error {
			docs := tx.Bucket(c.docs)
			if docs == nil {
				return ownerNotFound()
			}
			return c.purgeSome(docs, s.options.Now())
		}, nil)
	}
}

// purgeSome fails where there is nothing to purge, so that nothing is committed.
func (c *container) purgeSome(docs *bolt.Bucket, now time.Time) (err error) {
	var keys [][]byte
	for key, r := range records(docs, nil) {
		if len(keys) == purgeBatch {
			break
		}
		if c.expired(r, now) {
			keys = append(keys, bytes.Clone(key))
		}
	}
	if len(keys) == 0 {
		return notFound()
	}
	for _, key := range keys {
		err = errors.Join(err, docs.Delete(key))
	}
	return err
}
