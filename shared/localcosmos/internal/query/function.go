package query

import (
	"fmt"
	"math"
	"regexp"
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
func (p *parser) call(t token) expression {
	upper := strings.ToUpper(t.text)
	if isAggregate(upper) {
		return p.aggregate(t, upper)
	}
	f, ok := builtIns()[upper]
	if !ok {
		p.failAt(t, codeFunction, "'%s' is not a recognized built-in function name, or not a supported one", t.text)
	}
	arguments := p.list(")")
	if n := len(arguments); n < f.min || n > f.max {
		p.failAt(t, codeFunction, "%s wants %d to %d arguments and has %d", upper, f.min, f.max, n)
	}
	return call{f.apply, arguments}
}

// builtIns are the functions by name; LIKE is an operator, see like.
func builtIns() map[string]function {
	return map[string]function{
		"IS_DEFINED":   check(func(v any) bool { return !value.IsUndefined(v) }),
		"IS_NULL":      check(func(v any) bool { return v == nil }),
		"IS_BOOL":      check(is[bool]),
		"IS_NUMBER":    check(is[float64]),
		"IS_STRING":    check(is[string]),
		"IS_ARRAY":     check(is[[]any]),
		"IS_OBJECT":    check(is[value.Object]),
		"IS_PRIMITIVE": check(func(v any) bool { return !value.IsUndefined(v) && !is[[]any](v) && !is[value.Object](v) }),

		"STARTSWITH":   compareText(strings.HasPrefix),
		"ENDSWITH":     compareText(strings.HasSuffix),
		"CONTAINS":     compareText(strings.Contains),
		"STRINGEQUALS": compareText(func(a, b string) bool { return a == b }),
		"LOWER":        of(func(s string) any { return strings.ToLower(s) }),
		"UPPER":        of(func(s string) any { return strings.ToUpper(s) }),
		"LENGTH":       of(func(s string) any { return float64(utf8.RuneCountInString(s)) }),
		"CONCAT":       {2, 100, concat},

		"ARRAY_CONTAINS": {2, 3, arrayContains},
		"ARRAY_LENGTH":   of(func(array []any) any { return float64(len(array)) }),
		"ABS":            of(func(f float64) any { return math.Abs(f) }),
	}
}

// check makes a function that is true or false of any value, even undefined.
func check(holds func(v any) bool) function {
	return function{1, 1, func(args []any) any { return holds(args[0]) }}
}

func is[T any](v any) bool {
	_, ok := v.(T)
	return ok
}

// of makes a function of one argument of one type.
func of[T any](apply func(T) any) function {
	return function{1, 1, func(args []any) any {
		if v, ok := args[0].(T); ok {
			return apply(v)
		}
		return value.Undefined{}
	}}
}

// compareText makes a predicate on two strings, with an optional third
// argument that asks to ignore case.
func compareText(match func(a, b string) bool) function {
	return function{2, 3, func(args []any) any {
		a, okA := args[0].(string)
		b, okB := args[1].(string)
		if !okA || !okB || len(args) == 3 && !is[bool](args[2]) {
			return value.Undefined{}
		}
		if len(args) == 3 && isTrue(args[2]) {
			a, b = strings.ToLower(a), strings.ToLower(b)
		}
		return match(a, b)
	}}
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
	members, ok := part.(value.Object)
	object, _ := whole.(value.Object)
	for _, m := range members {
		ok = ok && value.Equal(m.Value, object.Get(m.Name))
	}
	return ok && is[value.Object](whole)
}

// like makes the predicate of a pattern, in which % is any text, _ one
// character, [abc], [a-c] and [^a] one of a set, as documented for LIKE.
func like(pattern, escape any) (match func(args []any) any, ok bool) {
	p, okPattern := pattern.(string)
	e, okEscape := escape.(string)
	if !okPattern || !okEscape || utf8.RuneCountInString(e) > 1 {
		return nil, false
	}
	expression, err := regexp.Compile(likeExpression([]rune(p), []rune(e)))
	if err != nil {
		return nil, false // a set whose range runs backwards
	}
	return of(func(s string) any { return expression.MatchString(s) }).apply, true
}

func likeExpression(pattern, escape []rune) string {
	var out strings.Builder
	out.WriteString(`(?s)^`)
	for i := 0; i < len(pattern); i++ {
		r := pattern[i]
		closing := strings.IndexRune(string(pattern[i:]), ']')
		switch {
		case len(escape) == 1 && r == escape[0] && i+1 < len(pattern):
			i++
			out.WriteString(regexp.QuoteMeta(string(pattern[i])))
		case r == '%':
			out.WriteString(`.*`)
		case r == '_':
			out.WriteString(`.`)
		case r == '[' && closing > 1:
			set := []rune(string(pattern[i:])[1:closing])
			out.WriteString(likeSet(set))
			i += len(set) + 1
		default:
			out.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return out.String() + `$`
}

// likeSet writes the inside of [...] with all but ^ at its start and - escaped.
func likeSet(set []rune) string {
	out := "["
	for i, r := range set {
		if r == '-' || r == '^' && i == 0 {
			out += string(r)
		} else {
			out += fmt.Sprintf(`\x{%x}`, r)
		}
	}
	return out + "]"
}
