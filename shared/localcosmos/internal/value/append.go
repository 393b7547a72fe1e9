package value

import (
	"fmt"
	"math"
	"strconv"
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
		return appendString(dst, v)
	case []any:
		return appendArray(dst, v)
	case Object:
		return appendObject(dst, v)
	}
	return dst
}

// AppendCanonical is Append with the members of every object sorted: equal
// values give equal text.
func AppendCanonical(dst []byte, v any) []byte { return Append(dst, canonical(v)) }

func canonical(v any) any {
	switch v := v.(type) {
	case []any:
		elements := make([]any, len(v))
		for i, element := range v {
			elements[i] = canonical(element)
		}
		return elements
	case Object:
		object := sorted(v)
		for i := range object {
			object[i].Value = canonical(object[i].Value)
		}
		return object
	}
	return v
}

func appendArray(dst []byte, array []any) []byte {
	dst = append(dst, '[')
	first := true
	for _, element := range array {
		if IsUndefined(element) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = Append(dst, element)
	}
	return append(dst, ']')
}

func appendObject(dst []byte, object Object) []byte {
	dst = append(dst, '{')
	first := true
	for _, m := range object {
		if IsUndefined(m.Value) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendString(dst, m.Name)
		dst = append(dst, ':')
		dst = Append(dst, m.Value)
	}
	return append(dst, '}')
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

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		}
	}
	return append(append(dst, s[start:]...), '"')
}
