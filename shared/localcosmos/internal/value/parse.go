package value

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how deep an item may nest (Cosmos DB service limits, "Maximum
// level of nesting for embedded objects or arrays").
const MaxDepth = 128

// Parse reads one JSON text. It refuses what encoding/json refuses, and beyond
// that invalid UTF-8, numbers outside the range of a double, a name that
// occurs twice in one object and nesting deeper than MaxDepth.
func Parse(text []byte) (any, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("the text is not valid UTF-8")
	}
	if !json.Valid(text) {
		var whatever json.RawMessage
		return nil, json.Unmarshal(text, &whatever)
	}
	b := builder{text: string(text)}
	b.space()
	return b.value(0)
}

// builder makes values of a text that is known to be valid JSON, so it needs
// no checks of syntax. Strings share the text's memory.
type builder struct {
	text string
	pos  int
}

func (b *builder) value(depth int) (any, error) {
	switch b.text[b.pos] {
	case '{', '[':
		if depth == MaxDepth {
			return nil, fmt.Errorf("nested deeper than %d levels at position %d", MaxDepth, b.pos)
		}
		if b.text[b.pos] == '{' {
			return b.object(depth + 1)
		}
		return b.array(depth + 1)
	case '"':
		return b.string(), nil
	case 't':
		b.pos += len("true")
		return true, nil
	case 'f':
		b.pos += len("false")
		return false, nil
	case 'n':
		b.pos += len("null")
		return nil, nil
	}
	return b.number()
}

func (b *builder) object(depth int) (any, error) {
	object, start := Object{}, b.pos
	for b.open('}') {
		name := b.string()
		b.space()
		b.pos++ // the colon
		b.space()
		v, err := b.value(depth)
		if err != nil {
			return nil, err
		}
		object = append(object, Member{name, v})
	}
	if name, ok := repeated(object); ok {
		return nil, fmt.Errorf("the name %q occurs twice in the object at position %d", name, start)
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

func (b *builder) array(depth int) (any, error) {
	array := []any{}
	for b.open(']') {
		v, err := b.value(depth)
		if err != nil {
			return nil, err
		}
		array = append(array, v)
	}
	return array, nil
}

// open steps over the bracket or comma before the next element and tells
// whether there is one; it steps over the closing bracket.
func (b *builder) open(closing byte) bool {
	b.space()
	if b.text[b.pos] == closing {
		b.pos++
		return false
	}
	b.pos++ // the opening bracket or a comma
	b.space()
	if b.text[b.pos] == closing {
		b.pos++
		return false
	}
	return true
}

func (b *builder) string() string {
	start := b.pos
	rest := b.text[start+1:]
	size := strings.IndexByte(rest, '"')
	if strings.IndexByte(rest[:size], '\\') < 0 {
		b.pos += size + 2
		return rest[:size]
	}
	for b.pos++; b.text[b.pos] != '"'; b.pos++ {
		if b.text[b.pos] == '\\' {
			b.pos++
		}
	}
	b.pos++
	var s string
	// Cannot fail: the text is valid.
	_ = json.Unmarshal([]byte(b.text[start:b.pos]), &s)
	return s
}

func (b *builder) number() (any, error) {
	start := b.pos
	for b.pos < len(b.text) && isNumeric(b.text[b.pos]) {
		b.pos++
	}
	f, err := strconv.ParseFloat(b.text[start:b.pos], 64)
	if err != nil {
		return nil, fmt.Errorf("the number at position %d is outside the range of a double", start)
	}
	return f, nil
}

func isNumeric(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

func (b *builder) space() {
	for b.pos < len(b.text) && (b.text[b.pos] == ' ' || b.text[b.pos] == '\n' || b.text[b.pos] == '\t' || b.text[b.pos] == '\r') {
		b.pos++
	}
}

// Stored reads a text that Append wrote, and so need not be checked again.
func Stored(text []byte) (any, error) {
	b := builder{text: string(text)}
	return b.value(0)
}
