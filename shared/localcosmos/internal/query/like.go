package query

import "slices"

// element is one unit of a LIKE pattern: any text, or a set of runes.
type element struct {
	anything bool // %
	anyone   bool // _
	negated  bool // [^...]
	ranges   [][2]rune
}

func (e element) matches(r rune) bool {
	if e.anyone {
		return true
	}
	in := slices.ContainsFunc(e.ranges, func(span [2]rune) bool { return r >= span[0] && r <= span[1] })
	return in != e.negated
}

func likeElements(pattern, escape []rune) []element {
	var elements []element
	for i := 0; i < len(pattern); i++ {
		r := pattern[i]
		switch {
		case len(escape) == 1 && r == escape[0] && i+1 < len(pattern):
			i++
			elements = append(elements, element{ranges: [][2]rune{{pattern[i], pattern[i]}}})
		case r == '%':
			elements = append(elements, element{anything: true})
		case r == '_':
			elements = append(elements, element{anyone: true})
		case r == '[' && slices.Index(pattern[i:], ']') > 0:
			size := slices.Index(pattern[i:], ']')
			elements = append(elements, runeSet(pattern[i+1:i+size]))
			i += size
		default:
			elements = append(elements, element{ranges: [][2]rune{{r, r}}})
		}
	}
	return elements
}

func runeSet(set []rune) element {
	var e element
	if len(set) > 0 && set[0] == '^' {
		e.negated, set = true, set[1:]
	}
	for i := 0; i < len(set); i++ {
		span := [2]rune{set[i], set[i]}
		if i+2 < len(set) && set[i+1] == '-' {
			span[1] = set[i+2]
			i += 2
		}
		e.ranges = append(e.ranges, span)
	}
	return e
}

// matchLike goes back to the last % only, which takes time at most
// len(s) * len(pattern).
func matchLike(s []rune, pattern []element) bool {
	at, in := 0, 0
	star, resume := -1, 0
	for at < len(s) {
		switch {
		case in < len(pattern) && pattern[in].anything:
			star, resume = in, at
			in++
		case in < len(pattern) && pattern[in].matches(s[at]):
			at++
			in++
		case star >= 0:
			resume++
			at, in = resume, star+1
		default:
			return false
		}
	}
	for in < len(pattern) && pattern[in].anything {
		in++
	}
	return in == len(pattern)
}
