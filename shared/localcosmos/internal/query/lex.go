package query

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
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

// token is one word of a query. For keywords and symbols text is their
// canonical form (keywords upper case), for strings the decoded content.
type token struct {
	kind       kind
	text       string
	number     float64
	start, end int
}

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
	l := lexer{query: query}
	var tokens []token
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		if t.kind == end {
			return tokens, nil
		}
	}
}

type lexer struct {
	query string
	pos   int
}

func (l *lexer) next() (token, error) {
	l.pos += len(l.query[l.pos:]) - len(strings.TrimLeft(l.query[l.pos:], " \t\r\n"))
	start := l.pos
	if start == len(l.query) {
		return token{kind: end, start: start, end: start}, nil
	}
	switch c := l.query[start]; {
	case isLetter(c):
		word := l.take(isWord)
		if upper := strings.ToUpper(word); isKeyword(upper) {
			return token{kind: keyword, text: upper, start: start, end: l.pos}, nil
		}
		return token{kind: name, text: word, start: start, end: l.pos}, nil
	case c == '@':
		l.pos++
		if word := l.take(isWord); word == "" {
			return token{}, l.fail(start, "a parameter has no name")
		}
		return token{kind: parameter, text: l.query[start:l.pos], start: start, end: l.pos}, nil
	case isDigit(c), c == '.' && start+1 < len(l.query) && isDigit(l.query[start+1]):
		return l.number()
	case c == '\'', c == '"':
		return l.string(c)
	}
	return l.symbol()
}

func (l *lexer) take(match func(byte) bool) string {
	start := l.pos
	for l.pos < len(l.query) && match(l.query[l.pos]) {
		l.pos++
	}
	return l.query[start:l.pos]
}

func (l *lexer) number() (token, error) {
	start := l.pos
	l.take(isDigit)
	if l.at('.') {
		l.pos++
		l.take(isDigit)
	}
	if l.at('e') || l.at('E') {
		l.pos++
		if l.at('+') || l.at('-') {
			l.pos++
		}
		l.take(isDigit)
	}
	l.take(isWord) // so that 12ab is one faulty number, not a number and a name
	f, err := strconv.ParseFloat(l.query[start:l.pos], 64)
	if err != nil || strings.ContainsAny(l.query[start:l.pos], "xX_pPnN") {
		return token{}, l.fail(start, "%q is not a number", l.query[start:l.pos])
	}
	return token{kind: number, number: f, start: start, end: l.pos}, nil
}

// string reads a literal in single or double quotes with JSON's escapes, and
// \' besides.
func (l *lexer) string(quote byte) (token, error) {
	start := l.pos
	quoted := []byte{'"'}
	for l.pos++; ; l.pos++ {
		if l.pos >= len(l.query) {
			return token{}, l.fail(start, "a string is not closed")
		}
		c := l.query[l.pos]
		if c == quote {
			break
		}
		switch {
		case c == '\\' && l.pos+1 < len(l.query) && l.query[l.pos+1] == '\'':
			quoted = append(quoted, '\'')
			l.pos++
		case c == '\\' && l.pos+1 < len(l.query):
			quoted = append(quoted, c, l.query[l.pos+1])
			l.pos++
		case c == '"':
			quoted = append(quoted, '\\', '"')
		case c < 0x20:
			quoted = fmt.Appendf(quoted, `\u%04x`, c)
		default:
			quoted = append(quoted, c)
		}
	}
	l.pos++
	var s string
	if err := json.Unmarshal(append(quoted, '"'), &s); err != nil {
		return token{}, l.fail(start, "a string holds an escape that is not JSON's")
	}
	return token{kind: text, text: s, start: start, end: l.pos}, nil
}

func (l *lexer) symbol() (token, error) {
	start := l.pos
	for _, s := range []string{"<=", ">=", "<>", "!=", "||", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ".", ":", "*", "+", "-", "/", "%"} {
		if strings.HasPrefix(l.query[start:], s) {
			l.pos += len(s)
			return token{kind: symbol, text: s, start: start, end: l.pos}, nil
		}
	}
	_, size := utf8.DecodeRuneInString(l.query[start:])
	l.pos += size
	return token{}, l.fail(start, "%q is not supported here", l.query[start:l.pos])
}

func (l *lexer) at(c byte) bool { return l.pos < len(l.query) && l.query[l.pos] == c }

func (l *lexer) fail(start int, format string, args ...any) error {
	return &Error{Start: start, End: l.pos, Code: codeSyntax, Message: "Syntax error, " + fmt.Sprintf(format, args...) + "."}
}

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool { return isLetter(c) || isDigit(c) }
