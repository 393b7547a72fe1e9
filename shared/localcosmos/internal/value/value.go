// Package value holds JSON values as Cosmos DB computes with them: numbers are
// IEEE 754 doubles, objects keep the order of their members, and a property
// that is not there is Undefined, which is not null.
//
// A value is nil (null), bool, float64, string, []any, Object or Undefined.
// Values are shared between readers and must not be changed in place, except
// by whoever parsed them.
package value

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Undefined is the value of a property that is not there.
type Undefined struct{}

// Member is one name and value of an Object.
type Member struct {
	Name  string
	Value any
}

// Object is a JSON object in the order of its text. No name occurs twice.
type Object []Member

// Get returns the value of a member, or Undefined.
func (o Object) Get(name string) any {
	if i := o.Index(name); i >= 0 {
		return o[i].Value
	}
	return Undefined{}
}

// Index returns the position of a member, or -1.
func (o Object) Index(name string) int {
	return slices.IndexFunc(o, func(m Member) bool { return m.Name == name })
}

// At follows a path of member names, giving Undefined where it ends early.
func At(v any, path []string) any {
	for _, name := range path {
		object, ok := v.(Object)
		if !ok {
			return Undefined{}
		}
		v = object.Get(name)
	}
	return v
}

// IsUndefined tells whether v stands for a property that is not there.
func IsUndefined(v any) bool {
	_, ok := v.(Undefined)
	return ok
}

// Rank gives a value's place in the order of types: undefined, null, boolean,
// number, string, array, object (documented for ORDER BY).
func Rank(v any) int {
	switch v.(type) {
	case Undefined:
		return 0
	case nil:
		return 1
	case bool:
		return 2
	case float64:
		return 3
	case string:
		return 4
	case []any:
		return 5
	default:
		return 6
	}
}

// Compare orders any two values: by type first, then by content. Strings
// compare by bytes, arrays by element, objects by their sorted members.
func Compare(a, b any) int {
	if c := cmp.Compare(Rank(a), Rank(b)); c != 0 {
		return c
	}
	switch a := a.(type) {
	case bool:
		// As their texts do, false comes before true.
		return strings.Compare(strconv.FormatBool(a), strconv.FormatBool(b.(bool)))
	case float64:
		return cmp.Compare(a, b.(float64))
	case string:
		return strings.Compare(a, b.(string))
	case []any:
		return slices.CompareFunc(a, b.([]any), Compare)
	case Object:
		return slices.CompareFunc(sorted(a), sorted(b.(Object)), compareMembers)
	}
	return 0
}

// Equal tells whether two values are the same, whatever the order of members.
func Equal(a, b any) bool { return Compare(a, b) == 0 }

// Leaves counts the scalars in v: what an index over every path would hold.
func Leaves(v any) int {
	n := 0
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			n += Leaves(element)
		}
	case Object:
		for _, m := range v {
			n += Leaves(m.Value)
		}
	default:
		n = 1
	}
	return n
}

func compareMembers(a, b Member) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), Compare(a.Value, b.Value))
}

func sorted(o Object) Object {
	o = slices.Clone(o)
	slices.SortFunc(o, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return o
}
