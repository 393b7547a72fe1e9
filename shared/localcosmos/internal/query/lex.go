package query

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

type kind int

const (
	name kind = iota // from here on the groups of word
	text
	number
	parameter
	symbol // or a keyword, in upper case
	fault  // anything else; text says what is wrong with it
	end
)

// token is one word of a query.
type token struct {
	kind       kind
	text       string
	value      any // of a text, number or parameter
	start, end int
}

// word matches one token after white space. A text may lack its closing quote,
// and a number may end in letters: then they are faults.
var word = regexp.MustCompile(`(?s)^[ \t\r\n]*(?:` +
	`([A-Za-z_][A-Za-z0-9_]*)|` +
	`('(?:[^'\\]|\\.)*'?|"(?:[^"\\]|\\.)*"?)|` +
	`((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[A-Za-z0-9_]*)|` +
	`(@[A-Za-z0-9_]+)|` +
	`(<=|>=|<>|!=|\|\||[<>=()\[\]{},.:*+/%-])|` +
	`([^ \t\r\n].*))`)

// keywords are the reserved words, which cannot be a property after a dot: the
// service wants c["order"] there.
const keywords = " AND ARRAY AS ASC BETWEEN BY DESC DISTINCT ESCAPE EXISTS FALSE FROM GROUP IN JOIN LIKE LIMIT NOT " +
	"NULL OFFSET OR ORDER SELECT TOP TRUE UDF UNDEFINED VALUE WHERE "

// lex gives the next token, at the end of the text one of kind end. It never
// fails: nothing in the grammar takes a fault, so the parser stops before it.
func lex(query string, pos int, parameters map[string]any) token {
	match := word.FindStringSubmatchIndex(query[pos:])
	if match == nil {
		return token{kind: end, start: len(query), end: len(query)}
	}
	group := slices.IndexFunc(match[2:], func(index int) bool { return index >= 0 }) / 2
	t := token{kind: kind(group), start: pos + match[2+2*group], end: pos + match[1]}
	t.text = query[t.start:t.end]
	t.read(parameters)
	return t
}

// read tells keywords from names and finds the value, or makes t a fault.
func (t *token) read(parameters map[string]any) {
	ok, wrong := true, ""
	switch t.kind {
	case name:
		if upper := strings.ToUpper(t.text); strings.Contains(keywords, " "+upper+" ") {
			t.kind, t.text = symbol, upper
		}
	case text:
		t.value, ok = unquote(t.text)
		wrong = "is not a string, or not closed"
	case number:
		f, err := strconv.ParseFloat(t.text, 64)
		t.value, ok = f, err == nil && !strings.ContainsAny(t.text, "xX_")
		wrong = "is not a number"
	case parameter:
		t.value, ok = parameters[t.text]
		wrong = "is a parameter without a value"
	case fault:
		t.text, ok = fmt.Sprintf("%.1s", t.text), false
		wrong = "is not supported here"
	}
	if !ok {
		*t = token{kind: fault, text: t.text + " " + wrong, start: t.start, end: t.end}
	}
}

// special matches what JSON writes differently in a string.
var special = regexp.MustCompile(`(?s)\\.|['"\x00-\x1f]`)

// unquote reads a literal in single or double quotes. Its escapes are JSON's,
// and \' besides.
func unquote(literal string) (s string, ok bool) {
	text := special.ReplaceAllStringFunc(literal, func(match string) string {
		switch {
		case match == literal[:1]:
			return `"` // at either end
		case match == `"`:
			return `\"`
		case match == `\'`:
			return `'`
		case match < " ":
			return fmt.Sprintf(`\u%04x`, match[0])
		}
		return match
	})
	err := json.Unmarshal([]byte(text), &s)
	return s, err == nil
}
