package query

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// maxDepth bounds how deep expressions nest, so that no text exhausts the
// stack.
const maxDepth = 200

// parser is a recursive-descent parser over the tokens of one query. At the
// first fault it notes err and jumps to the end, where nothing matches any
// more: so its methods need not pass errors on, and what they return then is
// never used.
type parser struct {
	tokens     []token
	pos        int
	err        error
	depth      int
	parameters map[string]any
	alias      string // the name that stands for the item

	aggregates []aggregate
	inside     bool  // reading the argument of an aggregate
	loose      token // the first property outside of one
}

func newParser(query string, parameters map[string]any) *parser {
	tokens, err := lex(query)
	if err != nil {
		return &parser{tokens: []token{{kind: end}}, err: err}
	}
	return &parser{tokens: tokens, parameters: parameters}
}

// query reads SELECT ... FROM ... [WHERE ...] [ORDER BY ...] [OFFSET ... LIMIT ...].
func (p *parser) query() *Query {
	q := &Query{Take: -1}
	p.findAlias()
	p.selection(q)
	selection, loose := p.aggregates, p.loose
	p.from()
	if p.keyword("WHERE") {
		q.where = p.expression()
	}
	p.orderBy(q)
	p.offsetLimit(q)
	p.expectEnd()
	q.aggregates = selection
	switch {
	case len(p.aggregates) > len(selection):
		p.fail("an aggregate can stand in SELECT only")
	case len(selection) > 0 && loose.kind == name:
		p.failAt(loose, codeSyntax, "a property outside of the aggregates needs GROUP BY, which is not supported")
	case len(selection) > 0 && (q.Distinct || len(q.OrderBy) > 0):
		p.fail("DISTINCT and ORDER BY cannot be combined with an aggregate")
	}
	return q
}

// findAlias looks ahead for FROM outside of any brackets: expressions before it
// need the item's name.
func (p *parser) findAlias() {
	nesting := 0
	for i, t := range p.tokens {
		switch {
		case t.kind == symbol && strings.Contains("([{", t.text):
			nesting++
		case t.kind == symbol && strings.Contains(")]}", t.text):
			nesting--
		case t.kind == keyword && t.text == "FROM" && nesting == 0:
			ahead := &parser{tokens: p.tokens, pos: i}
			ahead.from()
			p.alias = ahead.alias
			return
		}
	}
}

// from reads FROM name [[AS] alias].
func (p *parser) from() {
	p.expect(keyword, "FROM")
	p.alias = p.name("the name of the container")
	if p.at(keyword, "IN") || p.at(symbol, ".") || p.at(symbol, "[") {
		p.fail("iterating over a part of an item in FROM is not supported")
	}
	if p.keyword("AS") || p.peek().kind == name {
		p.alias = p.name("an alias")
	}
	if p.at(keyword, "JOIN") || p.at(symbol, ",") {
		p.fail("JOIN is not supported")
	}
}

func (p *parser) selection(q *Query) {
	p.expect(keyword, "SELECT")
	q.Distinct = p.keyword("DISTINCT")
	if p.keyword("TOP") {
		q.Take = p.count("TOP")
	}
	switch {
	case p.symbol("*"):
		q.star = true
		return
	case p.keyword("VALUE"):
		q.value = p.expression()
		return
	}
	p.field(q)
	for p.symbol(",") {
		p.field(q)
	}
}

// field reads expression [[AS] alias]. Without an alias a property gets its
// last name and anything else $1, $2 and so on.
func (p *parser) field(q *Query) {
	e := p.expression()
	alias := p.defaultName(q, e)
	if p.keyword("AS") || p.peek().kind == name {
		alias = p.name("an alias")
	}
	if slices.ContainsFunc(q.fields, func(f field) bool { return f.name == alias }) {
		p.fail("the result has two properties called %q", alias)
	}
	q.fields = append(q.fields, field{alias, e})
}

func (p *parser) defaultName(q *Query, e expression) string {
	if path, ok := e.(property); ok {
		if len(path) == 0 {
			return p.alias
		}
		if last, ok := path[len(path)-1].(string); ok {
			return last
		}
	}
	unnamed := 1
	for _, f := range q.fields {
		if strings.HasPrefix(f.name, "$") {
			unnamed++
		}
	}
	return fmt.Sprintf("$%d", unnamed)
}

func (p *parser) orderBy(q *Query) {
	if p.at(keyword, "GROUP") {
		p.fail("GROUP BY is not supported")
	}
	if !p.keyword("ORDER") {
		return
	}
	p.expect(keyword, "BY")
	for {
		item, _ := p.expression().(property)
		path, ok := item.names()
		if !ok {
			p.fail("Unsupported ORDER BY clause. ORDER BY item expression could not be mapped to a document path")
		}
		desc := p.keyword("DESC")
		if !desc {
			p.keyword("ASC")
		}
		q.OrderBy = append(q.OrderBy, Order{path, desc})
		if !p.symbol(",") {
			return
		}
	}
}

func (p *parser) offsetLimit(q *Query) {
	if !p.keyword("OFFSET") {
		return
	}
	if q.Take >= 0 {
		p.fail("OFFSET LIMIT cannot be combined with TOP")
	}
	q.Skip = p.count("OFFSET")
	p.expect(keyword, "LIMIT")
	q.Take = p.count("LIMIT")
}

// count reads a whole number that is not negative, or a parameter holding one.
func (p *parser) count(what string) int {
	t := p.peek()
	v := any(t.number)
	if t.kind == parameter {
		v = p.parameters[t.text]
	}
	n, ok := v.(float64)
	if t.kind != number && t.kind != parameter || !ok || n < 0 || n != math.Trunc(n) || n > math.MaxInt32 {
		p.fail("%s wants a whole number that is not negative", what)
		return 0
	}
	p.next()
	return int(n)
}

func (p *parser) peek() token { return p.tokens[p.pos] }

func (p *parser) next() token {
	t := p.tokens[p.pos]
	if t.kind != end {
		p.pos++
	}
	return t
}

func (p *parser) at(k kind, text string) bool {
	t := p.peek()
	return t.kind == k && t.text == text
}

// keyword steps over a word if it is next.
func (p *parser) keyword(word string) bool { return p.at(keyword, word) && p.next().kind == keyword }

// symbol steps over s if it is next.
func (p *parser) symbol(s string) bool { return p.at(symbol, s) && p.next().kind == symbol }

func (p *parser) expect(k kind, text string) {
	if !p.at(k, text) {
		p.fail("%s is expected", text)
	}
	p.next()
}

func (p *parser) name(what string) string {
	if p.peek().kind != name {
		p.fail("%s is expected", what)
	}
	return p.next().text
}

func (p *parser) expectEnd() {
	if t := p.peek(); t.kind != end {
		p.fail("the query should end before %q", t.text)
	}
}

// fail notes what is wrong at the next token.
func (p *parser) fail(format string, args ...any) {
	p.failAt(p.peek(), codeSyntax, "Syntax error, incorrect syntax: "+format, args...)
}

func (p *parser) failAt(t token, code, format string, args ...any) {
	if p.err == nil {
		p.err = &Error{Start: t.start, End: t.end, Code: code, Message: fmt.Sprintf(format, args...) + "."}
	}
	p.pos = len(p.tokens) - 1
}
