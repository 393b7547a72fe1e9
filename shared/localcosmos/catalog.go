package localcosmos

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"switchboard/shared/localcosmos/internal/value"
)

// The file's buckets. Every container has one more, named after its number:
//
//	docs/<n>   partition key \0\1 id -> record; sequence: commits
const (
	bucketDatabases  = "databases"  // id -> resource; sequence: numbers
	bucketContainers = "containers" // database \0 id -> resource; sequence: replaces
)

// catalog is what databases and containers there are. It is replaced as a
// whole, never changed, so that readers need no lock.
type catalog struct {
	databases map[string]*database
	offers    map[string]value.Object
}

type database struct {
	resource   value.Object
	containers map[string]*container
}

// load reads the catalog from the file, making the buckets if it is new.
func (s *Store) load() error {
	return s.db.Update(func(tx *bolt.Tx) error {
		for _, name := range []string{bucketDatabases, bucketContainers, bucketOffers} {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		c, err := readCatalog(tx)
		s.catalog.Store(c)
		return err
	})
}

// readCatalog gives faults of the file as errors that are no failure: they are
// not the client's.
func readCatalog(tx *bolt.Tx) (*catalog, error) {
	c := &catalog{databases: map[string]*database{}, offers: map[string]value.Object{}}
	if err := c.readOffers(tx); err != nil {
		return nil, err
	}
	err := tx.Bucket([]byte(bucketDatabases)).ForEach(func(id, text []byte) error {
		resource, err := parseObject(text)
		if err != nil {
			return fmt.Errorf("localcosmos: database %q: %v", id, err)
		}
		c.databases[string(id)] = &database{resource: resource, containers: map[string]*container{}}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c, tx.Bucket([]byte(bucketContainers)).ForEach(func(key, text []byte) error {
		db, id, _ := strings.Cut(string(key), "\x00")
		resource, err := parseObject(text)
		if err != nil {
			return fmt.Errorf("localcosmos: container %q: %v", id, err)
		}
		found, err := newContainer(resource)
		if err != nil {
			return fmt.Errorf("localcosmos: container %q: %v", id, err)
		}
		if c.databases[db] == nil {
			return fmt.Errorf("localcosmos: container %q: its database is missing", id)
		}
		found.db = db
		c.databases[db].containers[id] = found
		return nil
	})
}

// define changes databases or containers. change sees what is in the file,
// which may be ahead of the store's catalog within a commit.
func (s *Store) define(change func(*bolt.Tx, *catalog) error) error {
	var next *catalog
	return s.update(func(tx *bolt.Tx) error {
		now, err := readCatalog(tx)
		if err != nil {
			return err
		}
		if err := change(tx, now); err != nil {
			return err
		}
		next, err = readCatalog(tx)
		return err
	}, func() { s.catalog.Store(next) })
}

// database gives what a request's path names.
func (c *catalog) database(r *request) (*database, error) {
	if d := c.databases[r.db]; d != nil {
		return d, nil
	}
	return nil, notFound()
}

// container gives what a request's path names.
func (c *catalog) container(r *request) (*container, error) {
	if d := c.databases[r.db]; d != nil && d.containers[r.coll] != nil {
		return d.containers[r.coll], nil
	}
	return nil, notFound()
}

// property reads a text among a resource's members.
func property(resource value.Object, name string) string {
	text, _ := resource.Get(name).(string)
	return text
}

// inOrder gives the values of a map by the order of its keys.
func inOrder[V any](m map[string]V) []V {
	values := make([]V, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		values = append(values, m[key])
	}
	return values
}
