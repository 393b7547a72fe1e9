package query

import (
	"fmt"
	"math"
	"slices"
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

// parser is a recursive-descent parser that looks one token ahead. At the first
// fault it notes err and jumps to the end, where nothing matches any more: so
// its methods need not pass errors on, and what they return then is never used.
type parser struct {
	text       string
	parameters map[string]any
	operators  map[string]operator
	ahead      token
	depth      int
	err        error

	alias      string  // the name that stands for the item
	roots      []token // where a path begins: each must be the alias
	selecting  bool    // reading SELECT, outside of any aggregate
	loose      []token // the roots met while selecting
	aggregates []aggregate
}

func newParser(text string, parameters map[string]any) *parser {
	p := &parser{text: text, parameters: parameters, operators: operators()}
	p.next()
	return p
}

// query reads SELECT ... FROM ... [WHERE ...] [ORDER BY ...] [OFFSET ... LIMIT ...].
func (p *parser) query() *Query {
	q := &Query{Take: -1, where: constant{true}}
	p.expect("SELECT")
	q.Distinct = p.accept("DISTINCT")
	if p.accept("TOP") {
		q.Take = p.count("TOP")
	}
	p.selecting = true
	q.projection = p.projection()
	p.selecting = false
	p.from()
	if p.accept("WHERE") {
		q.where = p.expression()
	}
	if p.at("GROUP") {
		p.fail("GROUP BY is not supported")
	}
	if p.accept("ORDER") {
		p.expect("BY")
		p.list(func() { q.OrderBy = append(q.OrderBy, p.order()) })
	}
	if p.accept("OFFSET") {
		if q.Take >= 0 {
			p.fail("OFFSET LIMIT cannot be combined with TOP")
		}
		q.Skip = p.count("OFFSET")
		p.expect("LIMIT")
		q.Take = p.count("LIMIT")
	}
	p.finish()
	q.aggregates = p.aggregates
	switch {
	case !q.Aggregates():
	case len(p.loose) > 0:
		p.failAt(p.loose[0], codeSyntax, "a property outside of the aggregates needs GROUP BY, which is not supported")
	case q.Distinct || len(q.OrderBy) > 0:
		p.fail("DISTINCT and ORDER BY cannot be combined with an aggregate")
	}
	return q
}

// projection reads *, VALUE expression, or fields with or without an alias. A
// property without one gets its last name, anything else $1, $2 and so on.
func (p *parser) projection() expression {
	switch {
	case p.accept("*"):
		return property{"*"}
	case p.accept("VALUE"):
		return p.expression()
	}
	unnamed := 0
	return p.members(func() (name string, e expression) {
		e = p.expression()
		name, ok := p.as()
		if path, isProperty := e.(property); isProperty && !ok {
			name, ok = path[len(path)-1].(string)
		}
		if !ok {
			unnamed++
			name = fmt.Sprintf("$%d", unnamed)
		}
		return name, e
	})
}

// from reads FROM name [[AS] alias].
func (p *parser) from() {
	p.expect("FROM")
	p.alias = p.name("the name of the container")
	if p.at("IN", ".", "[") {
		p.fail("iterating over a part of an item in FROM is not supported")
	}
	if alias, ok := p.as(); ok {
		p.alias = alias
	}
	if p.at("JOIN", ",") {
		p.fail("JOIN is not supported")
	}
}

// as reads [[AS] alias].
func (p *parser) as() (alias string, ok bool) {
	if ok = p.accept("AS") || p.ahead.kind == name; ok {
		alias = p.name("an alias")
	}
	return alias, ok
}

// order reads path [ASC|DESC].
func (p *parser) order() Order {
	path, ok := p.expression().(property)
	if !ok || len(path.names()) == 0 {
		p.fail("Unsupported ORDER BY clause. ORDER BY item expression could not be mapped to a document path")
		return Order{}
	}
	desc := p.accept("DESC")
	if !desc {
		p.accept("ASC")
	}
	return Order{path.names(), desc}
}

// count reads a whole number that is not negative, or a parameter holding one.
func (p *parser) count(what string) int {
	n, ok := p.ahead.value.(float64)
	if !ok || n < 0 || n != math.Trunc(n) || n > math.MaxInt32 {
		p.fail("%s wants a whole number that is not negative", what)
	}
	p.next()
	return int(n)
}

// list reads one or more of something, with commas between.
func (p *parser) list(read func()) {
	read()
	for p.accept(",") {
		read()
	}
}

// next steps over the token ahead.
func (p *parser) next() token {
	t := p.ahead
	p.ahead = lex(p.text, t.end, p.parameters)
	return t
}

// at tells whether one of some keywords and symbols is ahead. No other token
// looks like one: names cannot be reserved, and texts keep their quotes.
func (p *parser) at(words ...string) bool { return slices.Contains(words, p.ahead.text) }

// accept steps over a keyword or symbol if it is ahead.
func (p *parser) accept(word string) bool { return p.at(word) && p.next().kind == symbol }

func (p *parser) expect(word string) {
	if !p.accept(word) {
		p.fail("%s is expected", word)
	}
}

func (p *parser) name(what string) string {
	if p.ahead.kind != name {
		p.fail("%s is expected", what)
	}
	return p.next().text
}

// finish checks what only the end of the text tells.
func (p *parser) finish() {
	if p.ahead.kind != end {
		p.fail("the query should end before %s", p.ahead.text)
	}
	for _, root := range p.roots {
		if root.text != p.alias {
			p.failAt(root, codeUnresolved, "Identifier '%s' could not be resolved", root.text)
		}
	}
}

// fail notes what is wrong at the token ahead.
func (p *parser) fail(format string, args ...any) { p.failAt(p.ahead, codeSyntax, format, args...) }

// failAt notes what is wrong at a token, unless that is no word at all.
func (p *parser) failAt(t token, code, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if t.kind == fault {
		message = t.text
	}
	if code == codeSyntax {
		message = "Syntax error, incorrect syntax: " + message
	}
	if p.err == nil {
		p.err = &Error{Start: t.start, End: t.end, Code: code, Message: message + "."}
	}
	p.ahead = lex(p.text, len(p.text), nil)
}
