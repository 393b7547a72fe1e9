package localcosmos

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"switchboard/shared/localcosmos/internal/value"
)

// bucketResources holds the databases, containers and offers as clients see
// them, by their keys:
//
//	dbs/<id>   colls/<database>/<id>   offers/<_rid of what it is for>
//
// Its sequence numbers databases, containers and every change of one, so that
// no number and no etag ever returns. Every container has one more bucket, named
// after its number:
//
//	docs/<n>   partition key \0\1 id -> record; sequence: commits
const bucketResources = "resources"

// catalog is what databases, containers and offers there are. It is replaced as
// a whole, never changed, so that readers need no lock.
type catalog struct {
	resources  map[string]value.Object // by key
	containers map[string]*container   // by key
}

// load reads the catalog from the file, making its bucket if the file is new.
func (s *Store) load() error {
	return s.db.Update(func(tx *bolt.Tx) error {
		if tx.Bucket([]byte("databases")) != nil {
			return fmt.Errorf("localcosmos: %s was written by an earlier version: delete it", s.options.Path)
		}
		if _, err := tx.CreateBucketIfNotExists([]byte(bucketResources)); err != nil {
			return err
		}
		c, err := readCatalog(tx)
		s.catalog.Store(c)
		return err
	})
}

// readCatalog gives faults of the file as errors that are no failure: they are
// not the client's.
func readCatalog(tx *bolt.Tx) (*catalog, error) {
	c := &catalog{resources: map[string]value.Object{}, containers: map[string]*container{}}
	return c, tx.Bucket([]byte(bucketResources)).ForEach(func(stored, text []byte) error {
		key := string(stored)
		resource, err := parseObject(text)
		c.resources[key] = resource
		if err == nil && strings.HasPrefix(key, "colls/") {
			c.containers[key], err = newContainer(resource)
		}
		if err != nil {
			return fmt.Errorf("localcosmos: %s in the file: %v", key, err)
		}
		return nil
	})
}

// define changes databases, containers or offers and answers with the resource
// that change returns; a nil one is gone. change sees what is in the file,
// which may be ahead of the store's catalog within a commit.
func (s *Store) define(status int, change func(*bolt.Tx, *catalog) (value.Object, error)) (*reply, error) {
	var resource value.Object
	var next *catalog
	err := s.update(func(tx *bolt.Tx) error {
		now, err := readCatalog(tx)
		if err != nil {
			return err
		}
		if resource, err = change(tx, now); err != nil {
			return err
		}
		next, err = readCatalog(tx)
		return err
	}, func() {
		s.catalog.Store(next)
		clear(s.writer.unique) // what counts as expired may have changed
	})
	switch {
	case err != nil:
		return nil, err
	case resource == nil:
		return &reply{status: http.StatusNoContent, charge: chargeDefinition}, nil
	}
	return resourceReply(status, resource, chargeDefinition), nil
}

// key is that of the resource that a path names or, where it names a feed, what
// the keys of all in the feed begin with.
func (r *request) key() string {
	if r.resourceType == "colls" {
		return "colls/" + r.db + "/" + r.coll
	}
	return r.resourceType + "/" + r.db
}

// keys gives those that begin with a prefix, in order.
func (c *catalog) keys(prefix string) []string {
	keys := slices.Sorted(maps.Keys(c.resources))
	return slices.DeleteFunc(keys, func(key string) bool { return !strings.HasPrefix(key, prefix) })
}

// find gives the resource with a key. The account, which owns databases and
// offers, has the key "" and no properties.
func (c *catalog) find(key string) (value.Object, error) {
	found, ok := c.resources[key]
	if !ok && key != "" {
		return nil, notFound()
	}
	return found, nil
}

// findToChange gives the resource that a path names, unless If-Match says that
// the client knows an older one.
func (c *catalog) findToChange(r *request) (value.Object, error) {
	found, err := c.find(r.key())
	match := r.header.Get("If-Match")
	if err == nil && match != "" && match != "*" && match != property(found, "_etag") {
		err = preconditionFailed()
	}
	return found, err
}

// container gives what a path names, or in which what it names lies.
func (c *catalog) container(r *request) (*container, error) {
	if found := c.containers["colls/"+r.db+"/"+r.coll]; found != nil {
		return found, nil
	}
	return nil, notFound()
}

// resourceID packs numbers as the service does: 4 bytes for the database, 4
// for the container, 8 for the item, in base64 that is safe in a path.
func resourceID(db, coll uint32, item uint64) string {
	b := binary.BigEndian.AppendUint32(nil, db)
	if coll > 0 {
		b = binary.BigEndian.AppendUint32(b, coll)
	}
	if item > 0 {
		b = binary.LittleEndian.AppendUint64(b, item)
	}
	return strings.ReplaceAll(base64.StdEncoding.EncodeToString(b), "/", "-")
}

// numbers reads back the numbers in the resource id of a database, then coll
// is 0, or of a container.
func numbers(rid string) (db, coll uint32, err error) {
	b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(rid, "-", "/"))
	if err != nil || len(b) != 4 && len(b) != 8 {
		return 0, 0, fmt.Errorf("the resource id %q is not one of this store's", rid)
	}
	if len(b) == 8 {
		coll = binary.BigEndian.Uint32(b[4:])
	}
	return binary.BigEndian.Uint32(b), coll, nil
}

// etag makes the tag of the n-th write in a container, or of definitions in
// container 0, in the form of the service's. Container numbers are not used
// again, so no tag ever returns.
func etag(container uint32, write uint64, ts int64) string {
	return fmt.Sprintf(`"%08x-%04x-%04x-%04x-%08x0000"`,
		uint32(write), uint16(write>>32), uint16(container>>16), uint16(container), uint32(ts))
}

// property reads a text among a resource's members.
func property(resource value.Object, name string) string {
	text, _ := resource.Get(name).(string)
	return text
}
