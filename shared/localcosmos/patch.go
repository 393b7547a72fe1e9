package localcosmos

import (
	"bytes"
	"encoding/json"
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

// parsePatch reads {"condition"?, "operations":[{"op","path","value"?}]}, or the
// list of operations alone, which JavaScript sends where there is no condition.
func parsePatch(text []byte) (*patch, error) {
	var body struct {
		Condition  *string      `json:"condition"`
		Operations []patchEntry `json:"operations"`
	}
	into := any(&body)
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		into = &body.Operations
	}
	if err := decode(text, into); err != nil {
		return nil, err
	}
	p := &patch{}
	if body.Condition != nil {
		condition, err := query.ParseCondition(*body.Condition)
		if err != nil {
			return nil, badQuery(err)
		}
		p.condition = &condition
	}
	if n := len(body.Operations); n == 0 || n > maxPatch {
		return nil, badRequest("A patch wants 1 to %d operations and has %d.", maxPatch, n)
	}
	for i, entry := range body.Operations {
		op, fault := entry.operation()
		if fault != nil {
			return nil, badRequest("The patch operation at index %d is invalid: %s", i, fault.message)
		}
		p.operations = append(p.operations, op)
	}
	return p, nil
}

type patchEntry struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	From  string          `json:"from"`
	Value json.RawMessage `json:"value"`
}

func (e patchEntry) operation() (op patchOperation, fault *failure) {
	op = patchOperation{op: strings.ToLower(e.Op)}
	if op.path, fault = patchPath(e.Path); fault != nil {
		return op, fault
	}
	switch op.op {
	case "remove":
		return op, nil
	case "move":
		op.from, fault = patchPath(e.From)
		if fault == nil && len(op.path) > len(op.from) && slices.Equal(op.path[:len(op.from)], op.from) {
			fault = badRequest("a value cannot move into itself.")
		}
		return op, fault
	case "add", "set", "replace", "incr":
	default:
		return op, badRequest("the op %q is not add, set, replace, remove, incr or move.", e.Op)
	}
	if e.Value == nil {
		return op, badRequest("%s wants a value.", op.op)
	}
	var err error
	if op.value, err = value.Parse(e.Value); err != nil {
		return op, badRequest("%v.", err)
	}
	if _, ok := op.value.(float64); op.op == "incr" && !ok {
		return op, badRequest("incr wants a number.")
	}
	return op, nil
}

// patchPath reads a JSON pointer and refuses what a patch must not touch.
func patchPath(text string) ([]string, *failure) {
	if len(text) < 2 || text[0] != '/' {
		return nil, badRequest("the path %q does not start with / and a name.", text)
	}
	path := strings.Split(text[1:], "/")
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for i := range path {
		path[i] = unescape.Replace(path[i])
	}
	if path[0] == "id" || slices.Contains(itemSystem(), path[0]) {
		return nil, badRequest("the property %s cannot be patched.", path[0])
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
