package query

import (
	"math"
	"slices"

	"switchboard/shared/localcosmos/internal/value"
)

// levels are the binary operators by rising precedence, below those that
// comparison handles by itself.
func levels() [][]string {
	return [][]string{{"||"}, {"+", "-"}, {"*", "/", "%"}}
}

// scalar reads an expression: test ? then : otherwise, loosest of all.
func (p *parser) scalar() (expression, error) {
	if p.depth == maxDepth {
		return nil, p.fail("the expression nests deeper than %d levels", maxDepth)
	}
	p.depth++
	defer func() { p.depth-- }()
	test, err := p.coalesce()
	if err != nil || !p.symbol("?") {
		return test, err
	}
	then, err := p.scalar()
	if err != nil {
		return nil, err
	}
	if err := p.expectSymbol(":"); err != nil {
		return nil, err
	}
	otherwise, err := p.scalar()
	return conditional{test, then, otherwise}, err
}

func (p *parser) coalesce() (expression, error) {
	left, err := p.or()
	for err == nil && p.symbol("??") {
		var right expression
		right, err = p.or()
		left = logical{"??", left, right}
	}
	return left, err
}

func (p *parser) or() (expression, error) {
	left, err := p.and()
	for err == nil && p.keyword("OR") {
		var right expression
		right, err = p.and()
		left = logical{"OR", left, right}
	}
	return left, err
}

func (p *parser) and() (expression, error) {
	left, err := p.comparison()
	for err == nil && p.keyword("AND") {
		var right expression
		right, err = p.comparison()
		left = logical{"AND", left, right}
	}
	return left, err
}

// comparison reads operand [operator operand] or one of [NOT] IN, BETWEEN and
// LIKE. Comparisons do not chain.
//
// The service binds NOT to the operand after it, readers expect it around the
// comparison. NOT a = b is refused, so that nobody gets the other one.
func (p *parser) comparison() (expression, error) {
	bareNot := p.isKeyword("NOT")
	operand, err := p.operators(0)
	if err != nil {
		return nil, err
	}
	negated := p.isKeyword("NOT")
	compares := negated || p.isKeyword("IN") || p.isKeyword("BETWEEN") || p.isKeyword("LIKE") ||
		p.peek().kind == symbol && slices.Contains([]string{"=", "!=", "<>", "<", "<=", ">", ">="}, p.peek().text)
	if !compares {
		return operand, nil
	}
	if bareNot {
		return nil, p.fail("NOT wants parentheses around a comparison")
	}
	p.keyword("NOT")
	var e expression
	switch {
	case p.keyword("IN"):
		e, err = p.membership(operand)
	case p.keyword("BETWEEN"):
		e, err = p.between(operand)
	case p.keyword("LIKE"):
		e, err = p.like(operand)
	case negated:
		return nil, p.fail("NOT wants IN, BETWEEN or LIKE here")
	default:
		operator := p.next().text
		var right expression
		right, err = p.operators(0)
		e = binary{operator, operand, right}
	}
	if negated {
		e = unary{"NOT", e}
	}
	return e, err
}

func (p *parser) membership(operand expression) (expression, error) {
	if err := p.expectSymbol("("); err != nil {
		return nil, err
	}
	set, err := p.list(")")
	if err == nil && len(set) == 0 {
		return nil, p.fail("IN wants at least one value")
	}
	return membership{operand, set}, err
}

func (p *parser) between(operand expression) (expression, error) {
	low, err := p.operators(0)
	if err != nil {
		return nil, err
	}
	if err := p.expectKeyword("AND"); err != nil {
		return nil, err
	}
	high, err := p.operators(0)
	return logical{"AND", binary{">=", operand, low}, binary{"<=", operand, high}}, err
}

func (p *parser) like(operand expression) (expression, error) {
	pattern, err := p.operators(0)
	if err != nil {
		return nil, err
	}
	escape := expression(constant{""})
	if p.keyword("ESCAPE") {
		if escape, err = p.operators(0); err != nil {
			return nil, err
		}
	}
	return call{like, []expression{operand, pattern, escape}}, nil
}

// operators reads a chain of binary operators of one level or tighter.
func (p *parser) operators(level int) (expression, error) {
	if level == len(levels()) {
		return p.unary()
	}
	left, err := p.operators(level + 1)
	for err == nil && p.peek().kind == symbol && slices.Contains(levels()[level], p.peek().text) {
		operator := p.next().text
		var right expression
		right, err = p.operators(level + 1)
		left = binary{operator, left, right}
	}
	return left, err
}

func (p *parser) unary() (expression, error) {
	operator := ""
	switch {
	case p.keyword("NOT"):
		operator = "NOT"
	case p.symbol("-"):
		operator = "-"
	case p.symbol("+"):
		operator = "+"
	default:
		return p.primary()
	}
	if p.depth == maxDepth {
		return nil, p.fail("the expression nests deeper than %d levels", maxDepth)
	}
	p.depth++
	defer func() { p.depth-- }()
	operand, err := p.unary()
	if c, ok := operand.(constant); ok && operator == "-" {
		if f, ok := c.value.(float64); ok {
			return constant{-f}, err
		}
	}
	return unary{operator, operand}, err
}

func (p *parser) primary() (expression, error) {
	switch t := p.peek(); t.kind {
	case text:
		p.next()
		return constant{t.text}, nil
	case number:
		p.next()
		return constant{t.number}, nil
	case parameter:
		v, ok := p.parameters[t.text]
		if !ok {
			return nil, p.fail("the parameter %s has no value", t.text)
		}
		p.next()
		return p.indexed(constant{v})
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
		e, err := p.scalar()
		if err != nil {
			return nil, err
		}
		return e, p.expectSymbol(")")
	case p.symbol("["):
		elements, err := p.list("]")
		return arrayOf{elements}, err
	case p.symbol("{"):
		return p.object()
	}
	return nil, p.fail("a value is expected")
}

// indexed refuses steps into a parameter, which only paths from the item take.
func (p *parser) indexed(e expression) (expression, error) {
	if p.isSymbol(".") || p.isSymbol("[") {
		return nil, p.fail("a path from a parameter is not supported")
	}
	return e, nil
}

func (p *parser) literal() (expression, error) {
	switch {
	case p.keyword("TRUE"):
		return constant{true}, nil
	case p.keyword("FALSE"):
		return constant{false}, nil
	case p.keyword("NULL"):
		return constant{nil}, nil
	case p.keyword("UNDEFINED"):
		return constant{value.Undefined{}}, nil
	case p.isKeyword("SELECT"), p.isKeyword("EXISTS"), p.isKeyword("ARRAY"):
		return nil, p.fail("subqueries are not supported")
	case p.isKeyword("UDF"):
		return nil, p.fail("user-defined functions are not supported")
	}
	return nil, p.fail("%s cannot stand here", p.peek().text)
}

// property reads the steps after the alias.
func (p *parser) property(root token) (expression, error) {
	if root.text != p.alias {
		return nil, &Error{Start: root.start, End: root.end, Code: codeUnresolved,
			Message: "Identifier '" + root.text + "' could not be resolved."}
	}
	e := property{start: root.start, end: root.end}
	for {
		switch {
		case p.symbol("."):
			if p.peek().kind != name {
				return nil, p.fail(`a property name is expected; write a reserved word as %s["word"]`, p.alias)
			}
			e.steps = append(e.steps, p.next().text)
			if p.isSymbol("(") {
				return nil, p.fail("methods are not supported")
			}
		case p.symbol("["):
			step, err := p.step()
			if err != nil {
				return nil, err
			}
			e.steps = append(e.steps, step)
		default:
			return e, nil
		}
	}
}

func (p *parser) step() (any, error) {
	var step any
	switch t := p.peek(); {
	case t.kind == text:
		step = t.text
	case t.kind == number && t.number == math.Trunc(t.number) && t.number <= math.MaxInt32:
		step = int(t.number)
	default:
		return nil, p.fail("a name in quotes or a whole number is expected")
	}
	p.next()
	return step, p.expectSymbol("]")
}

func (p *parser) object() (expression, error) {
	var e objectOf
	if p.symbol("}") {
		return e, nil
	}
	for {
		if t := p.peek(); t.kind != text && t.kind != name {
			return nil, p.fail("a property name is expected")
		}
		key := p.next().text
		if slices.Contains(e.names, key) {
			return nil, p.fail("the name %q occurs twice in an object", key)
		}
		if err := p.expectSymbol(":"); err != nil {
			return nil, err
		}
		v, err := p.scalar()
		if err != nil {
			return nil, err
		}
		e.names, e.values = append(e.names, key), append(e.values, v)
		if !p.symbol(",") {
			return e, p.expectSymbol("}")
		}
	}
}

// list reads expressions up to the closing bracket.
func (p *parser) list(closing string) ([]expression, error) {
	var list []expression
	if p.symbol(closing) {
		return list, nil
	}
	for {
		e, err := p.scalar()
		if err != nil {
			return nil, err
		}
		list = append(list, e)
		if !p.symbol(",") {
			return list, p.expectSymbol(closing)
		}
	}
}
