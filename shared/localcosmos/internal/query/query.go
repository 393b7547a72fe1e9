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

	star       bool
	value      expression // SELECT VALUE
	fields     []field    // SELECT a, b AS c
	where      expression // nil without WHERE
	aggregates []aggregate
}

// Order is one property of ORDER BY.
type Order struct {
	Path []string
	Desc bool
}

type field struct {
	name       string
	expression expression
}

// Parse reads a query. Parameters are by name, with the @. What is wrong with
// the text is an *Error.
func Parse(text string, parameters map[string]any) (*Query, error) {
	p := newParser(text, parameters)
	q := p.query()
	if p.err != nil {
		return nil, p.err
	}
	return q, nil
}

// Matches applies WHERE: only true keeps an item, neither false nor undefined.
func (q *Query) Matches(item any) bool {
	return q.where == nil || isTrue(q.where.eval(row{item: item}))
}

// Star tells that the result is the items as they are.
func (q *Query) Star() bool { return q.star }

// Aggregates tells that the result is one value of all items: feed them to an
// Aggregation.
func (q *Query) Aggregates() bool { return len(q.aggregates) > 0 }

// Project makes an item's result, which SELECT VALUE can leave Undefined: then
// the item adds nothing to the result.
func (q *Query) Project(item any) any { return q.project(row{item: item}) }

func (q *Query) project(r row) any {
	switch {
	case q.star:
		return r.item
	case q.value != nil:
		return q.value.eval(r)
	}
	object := make(value.Object, 0, len(q.fields))
	for _, f := range q.fields {
		if v := f.expression.eval(r); !value.IsUndefined(v) {
			object = append(object, value.Member{Name: f.name, Value: v})
		}
	}
	return object
}

// Keys gives what ORDER BY sorts an item by.
func (q *Query) Keys(item any) []any {
	keys := make([]any, len(q.OrderBy))
	for i, order := range q.OrderBy {
		keys[i] = value.At(item, order.Path)
	}
	return keys
}

// CompareKeys orders two results of Keys.
func (q *Query) CompareKeys(a, b []any) int {
	for i, order := range q.OrderBy {
		c := value.Compare(a[i], b[i])
		if c == 0 {
			continue
		}
		if order.Desc {
			return -c
		}
		return c
	}
	return 0
}

// Pinned returns the constant that WHERE demands a property to equal: the
// property stands in an equality that nothing but AND joins to the rest.
func (q *Query) Pinned(path []string) (any, bool) { return pinned(q.where, path) }

func pinned(e expression, path []string) (any, bool) {
	b, _ := e.(binary)
	switch b.operator {
	case "AND":
		if v, ok := pinned(b.left, path); ok {
			return v, true
		}
		return pinned(b.right, path)
	case "=":
		if v, ok := equated(b.left, b.right, path); ok {
			return v, true
		}
		return equated(b.right, b.left, path)
	}
	return nil, false
}

func equated(left, right expression, path []string) (any, bool) {
	p, _ := left.(property)
	c, ok := right.(constant)
	names, isPath := p.names()
	if !ok || !isPath || !slices.Equal(names, path) {
		return nil, false
	}
	return c.value, true
}

// Condition is a predicate on one item, as a patch carries it.
type Condition struct{ where expression }

// ParseCondition reads "FROM c WHERE ...". There are no parameters.
func ParseCondition(text string) (Condition, error) {
	p := newParser(text, nil)
	p.from()
	p.expect(keyword, "WHERE")
	c := Condition{p.expression()}
	p.expectEnd()
	if len(p.aggregates) > 0 {
		p.fail("a condition cannot aggregate")
	}
	return c, p.err
}

// Holds tells whether the item satisfies the condition.
func (c Condition) Holds(item any) bool { return isTrue(c.where.eval(row{item: item})) }
