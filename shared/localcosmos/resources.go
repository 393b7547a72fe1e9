package localcosmos

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	bolt "go.etcd.io/bbolt"

	"switchboard/shared/localcosmos/internal/value"
)

// kind is what tells databases, containers and offers apart. The rest they have
// in common.
type kind struct {
	list  string   // the name of a list of them
	feeds []string // what there is below one in the service

	// settle makes of a definition what is stored, in place of old, or refuses
	// it. old is nil for a new one: databases are not replaced, and offers are
	// made with what they are for.
	settle func(old, definition value.Object) (value.Object, error)
}

func kindOf(resourceType string) kind {
	switch resourceType {
	case "dbs":
		return kind{"Databases", []string{"colls", "users"}, settleDatabase}
	case "colls":
		return kind{"DocumentCollections", []string{"docs", "sprocs", "triggers", "udfs", "conflicts"}, settleContainer}
	}
	return kind{"Offers", nil, settleOffer}
}

// settleDatabase refuses everything but an id.
func settleDatabase(_, definition value.Object) (value.Object, error) {
	var known struct {
		ID json.RawMessage `json:"id"`
	}
	return definition, decode(value.Append(nil, definition), &known)
}

// checkName checks what databases and containers may be called: up to 255
// bytes without / \ # ?, and no space at the end.
func checkName(name string) error {
	if name == "" {
		return badRequest("The required property 'id' is missing.")
	}
	if len(name) > 255 || strings.ContainsAny(name, `/\#?`) || strings.HasSuffix(name, " ") || strings.ContainsFunc(name, unicode.IsControl) {
		return badRequest("The id %q is longer than 255 bytes, ends in a space or holds one of / \\ # ?.", name)
	}
	return nil
}

// systemNames and itemSystem are the properties that only the store sets.
func systemNames() []string {
	return []string{"_rid", "_self", "_etag", "_ts", "_colls", "_users", "_docs", "_sprocs", "_triggers", "_udfs", "_conflicts"}
}

func itemSystem() []string { return []string{"_rid", "_self", "_etag", "_ts", "_attachments"} }

func without(o value.Object, names []string) value.Object {
	return slices.DeleteFunc(o, func(m value.Member) bool { return slices.Contains(names, m.Name) })
}

func resourceReply(status int, resource value.Object, charge float64) *reply {
	return &reply{status: status, body: value.Append(nil, resource), etag: property(resource, "_etag"), charge: charge}
}

func (s *Store) readResource(r *request) (*reply, error) {
	found, err := s.catalog.Load().find(r.key())
	if err != nil {
		return nil, err
	}
	return r.unlessKnown(resourceReply(http.StatusOK, found, chargeMetadata)), nil
}

// listResources gives all of a feed or, to a POST, what a query finds in it, on
// one page.
func (s *Store) listResources(r *request) (*reply, error) {
	now := s.catalog.Load()
	owner, err := now.find(r.link)
	if err != nil {
		return nil, err
	}
	q, err := r.parseQuery()
	if err != nil {
		return nil, err
	}
	run := newExecution(q, position{skip: q.Skip, take: q.Take}, math.MaxInt)
	for _, key := range now.keys(r.key()) {
		resource := now.resources[key]
		run.add(entry{rank{key: []byte(key)}, value.Append(nil, resource), resource})
	}
	run.finish()
	return run.reply(property(owner, "_rid"), kindOf(r.resourceType).list), nil
}

// postResource creates a database or container or, with the query headers,
// lists some.
func (s *Store) postResource(r *request) (*reply, error) {
	if r.isQuery() {
		return s.listResources(r)
	}
	definition, err := r.definition()
	if err != nil {
		return nil, err
	}
	throughput, err := r.throughput()
	if err != nil {
		return nil, err
	}
	return s.define(http.StatusCreated, func(tx *bolt.Tx, now *catalog) (value.Object, error) {
		resource, err := now.create(tx, r, definition)
		if err == nil && throughput > 0 {
			err = createOffer(tx, resource, throughput, r.now)
		}
		return resource, err
	})
}

// definition reads a resource from a body, without what only the store sets.
func (r *request) definition() (value.Object, error) {
	body, err := parseObject(r.body)
	return without(body, systemNames()), err
}

// create numbers a new database or container and, for the latter, makes its
// bucket.
func (c *catalog) create(tx *bolt.Tx, r *request, definition value.Object) (value.Object, error) {
	owner, err := c.find(r.link)
	if err != nil {
		return nil, err
	}
	id := property(definition, "id")
	if err := checkName(id); err != nil {
		return nil, err
	}
	key := r.key() + id
	if _, ok := c.resources[key]; ok {
		return nil, conflict()
	}
	settled, err := kindOf(r.resourceType).settle(nil, definition)
	if err != nil {
		return nil, err
	}
	number := uint32(tx.Bucket([]byte(bucketResources)).Sequence() + 1) // which put takes
	rid := resourceID(number, 0, 0)
	if owner != nil {
		db, _, err := numbers(property(owner, "_rid"))
		if err != nil {
			return nil, err
		}
		rid = resourceID(db, number, 0)
		if _, err := tx.CreateBucket(bucketName(number)); err != nil {
			return nil, err
		}
	}
	return put(tx, key, settled, rid, property(owner, "_self")+r.resourceType+"/"+rid+"/", r.now)
}

// put writes a resource, new or changed, with the properties that the service
// adds to it.
func put(tx *bolt.Tx, key string, resource value.Object, rid, self string, now time.Time) (value.Object, error) {
	bucket, ts := tx.Bucket([]byte(bucketResources)), now.Unix()
	n, err := bucket.NextSequence()
	if err != nil {
		return nil, err
	}
	resource = append(resource,
		value.Member{Name: "_rid", Value: rid},
		value.Member{Name: "_self", Value: self},
		value.Member{Name: "_etag", Value: etag(0, n, ts)},
		value.Member{Name: "_ts", Value: float64(ts)})
	resourceType, _, _ := strings.Cut(key, "/")
	for _, feed := range kindOf(resourceType).feeds {
		resource = append(resource, value.Member{Name: "_" + feed, Value: feed + "/"})
	}
	return resource, bucket.Put([]byte(key), value.Append(nil, resource))
}

// replaceResource changes a container or an offer.
func (s *Store) replaceResource(r *request) (*reply, error) {
	definition, err := r.definition()
	if err != nil {
		return nil, err
	}
	return s.define(http.StatusOK, func(tx *bolt.Tx, now *catalog) (value.Object, error) {
		old, err := now.findToChange(r)
		if err != nil {
			return nil, err
		}
		settled, err := kindOf(r.resourceType).settle(old, definition)
		if err != nil {
			return nil, err
		}
		return put(tx, r.key(), settled, property(old, "_rid"), property(old, "_self"), r.now)
	})
}

// deleteResource deletes a container, or a database with its containers.
func (s *Store) deleteResource(r *request) (*reply, error) {
	return s.define(http.StatusNoContent, func(tx *bolt.Tx, now *catalog) (value.Object, error) {
		if _, err := now.findToChange(r); err != nil {
			return nil, err
		}
		keys := []string{r.key()}
		if r.resourceType == "dbs" {
			keys = append(keys, now.keys("colls/"+r.db+"/")...)
		}
		for _, key := range keys {
			if err := now.remove(tx, key); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
}

// remove drops a resource with its offer and its items, where it has any.
func (c *catalog) remove(tx *bolt.Tx, key string) error {
	bucket, offer := tx.Bucket([]byte(bucketResources)), offerKey(property(c.resources[key], "_rid"))
	err := errors.Join(bucket.Delete([]byte(key)), bucket.Delete([]byte(offer)))
	if in := c.containers[key]; in != nil {
		err = errors.Join(err, tx.DeleteBucket(in.docs))
	}
	return err
}
