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
	property []any

	unary struct {
		operator string
		operand  expression
	}

	binary struct {
		operator    string
		left, right expression
	}

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
	aggregated int
)

func (e constant) eval(row) any { return e.value }

func (e aggregated) eval(r row) any { return r.aggregates[e] }

func (e property) eval(r row) any {
	v := r.item
	for _, step := range e {
		switch step := step.(type) {
		case string:
			object, _ := v.(value.Object)
			v = object.Get(step)
		case int:
			array, _ := v.([]any)
			if step >= len(array) {
				return value.Undefined{}
			}
			v = array[step]
		}
	}
	return v
}

// names gives the path of a property below the item; ok is false where it
// leads into an array.
func (e property) names() (path []string, ok bool) {
	for _, step := range e {
		name, ok := step.(string)
		if !ok {
			return nil, false
		}
		path = append(path, name)
	}
	return path, len(path) > 0
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
	left := e.left.eval(r)
	switch e.operator {
	case "AND", "OR":
		return e.logical(left, r)
	case "+", "-", "*", "/", "%":
		return arithmetic(e.operator, left, e.right.eval(r))
	case "||":
		return concat([]any{left, e.right.eval(r)})
	}
	return compare(e.operator, left, e.right.eval(r))
}

// logical follows the documented truth tables: one false decides AND and one
// true decides OR, whatever the other side; otherwise undefined stays.
func (e binary) logical(left any, r row) any {
	deciding := e.operator == "OR"
	if left == any(deciding) {
		return deciding
	}
	right := e.right.eval(r)
	if right == any(deciding) {
		return deciding
	}
	if left == any(!deciding) && right == any(!deciding) {
		return !deciding
	}
	return value.Undefined{}
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
	switch operator {
	case "+":
		return finite(a + b)
	case "-":
		return finite(a - b)
	case "*":
		return finite(a * b)
	case "/":
		return finite(a / b)
	}
	return finite(math.Mod(a, b))
}

// finite keeps what JSON cannot say out of results.
func finite(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return value.Undefined{}
	}
	return f
}

// eval is that of a chain of equalities joined by OR.
func (e membership) eval(r row) any {
	operand, result := e.operand.eval(r), any(false)
	for _, element := range e.set {
		switch equal := compare("=", operand, element.eval(r)); equal {
		case true:
			return true
		case false:
		default:
			result = equal
		}
	}
	return result
}

func (e call) eval(r row) any {
	args := make([]any, len(e.arguments))
	for i, argument := range e.arguments {
		args[i] = argument.eval(r)
	}
	return e.apply(args)
}

// eval leaves undefined elements out.
func (e arrayOf) eval(r row) any {
	array := make([]any, len(e.elements))
	for i, element := range e.elements {
		array[i] = element.eval(r)
	}
	return slices.DeleteFunc(array, value.IsUndefined)
}

// eval leaves undefined members out.
func (e objectOf) eval(r row) any {
	object := make(value.Object, len(e.names))
	for i, name := range e.names {
		object[i] = value.Member{Name: name, Value: e.values[i].eval(r)}
	}
	return slices.DeleteFunc(object, func(m value.Member) bool { return value.IsUndefined(m.Value) })
}

func isTrue(v any) bool { return v == any(true) }
