package localcosmos

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"switchboard/shared/localcosmos/internal/query"
	"switchboard/shared/localcosmos/internal/value"
)

// entry is an item that a query looks at. key and json share the file's
// memory, so they hold as long as the transaction.
type entry struct {
	rank
	json []byte
	item any
}

// rank is an item's place in a query's order: what ORDER BY sorts it by, and
// its record's key.
type rank struct {
	sort []any
	key  []byte
}

// version names a record's content, which never changes.
type version struct {
	container uint32
	write     uint64
}

const (
	keptItems    = 8 << 10
	keptItemSize = 4 << 10 // larger ones are parsed every time
)

// parse gives a record's item, and keeps it for the next query.
func (s *Store) parse(c *container, r *record) (any, error) {
	v := version{c.number, r.write}
	if item, ok := s.parsed.Get(v); ok {
		return item, nil
	}
	item, err := value.Parse(r.json)
	if err == nil && len(r.json) <= keptItemSize {
		s.parsed.Add(v, item)
	}
	return item, err
}

// scan shows the live items of a partition in the order of their ids, or with
// an empty key those of the whole container, as long as visit wants more.
func (s *Store) scan(c *container, docs *bolt.Bucket, key partitionKey, now time.Time, visit func(entry) bool) error {
	for k, r := range records(docs, key.prefix()) {
		if c.expired(r, now) {
			continue
		}
		item, err := s.parse(c, r)
		if err != nil {
			return err
		}
		if !visit(entry{rank{key: k}, r.json, item}) {
			break
		}
	}
	return nil
}

// execution makes one page of a query: add all items in the order of their
// keys, then finish.
type execution struct {
	query *query.Query
	size  int
	from  rank // of the last item on the page before; without a key this is the first

	position      // of the last item given
	more     bool // there is another page

	results  list
	examined int
	unsorted []entry // ORDER BY
	totals   *query.Aggregation
	seen     map[string]bool // DISTINCT
}

func newExecution(q *query.Query, from position, size int) *execution {
	return &execution{
		query: q, size: size, from: from.rank, position: from,
		totals: q.NewAggregation(), seen: map[string]bool{},
	}
}

// add looks at an item and tells whether the page wants more.
func (x *execution) add(e entry) bool {
	x.examined++
	switch {
	case !x.query.Matches(e.item):
	case x.query.Aggregates():
		x.totals.Add(e.item)
	case x.query.Sorts():
		e.sort = x.query.Keys(e.item)
		x.unsorted = append(x.unsorted, e)
	default:
		return x.offer(e)
	}
	return true
}

// finish gives what had to wait for the last item.
func (x *execution) finish() {
	if x.query.Aggregates() && x.skip == 0 && x.take != 0 {
		x.results.add(value.Append(nil, x.totals.Result()))
	}
	slices.SortFunc(x.unsorted, func(a, b entry) int { return x.compare(a.rank, b.rank) })
	for _, e := range x.unsorted {
		if !x.offer(e) {
			return
		}
	}
}

// offer gives an item's result, unless it has none or was given before, and
// tells whether the page wants more. Pages resume by value: what sorts up to
// the end of the page before was given, whatever was written since. For
// DISTINCT it still counts as seen.
func (x *execution) offer(e entry) bool {
	given := x.from.key != nil && x.compare(e.rank, x.from) <= 0
	if given && !x.query.Distinct {
		return true
	}
	result, v := e.json, x.query.Project(e.item)
	if !x.query.Star() {
		result = value.Append(nil, v)
	}
	repeated := x.query.Distinct && x.repeats(v)
	switch {
	case given || repeated || value.IsUndefined(v):
		return true
	case x.take == 0:
		return false
	case x.skip > 0:
		x.skip--
		return true
	case x.results.count > 0 && (x.results.count == x.size || len(x.results.texts)+len(result) > maxResponse):
		// The page ends before the item that does not fit, because only this
		// item shows that there is more.
		x.key, x.more = bytes.Clone(x.key), true
		return false
	}
	x.results.add(result)
	x.rank = e.rank
	x.take--
	return true
}

func (x *execution) repeats(v any) bool {
	text := string(value.AppendCanonical(nil, v))
	repeated := x.seen[text]
	x.seen[text] = true
	return repeated
}

// compare orders items. With DISTINCT, items of one result are the same.
func (x *execution) compare(a, b rank) int {
	c := x.query.CompareKeys(a.sort, b.sort)
	if c == 0 && !x.query.Distinct {
		c = bytes.Compare(a.key, b.key)
	}
	return c
}

func (x *execution) reply(rid, name string) *reply {
	answer := x.results.reply(rid, name)
	answer.charge = chargeQuery + chargeExamined*float64(x.examined) + chargeRead(len(x.results.texts)) - chargeRead(0)
	return answer
}

func (x *execution) metrics() string {
	return fmt.Sprintf("retrievedDocumentCount=%d;outputDocumentCount=%d;outputDocumentSize=%d", x.examined, x.results.count, len(x.results.texts))
}
