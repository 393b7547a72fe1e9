package query

import "switchboard/shared/localcosmos/internal/value"

// aggregate is one COUNT, MIN, MAX, SUM or AVG of a query.
type aggregate struct {
	function string
	argument expression
}

// Aggregation collects the items of a query that aggregates.
type Aggregation struct {
	query  *Query
	totals []total
}

// total is the state of one aggregate.
type total struct {
	count    int
	sum      float64 // NaN if any value is not a number
	min, max any
}

// NewAggregation starts collecting.
func (q *Query) NewAggregation() *Aggregation {
	return &Aggregation{query: q, totals: make([]total, len(q.aggregates))}
}

// Add counts an item in. Undefined arguments are left out.
func (a *Aggregation) Add(item any) {
	for i, aggregate := range a.query.aggregates {
		if v := aggregate.argument.eval(item); !value.IsUndefined(v) {
			a.totals[i].add(v)
		}
	}
}

func (t *total) add(v any) {
	t.count++
	t.sum += numeric(v)
	if t.count == 1 || value.Compare(v, t.min) < 0 {
		t.min = v
	}
	if t.count == 1 || value.Compare(v, t.max) > 0 {
		t.max = v
	}
}

// Result is the one row of the query; it may be Undefined.
func (a *Aggregation) Result() any {
	results := make([]any, len(a.totals))
	for i, t := range a.totals {
		results[i] = t.result(a.query.aggregates[i].function)
	}
	return a.query.projection.eval(results)
}

// result follows the pages of the five functions: SUM and AVG want numbers
// only, MIN and MAX scalars only, otherwise they are undefined. Of no values
// COUNT and SUM are 0 and the others undefined.
func (t *total) result(function string) any {
	switch {
	case function == "COUNT":
		return float64(t.count)
	case function == "SUM":
		return finite(t.sum)
	case function == "AVG":
		return finite(t.sum / float64(t.count))
	case t.count == 0 || !isScalar(t.max):
		return value.Undefined{}
	case function == "MIN":
		return t.min
	}
	return t.max
}
