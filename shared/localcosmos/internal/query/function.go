package query

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"switchboard/shared/localcosmos/internal/value"
)

// function is a built-in function: how many arguments it takes and what it
// gives. A wrong type of argument gives Undefined, as documented, never an
// error.
type function struct {
	min, max int
	do       operation // nil for an aggregate
}

// function reads the arguments of the function called by t.
func (p *parser) function(t token) expression {
	name := strings.ToUpper(t.text)
	f, ok := builtIns()[name]
	if !ok {
		p.failAt(t, codeFunction, "'%s' is not a recognized built-in function name, or not a supported one", t.text)
		return nil
	}
	selecting := p.selecting
	p.selecting = selecting && f.do != nil
	arguments := p.expressions(")")
	p.selecting = selecting
	switch n := len(arguments); {
	case n < f.min || n > f.max:
		p.failAt(t, codeFunction, "%s wants %d to %d arguments and has %d", name, f.min, f.max, n)
		return nil
	case f.do != nil:
		return apply(name, f.do, arguments...)
	case !selecting:
		p.failAt(t, codeSyntax, "an aggregate can stand in SELECT only, and not inside another")
	}
	p.aggregates = append(p.aggregates, aggregate{name, arguments[0]})
	return property{name, len(p.aggregates) - 1}
}

// builtIns are the functions by name.
func builtIns() map[string]function {
	return map[string]function{
		"COUNT": {1, 1, nil}, "MIN": {1, 1, nil}, "MAX": {1, 1, nil}, "SUM": {1, 1, nil}, "AVG": {1, 1, nil},

		"IS_DEFINED":   {1, 1, check(func(v any) bool { return !value.IsUndefined(v) })},
		"IS_NULL":      {1, 1, check(func(v any) bool { return v == nil })},
		"IS_BOOL":      {1, 1, check(is[bool])},
		"IS_NUMBER":    {1, 1, check(is[float64])},
		"IS_STRING":    {1, 1, check(is[string])},
		"IS_ARRAY":     {1, 1, check(is[[]any])},
		"IS_OBJECT":    {1, 1, check(is[value.Object])},
		"IS_PRIMITIVE": {1, 1, check(isScalar)},

		"STARTSWITH":   {2, 3, compareText(strings.HasPrefix)},
		"ENDSWITH":     {2, 3, compareText(strings.HasSuffix)},
		"CONTAINS":     {2, 3, compareText(strings.Contains)},
		"STRINGEQUALS": {2, 3, compareText(func(a, b string) bool { return a == b })},
		"LOWER":        {1, 1, of(func(s string) any { return strings.ToLower(s) })},
		"UPPER":        {1, 1, of(func(s string) any { return strings.ToUpper(s) })},
		"LENGTH":       {1, 1, of(func(s string) any { return float64(utf8.RuneCountInString(s)) })},
		"CONCAT":       {2, 100, concat},

		"ARRAY_CONTAINS": {2, 3, arrayContains},
		"ARRAY_LENGTH":   {1, 1, of(func(array []any) any { return float64(len(array)) })},
		"ABS":            {1, 1, of(func(f float64) any { return math.Abs(f) })},
	}
}

// check makes an operation that is true or false of any value, even undefined.
func check(holds func(v any) bool) operation {
	return func(item any, arguments []expression) any { return holds(arguments[0].eval(item)) }
}

// of makes an operation on one value of one type.
func of[T any](do func(T) any) operation {
	return func(item any, arguments []expression) any {
		if v, ok := arguments[0].eval(item).(T); ok {
			return do(v)
		}
		return value.Undefined{}
	}
}

// compareText makes a predicate on two strings, with an optional third
// argument that asks to ignore case.
func compareText(match func(a, b string) bool) operation {
	return func(item any, arguments []expression) any {
		a, okA := arguments[0].eval(item).(string)
		b, okB := arguments[1].eval(item).(string)
		ignoreCase, okCase := false, true
		if len(arguments) == 3 {
			ignoreCase, okCase = arguments[2].eval(item).(bool)
		}
		if !okA || !okB || !okCase {
			return value.Undefined{}
		}
		if ignoreCase {
			a, b = strings.ToLower(a), strings.ToLower(b)
		}
		return match(a, b)
	}
}

func concat(item any, arguments []expression) any {
	var joined strings.Builder
	for _, argument := range arguments {
		s, ok := argument.eval(item).(string)
		if !ok {
			return value.Undefined{}
		}
		joined.WriteString(s)
	}
	return joined.String()
}

// arrayContains looks for a value; with a third argument true, an object also
// matches where its members are among those of an element.
func arrayContains(item any, arguments []expression) any {
	array, ok := arguments[0].eval(item).([]any)
	if !ok {
		return value.Undefined{}
	}
	wanted := arguments[1].eval(item)
	partial := len(arguments) == 3 && isTrue(arguments[2].eval(item))
	return slices.ContainsFunc(array, func(element any) bool {
		return value.Equal(element, wanted) || partial && within(wanted, element)
	})
}

func within(part, whole any) bool {
	members, isPart := part.(value.Object)
	object, isWhole := whole.(value.Object)
	return isPart && isWhole && !slices.ContainsFunc(members, func(m value.Member) bool {
		return !value.Equal(m.Value, object.Get(m.Name))
	})
}

// array makes an array of its arguments and leaves undefined ones out.
func array(item any, arguments []expression) any {
	array := make([]any, len(arguments))
	for i, argument := range arguments {
		array[i] = argument.eval(item)
	}
	return slices.DeleteFunc(array, value.IsUndefined)
}

// object makes objects of its arguments and leaves undefined ones out.
func object(names []string) operation {
	return func(item any, arguments []expression) any {
		object := make(value.Object, 0, len(arguments))
		for i, argument := range arguments {
			if v := argument.eval(item); !value.IsUndefined(v) {
				object = append(object, value.Member{Name: names[i], Value: v})
			}
		}
		return object
	}
}

// likeExpression translates a pattern, in which % is any text, _ one character,
// [abc], [a-c] and [^a] one of a set, as documented for LIKE.
func likeExpression(pattern, escape string) string {
	part := `\[[^\]]+\]|.`
	if escape != "" {
		part = regexp.QuoteMeta(escape) + `.|` + part
	}
	inSet := strings.NewReplacer(`\`, `\\`, `[`, `\[`)
	return `(?s)^` + regexp.MustCompile(`(?s)`+part).ReplaceAllStringFunc(pattern, func(part string) string {
		literal, escaped := strings.CutPrefix(part, escape)
		switch {
		case escape != "" && escaped && literal != "":
			return regexp.QuoteMeta(literal)
		case part == "%":
			return `.*`
		case part == "_":
			return `.`
		case part[0] == '[' && len(part) > 1:
			return `[` + inSet.Replace(part[1:])
		}
		return regexp.QuoteMeta(part)
	}) + `$`
}
