package query

import "switchboard/shared/localcosmos/internal/value"

// aggregate is one COUNT, MIN, MAX, SUM or AVG of a query.
type aggregate struct {
	function string
	argument expression
}

// aggregate reads the one argument of an aggregate called by t.
func (p *parser) aggregate(t token, function string) expression {
	if !p.selecting {
		p.failAt(t, codeSyntax, "an aggregate can stand in SELECT only, and not inside another")
	}
	p.selecting = false
	arguments := p.expressions(")")
	p.selecting = true
	if len(arguments) != 1 {
		p.failAt(t, codeFunction, "%s wants 1 argument", function)
		return nil
	}
	p.aggregates = append(p.aggregates, aggregate{function, arguments[0]})
	return aggregated(len(p.aggregates) - 1)
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
	return a.query.projection.eval(r)
}

// result follows the pages of the five functions: SUM and AVG want numbers
// only, MIN and MAX scalars only, otherwise they are undefined. Of no values
// COUNT and SUM are 0 and the others undefined.
func (t *total) result(function string) any {
	// Every value lies between the extremes, and a number between numbers.
	numeric := is[float64](t.min) && is[float64](t.max)
	switch {
	case function == "COUNT":
		return float64(t.count)
	case function == "SUM" && (numeric || t.count == 0):
		return finite(t.sum)
	case function == "AVG" && numeric:
		return finite(t.sum / float64(t.count))
	case t.count == 0 || !isScalar(t.max):
	case function == "MIN":
		return t.min
	case function == "MAX":
		return t.max
	}
	return value.Undefined{}
}
