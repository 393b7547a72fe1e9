package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// MaxDepth is how deep an item may nest (Cosmos DB service limits, "Maximum
// level of nesting for embedded objects or arrays").
const MaxDepth = 128

// Parse reads one JSON text. It refuses what encoding/json refuses, and beyond
// that invalid UTF-8, a name that occurs twice in one object and nesting
// deeper than MaxDepth.
func Parse(text []byte) (any, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("the text is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	v, err := read(d, 0)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("%w at position %d", err, d.InputOffset())
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("the JSON text should end at position %d", d.InputOffset())
	}
	return v, nil
}

// read reads the next value of any kind.
func read(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	delimiter, isDelimiter := t.(json.Delim)
	if err != nil || !isDelimiter {
		return t, err
	}
	if depth == MaxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", MaxDepth)
	}
	var v any
	if delimiter == '{' {
		v, err = readObject(d, depth+1)
	} else {
		v, err = readArray(d, depth+1)
	}
	if err != nil {
		return nil, err
	}
	_, err = d.Token() // the closing bracket
	return v, err
}

func readArray(d *json.Decoder, depth int) (any, error) {
	array := []any{}
	for d.More() {
		v, err := read(d, depth)
		if err != nil {
			return nil, err
		}
		array = append(array, v)
	}
	return array, nil
}

func readObject(d *json.Decoder, depth int) (any, error) {
	object := Object{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		v, err := read(d, depth)
		if err != nil {
			return nil, err
		}
		// Inside an object the decoder gives names as strings only.
		object = append(object, Member{name.(string), v})
	}
	if name, ok := repeated(object); ok {
		return nil, fmt.Errorf("the name %q occurs twice in an object", name)
	}
	return object, nil
}

// repeated finds a name that occurs twice. Comparing a few names is cheaper
// than a map, comparing many would take quadratic time.
func repeated(object Object) (string, bool) {
	const few = 24
	if len(object) <= few {
		for i, m := range object {
			if object[:i].Index(m.Name) >= 0 {
				return m.Name, true
			}
		}
		return "", false
	}
	seen := make(map[string]bool, len(object))
	for _, m := range object {
		if seen[m.Name] {
			return m.Name, true
		}
		seen[m.Name] = true
	}
	return "", false
}
