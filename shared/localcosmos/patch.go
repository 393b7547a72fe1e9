package localcosmos

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"switchboard/shared/localcosmos/internal/query"
	"switchboard/shared/localcosmos/internal/value"
)

// maxPatch is how many operations a patch may have.
const maxPatch = 10

// patch is a partial update ("Partial document update in Azure Cosmos DB").
type patch struct {
	condition  *query.Condition
	operations []patchOperation
}

type patchOperation struct {
	op         string // add, set, replace, remove, incr, move
	path, from []string
	value      any
}

// parsePatch reads {"condition"?, "operations":[{"op","path","value"?}]}.
func parsePatch(body value.Object) (*patch, error) {
	p := &patch{}
	for _, m := range body {
		switch m.Name {
		case "operations":
		case "condition":
			text, ok := m.Value.(string)
			if !ok {
				return nil, badRequest("The condition of a patch is not a string.")
			}
			condition, err := query.ParseCondition(text)
			if err != nil {
				return nil, badQuery(err)
			}
			p.condition = &condition
		default:
			return nil, unsupported("the property %q of a patch", m.Name)
		}
	}
	operations, ok := body.Get("operations").([]any)
	if !ok || len(operations) == 0 || len(operations) > maxPatch {
		return nil, badRequest("A patch wants 1 to %d operations.", maxPatch)
	}
	for i, v := range operations {
		op, err := parsePatchOperation(v)
		if err != nil {
			return nil, badRequest("The patch operation at index %d is invalid: %v", i, err.message)
		}
		p.operations = append(p.operations, op)
	}
	return p, nil
}

func parsePatchOperation(v any) (patchOperation, *failure) {
	object, ok := v.(value.Object)
	if !ok {
		return patchOperation{}, badRequest("it is not an object.")
	}
	op := patchOperation{value: object.Get("value")}
	op.op, _ = object.Get("op").(string)
	op.op = strings.ToLower(op.op)
	var err *failure
	if op.path, err = patchPath(object.Get("path")); err != nil {
		return op, err
	}
	switch op.op {
	case "remove":
		return op, nil
	case "move":
		op.from, err = patchPath(object.Get("from"))
		if err == nil && len(op.path) > len(op.from) && slices.Equal(op.path[:len(op.from)], op.from) {
			err = badRequest("an item cannot move into itself.")
		}
		return op, err
	case "add", "set", "replace":
		if value.IsUndefined(op.value) {
			return op, badRequest("%q wants a value.", op.op)
		}
		return op, nil
	case "incr":
		if _, ok := op.value.(float64); !ok {
			return op, badRequest("incr wants a number.")
		}
		return op, nil
	}
	return op, badRequest("the op %q is not add, set, replace, remove, incr or move.", op.op)
}

// patchPath reads a JSON pointer and refuses what a patch must not touch.
func patchPath(v any) ([]string, *failure) {
	text, ok := v.(string)
	if !ok || len(text) < 2 || text[0] != '/' {
		return nil, badRequest("the path must start with / and a name.")
	}
	path := strings.Split(text[1:], "/")
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for i := range path {
		path[i] = unescape.Replace(path[i])
	}
	if len(path) > value.MaxDepth {
		return nil, badRequest("the path is deeper than %d levels.", value.MaxDepth)
	}
	switch path[0] {
	case "id", "_rid", "_self", "_etag", "_ts", "_attachments":
		return nil, badRequest("the system property %s cannot be patched.", text)
	}
	return path, nil
}

// apply makes the patched item, or fails and leaves all as it was.
func (p *patch) apply(c *container, key partitionKey, old *record) (value.Object, error) {
	// A tree of its own, because the operations work in place.
	item, err := parseObject(old.json)
	if err != nil {
		return nil, err
	}
	if p.condition != nil && !p.condition.Holds(item) {
		return nil, preconditionFailed()
	}
	root := any(without(item, itemSystem()))
	for i, op := range p.operations {
		if f := op.apply(&root); f != nil {
			return nil, badRequest("The patch operation at index %d failed: %s", i, f.message)
		}
	}
	item = root.(value.Object)
	// The new values came from elsewhere: they may nest too deep here.
	if _, err := value.Parse(value.Append(nil, item)); err != nil {
		return nil, badRequest("The patched item is not valid: %v.", err)
	}
	if patched, err := c.bodyKey(item); err != nil || patched != key {
		return nil, badRequest("The partition key cannot be patched.")
	}
	return item, nil
}

func (op patchOperation) apply(root *any) *failure {
	if op.op != "move" {
		return edit(root, op.path, op)
	}
	v, f := lookUp(*root, op.from)
	if f != nil {
		return f
	}
	if f := edit(root, op.from, patchOperation{op: "remove"}); f != nil {
		return f
	}
	return edit(root, op.path, patchOperation{op: "add", value: v})
}

func lookUp(v any, path []string) (any, *failure) {
	for _, name := range path {
		switch parent := v.(type) {
		case value.Object:
			v = parent.Get(name)
		case []any:
			i, ok := arrayIndex(name, len(parent)-1)
			if !ok {
				return nil, badRequest("the path does not exist.")
			}
			v = parent[i]
		default:
			return nil, badRequest("the path does not exist.")
		}
	}
	if value.IsUndefined(v) {
		return nil, badRequest("the path does not exist.")
	}
	return v, nil
}

// edit applies an operation at the end of path below node, which it replaces.
func edit(node *any, path []string, op patchOperation) *failure {
	switch parent := (*node).(type) {
	case value.Object:
		if len(path) == 1 {
			return editMember(node, parent, path[0], op)
		}
		if i := parent.Index(path[0]); i >= 0 {
			return edit(&parent[i].Value, path[1:], op)
		}
	case []any:
		if len(path) == 1 {
			return editElement(node, parent, path[0], op)
		}
		if i, ok := arrayIndex(path[0], len(parent)-1); ok {
			return edit(&parent[i], path[1:], op)
		}
	}
	return badRequest("the path does not exist: %q has no parent.", path[len(path)-1])
}

func editMember(node *any, parent value.Object, name string, op patchOperation) *failure {
	i := parent.Index(name)
	if i < 0 {
		if op.op == "remove" || op.op == "replace" {
			return badRequest("the path to %s does not exist: %q.", op.op, name)
		}
		*node = append(parent, value.Member{Name: name, Value: op.value})
		return nil
	}
	if op.op == "remove" {
		*node = slices.Delete(parent, i, i+1)
		return nil
	}
	return op.assign(&parent[i].Value)
}

// editElement: add inserts before an index or, at "-", at the end; set does
// the latter only there; everything else wants an element that exists.
func editElement(node *any, parent []any, name string, op patchOperation) *failure {
	last := len(parent) - 1
	if op.op == "add" || op.op == "set" && name == "-" {
		last = len(parent)
	}
	i, ok := arrayIndex(name, last)
	if name == "-" && last == len(parent) {
		i, ok = last, true
	}
	switch {
	case !ok:
		return badRequest("the index %q is not in the array.", name)
	case last == len(parent):
		*node = slices.Insert(parent, i, op.value)
	case op.op == "remove":
		*node = slices.Delete(parent, i, i+1)
	default:
		return op.assign(&parent[i])
	}
	return nil
}

// assign changes a value that exists.
func (op patchOperation) assign(v *any) *failure {
	if op.op != "incr" {
		*v = op.value
		return nil
	}
	number, ok := (*v).(float64)
	if !ok {
		return badRequest("incr wants a number at the path.")
	}
	sum := number + op.value.(float64)
	if math.IsInf(sum, 0) {
		return badRequest("incr leaves the range of a double.")
	}
	*v = sum
	return nil
}

// arrayIndex reads an index from 0 to last, without leading zeros.
func arrayIndex(name string, last int) (int, bool) {
	i, err := strconv.Atoi(name)
	return i, err == nil && i >= 0 && i <= last && strconv.Itoa(i) == name
}
