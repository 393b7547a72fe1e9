package localcosmos

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"switchboard/shared/localcosmos/internal/value"
)

// The file's buckets. Every container has three more, named after its number:
//
//	docs/<n>   partition key \0\1 id -> record; sequence: writes
//	feed/<n>   lsn, write -> key of the record; sequence: commits
//	unique/<n> partition key \0\1 policy, hash of values -> id
const (
	bucketDatabases  = "databases"  // id -> resource; sequence: numbers
	bucketContainers = "containers" // database \0 id -> resource; sequence: replaces
)

// catalog is what databases and containers there are. It is replaced as a
// whole, never changed, so that readers need no lock.
type catalog struct {
	databases map[string]*database
}

type database struct {
	resource   value.Object
	containers map[string]*container
}

func (c *catalog) container(db, id string) (*container, error) {
	if d := c.databases[db]; d != nil {
		if found := d.containers[id]; found != nil {
			return found, nil
		}
	}
	return nil, ownerNotFound()
}

// load reads the catalog from the file, making the buckets if it is new.
func (s *Store) load() error {
	return s.db.Update(func(tx *bolt.Tx) error {
		for _, name := range []string{bucketDatabases, bucketContainers} {
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
	c := &catalog{databases: map[string]*database{}}
	err := tx.Bucket([]byte(bucketDatabases)).ForEach(func(id, text []byte) error {
		resource, err := parseObject(text)
		if err != nil {
			return fmt.Errorf("localcosmos: database %q: %v", id, err)
		}
		c.databases[string(id)] = newDatabase(resource)
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
		if err == nil && c.databases[db] == nil {
			err = errors.New("its database is missing")
		}
		if err != nil {
			return fmt.Errorf("localcosmos: container %q: %v", id, err)
		}
		found.db = db
		c.databases[db].containers[id] = found
		return nil
	})
}

func (d *database) rid() string { return d.property("_rid") }

func (d *database) self() string { return d.property("_self") }

func (d *database) property(name string) string {
	text, _ := d.resource.Get(name).(string)
	return text
}

func newDatabase(resource value.Object) *database {
	return &database{resource: resource, containers: map[string]*container{}}
}

// define changes databases or containers, and the catalog with them.
func (s *Store) define(change func(*bolt.Tx) error) error {
	var next *catalog
	return s.update(func(tx *bolt.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		var err error
		next, err = readCatalog(tx)
		return err
	}, func() { s.catalog.Store(next) })
}

func parseObject(text []byte) (value.Object, error) {
	v, err := value.Parse(text)
	if err != nil {
		return nil, badRequest("The body is not valid JSON: %v.", err)
	}
	object, ok := v.(value.Object)
	if !ok {
		return nil, badRequest("The body is not a JSON object.")
	}
	return object, nil
}

// decode reads a body into a struct. Members that the struct does not know are
// refused by name.
func decode(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return unsupported("the property %s", field)
		}
		return badRequest("The body is invalid: %v.", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return badRequest("The body goes on after its JSON.")
	}
	return nil
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

// etag makes the tag of the n-th write in a container, in the form of the
// service's. Container numbers are not used again, so no tag ever returns.
func etag(container uint32, write uint64, ts int64) string {
	return fmt.Sprintf(`"%08x-%04x-%04x-%04x-%08x0000"`,
		uint32(write), uint16(write>>32), uint16(container>>16), uint16(container), uint32(ts))
}

// checkName checks what databases and containers may be called: up to 255
// bytes without / \ # ?, and no space at the end.
func checkName(name string) error {
	if name == "" {
		return badRequest("The required property 'id' is missing.")
	}
	if len(name) > 255 || strings.ContainsAny(name, `/\#?`) || strings.HasSuffix(name, " ") || strings.ContainsFunc(name, isControl) {
		return badRequest("The id %q is longer than 255 bytes, ends in a space or holds one of / \\ # ?.", name)
	}
	return nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// inOrder gives the values of a map by the order of its keys.
func inOrder[V any](m map[string]V) []V {
	values := make([]V, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		values = append(values, m[key])
	}
	return values
}
