package localcosmos

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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
	Condition  *string          `json:"condition"`
	Operations []patchOperation `json:"operations"`

	condition query.Condition // Condition, parsed
}

type patchOperation struct {
	Op    string          `json:"op"` // add, set, replace, remove, incr, move
	Path  string          `json:"path"`
	From  string          `json:"from"`
	Value json.RawMessage `json:"value"`

	path, from []string // Path, From and Value, parsed
	value      any
}

// parsePatch reads {"condition"?, "operations":[{"op","path","value"?}]}, or the
// list of operations alone, which JavaScript sends where there is no condition.
func parsePatch(text []byte) (*patch, error) {
	p := &patch{}
	into := any(p)
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		into = &p.Operations
	}
	if err := decode(text, into); err != nil {
		return nil, err
	}
	if p.Condition != nil {
		var err error
		if p.condition, err = query.ParseCondition(*p.Condition); err != nil {
			return nil, badQuery(err)
		}
	}
	if n := len(p.Operations); n == 0 || n > maxPatch {
		return nil, badRequest("A patch wants 1 to %d operations and has %d.", maxPatch, n)
	}
	for i := range p.Operations {
		if err := p.Operations[i].parse(); err != nil {
			return nil, badRequest("The patch operation at index %d is invalid: %v.", i, err)
		}
	}
	return p, nil
}

func (op *patchOperation) parse() (err error) {
	op.Op = strings.ToLower(op.Op)
	if op.path, err = patchPath(op.Path); err != nil {
		return err
	}
	switch op.Op {
	case "remove":
		return nil
	case "move":
		op.from, err = patchPath(op.From)
		if err == nil && len(op.path) > len(op.from) && slices.Equal(op.path[:len(op.from)], op.from) {
			err = errors.New("a value cannot move into itself")
		}
		return err
	case "add", "set", "replace", "incr":
		if op.Value == nil {
			return fmt.Errorf("%s wants a value", op.Op)
		}
		op.value, err = value.Parse(op.Value)
		if _, ok := op.value.(float64); err == nil && op.Op == "incr" && !ok {
			err = errors.New("incr wants a number")
		}
		return err
	}
	return fmt.Errorf("the op %q is not add, set, replace, remove, incr or move", op.Op)
}

// patchPath reads a JSON pointer and refuses what a patch must not touch.
func patchPath(text string) ([]string, error) {
	if len(text) < 2 || text[0] != '/' {
		return nil, fmt.Errorf("the path %q does not start with / and a name", text)
	}
	path := strings.Split(text[1:], "/")
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for i := range path {
		path[i] = unescape.Replace(path[i])
	}
	if path[0] == "id" || slices.Contains(itemSystem(), path[0]) {
		return nil, fmt.Errorf("the property %s cannot be patched", path[0])
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
	if p.Condition != nil && !p.condition.Holds(item) {
		return nil, preconditionFailed()
	}
	root := any(without(item, itemSystem()))
	for i, op := range p.Operations {
		if root, err = op.apply(root); err != nil {
			return nil, badRequest("The patch operation at index %d, %s %q, failed: %v.", i, op.Op, op.Path, err)
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

// apply gives root as the operation leaves it. A move first takes its value
// away and then adds it.
func (op patchOperation) apply(root any) (any, error) {
	if op.Op == "move" {
		var err error
		if root, err = op.edit(root, op.from); err != nil {
			return nil, err
		}
		op.Op = "add"
	}
	return op.edit(root, op.path)
}

// edit changes the value at the end of path below node, and gives node as it is
// then. A value that is not there is Undefined, before as after.
func (op *patchOperation) edit(node any, path []string) (any, error) {
	if len(path) == 0 {
		return op.change(node)
	}
	name := path[0]
	switch parent := node.(type) {
	case value.Object:
		i := parent.Index(name)
		if i < 0 {
			i = len(parent)
			parent = append(parent, value.Member{Name: name, Value: value.Undefined{}})
		}
		v, err := op.edit(parent[i].Value, path[1:])
		if value.IsUndefined(v) {
			return slices.Delete(parent, i, i+1), err
		}
		parent[i].Value = v
		return parent, err
	case []any:
		i := arrayIndex(name, len(parent))
		inserts := len(path) == 1 && (op.Op == "add" || op.Op == "set" && name == "-")
		if inserts && i >= 0 {
			parent = slices.Insert(parent, i, any(value.Undefined{}))
		}
		if i < 0 || i == len(parent) {
			return nil, fmt.Errorf("the index %q is not in the array", name)
		}
		v, err := op.edit(parent[i], path[1:])
		if value.IsUndefined(v) {
			return slices.Delete(parent, i, i+1), err
		}
		parent[i] = v
		return parent, err
	}
	return nil, fmt.Errorf("the path does not exist: %q has no parent", path[len(path)-1])
}

// change makes the new value from the old one; Undefined is none.
func (op *patchOperation) change(old any) (any, error) {
	exists := !value.IsUndefined(old)
	switch {
	case op.Op == "add" || op.Op == "set" || op.Op == "incr" && !exists:
		return op.value, nil
	case !exists:
		return nil, fmt.Errorf("the path to %s does not exist", op.Op)
	case op.Op == "replace":
		return op.value, nil
	case op.Op == "incr":
		number, ok := old.(float64)
		sum := number + op.value.(float64)
		if !ok || math.IsInf(sum, 0) {
			return nil, errors.New("incr wants a number at the path, and a sum in the range of a double")
		}
		return sum, nil
	case op.Op == "move":
		op.value = old
	}
	return value.Undefined{}, nil
}

// arrayIndex reads an index without leading zeros that is in the array or, as
// "-" always is, just behind it. Any other text is -1.
func arrayIndex(name string, length int) int {
	if name == "-" {
		return length
	}
	i, err := strconv.Atoi(name)
	if err != nil || i < 0 || i > length || strconv.Itoa(i) != name {
		return -1
	}
	return i
}
