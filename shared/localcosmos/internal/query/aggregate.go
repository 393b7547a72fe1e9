package query

import (
	"strings"

	"switchboard/shared/localcosmos/internal/value"
)

// aggregate is one COUNT, MIN, MAX, SUM or AVG of a query.
type aggregate struct {
	function string
	argument expression
}

func isAggregate(function string) bool {
	switch strings.ToUpper(function) {
	case "COUNT", "MIN", "MAX", "SUM", "AVG":
		return true
	}
	return false
}

// Aggregation collects the items of a query that aggregates.
type Aggregation struct {
	query  *Query
	totals []total
}

// total is the state of one aggregate.
type total struct {
	count    int
	sum      float64
	min, max any
}

// NewAggregation starts collecting.
func (q *Query) NewAggregation() *Aggregation {
	return &Aggregation{query: q, totals: make([]total, len(q.aggregates))}
}

// Add counts an item in. Undefined arguments are left out.
func (a *Aggregation) Add(item any) {
	for i, aggregate := range a.query.aggregates {
		if v := aggregate.argument.eval(row{item: item}); !value.IsUndefined(v) {
			a.totals[i].add(v)
		}
	}
}

func (t *total) add(v any) {
	t.count++
	if f, ok := v.(float64); ok {
		t.sum += f
	}
	if t.count == 1 || value.Compare(v, t.min) < 0 {
		t.min = v
	}
	if t.count == 1 || value.Compare(v, t.max) > 0 {
		t.max = v
	}
}

// Result is the one row of the query; it may be Undefined.
func (a *Aggregation) Result() any {
	r := row{aggregates: make([]any, len(a.totals))}
	for i, t := range a.totals {
		r.aggregates[i] = t.result(a.query.aggregates[i].function)
	}
	return a.query.project(r)
}

// result follows the pages of the five functions: SUM and AVG want numbers
// only, MIN and MAX scalars only, otherwise they are undefined. Of no values
// COUNT and SUM are 0 and the others undefined.
func (t *total) result(function string) any {
	switch function {
	case "COUNT":
		return float64(t.count)
	case "SUM":
		if t.count > 0 && !t.numeric() {
			return value.Undefined{}
		}
		return finite(t.sum)
	}
	if t.count == 0 {
		return value.Undefined{}
	}
	switch function {
	case "AVG":
		if !t.numeric() {
			return value.Undefined{}
		}
		return finite(t.sum / float64(t.count))
	case "MIN":
		return scalarOnly(t.min, t.max)
	}
	return scalarOnly(t.max, t.max)
}

// numeric holds because every value lies between the extremes, and a number
// lies between numbers only.
func (t *total) numeric() bool {
	_, min := t.min.(float64)
	_, max := t.max.(float64)
	return min && max
}

// scalarOnly gives v unless an array or object, which sort last, took part.
func scalarOnly(v, max any) any {
	if value.Rank(max) >= value.Rank([]any{}) {
		return value.Undefined{}
	}
	return v
}
