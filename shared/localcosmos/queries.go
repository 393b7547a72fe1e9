package localcosmos

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	bolt "go.etcd.io/bbolt"

	"switchboard/shared/localcosmos/internal/query"
	"switchboard/shared/localcosmos/internal/value"
)

const (
	defaultPage = 100
	maxPage     = 1000    // of a dynamic page size (-1)
	maxResponse = 4 << 20 // bytes of results on a page
	maxQuery    = 512 << 10
)

// isQuery tells a query from a create: the header's name differs by SDK.
func (r *request) isQuery() bool {
	return r.is("X-Ms-Documentdb-Query") || r.is("X-Ms-Documentdb-Isquery") ||
		strings.HasPrefix(r.header.Get("Content-Type"), "application/query+json")
}

// parseQuery reads {"query","parameters":[{"name","value"}]}. A GET asks for
// everything.
func (r *request) parseQuery() (*query.Query, error) {
	if r.method == http.MethodGet {
		return query.Parse("SELECT * FROM c", nil)
	}
	var body struct {
		Query      string `json:"query"`
		Parameters []struct {
			Name  string          `json:"name"`
			Value json.RawMessage `json:"value"`
		} `json:"parameters"`
	}
	if err := decode(r.body, &body); err != nil {
		return nil, err
	}
	if len(body.Query) > maxQuery {
		return nil, badRequest("The query is longer than 512 KB.")
	}
	parameters := map[string]any{}
	for _, parameter := range body.Parameters {
		v, err := value.Parse(parameter.Value)
		if err != nil {
			return nil, badRequest("The query parameter %q has no valid value.", parameter.Name)
		}
		parameters[parameter.Name] = v
	}
	q, err := query.Parse(body.Query, parameters)
	if err != nil {
		return nil, badQuery(err)
	}
	return q, nil
}

// badQuery words a fault in a query as the service does.
func badQuery(err error) *failure {
	fault, ok := errors.AsType[*query.Error](err)
	if !ok {
		return badRequest("%v", err)
	}
	return badRequest(`Message: {"errors":[{"severity":"Error","location":{"start":%d,"end":%d},"code":%q,"message":%s}]}`,
		fault.Start, fault.End, fault.Code, value.Append(nil, fault.Message))
}

// pageSize reads x-ms-max-item-count: -1 leaves the size to the store.
func (r *request) pageSize() (int, error) {
	n, err := strconv.Atoi(cmp.Or(r.header.Get("X-Ms-Max-Item-Count"), strconv.Itoa(defaultPage)))
	switch {
	case err != nil || n < -1 || n == 0:
		return 0, badRequest("The header x-ms-max-item-count is not a positive number or -1.")
	case n == -1:
		return maxPage, nil
	}
	return n, nil
}

// queryItems runs a query in one partition, or across those that the gateway
// can serve. A list is a query too ("List documents").
func (s *Store) queryItems(r *request, c *container) (*reply, error) {
	q, err := r.parseQuery()
	if err != nil {
		return nil, err
	}
	if err := c.index.check(q.OrderBy); err != nil {
		return nil, err
	}
	key, err := c.scope(r, q)
	if err != nil {
		return nil, err
	}
	return s.page(r, c, q, key)
}

// page runs a query over a partition, or with an empty key over all, from where
// the continuation says.
func (s *Store) page(r *request, c *container, q *query.Query, key partitionKey) (*reply, error) {
	size, err := r.pageSize()
	if err != nil {
		return nil, err
	}
	binding := c.rid + "\x00" + string(key) + "\x00" + string(r.body)
	from, err := s.position(r.header.Get("X-Ms-Continuation"), binding, q)
	if err != nil {
		return nil, err
	}
	run := newExecution(q, from, size)
	lsn := uint64(0)
	err = s.snapshot(r, c, func(docs *bolt.Bucket) error {
		lsn = docs.Sequence()
		err := s.scan(c, docs, key, r.now, run.add)
		run.finish()
		return err
	})
	if err != nil {
		return nil, err
	}
	answer := run.reply(c.rid, "Documents")
	answer.lsn = lsn
	if run.more {
		if answer.extra["X-Ms-Continuation"], err = s.token(run.position, binding); err != nil {
			return nil, err
		}
	}
	if r.is("X-Ms-Documentdb-Populatequerymetrics") {
		answer.extra["X-Ms-Documentdb-Query-Metrics"] = run.metrics()
	}
	return answer, nil
}

// scope finds the partition that a query is confined to: by the header, or by
// a WHERE that pins every part of the key. Without one the query crosses
// partitions, for which the gateway serves filters and projections only
// ("Queries that cannot be served by gateway").
func (c *container) scope(r *request, q *query.Query) (partitionKey, error) {
	key, err := c.headerKey(r)
	if err != nil || key != "" {
		return key, err
	}
	var pinned []any
	for _, path := range c.keyPaths {
		if v, ok := q.Pinned(path); ok {
			pinned = append(pinned, v)
		}
	}
	switch {
	case len(pinned) == len(c.keyPaths):
		return c.newKey(pinned)
	case r.method == http.MethodGet:
		return "", nil
	case !r.is("X-Ms-Documentdb-Query-Enablecrosspartition"):
		return "", badRequest("Cross partition query is required but disabled. Please set x-ms-documentdb-query-enablecrosspartition to true, specify x-ms-documentdb-partitionkey, or revise your query to avoid this exception.")
	case len(q.OrderBy) > 0 || q.Aggregates() || q.Distinct || q.Take >= 0:
		return "", refuse(http.StatusBadRequest, 1004, "The provided cross partition query can not be directly served by the gateway.")
	}
	return "", nil
}

// list is what a page lists: JSON texts parted by commas.
type list struct {
	texts []byte
	count int
}

// add takes a text; the empty one is Undefined and no result.
func (l *list) add(text []byte) {
	if len(text) == 0 {
		return
	}
	if l.count > 0 {
		l.texts = append(l.texts, ',')
	}
	l.texts = append(l.texts, text...)
	l.count++
}

// reply wraps the texts as every list is.
func (l *list) reply(rid, name string) *reply {
	return &reply{
		status: http.StatusOK,
		charge: chargeMetadata,
		body:   fmt.Appendf(nil, `{"_rid":%q,%q:[%s],"_count":%d}`, rid, name, l.texts, l.count),
		extra:  map[string]string{"X-Ms-Item-Count": strconv.Itoa(l.count)},
	}
}
