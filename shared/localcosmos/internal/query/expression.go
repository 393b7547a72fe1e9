package query

import (
	"math"
	"slices"

	"switchboard/shared/localcosmos/internal/value"
)

// expression is a node of the syntax tree. eval never fails: what makes no
// sense is Undefined, as the service documents.
type expression interface {
	eval(row row) any
}

// row is what an expression is evaluated against: one item, or the finished
// aggregates of all of them.
type row struct {
	item       any
	aggregates []any
}

type (
	constant struct{ value any }

	// property is a path from the item: c, c.a, c["b"][0]. A step is a
	// string or, into an array, an int.
	property struct {
		steps      []any
		start, end int
	}

	unary struct {
		operator string
		operand  expression
	}

	binary struct {
		operator    string
		left, right expression
	}

	// logical is AND, OR (three-valued) and ?? (coalesce).
	logical struct {
		operator    string
		left, right expression
	}

	conditional struct{ test, then, otherwise expression }

	membership struct {
		operand expression
		set     []expression
	}

	call struct {
		apply     func(args []any) any
		arguments []expression
	}

	arrayOf struct{ elements []expression }

	objectOf struct {
		names  []string
		values []expression
	}

	// aggregated refers to the n-th aggregate of the query.
	aggregated struct{ n int }
)

func (e constant) eval(row) any { return e.value }

func (e property) eval(r row) any {
	v := r.item
	for _, step := range e.steps {
		switch step := step.(type) {
		case string:
			object, ok := v.(value.Object)
			if !ok {
				return value.Undefined{}
			}
			v = object.Get(step)
		case int:
			array, ok := v.([]any)
			if !ok || step >= len(array) {
				return value.Undefined{}
			}
			v = array[step]
		}
	}
	return v
}

// path returns the property's member names; ok is false where it indexes an
// array.
func (e property) path() (path []string, ok bool) {
	for _, step := range e.steps {
		name, ok := step.(string)
		if !ok {
			return nil, false
		}
		path = append(path, name)
	}
	return path, true
}

func (e unary) eval(r row) any {
	switch v := e.operand.eval(r).(type) {
	case bool:
		if e.operator == "NOT" {
			return !v
		}
	case float64:
		switch e.operator {
		case "-":
			return -v
		case "+":
			return v
		}
	}
	return value.Undefined{}
}

func (e binary) eval(r row) any {
	left, right := e.left.eval(r), e.right.eval(r)
	switch e.operator {
	case "+", "-", "*", "/", "%":
		return arithmetic(e.operator, left, right)
	case "||":
		return concat([]any{left, right})
	}
	return compare(e.operator, left, right)
}

// compare follows "Equality and comparison operators": values of different
// types, and undefined, compare to undefined; arrays and objects know only =.
func compare(operator string, left, right any) any {
	rank := value.Rank(left)
	if rank == 0 || rank != value.Rank(right) {
		return value.Undefined{}
	}
	c := value.Compare(left, right)
	if operator == "=" {
		return c == 0
	}
	if rank >= value.Rank([]any{}) {
		return value.Undefined{}
	}
	switch operator {
	case "!=", "<>":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

func arithmetic(operator string, left, right any) any {
	a, okA := left.(float64)
	b, okB := right.(float64)
	if !okA || !okB {
		return value.Undefined{}
	}
	var f float64
	switch operator {
	case "+":
		f = a + b
	case "-":
		f = a - b
	case "*":
		f = a * b
	case "/":
		f = a / b
	default:
		f = math.Mod(a, b)
	}
	return finite(f)
}

// finite keeps what JSON cannot say out of results.
func finite(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return value.Undefined{}
	}
	return f
}

// eval follows the documented truth tables: one false decides AND and one true
// decides OR, whatever the other side; otherwise undefined stays undefined.
func (e logical) eval(r row) any {
	left := e.left.eval(r)
	if e.operator == "??" {
		if value.IsUndefined(left) {
			return e.right.eval(r)
		}
		return left
	}
	deciding := e.operator == "OR"
	if left == any(deciding) {
		return deciding
	}
	right := e.right.eval(r)
	if right == any(deciding) {
		return deciding
	}
	_, okLeft := left.(bool)
	_, okRight := right.(bool)
	if okLeft && okRight {
		return !deciding
	}
	return value.Undefined{}
}

func (e conditional) eval(r row) any {
	if isTrue(e.test.eval(r)) {
		return e.then.eval(r)
	}
	return e.otherwise.eval(r)
}

// eval is that of a chain of equalities joined by OR.
func (e membership) eval(r row) any {
	operand := e.operand.eval(r)
	unknown := false
	for _, element := range e.set {
		switch equal := compare("=", operand, element.eval(r)).(type) {
		case bool:
			if equal {
				return true
			}
		default:
			unknown = true
		}
	}
	if unknown {
		return value.Undefined{}
	}
	return false
}

func (e call) eval(r row) any {
	args := make([]any, len(e.arguments))
	for i, argument := range e.arguments {
		args[i] = argument.eval(r)
	}
	return e.apply(args)
}

func (e arrayOf) eval(r row) any {
	array := make([]any, 0, len(e.elements))
	for _, element := range e.elements {
		if v := element.eval(r); !value.IsUndefined(v) {
			array = append(array, v)
		}
	}
	return array
}

func (e objectOf) eval(r row) any {
	object := make(value.Object, 0, len(e.names))
	for i, name := range e.names {
		if v := e.values[i].eval(r); !value.IsUndefined(v) {
			object = append(object, value.Member{Name: name, Value: v})
		}
	}
	return object
}

func (e aggregated) eval(r row) any { return r.aggregates[e.n] }

func isTrue(v any) bool {
	b, ok := v.(bool)
	return ok && b
}

// samePath compares property steps.
func samePath(steps []any, path []string) bool {
	return slices.EqualFunc(steps, path, func(step any, name string) bool { return step == any(name) })
}
