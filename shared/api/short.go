package api

import (
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// TextOr is a member that is an object or, for short, a text: what the text stands for is
// the function's to say.
type TextOr[T any] struct {
	Text   string
	Object *T // nil where it is a text
}

// UnmarshalJSON never fails, so that one member of the wrong type does not hide the
// faults of the others: those the schema tells.
func (t *TextOr[T]) UnmarshalJSON(body []byte) error {
	*t = TextOr[T]{}
	if json.Unmarshal(body, &t.Text) == nil {
		return nil
	}
	var object T
	if json.Unmarshal(body, &object) == nil {
		t.Object = &object
	}
	return nil
}

// Schema describes both forms.
func (t TextOr[T]) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{AnyOf: []*huma.Schema{{Type: huma.TypeString}, r.Schema(reflect.TypeFor[T](), true, "")}}
}
