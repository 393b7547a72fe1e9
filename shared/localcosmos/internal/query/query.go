package query

import (
	"fmt"

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

// Matches applies WHERE: only true keeps an item, neither false nor undefined.
func (q *Query) Matches(item any) bool {
	return q.where == nil || isTrue(q.where.eval(row{item: item}))
}

// Star tells that the result is the items as they are.
func (q *Query) Star() bool { return q.star }

// Aggregates tells that the result is one value of all items: feed them to
// Aggregate.
func (q *Query) Aggregates() bool { return len(q.aggregates) > 0 }

// Project makes an item's result, which SELECT VALUE can leave Undefined: then
// the item adds nothing to the result.
func (q *Query) Project(item any) any { return q.project(row{item: item}) }

func (q *Query) project(r row) any {
	if q.star {
		return r.item
	}
	if q.value != nil {
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
	switch e := e.(type) {
	case logical:
		if e.operator != "AND" {
			return nil, false
		}
		if v, ok := pinned(e.left, path); ok {
			return v, true
		}
		return pinned(e.right, path)
	case binary:
		if e.operator != "=" {
			return nil, false
		}
		if v, ok := equated(e.left, e.right, path); ok {
			return v, true
		}
		return equated(e.right, e.left, path)
	}
	return nil, false
}

func equated(left, right expression, path []string) (any, bool) {
	p, isProperty := left.(property)
	c, isConstant := right.(constant)
	if !isProperty || !isConstant || !samePath(p.steps, path) {
		return nil, false
	}
	return c.value, true
}

// Condition is a predicate on one item, as a patch carries it.
type Condition struct{ where expression }

// Holds tells whether the item satisfies the condition.
func (c Condition) Holds(item any) bool { return isTrue(c.where.eval(row{item: item})) }

// ParseCondition reads "FROM c WHERE ...". There are no parameters.
func ParseCondition(text string) (Condition, error) {
	p, err := newParser(text, nil)
	if err != nil {
		return Condition{}, err
	}
	if err := p.from(); err != nil {
		return Condition{}, err
	}
	if err := p.expectKeyword("WHERE"); err != nil {
		return Condition{}, err
	}
	where, err := p.scalar()
	if err != nil {
		return Condition{}, err
	}
	if len(p.aggregates) > 0 {
		return Condition{}, &Error{Code: codeSyntax, Message: "A condition cannot aggregate"}
	}
	return Condition{where}, p.expectEnd()
}

// Parse reads a query. Parameters are by name, with the @.
func Parse(text string, parameters map[string]any) (*Query, error) {
	p, err := newParser(text, parameters)
	if err != nil {
		return nil, err
	}
	q, err := p.query()
	if err != nil {
		return nil, err
	}
	if err := q.check(); err != nil {
		return nil, err
	}
	return q, nil
}

// check refuses what parses but has no meaning.
func (q *Query) check() error {
	if !q.Aggregates() {
		return nil
	}
	if len(q.OrderBy) > 0 || q.Distinct {
		return &Error{Code: codeSyntax, Message: "ORDER BY and DISTINCT cannot be combined with an aggregate"}
	}
	expressions := []expression{q.value}
	for _, f := range q.fields {
		expressions = append(expressions, f.expression)
	}
	for _, e := range expressions {
		if p, ok := loose(e); ok {
			return &Error{Start: p.start, End: p.end, Code: codeSyntax,
				Message: fmt.Sprintf("The property at position %d stands outside the aggregates, which needs GROUP BY, which is not supported", p.start)}
		}
	}
	return nil
}

// loose finds a property in e; the arguments of aggregates are not part of e.
func loose(e expression) (property, bool) {
	var parts []expression
	switch e := e.(type) {
	case property:
		return e, true
	case unary:
		parts = []expression{e.operand}
	case binary:
		parts = []expression{e.left, e.right}
	case logical:
		parts = []expression{e.left, e.right}
	case conditional:
		parts = []expression{e.test, e.then, e.otherwise}
	case membership:
		parts = append([]expression{e.operand}, e.set...)
	case call:
		parts = e.arguments
	case arrayOf:
		parts = e.elements
	case objectOf:
		parts = e.values
	}
	for _, part := range parts {
		if p, ok := loose(part); ok {
			return p, true
		}
	}
	return property{}, false
}
