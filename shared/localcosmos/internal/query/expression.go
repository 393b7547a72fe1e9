package query

import (
	"math"
	"slices"

	"switchboard/shared/localcosmos/internal/value"
)

// expression is a node of the syntax tree. eval never fails: what makes no
// sense is Undefined, as the service documents.
//
// An expression with aggregates is evaluated against the list of their results
// instead of an item.
type expression interface {
	eval(item any) any
}

type (
	constant struct{ value any }

	// property is a path from the item: c, c.a, c["b"][0]. It begins with
	// the name that stands for the item; a further step is a string or, into
	// an array, an int.
	property []any

	// call is an operator or a function with its arguments.
	call struct {
		name      string
		do        operation
		arguments []expression
	}
)

// operation is what an operator or a function does. It evaluates those of its
// arguments that it needs.
type operation func(item any, arguments []expression) any

// apply makes a call, or of constants at once its result.
func apply(name string, do operation, arguments ...expression) expression {
	e := call{name, do, arguments}
	if slices.ContainsFunc(arguments, func(e expression) bool { return !is[constant](e) }) {
		return e
	}
	return constant{e.eval(nil)}
}

func (e constant) eval(any) any { return e.value }

func (e call) eval(item any) any { return e.do(item, e.arguments) }

func (e property) eval(item any) any {
	for _, step := range e[1:] {
		switch step := step.(type) {
		case string:
			object, _ := item.(value.Object)
			item = object.Get(step)
		case int:
			array, _ := item.([]any)
			if step >= len(array) {
				return value.Undefined{}
			}
			item = array[step]
		}
	}
	return item
}

// names gives the path below the item, or none where it leads into an array.
func (e property) names() []string {
	var names []string
	for _, step := range e[1:] {
		name, ok := step.(string)
		if !ok {
			return nil
		}
		names = append(names, name)
	}
	return names
}

// operator is a binary operator: the higher its level the tighter it binds.
type operator struct {
	level int
	do    operation
}

const comparisonLevel = 3

func operators() map[string]operator {
	return map[string]operator{
		"OR":  {1, logical(true)},
		"AND": {2, logical(false)},

		"=":  {comparisonLevel, both(equal)},
		"!=": {comparisonLevel, ordered(func(c int) bool { return c != 0 })},
		"<>": {comparisonLevel, ordered(func(c int) bool { return c != 0 })},
		"<":  {comparisonLevel, ordered(func(c int) bool { return c < 0 })},
		"<=": {comparisonLevel, ordered(func(c int) bool { return c <= 0 })},
		">":  {comparisonLevel, ordered(func(c int) bool { return c > 0 })},
		">=": {comparisonLevel, ordered(func(c int) bool { return c >= 0 })},

		// Of these the parser's comparison reads more than a second operand.
		"NOT":     {comparisonLevel, of(func(b bool) any { return !b })},
		"IN":      {comparisonLevel, in},
		"BETWEEN": {comparisonLevel, nil},
		"LIKE":    {comparisonLevel, nil},

		"||": {4, concat},
		"+":  {5, arithmetic(func(a, b float64) float64 { return a + b })},
		"-":  {5, arithmetic(func(a, b float64) float64 { return a - b })},
		"*":  {6, arithmetic(func(a, b float64) float64 { return a * b })},
		"/":  {6, arithmetic(func(a, b float64) float64 { return a / b })},
		"%":  {6, arithmetic(math.Mod)},
	}
}

// both makes an operation of one on two values.
func both(do func(left, right any) any) operation {
	return func(item any, arguments []expression) any {
		return do(arguments[0].eval(item), arguments[1].eval(item))
	}
}

// equal follows "Equality and comparison operators": values of different types,
// and undefined, compare to undefined.
func equal(left, right any) any {
	if value.IsUndefined(left) || value.Rank(left) != value.Rank(right) {
		return value.Undefined{}
	}
	return value.Equal(left, right)
}

// ordered makes the comparisons other than =, which arrays and objects do not
// know.
func ordered(holds func(c int) bool) operation {
	return both(func(left, right any) any {
		if !isScalar(left) || value.Rank(left) != value.Rank(right) {
			return value.Undefined{}
		}
		return holds(value.Compare(left, right))
	})
}

// logical makes OR, which one true decides, and AND, which one false decides.
func logical(deciding bool) operation {
	return func(item any, arguments []expression) any {
		return decide(deciding, len(arguments), func(i int) any { return arguments[i].eval(item) })
	}
}

// in is a chain of equalities joined by OR.
func in(item any, arguments []expression) any {
	operand, set := arguments[0].eval(item), arguments[1:]
	return decide(true, len(set), func(i int) any { return equal(operand, set[i].eval(item)) })
}

// decide follows the documented truth tables for n operands: one that decides
// does so whatever the others; otherwise undefined stays.
func decide(deciding bool, n int, operand func(i int) any) any {
	result := any(!deciding)
	for i := range n {
		switch operand(i) {
		case deciding:
			return deciding
		case !deciding:
		default:
			result = value.Undefined{}
		}
	}
	return result
}

// arithmetic makes an operation on numbers: NaN, which is what all others are
// to it, stays NaN.
func arithmetic(do func(a, b float64) float64) operation {
	return both(func(left, right any) any { return finite(do(numeric(left), numeric(right))) })
}

// numeric gives a number, or NaN for anything else.
func numeric(v any) float64 {
	if f, ok := v.(float64); ok {
		return f
	}
	return math.NaN()
}

// finite keeps what JSON cannot say out of results.
func finite(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return value.Undefined{}
	}
	return f
}

func isTrue(v any) bool { return v == any(true) }

// isScalar tells null, booleans, numbers and strings from the rest.
func isScalar(v any) bool {
	return !value.IsUndefined(v) && value.Rank(v) < value.Rank([]any{})
}

func is[T any](v any) bool {
	_, ok := v.(T)
	return ok
}
