package query

import (
	"math"

	"switchboard/shared/localcosmos/internal/value"
)

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
	return func(r row, arguments []expression) any {
		return do(arguments[0].eval(r), arguments[1].eval(r))
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
	return func(r row, arguments []expression) any {
		return decide(deciding, len(arguments), func(i int) any { return arguments[i].eval(r) })
	}
}

// in is a chain of equalities joined by OR.
func in(r row, arguments []expression) any {
	operand, set := arguments[0].eval(r), arguments[1:]
	return decide(true, len(set), func(i int) any { return equal(operand, set[i].eval(r)) })
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

func arithmetic(do func(a, b float64) float64) operation {
	return both(func(left, right any) any {
		a, okA := left.(float64)
		b, okB := right.(float64)
		if !okA || !okB {
			return value.Undefined{}
		}
		return finite(do(a, b))
	})
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
