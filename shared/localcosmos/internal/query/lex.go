package query

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Error tells what is wrong with a query's text and where. Start and End are
// byte offsets into the text. Code is the service's: SC1001 syntax, SC2001
// unresolved identifier, SC2005 unknown function.
type Error struct {
	Start, End int
	Code       string
	Message    string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s (position %d)", e.Message, e.Start)
}

const (
	codeSyntax     = "SC1001"
	codeUnresolved = "SC2001"
	codeFunction   = "SC2005"
)

type kind int

const (
	end kind = iota
	name
	keyword
	text
	number
	parameter
	symbol
)

// token is one word of a query. For keywords text is upper case, for strings
// the decoded content.
type token struct {
	kind       kind
	text       string
	number     float64
	start, end int
}

// word matches one token after white space. Its groups are those of kinds.
var word = regexp.MustCompile(`^[ \t\r\n]*(?:` +
	`([A-Za-z_][A-Za-z0-9_]*)|` +
	`('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|` +
	`((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[A-Za-z0-9_]*)|` +
	`(@[A-Za-z0-9_]+)|` +
	`(<=|>=|<>|!=|\|\||[<>=()\[\]{},.:*+/%-]))`)

func kinds() []kind { return []kind{name, text, number, parameter, symbol} }

// isKeyword tells whether an upper-cased word is reserved, that is, cannot be
// a property after a dot: the service wants c["order"] there.
func isKeyword(word string) bool {
	switch word {
	case "AND", "ARRAY", "AS", "ASC", "BETWEEN", "BY", "DESC", "DISTINCT",
		"ESCAPE", "EXISTS", "FALSE", "FROM", "GROUP", "IN", "JOIN", "LIKE",
		"LIMIT", "NOT", "NULL", "OFFSET", "OR", "ORDER", "SELECT", "TOP",
		"TRUE", "UDF", "UNDEFINED", "VALUE", "WHERE":
		return true
	}
	return false
}

// lex splits a whole query into tokens; the last has kind end.
func lex(query string) ([]token, error) {
	var tokens []token
	for pos := 0; ; {
		match := word.FindStringSubmatchIndex(query[pos:])
		if match == nil {
			return lexEnd(tokens, query, pos)
		}
		for group, k := range kinds() {
			if from := match[2*group+2]; from >= 0 {
				t, err := newToken(k, query[pos+from:pos+match[1]], pos+from)
				if err != nil {
					return nil, err
				}
				tokens = append(tokens, t)
			}
		}
		pos += match[1]
	}
}

// lexEnd looks at what is no token: the end of the text, or a fault.
func lexEnd(tokens []token, query string, pos int) ([]token, error) {
	rest := strings.TrimLeft(query[pos:], " \t\r\n")
	start := len(query) - len(rest)
	if rest == "" {
		return append(tokens, token{kind: end, start: start, end: start}), nil
	}
	fault := &Error{Start: start, End: len(query), Code: codeSyntax}
	if rest[0] == '\'' || rest[0] == '"' {
		fault.Message = "Syntax error, a string is not closed."
	} else {
		fault.Message = fmt.Sprintf("Syntax error, %q is not supported here.", []rune(rest)[:1])
	}
	return nil, fault
}

func newToken(k kind, word string, start int) (token, error) {
	t := token{kind: k, text: word, start: start, end: start + len(word)}
	var err error
	switch k {
	case name:
		if upper := strings.ToUpper(word); isKeyword(upper) {
			t.kind, t.text = keyword, upper
		}
	case text:
		t.text, err = unquote(word)
	case number:
		t.number, err = strconv.ParseFloat(word, 64)
		if strings.ContainsAny(word, "xX_pP") {
			err = strconv.ErrSyntax
		}
	}
	if err != nil {
		return t, &Error{Start: t.start, End: t.end, Code: codeSyntax, Message: fmt.Sprintf("Syntax error, %s is not a number or string.", word)}
	}
	return t, nil
}

// unquote reads a literal in single or double quotes. Its escapes are JSON's,
// and \' besides.
func unquote(literal string) (string, error) {
	quoted := []byte{'"'}
	inside := literal[1 : len(literal)-1]
	for i := 0; i < len(inside); i++ {
		switch c := inside[i]; {
		case c == '\\' && inside[i+1] == '\'':
			quoted = append(quoted, '\'')
			i++
		case c == '\\':
			quoted = append(quoted, c, inside[i+1])
			i++
		case c == '"':
			quoted = append(quoted, '\\', '"')
		case c < 0x20:
			quoted = fmt.Appendf(quoted, `\u%04x`, c)
		default:
			quoted = append(quoted, c)
		}
	}
	var s string
	err := json.Unmarshal(append(quoted, '"'), &s)
	return s, err
}
