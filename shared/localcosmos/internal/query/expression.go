package query

import (
	"slices"

	"switchboard/shared/localcosmos/internal/value"
)

// expression is a node of the syntax tree. eval never fails: what makes no
// sense is Undefined, as the service documents.
type expression interface {
	eval(r row) any
}

// row is what an expression is evaluated against: one item, or the finished
// aggregates of all of them.
type row struct {
	item       any
	aggregates []any
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

	// aggregated refers to the n-th aggregate of the query.
	aggregated int
)

// operation is what an operator or a function does. It evaluates those of its
// arguments that it needs.
type operation func(r row, arguments []expression) any

// apply makes a call, or of constants at once its result.
func apply(name string, do operation, arguments ...expression) expression {
	e := call{name, do, arguments}
	if slices.ContainsFunc(arguments, func(e expression) bool { return !is[constant](e) }) {
		return e
	}
	return constant{e.eval(row{})}
}

func (e constant) eval(row) any { return e.value }

func (e aggregated) eval(r row) any { return r.aggregates[e] }

func (e call) eval(r row) any { return e.do(r, e.arguments) }

func (e property) eval(r row) any {
	v := r.item
	for _, step := range e[1:] {
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
