package query

import (
	"math"
	"regexp"
	"unicode/utf8"

	"switchboard/shared/localcosmos/internal/value"
)

// maxDepth bounds how deep expressions nest, so that no text exhausts the
// stack.
const maxDepth = 200

func (p *parser) expression() expression { return p.binary(0) }

// operate applies the operator of that name.
func (p *parser) operate(name string, operands ...expression) expression {
	return apply(name, p.operators[name].do, operands...)
}

// binary reads operands joined by operators of a level or tighter.
//
// Comparisons do not chain. The service binds NOT to the operand after it,
// readers expect it around the comparison: NOT a = b is refused, so that nobody
// gets the other one.
func (p *parser) binary(level int) expression {
	bareNot, compared := p.at("NOT"), false
	left := p.unary()
	for {
		operator, ok := p.operators[p.ahead.text]
		switch {
		case !ok || operator.level < level:
			return left
		case operator.level != comparisonLevel:
			left = p.operate(p.next().text, left, p.binary(operator.level+1))
			continue
		case bareNot:
			p.fail("NOT wants parentheses around a comparison")
		case compared:
			p.fail("a comparison cannot be compared without parentheses")
		}
		left, compared = p.comparison(left), true
	}
}

// comparison reads what follows the operand of one.
func (p *parser) comparison(operand expression) (e expression) {
	negated := p.accept("NOT")
	switch {
	case p.accept("IN"):
		operands := []expression{operand}
		p.expect("(")
		p.list(func() { operands = append(operands, p.expression()) })
		p.expect(")")
		e = p.operate("IN", operands...)
	case p.accept("BETWEEN"):
		low := p.operand()
		p.expect("AND")
		e = p.operate("AND", p.operate(">=", operand, low), p.operate("<=", operand, p.operand()))
	case p.accept("LIKE"):
		e = p.like(operand)
	case negated:
		p.fail("NOT wants IN, BETWEEN or LIKE here")
	default:
		e = p.operate(p.next().text, operand, p.operand())
	}
	if negated {
		e = p.operate("NOT", e)
	}
	return e
}

// operand reads one side of a comparison.
func (p *parser) operand() expression { return p.binary(comparisonLevel + 1) }

// like reads a pattern, which must be known before the items are.
func (p *parser) like(operand expression) expression {
	pattern, escape := p.constantText(), ""
	if p.accept("ESCAPE") {
		escape = p.constantText()
	}
	matcher, err := regexp.Compile(likeExpression(pattern, escape))
	if err != nil || utf8.RuneCountInString(escape) > 1 {
		p.fail("LIKE wants sets that do not run backwards, and after ESCAPE one character")
		return nil
	}
	return apply("LIKE", of(func(s string) any { return matcher.MatchString(s) }), operand)
}

// constantText reads a string that does not depend on the item.
func (p *parser) constantText() string {
	c, _ := p.operand().(constant)
	s, ok := c.value.(string)
	if !ok {
		p.fail("LIKE and ESCAPE want literals or parameters that are strings")
	}
	return s
}

// unary reads an operand. Whatever contains itself does so through here.
func (p *parser) unary() expression {
	p.depth++
	defer func() { p.depth-- }()
	switch {
	case p.depth > maxDepth:
		p.fail("the expression nests deeper than %d levels", maxDepth)
		return nil
	case p.accept("NOT"):
		return p.operate("NOT", p.unary())
	case p.at("-", "+"):
		// A sign adds to zero, or takes away from it.
		return p.operate(p.next().text, constant{0.0}, p.unary())
	}
	return p.primary()
}

func (p *parser) primary() expression {
	t := p.next()
	switch t.text {
	case "TRUE":
		return constant{true}
	case "FALSE":
		return constant{false}
	case "NULL":
		return constant{nil}
	case "UNDEFINED":
		return constant{value.Undefined{}}
	case "(":
		e := p.expression()
		p.expect(")")
		return e
	case "[":
		return apply("[", array, p.expressions("]")...)
	case "{":
		if p.accept("}") {
			return constant{value.Object{}}
		}
		e := p.members(p.member)
		p.expect("}")
		return e
	case "SELECT", "EXISTS", "ARRAY", "UDF":
		p.failAt(t, codeSyntax, "subqueries and user-defined functions are not supported")
	}
	switch t.kind {
	case text, number, parameter:
		if p.at(".", "[") {
			p.fail("a path from a value or parameter is not supported")
		}
		return constant{t.value}
	case name:
		if p.accept("(") {
			return p.function(t)
		}
		return p.property(t)
	}
	p.failAt(t, codeSyntax, "a value is expected")
	return nil
}

// property reads the steps after the item's name.
func (p *parser) property(root token) expression {
	p.roots = append(p.roots, root)
	if p.selecting {
		p.loose = append(p.loose, root)
	}
	path := property{root.text}
	for {
		switch {
		case p.accept("."):
			path = append(path, p.name(`a property name (a reserved word is written as c["order"])`))
			if p.at("(") {
				p.fail("methods are not supported")
			}
		case p.accept("["):
			path = append(path, p.step())
			p.expect("]")
		default:
			return path
		}
	}
}

// step reads a name in quotes or the index of an array.
func (p *parser) step() any {
	t := p.next()
	index, _ := t.value.(float64)
	switch {
	case t.kind == text:
		return t.value
	case t.kind == number && index == math.Trunc(index) && index <= math.MaxInt32:
		return int(index)
	}
	p.failAt(t, codeSyntax, "a name in quotes or a whole number is expected")
	return nil
}

// member reads name : expression.
func (p *parser) member() (key string, e expression) {
	t := p.next()
	key, ok := t.text, t.kind == name
	if t.kind == text {
		key, ok = t.value.(string)
	}
	if !ok {
		p.failAt(t, codeSyntax, "the name of a property is expected")
	}
	p.expect(":")
	return key, p.expression()
}

// members reads a list of them, each by read, and gives the object they make.
func (p *parser) members(read func() (string, expression)) expression {
	var names []string
	var values []expression
	taken := map[string]bool{}
	p.list(func() {
		t := p.ahead
		name, e := read()
		if taken[name] {
			p.failAt(t, codeSyntax, "an object has two properties called %q", name)
		}
		taken[name] = true
		names, values = append(names, name), append(values, e)
	})
	return apply("{", object(names), values...)
}

// expressions reads a list that may be empty, and the bracket after it.
func (p *parser) expressions(closing string) (list []expression) {
	if !p.at(closing) {
		p.list(func() { list = append(list, p.expression()) })
	}
	p.expect(closing)
	return list
}
