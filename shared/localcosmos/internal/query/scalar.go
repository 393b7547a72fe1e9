package query

import (
	"math"
	"slices"
	"strings"

	"switchboard/shared/localcosmos/internal/value"
)

// operators of each level, loosest first. Comparisons stand between AND and
// what follows it.
func operators(level int) []string {
	return [][]string{{"OR"}, {"AND"}, nil, {"||"}, {"+", "-"}, {"*", "/", "%"}}[level]
}

const (
	comparisonLevel = 2
	operandLevel    = 3
	unaryLevel      = 6
)

func (p *parser) expression() expression { return p.nested(func() expression { return p.binary(0) }) }

// nested reads something that can contain itself.
func (p *parser) nested(read func() expression) expression {
	if p.depth == maxDepth {
		p.fail("the expression nests deeper than %d levels", maxDepth)
		return nil
	}
	p.depth++
	defer func() { p.depth-- }()
	return read()
}

// binary reads a chain of operators of one level or tighter.
func (p *parser) binary(level int) expression {
	switch level {
	case comparisonLevel:
		return p.comparison()
	case unaryLevel:
		return p.unary()
	}
	left := p.binary(level + 1)
	for p.atAny(operators(level)) {
		operator := p.next().text
		left = binary{operator, left, p.binary(level + 1)}
	}
	return left
}

func (p *parser) atAny(texts []string) bool {
	t := p.peek()
	return (t.kind == symbol || t.kind == keyword) && slices.Contains(texts, t.text)
}

// comparison reads operand [operator operand], or one with [NOT] IN, BETWEEN
// or LIKE. Comparisons do not chain.
//
// The service binds NOT to the operand after it, readers expect it around the
// comparison. NOT a = b is refused, so that nobody gets the other one.
func (p *parser) comparison() expression {
	bareNot := p.at(keyword, "NOT")
	operand := p.binary(operandLevel)
	if !p.atAny([]string{"NOT", "IN", "BETWEEN", "LIKE", "=", "!=", "<>", "<", "<=", ">", ">="}) {
		return operand
	}
	if bareNot {
		p.fail("NOT wants parentheses around a comparison")
	}
	negated := p.keyword("NOT")
	var e expression
	switch {
	case p.keyword("IN"):
		p.expect(symbol, "(")
		set := p.list(")")
		if len(set) == 0 {
			p.fail("IN wants at least one value")
		}
		e = membership{operand, set}
	case p.keyword("BETWEEN"):
		low := p.binary(operandLevel)
		p.expect(keyword, "AND")
		e = binary{"AND", binary{">=", operand, low}, binary{"<=", operand, p.binary(operandLevel)}}
	case p.keyword("LIKE"):
		e = p.like(operand)
	case negated:
		p.fail("NOT wants IN, BETWEEN or LIKE here")
	default:
		operator := p.next().text
		e = binary{operator, operand, p.binary(operandLevel)}
	}
	if negated {
		e = unary{"NOT", e}
	}
	return e
}

// like reads a pattern, which must be known before the items are.
func (p *parser) like(operand expression) expression {
	pattern, escape := p.binary(operandLevel), expression(constant{""})
	if p.keyword("ESCAPE") {
		escape = p.binary(operandLevel)
	}
	patternConstant, _ := pattern.(constant)
	escapeConstant, _ := escape.(constant)
	match, ok := like(patternConstant.value, escapeConstant.value)
	if !ok {
		p.fail("LIKE wants a pattern, and after ESCAPE one character, as literals or parameters")
	}
	return call{match, []expression{operand}}
}

func (p *parser) unary() expression {
	if !p.atAny([]string{"NOT", "-", "+"}) {
		return p.primary()
	}
	operator := p.next().text
	operand := p.nested(p.unary)
	if c, ok := operand.(constant); ok && operator == "-" {
		if f, ok := c.value.(float64); ok {
			return constant{-f}
		}
	}
	return unary{operator, operand}
}

func (p *parser) primary() expression {
	t := p.peek()
	switch t.kind {
	case text:
		return constant{p.next().text}
	case number:
		return constant{p.next().number}
	case parameter:
		return p.parameter(p.next())
	case keyword:
		return p.literal()
	case name:
		p.next()
		if p.symbol("(") {
			return p.call(t)
		}
		return p.property(t)
	}
	switch {
	case p.symbol("("):
		e := p.expression()
		p.expect(symbol, ")")
		return e
	case p.symbol("["):
		return arrayOf{p.list("]")}
	case p.symbol("{"):
		return p.object()
	}
	p.fail("a value is expected")
	return nil
}

func (p *parser) parameter(t token) expression {
	v, ok := p.parameters[t.text]
	if !ok {
		p.failAt(t, codeSyntax, "the parameter %s has no value", t.text)
	}
	if p.at(symbol, ".") || p.at(symbol, "[") {
		p.fail("a path from a parameter is not supported")
	}
	return constant{v}
}

func (p *parser) literal() expression {
	switch {
	case p.keyword("TRUE"):
		return constant{true}
	case p.keyword("FALSE"):
		return constant{false}
	case p.keyword("NULL"):
		return constant{nil}
	case p.keyword("UNDEFINED"):
		return constant{value.Undefined{}}
	case p.atAny([]string{"SELECT", "EXISTS", "ARRAY", "UDF"}):
		p.fail("subqueries and user-defined functions are not supported")
	}
	p.fail("%s cannot stand here", p.peek().text)
	return nil
}

// property reads the steps after the item's name.
func (p *parser) property(root token) expression {
	if root.text != p.alias {
		p.failAt(root, codeUnresolved, "Identifier '%s' could not be resolved", root.text)
	}
	if !p.inside && p.loose.kind != name {
		p.loose = root
	}
	path := property{}
	for {
		switch {
		case p.symbol("."):
			if p.peek().kind == keyword {
				p.fail("a reserved word is written as %s[%q]", p.alias, strings.ToLower(p.peek().text))
			}
			path = append(path, p.name("a property name"))
			if p.at(symbol, "(") {
				p.fail("methods are not supported")
			}
		case p.symbol("["):
			path = append(path, p.step())
		default:
			return path
		}
	}
}

// step reads a name in quotes or the index of an array, and the bracket.
func (p *parser) step() (step any) {
	t := p.peek()
	switch {
	case t.kind == text:
		step = t.text
	case t.kind == number && t.number == math.Trunc(t.number) && t.number <= math.MaxInt32:
		step = int(t.number)
	default:
		p.fail("a name in quotes or a whole number is expected")
	}
	p.next()
	p.expect(symbol, "]")
	return step
}

func (p *parser) object() expression {
	var e objectOf
	if p.symbol("}") {
		return e
	}
	for {
		t := p.next()
		if t.kind != text && t.kind != name || slices.Contains(e.names, t.text) {
			p.failAt(t, codeSyntax, "a property name of its own is expected")
		}
		p.expect(symbol, ":")
		e.names, e.values = append(e.names, t.text), append(e.values, p.expression())
		if !p.symbol(",") {
			p.expect(symbol, "}")
			return e
		}
	}
}

// list reads expressions up to the closing bracket.
func (p *parser) list(closing string) (list []expression) {
	if p.symbol(closing) {
		return nil
	}
	for {
		list = append(list, p.expression())
		if !p.symbol(",") {
			p.expect(symbol, closing)
			return list
		}
	}
}
