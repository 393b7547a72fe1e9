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
	etag, _ := resource.Get("_etag").(string)
	return &reply{status: status, body: value.Append(nil, resource), etag: etag, charge: charge}
}

func (s *Store) findDatabase(id string) (*database, error) {
	if d := s.catalog.Load().databases[id]; d != nil {
		return d, nil
	}
	return nil, notFound()
}

func (s *Store) listDatabases(r *request) (*reply, error) {
	return feedReply("", "Databases", databaseResources(s.catalog.Load())), nil
}

func databaseResources(c *catalog) []any {
	var resources []any
	for _, d := range inOrder(c.databases) {
		resources = append(resources, d.resource)
	}
	return resources
}

func (s *Store) readDatabase(r *request) (*reply, error) {
	d, err := s.findDatabase(r.db)
	if err != nil {
		return nil, err
	}
	return resourceReply(http.StatusOK, d.resource, chargeMetadata), nil
}

// postDatabase creates a database or, with the query headers, lists some.
func (s *Store) postDatabase(r *request) (*reply, error) {
	if r.isQuery() {
		return s.queryResources(r, "", "Databases", databaseResources(s.catalog.Load()))
	}
	var body struct {
		ID string `json:"id"`
	}
	err := decode(r.body, &body)
	if err != nil {
		return nil, err
	}
	id := body.ID
	if err := checkName(id); err != nil {
		return nil, err
	}
	if err := r.noThroughput(); err != nil {
		return nil, err
	}
	var created *database
	err = s.define(func(tx *bolt.Tx) error {
		bucket := tx.Bucket([]byte(bucketDatabases))
		if bucket.Get([]byte(id)) != nil {
			return conflict()
		}
		n, err := bucket.NextSequence()
		if err != nil {
			return err
		}
		rid, ts := resourceID(uint32(n), 0, 0), r.now.Unix()
		resource := systemProperties(value.Object{{Name: "id", Value: id}}, rid, "dbs/"+rid+"/", etag(uint32(n), 0, ts), ts)
		resource = append(resource, value.Member{Name: "_colls", Value: "colls/"}, value.Member{Name: "_users", Value: "users/"})
		created = newDatabase(resource)
		return bucket.Put([]byte(id), value.Append(nil, resource))
	})
	if err != nil {
		return nil, err
	}
	return resourceReply(http.StatusCreated, created.resource, chargeDefinition), nil
}

func (s *Store) deleteDatabase(r *request) (*reply, error) {
	err := s.define(func(tx *bolt.Tx) error {
		bucket := tx.Bucket([]byte(bucketDatabases))
		if bucket.Get([]byte(r.db)) == nil {
			return notFound()
		}
		// Containers of the same commit are in the file and not yet in the
		// store's catalog.
		c, err := readCatalog(tx)
		if err != nil {
			return err
		}
		for _, found := range c.databases[r.db].containers {
			if err := found.remove(tx); err != nil {
				return err
			}
		}
		return bucket.Delete([]byte(r.db))
	})
	if err != nil {
		return nil, err
	}
	return &reply{status: http.StatusNoContent, charge: chargeDefinition}, nil
}

// noThroughput refuses what would have no effect.
func (r *request) noThroughput() error {
	for _, name := range []string{"X-Ms-Offer-Throughput", "X-Ms-Cosmos-Offer-Autopilot-Settings"} {
		if r.header.Get(name) != "" {
			return unsupported("throughput (the header %s)", name)
		}
	}
	return nil
}
