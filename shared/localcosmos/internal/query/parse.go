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

// parser is a recursive-descent parser over the tokens of one query.
type parser struct {
	tokens     []token
	pos        int
	depth      int
	parameters map[string]any
	alias      string // the name that stands for the item
	aggregates []aggregate
}

func newParser(query string, parameters map[string]any) (*parser, error) {
	tokens, err := lex(query)
	if err != nil {
		return nil, err
	}
	return &parser{tokens: tokens, parameters: parameters}, nil
}

// query reads SELECT ... [FROM ...] [WHERE ...] [ORDER BY ...] [OFFSET ... LIMIT ...].
// FROM is read before the expressions, because it names the item.
func (p *parser) query() (*Query, error) {
	if err := p.findAlias(); err != nil {
		return nil, err
	}
	q := &Query{Take: -1}
	if err := p.selection(q); err != nil {
		return nil, err
	}
	q.aggregates = p.aggregates
	if err := p.from(); err != nil {
		return nil, err
	}
	if p.keyword("WHERE") {
		where, err := p.scalar()
		if err != nil {
			return nil, err
		}
		if len(p.aggregates) > len(q.aggregates) {
			return nil, p.fail("an aggregate cannot stand in WHERE")
		}
		q.where = where
	}
	if err := p.orderBy(q); err != nil {
		return nil, err
	}
	if err := p.offsetLimit(q); err != nil {
		return nil, err
	}
	return q, p.expectEnd()
}

// findAlias looks ahead for FROM outside of any brackets.
func (p *parser) findAlias() error {
	nesting := 0
	for i, t := range p.tokens {
		switch {
		case t.kind == symbol && strings.Contains("([{", t.text):
			nesting++
		case t.kind == symbol && strings.Contains(")]}", t.text):
			nesting--
		case t.kind == keyword && t.text == "FROM" && nesting == 0:
			ahead := &parser{tokens: p.tokens, pos: i}
			err := ahead.from()
			p.alias = ahead.alias
			return err
		}
	}
	p.pos = len(p.tokens) - 1
	return p.fail("FROM is missing")
}

// from reads FROM name [[AS] alias].
func (p *parser) from() error {
	if err := p.expectKeyword("FROM"); err != nil {
		return err
	}
	if p.peek().kind != name {
		return p.fail("FROM wants the name of the container")
	}
	p.alias = p.next().text
	if p.isKeyword("IN") || p.isSymbol(".") || p.isSymbol("[") {
		return p.fail("iterating over a part of an item in FROM is not supported")
	}
	as := p.keyword("AS")
	if p.peek().kind == name {
		p.alias = p.next().text
	} else if as {
		return p.fail("AS wants a name")
	}
	if p.isKeyword("JOIN") || p.isSymbol(",") {
		return p.fail("JOIN is not supported")
	}
	return nil
}

func (p *parser) selection(q *Query) error {
	if err := p.expectKeyword("SELECT"); err != nil {
		return err
	}
	q.Distinct = p.keyword("DISTINCT")
	if p.keyword("TOP") {
		take, err := p.count("TOP")
		if err != nil {
			return err
		}
		q.Take = take
	}
	if p.symbol("*") {
		q.star = true
		return nil
	}
	if p.keyword("VALUE") {
		e, err := p.scalar()
		q.value = e
		return err
	}
	for {
		if err := p.field(q); err != nil {
			return err
		}
		if !p.symbol(",") {
			return nil
		}
	}
}

// field reads expression [[AS] alias]. Without an alias a property gets its
// last name and anything else $1, $2 and so on.
func (p *parser) field(q *Query) error {
	e, err := p.scalar()
	if err != nil {
		return err
	}
	alias := ""
	as := p.keyword("AS")
	switch t := p.peek(); {
	case t.kind == name, as && t.kind == text:
		alias = p.next().text
	case as:
		return p.fail("AS wants a name")
	default:
		alias = p.defaultName(q, e)
	}
	if slices.ContainsFunc(q.fields, func(f field) bool { return f.name == alias }) {
		return p.fail("the result has two properties called %q", alias)
	}
	q.fields = append(q.fields, field{alias, e})
	return nil
}

func (p *parser) defaultName(q *Query, e expression) string {
	if property, ok := e.(property); ok {
		if len(property.steps) == 0 {
			return p.alias
		}
		if last, ok := property.steps[len(property.steps)-1].(string); ok {
			return last
		}
	}
	n := 1
	for _, f := range q.fields {
		if strings.HasPrefix(f.name, "$") {
			n++
		}
	}
	return fmt.Sprintf("$%d", n)
}

func (p *parser) orderBy(q *Query) error {
	if p.isKeyword("GROUP") {
		return p.fail("GROUP BY is not supported")
	}
	if !p.keyword("ORDER") {
		return nil
	}
	if err := p.expectKeyword("BY"); err != nil {
		return err
	}
	for {
		e, err := p.scalar()
		if err != nil {
			return err
		}
		item, ok := e.(property)
		path, named := item.path()
		if !ok || !named || len(path) == 0 {
			return p.fail("Unsupported ORDER BY clause: ORDER BY item expression could not be mapped to a document path")
		}
		desc := p.keyword("DESC")
		if !desc {
			p.keyword("ASC")
		}
		q.OrderBy = append(q.OrderBy, Order{path, desc})
		if !p.symbol(",") {
			return nil
		}
	}
}

func (p *parser) offsetLimit(q *Query) error {
	if !p.isKeyword("OFFSET") {
		if p.isKeyword("LIMIT") {
			return p.fail("LIMIT needs OFFSET before it")
		}
		return nil
	}
	if q.Take >= 0 {
		return p.fail("OFFSET LIMIT cannot be combined with TOP")
	}
	p.next()
	skip, err := p.count("OFFSET")
	if err != nil {
		return err
	}
	if err := p.expectKeyword("LIMIT"); err != nil {
		return err
	}
	take, err := p.count("LIMIT")
	q.Skip, q.Take = skip, take
	return err
}

// count reads a whole number that is not negative, or a parameter holding one.
func (p *parser) count(what string) (int, error) {
	t := p.peek()
	v := any(t.number)
	if t.kind == parameter {
		v = p.parameters[t.text]
	}
	n, ok := v.(float64)
	if t.kind != number && t.kind != parameter || !ok || n < 0 || n != math.Trunc(n) || n > math.MaxInt32 {
		return 0, p.fail("%s wants a whole number that is not negative", what)
	}
	p.next()
	return int(n), nil
}

func (p *parser) peek() token { return p.tokens[p.pos] }

func (p *parser) next() token {
	t := p.tokens[p.pos]
	if t.kind != end {
		p.pos++
	}
	return t
}

func (p *parser) isKeyword(word string) bool {
	t := p.peek()
	return t.kind == keyword && t.text == word
}

func (p *parser) isSymbol(s string) bool {
	t := p.peek()
	return t.kind == symbol && t.text == s
}

// keyword steps over word if it is next.
func (p *parser) keyword(word string) bool {
	ok := p.isKeyword(word)
	if ok {
		p.next()
	}
	return ok
}

// symbol steps over s if it is next.
func (p *parser) symbol(s string) bool {
	ok := p.isSymbol(s)
	if ok {
		p.next()
	}
	return ok
}

func (p *parser) expectKeyword(word string) error {
	if !p.keyword(word) {
		return p.fail("%s is expected", word)
	}
	return nil
}

func (p *parser) expectSymbol(s string) error {
	if !p.symbol(s) {
		return p.fail("%q is expected", s)
	}
	return nil
}

func (p *parser) expectEnd() error {
	if p.peek().kind != end {
		return p.fail("the query should end here")
	}
	return nil
}

// fail reports what is wrong at the next token.
func (p *parser) fail(format string, args ...any) error {
	t := p.peek()
	message := "Syntax error, incorrect syntax near the end: "
	if t.kind != end {
		message = fmt.Sprintf("Syntax error, incorrect syntax at position %d: ", t.start)
	}
	return &Error{Start: t.start, End: t.end, Code: codeSyntax, Message: message + fmt.Sprintf(format, args...)}
}
