package localcosmos

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"switchboard/shared/localcosmos/internal/query"
	"switchboard/shared/localcosmos/internal/value"
)

// entry is an item that a query looks at. key and json share the file's
// memory, so they hold as long as the transaction.
type entry struct {
	key, json []byte
	item      any
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

// scan gives the live items of a partition in the order of their ids, or with
// an empty key those of the whole container.
func (s *Store) scan(c *container, docs *bolt.Bucket, key partitionKey, now time.Time) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		for k, r := range records(docs, key.prefix()) {
			if c.expired(r, now) {
				continue
			}
			item, err := s.parse(c, r)
			if !yield(entry{key: k, json: r.json, item: item}, err) || err != nil {
				return
			}
		}
	}
}

// position is where a page ended: the last item's sort keys and its record's
// key, and how many results may still be skipped and given.
type position struct {
	sort       []any
	key        string
	skip, take int
}

// execution makes one page of a query.
type execution struct {
	query *query.Query
	from  *position // nil: the first page
	size  int

	results  []byte // JSON texts parted by commas
	count    int
	last     found     // the last one given
	next     *position // nil: this was the last page
	examined int
	seen     map[string]bool // DISTINCT
	skip     int
	take     int
}

// found is an item that WHERE kept.
type found struct {
	entry
	sort []any
}

func (x *execution) over(items iter.Seq2[entry, error]) error {
	x.skip, x.take = x.query.Skip, x.query.Take
	if x.from != nil {
		x.skip, x.take = x.from.skip, x.from.take
	}
	if x.query.Distinct {
		x.seen = map[string]bool{}
	}
	switch {
	case x.query.Aggregates():
		return x.aggregate(items)
	case len(x.query.OrderBy) > 0:
		return x.sorted(items)
	}
	for f, err := range x.matches(items) {
		if err != nil {
			return err
		}
		if !x.offer(f) {
			break
		}
	}
	return nil
}

func (x *execution) matches(items iter.Seq2[entry, error]) iter.Seq2[found, error] {
	return func(yield func(found, error) bool) {
		for e, err := range items {
			x.examined++
			if err == nil && !x.query.Matches(e.item) {
				continue
			}
			if !yield(found{entry: e}, err) {
				return
			}
		}
	}
}

func (x *execution) aggregate(items iter.Seq2[entry, error]) error {
	totals := x.query.NewAggregation()
	for f, err := range x.matches(items) {
		if err != nil {
			return err
		}
		totals.Add(f.item)
	}
	if x.skip == 0 && x.take != 0 {
		x.give(value.Append(nil, totals.Result()))
	}
	return nil
}

func (x *execution) sorted(items iter.Seq2[entry, error]) error {
	var all []found
	for f, err := range x.matches(items) {
		if err != nil {
			return err
		}
		f.sort = x.query.Keys(f.item)
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b found) int {
		return cmp.Or(x.query.CompareKeys(a.sort, b.sort), bytes.Compare(a.key, b.key))
	})
	for _, f := range all {
		if !x.offer(f) {
			break
		}
	}
	return nil
}

// offer adds an item's result to the page and tells whether to go on. Pages
// resume by value: what sorts up to the last position was given, whatever was
// written since. For DISTINCT it still counts as seen.
func (x *execution) offer(f found) bool {
	given := x.from != nil && x.compare(f, x.from) <= 0
	if given && x.seen == nil {
		return true
	}
	result := f.json
	if !x.query.Star() {
		v := x.query.Project(f.item)
		if value.IsUndefined(v) {
			return true
		}
		result = value.Append(nil, v)
		if x.seen != nil && x.repeats(v) {
			return true
		}
	}
	if given {
		return true
	}
	if x.take == 0 {
		return false
	}
	if x.skip > 0 {
		x.skip--
		return true
	}
	// A page ends before the item that does not fit, because only this item
	// shows that there is more.
	if x.count > 0 && (x.count == x.size || len(x.results)+len(result) > maxResponse) {
		x.next = &position{sort: x.last.sort, key: string(x.last.key), skip: x.skip, take: x.take}
		return false
	}
	x.give(result)
	x.last = f
	if x.take > 0 {
		x.take--
	}
	return true
}

func (x *execution) repeats(v any) bool {
	text := string(value.AppendCanonical(nil, v))
	repeated := x.seen[text]
	x.seen[text] = true
	return repeated
}

func (x *execution) compare(f found, p *position) int {
	return cmp.Or(x.query.CompareKeys(f.sort, p.sort), cmp.Compare(string(f.key), p.key))
}

func (x *execution) give(result []byte) {
	if len(result) == 0 {
		return // Undefined
	}
	if x.count > 0 {
		x.results = append(x.results, ',')
	}
	x.results = append(x.results, result...)
	x.count++
}

func (x *execution) charge() float64 {
	return chargeQuery + chargeExamined*float64(x.examined) + chargeRead(len(x.results)) - chargeRead(0)
}

func (x *execution) metrics() string {
	return fmt.Sprintf("retrievedDocumentCount=%d;outputDocumentCount=%d;outputDocumentSize=%d", x.examined, x.count, len(x.results))
}
