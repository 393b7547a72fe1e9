package localcosmos

import (
	"fmt"
	"net/http"
	"slices"

	bolt "go.etcd.io/bbolt"

	"switchboard/shared/localcosmos/internal/value"
)

func (s *Store) listContainers(r *request) (*reply, error) {
	d, err := s.catalog.Load().database(r)
	if err != nil {
		return nil, err
	}
	return feedReply(property(d.resource, "_rid"), "DocumentCollections", d.resources()), nil
}

func (d *database) resources() []any {
	var resources []any
	for _, c := range inOrder(d.containers) {
		resources = append(resources, c.resource)
	}
	return resources
}

func (s *Store) readContainer(r *request) (*reply, error) {
	c, err := s.catalog.Load().container(r)
	if err != nil {
		return nil, err
	}
	return resourceReply(http.StatusOK, c.resource, chargeMetadata), nil
}

// postContainer creates a container or, with the query headers, lists some.
func (s *Store) postContainer(r *request) (*reply, error) {
	if r.isQuery() {
		d, err := s.catalog.Load().database(r)
		if err != nil {
			return nil, err
		}
		return s.queryResources(r, property(d.resource, "_rid"), "DocumentCollections", d.resources())
	}
	resource, err := r.definition()
	if err != nil {
		return nil, err
	}
	c, err := newContainer(resource)
	if err != nil {
		return nil, err
	}
	throughput, err := r.throughput()
	if err != nil {
		return nil, err
	}
	err = s.define(func(tx *bolt.Tx, now *catalog) error {
		d, err := now.database(r)
		if err != nil {
			return err
		}
		if d.containers[c.id] != nil {
			return conflict()
		}
		if resource, err = d.newResource(tx, resource, r.now.Unix()); err != nil {
			return err
		}
		if err := putOffer(tx, resource, throughput, r.now.Unix()); err != nil {
			return err
		}
		return tx.Bucket([]byte(bucketContainers)).Put(containerKey(r.db, c.id), value.Append(nil, resource))
	})
	if err != nil {
		return nil, err
	}
	return resourceReply(http.StatusCreated, resource, chargeDefinition), nil
}

// definition reads a container's definition from a body, with the indexing
// policy that the service gives where there is none.
func (r *request) definition() (value.Object, error) {
	body, err := parseObject(r.body)
	if err != nil {
		return nil, err
	}
	body = without(body, definitionSystem())
	if value.IsUndefined(body.Get("indexingPolicy")) {
		body = append(body, value.Member{Name: "indexingPolicy", Value: defaultIndexing()})
	}
	return body, nil
}

// newResource numbers a new container, makes its buckets and completes its
// definition with the system properties.
func (d *database) newResource(tx *bolt.Tx, definition value.Object, ts int64) (value.Object, error) {
	n, err := tx.Bucket([]byte(bucketDatabases)).NextSequence()
	if err != nil {
		return nil, err
	}
	owner, _, err := numbers(property(d.resource, "_rid"))
	if err != nil {
		return nil, err
	}
	if _, err := tx.CreateBucket(bucketName(uint32(n))); err != nil {
		return nil, err
	}
	rid := resourceID(owner, uint32(n), 0)
	resource := systemProperties(definition, rid, property(d.resource, "_self")+"colls/"+rid+"/", etag(uint32(n), 0, ts), ts)
	for _, name := range []string{"docs", "sprocs", "triggers", "udfs", "conflicts"} {
		resource = append(resource, value.Member{Name: "_" + name, Value: name + "/"})
	}
	return resource, nil
}

// replaceContainer changes all of a definition but its name, partition key and
// unique keys.
func (s *Store) replaceContainer(r *request) (*reply, error) {
	resource, err := r.definition()
	if err != nil {
		return nil, err
	}
	err = s.define(func(tx *bolt.Tx, now *catalog) error {
		old, err := now.container(r)
		if err != nil {
			return err
		}
		if match := r.header.Get("If-Match"); match != "" && match != old.etag {
			return preconditionFailed()
		}
		if resource, err = old.replacedBy(resource); err != nil {
			return err
		}
		bucket, ts := tx.Bucket([]byte(bucketContainers)), r.now.Unix()
		n, err := bucket.NextSequence()
		if err != nil {
			return err
		}
		resource = systemProperties(resource, old.rid, property(old.resource, "_self"), etag(old.number, n, ts), ts)
		return bucket.Put(containerKey(r.db, r.coll), value.Append(nil, resource))
	})
	if err != nil {
		return nil, err
	}
	return resourceReply(http.StatusOK, resource, chargeDefinition), nil
}

// replacedBy checks a new definition and carries over what cannot change.
func (c *container) replacedBy(definition value.Object) (value.Object, error) {
	if definition.Get("id") != any(c.id) {
		return nil, badRequest("A container cannot be renamed.")
	}
	for _, name := range immutable() {
		given, now := definition.Get(name), c.resource.Get(name)
		switch {
		case value.IsUndefined(given) && !value.IsUndefined(now):
			definition = append(definition, value.Member{Name: name, Value: now})
		case !value.Equal(given, now):
			return nil, badRequest("The property %q of a container cannot be changed.", name)
		}
	}
	_, err := newContainer(definition)
	return definition, err
}

func (s *Store) deleteContainer(r *request) (*reply, error) {
	err := s.define(func(tx *bolt.Tx, now *catalog) error {
		c, err := now.container(r)
		if err != nil {
			return err
		}
		return c.remove(tx)
	})
	if err != nil {
		return nil, err
	}
	return deletedReply(), nil
}

func containerKey(db, id string) []byte { return []byte(db + "\x00" + id) }

func bucketName(number uint32) []byte { return fmt.Appendf(nil, "docs/%08x", number) }

// remove drops a container with its items.
func (c *container) remove(tx *bolt.Tx) error {
	if err := tx.DeleteBucket(c.docs); err != nil {
		return err
	}
	if err := deleteOffer(tx, c.number); err != nil {
		return err
	}
	return tx.Bucket([]byte(bucketContainers)).Delete(containerKey(c.db, c.id))
}

// definitionSystem and itemSystem are the properties that only the store sets.
func definitionSystem() []string {
	return []string{"_rid", "_self", "_etag", "_ts", "_docs", "_sprocs", "_triggers", "_udfs", "_conflicts"}
}

func itemSystem() []string { return []string{"_rid", "_self", "_etag", "_ts", "_attachments"} }

func without(o value.Object, names []string) value.Object {
	return slices.DeleteFunc(o, func(m value.Member) bool { return slices.Contains(names, m.Name) })
}

// defaultIndexing is the policy of a container that was made without one:
// everything but _etag.
func defaultIndexing() value.Object {
	path := func(p string) []any { return []any{value.Object{{Name: "path", Value: p}}} }
	return value.Object{
		{Name: "indexingMode", Value: "consistent"},
		{Name: "automatic", Value: true},
		{Name: "includedPaths", Value: path("/*")},
		{Name: "excludedPaths", Value: path(`/"_etag"/?`)},
	}
}
