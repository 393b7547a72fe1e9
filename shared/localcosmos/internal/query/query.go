package query

import (
	"slices"

	"switchboard/shared/localcosmos/internal/value"
)

// Query is a parsed query, its parameters filled in. It does not change and
// may be used by several goroutines at once.
type Query struct {
	Distinct bool
	// Skip and Take come from OFFSET and LIMIT or TOP; Take is -1 without.
	Skip, Take int
	OrderBy    []Order

	projection expression
	where      expression
	aggregates []aggregate
}

// Order is one property of ORDER BY.
type Order struct {
	Path []string
	Desc bool
}

// Parse reads a query. Parameters are by name, with the @. What is wrong with
// the text is an *Error.
func Parse(text string, parameters map[string]any) (*Query, error) {
	p := newParser(text, parameters)
	q := p.query()
	return q, p.err
}

// Matches applies WHERE: only true keeps an item, neither false nor undefined.
func (q *Query) Matches(item any) bool { return isTrue(q.where.eval(item)) }

// Star tells that the result is the items as they are.
func (q *Query) Star() bool {
	path, ok := q.projection.(property)
	return ok && len(path) == 1
}

// Aggregates tells that the result is one value of all items: feed them to an
// Aggregation.
func (q *Query) Aggregates() bool { return len(q.aggregates) > 0 }

// Project makes an item's result, which SELECT VALUE can leave Undefined: then
// the item adds nothing to the result.
func (q *Query) Project(item any) any { return q.projection.eval(item) }

// Sorts tells that results have an order, which Keys gives.
func (q *Query) Sorts() bool { return q.Distinct || len(q.OrderBy) > 0 }

// Keys gives what ORDER BY sorts an item by. After that DISTINCT sorts by the
// result.
func (q *Query) Keys(item any) []any {
	var keys []any
	for _, order := range q.OrderBy {
		keys = append(keys, value.At(item, order.Path))
	}
	if q.Distinct {
		keys = append(keys, q.Project(item))
	}
	return keys
}

// CompareKeys orders two results of Keys.
func (q *Query) CompareKeys(a, b []any) int {
	for i := range a {
		c := value.Compare(a[i], b[i])
		if i < len(q.OrderBy) && q.OrderBy[i].Desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// Pinned returns the scalar that WHERE demands a property to equal: the
// property stands in an equality that nothing but AND joins to the rest.
func (q *Query) Pinned(path []string) (any, bool) { return pinned(q.where, path) }

func pinned(e expression, path []string) (any, bool) {
	c, _ := e.(call)
	for i, argument := range c.arguments {
		switch c.name {
		case "AND":
			if v, ok := pinned(argument, path); ok {
				return v, true
			}
		case "=":
			p, isProperty := argument.(property)
			other, isConstant := c.arguments[1-i].(constant)
			if isProperty && isConstant && isScalar(other.value) && slices.Equal(p.names(), path) {
				return other.value, true
			}
		}
	}
	return nil, false
}

// Condition is a predicate on one item, as a patch carries it.
type Condition struct{ where expression }

// ParseCondition reads "FROM c WHERE ...". There are no parameters.
func ParseCondition(text string) (Condition, error) {
	p := newParser(text, nil)
	p.from()
	p.expect("WHERE")
	c := Condition{p.expression()}
	p.finish()
	return c, p.err
}

// Holds tells whether the item satisfies the condition.
func (c Condition) Holds(item any) bool { return isTrue(c.where.eval(item)) }
