package localcosmos

import (
	"net/http"

	bolt "go.etcd.io/bbolt"

	"switchboard/shared/localcosmos/internal/value"
)

// systemProperties fill a database or container in as the service does.
func systemProperties(resource value.Object, rid, self, etag string, ts int64) value.Object {
	return append(resource,
		value.Member{Name: "_rid", Value: rid},
		value.Member{Name: "_self", Value: self},
		value.Member{Name: "_etag", Value: etag},
		value.Member{Name: "_ts", Value: float64(ts)})
}

func resourceReply(status int, resource value.Object, charge float64) *reply {
	return &reply{status: status, body: value.Append(nil, resource), etag: property(resource, "_etag"), charge: charge}
}

func deletedReply() *reply { return &reply{status: http.StatusNoContent, charge: chargeDefinition} }

func (s *Store) listDatabases(r *request) (*reply, error) {
	return feedReply("", "Databases", s.catalog.Load().resources()), nil
}

func (c *catalog) resources() []any {
	var resources []any
	for _, d := range inOrder(c.databases) {
		resources = append(resources, d.resource)
	}
	return resources
}

func (s *Store) readDatabase(r *request) (*reply, error) {
	d, err := s.catalog.Load().database(r)
	if err != nil {
		return nil, err
	}
	return resourceReply(http.StatusOK, d.resource, chargeMetadata), nil
}

// postDatabase creates a database or, with the query headers, lists some.
func (s *Store) postDatabase(r *request) (*reply, error) {
	if r.isQuery() {
		return s.queryResources(r, "", "Databases", s.catalog.Load().resources())
	}
	var body struct {
		ID string `json:"id"`
	}
	if err := decode(r.body, &body); err != nil {
		return nil, err
	}
	if err := checkName(body.ID); err != nil {
		return nil, err
	}
	throughput, err := r.throughput()
	if err != nil {
		return nil, err
	}
	resource := value.Object{{Name: "id", Value: body.ID}}
	err = s.define(func(tx *bolt.Tx, c *catalog) error {
		if c.databases[body.ID] != nil {
			return conflict()
		}
		bucket := tx.Bucket([]byte(bucketDatabases))
		n, err := bucket.NextSequence()
		if err != nil {
			return err
		}
		rid, ts := resourceID(uint32(n), 0, 0), r.now.Unix()
		resource = systemProperties(resource, rid, "dbs/"+rid+"/", etag(uint32(n), 0, ts), ts)
		resource = append(resource, value.Member{Name: "_colls", Value: "colls/"}, value.Member{Name: "_users", Value: "users/"})
		if err := putOffer(tx, resource, throughput, ts); err != nil {
			return err
		}
		return bucket.Put([]byte(body.ID), value.Append(nil, resource))
	})
	if err != nil {
		return nil, err
	}
	return resourceReply(http.StatusCreated, resource, chargeDefinition), nil
}

func (s *Store) deleteDatabase(r *request) (*reply, error) {
	err := s.define(func(tx *bolt.Tx, c *catalog) error {
		d, err := c.database(r)
		if err != nil {
			return err
		}
		for _, container := range d.containers {
			if err := container.remove(tx); err != nil {
				return err
			}
		}
		number, _, err := numbers(property(d.resource, "_rid"))
		if err != nil {
			return err
		}
		if err := deleteOffer(tx, number); err != nil {
			return err
		}
		return tx.Bucket([]byte(bucketDatabases)).Delete([]byte(r.db))
	})
	if err != nil {
		return nil, err
	}
	return deletedReply(), nil
}
