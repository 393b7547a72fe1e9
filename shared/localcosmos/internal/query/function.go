package query

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"switchboard/shared/localcosmos/internal/value"
)

// function is a built-in function: how many arguments it takes and what it
// gives. A wrong type of argument gives Undefined, as documented, never an
// error.
type function struct {
	min, max int
	apply    func(args []any) any
}

// call reads the arguments of the function or aggregate called by t.
func (p *parser) call(t token) (expression, error) {
	arguments, err := p.arguments(t)
	if err != nil {
		return nil, err
	}
	upper := strings.ToUpper(t.text)
	if isAggregate(t.text) {
		if len(arguments) != 1 {
			return nil, t.fail(codeFunction, "%s wants 1 argument", upper)
		}
		p.aggregates = append(p.aggregates, aggregate{upper, arguments[0]})
		return aggregated{len(p.aggregates) - 1}, nil
	}
	f, ok := builtIn(upper)
	if !ok {
		return nil, t.fail(codeFunction, "'%s' is not a recognized built-in function name, or not a supported one", t.text)
	}
	if n := len(arguments); n < f.min || n > f.max {
		return nil, t.fail(codeFunction, "%s wants %d to %d arguments and has %d", upper, f.min, f.max, n)
	}
	return call{f.apply, arguments}, nil
}

// arguments reads a list in which no aggregate stands inside an aggregate.
func (p *parser) arguments(t token) ([]expression, error) {
	before := len(p.aggregates)
	arguments, err := p.list(")")
	if err == nil && isAggregate(t.text) && len(p.aggregates) > before {
		return nil, t.fail(codeSyntax, "an aggregate cannot stand inside another")
	}
	return arguments, err
}

func (t token) fail(code, format string, args ...any) error {
	return &Error{Start: t.start, End: t.end, Code: code, Message: fmt.Sprintf(format, args...)}
}

func builtIn(name string) (function, bool) {
	for _, family := range []func(string) (function, bool){typeCheck, stringFunction, arrayFunction, numberFunction} {
		if f, ok := family(name); ok {
			return f, true
		}
	}
	return function{}, false
}

// typeCheck holds the functions that are true or false of any value, even
// undefined.
func typeCheck(name string) (function, bool) {
	var check func(v any) bool
	switch name {
	case "IS_DEFINED":
		check = func(v any) bool { return !value.IsUndefined(v) }
	case "IS_NULL":
		check = func(v any) bool { return v == nil }
	case "IS_BOOL":
		check = func(v any) bool { _, ok := v.(bool); return ok }
	case "IS_NUMBER":
		check = func(v any) bool { _, ok := v.(float64); return ok }
	case "IS_STRING":
		check = func(v any) bool { _, ok := v.(string); return ok }
	case "IS_ARRAY":
		check = func(v any) bool { _, ok := v.([]any); return ok }
	case "IS_OBJECT":
		check = func(v any) bool { _, ok := v.(value.Object); return ok }
	case "IS_PRIMITIVE":
		check = func(v any) bool { rank := value.Rank(v); return rank > 0 && rank < value.Rank([]any{}) }
	case "IS_INTEGER":
		check = func(v any) bool { f, ok := v.(float64); return ok && f == math.Trunc(f) }
	default:
		return function{}, false
	}
	return function{1, 1, func(args []any) any { return check(args[0]) }}, true
}

func stringFunction(name string) (function, bool) {
	switch name {
	case "STARTSWITH":
		return function{2, 3, folding(strings.HasPrefix)}, true
	case "ENDSWITH":
		return function{2, 3, folding(strings.HasSuffix)}, true
	case "CONTAINS":
		return function{2, 3, folding(strings.Contains)}, true
	case "STRINGEQUALS":
		return function{2, 3, folding(func(a, b string) bool { return a == b })}, true
	case "LOWER":
		return function{1, 1, ofString(func(s string) any { return strings.ToLower(s) })}, true
	case "UPPER":
		return function{1, 1, ofString(func(s string) any { return strings.ToUpper(s) })}, true
	case "LENGTH":
		return function{1, 1, ofString(func(s string) any { return float64(utf8.RuneCountInString(s)) })}, true
	case "TRIM":
		return function{1, 1, ofString(func(s string) any { return strings.TrimSpace(s) })}, true
	case "CONCAT":
		return function{2, 100, concat}, true
	}
	return function{}, false
}

func arrayFunction(name string) (function, bool) {
	switch name {
	case "ARRAY_CONTAINS":
		return function{2, 3, arrayContains}, true
	case "ARRAY_LENGTH":
		return function{1, 1, func(args []any) any {
			if array, ok := args[0].([]any); ok {
				return float64(len(array))
			}
			return value.Undefined{}
		}}, true
	}
	return function{}, false
}

func numberFunction(name string) (function, bool) {
	var apply func(float64) float64
	switch name {
	case "ABS":
		apply = math.Abs
	case "FLOOR":
		apply = math.Floor
	case "CEILING":
		apply = math.Ceil
	default:
		return function{}, false
	}
	return function{1, 1, func(args []any) any {
		if f, ok := args[0].(float64); ok {
			return apply(f)
		}
		return value.Undefined{}
	}}, true
}

// folding makes a predicate on two strings, with an optional third argument
// that asks to ignore case.
func folding(match func(a, b string) bool) func([]any) any {
	return func(args []any) any {
		a, okA := args[0].(string)
		b, okB := args[1].(string)
		if !okA || !okB {
			return value.Undefined{}
		}
		if len(args) == 3 {
			ignoreCase, ok := args[2].(bool)
			if !ok {
				return value.Undefined{}
			}
			if ignoreCase {
				a, b = strings.ToLower(a), strings.ToLower(b)
			}
		}
		return match(a, b)
	}
}

func ofString(apply func(string) any) func([]any) any {
	return func(args []any) any {
		if s, ok := args[0].(string); ok {
			return apply(s)
		}
		return value.Undefined{}
	}
}

func concat(args []any) any {
	var joined strings.Builder
	for _, arg := range args {
		s, ok := arg.(string)
		if !ok {
			return value.Undefined{}
		}
		joined.WriteString(s)
	}
	return joined.String()
}

// arrayContains looks for a value; with a third argument true, an object also
// matches where its members are among those of an element.
func arrayContains(args []any) any {
	array, ok := args[0].([]any)
	if !ok {
		return value.Undefined{}
	}
	partial := len(args) == 3 && isTrue(args[2])
	for _, element := range array {
		if value.Equal(element, args[1]) || partial && within(args[1], element) {
			return true
		}
	}
	return false
}

func within(part, whole any) bool {
	members, okPart := part.(value.Object)
	object, okWhole := whole.(value.Object)
	if !okPart || !okWhole {
		return false
	}
	for _, m := range members {
		if !value.Equal(m.Value, object.Get(m.Name)) {
			return false
		}
	}
	return true
}

// like matches % (any text), _ (one character), [abc], [a-c] and [^a] as
// documented for LIKE. args: text, pattern, escape character or "".
func like(args []any) any {
	s, okText := args[0].(string)
	pattern, okPattern := args[1].(string)
	escape, okEscape := args[2].(string)
	if !okText || !okPattern || !okEscape || utf8.RuneCountInString(escape) > 1 {
		return value.Undefined{}
	}
	return matchLike([]rune(s), likeElements([]rune(pattern), []rune(escape)))
}
