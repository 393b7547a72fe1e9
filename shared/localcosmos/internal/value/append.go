package value

import (
	"bytes"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Append adds v as compact JSON. Equal values whose members stand in the same
// order give equal text. Undefined members and elements are left out;
// Undefined itself adds nothing.
func Append(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case float64:
		return appendNumber(dst, v)
	case string:
		return appendText(dst, v)
	case []any:
		return appendArray(dst, v)
	case Object:
		return appendObject(dst, v)
	}
	return dst
}

// AppendCanonical is Append with the members of every object sorted: equal
// values give equal text.
func AppendCanonical(dst []byte, v any) []byte {
	text := jsontext.Value(Append(nil, v))
	// Only Undefined, which adds no text, has no canonical form.
	_ = text.Canonicalize()
	return append(dst, text...)
}

func appendArray(dst []byte, array []any) []byte {
	dst = append(dst, '[')
	for _, element := range array {
		if !IsUndefined(element) {
			dst = append(Append(dst, element), ',')
		}
	}
	return closeWith(dst, ']')
}

func appendObject(dst []byte, object Object) []byte {
	dst = append(dst, '{')
	for _, m := range object {
		if !IsUndefined(m.Value) {
			dst = append(appendText(dst, m.Name), ':')
			dst = append(Append(dst, m.Value), ',')
		}
	}
	return closeWith(dst, '}')
}

// closeWith ends a list, after whose last element, if it has one, is a comma.
func closeWith(dst []byte, bracket byte) []byte {
	return append(bytes.TrimSuffix(dst, []byte{','}), bracket)
}

// appendNumber writes integers without an exponent as long as readers would
// (up to 1e21, as ECMAScript does).
func appendNumber(dst []byte, f float64) []byte {
	if magnitude := math.Abs(f); magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	if f == 0 {
		return append(dst, '0')
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

// appendText writes a string as RFC 8785 has it. Values are of valid UTF-8, so
// there is no error.
func appendText(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}
