package value

import (
	"bytes"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how deep an item may nest (Cosmos DB service limits, "Maximum
// level of nesting for embedded objects or arrays").
const MaxDepth = 128

// Parse reads one JSON text as RFC 7493 wants it: in valid UTF-8, without half a
// surrogate pair or a name that occurs twice in one object. It refuses numbers
// that no double can hold and nesting deeper than MaxDepth.
func Parse(text []byte) (any, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(text))
	v, err := read(d)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return nil, fmt.Errorf("the JSON text should end at position %d", d.InputOffset())
	}
	return v, nil
}

// read reads the next value of any kind.
func read(d *jsontext.Decoder) (any, error) {
	t, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	if d.StackDepth() > MaxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", MaxDepth)
	}
	switch t.Kind() {
	case 't', 'f':
		return t.Bool(), nil
	case '0':
		f, err := t.Float()
		if err != nil {
			return nil, fmt.Errorf("the number %s is beyond a double", t)
		}
		return f, nil
	case '"':
		return t.String(), nil
	case '[':
		return readArray(d)
	case '{':
		return readObject(d)
	}
	return nil, nil
}

func readArray(d *jsontext.Decoder) (any, error) {
	array := []any{}
	for d.PeekKind() != ']' {
		v, err := read(d)
		if err != nil {
			return nil, err
		}
		array = append(array, v)
	}
	_, err := d.ReadToken()
	return array, err
}

func readObject(d *jsontext.Decoder) (any, error) {
	object := make(Object, 0, 8)
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		m := Member{Name: name.String()}
		if m.Value, err = read(d); err != nil {
			return nil, err
		}
		object = append(object, m)
	}
	_, err := d.ReadToken()
	return object, err
}
