package api

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"switchboard/shared/problem"
)

// Optional is a member of a merge patch (RFC 7396): left out, null, or a value.
type Optional[T any] struct {
	Set   bool // the member is there
	Null  bool // and is null: remove
	Value T

	unfit bool // it is of another type, which the schema tells
}

// UnmarshalJSON is only called for a member that is there. It never fails, so
// that one member of the wrong type does not hide the faults of the others.
func (o *Optional[T]) UnmarshalJSON(body []byte) error {
	*o = Optional[T]{Set: true, Null: string(body) == "null"} // of a member that is there twice the last counts
	o.unfit = !o.Null && json.Unmarshal(body, &o.Value) != nil
	return nil
}

// Given reports whether there is a value of the right type.
func (o *Optional[T]) Given() bool { return o.Set && !o.Null && !o.unfit }

// Into puts the value into what it is for, if the member is there. The value of what is
// null is the zero value.
func (o Optional[T]) Into(to *T) {
	if o.Set {
		*to = o.Value
	}
}

// Schema describes the value, or null.
func (o Optional[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(reflect.TypeFor[T](), true, "")
	if s.Ref != "" { // null is said beside the members, not beside a reference
		s = *r.SchemaFromRef(s.Ref)
	}
	if len(s.AnyOf) == 0 {
		s.Nullable = true
		return &s
	}
	first := *s.AnyOf[0] // which has a type to say null beside
	first.Nullable = true
	s.AnyOf = append([]*huma.Schema{&first}, s.AnyOf[1:]...)
	return &s
}

// ETag is the entity tag (RFC 9110, 8.8.3) of a version.
func ETag(version string) string { return `"` + version + `"` }

// CheckMatch returns Stale if an If-Match header does not allow a change of
// what is at the given version now. The empty header allows any.
func CheckMatch(ifMatch, version string) error {
	if ifMatch == "" {
		return nil
	}
	for tag := range strings.SplitSeq(ifMatch, ",") {
		if tag = strings.TrimSpace(tag); tag == ETag(version) || tag == "*" && version != "" {
			return nil
		}
	}
	return problem.New(problem.Stale, "version_stale", "It was changed since you read it. Read it again and repeat the change with the new ETag.")
}
