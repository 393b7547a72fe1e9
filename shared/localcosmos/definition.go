package localcosmos

import (
	"math"
	"slices"
	"strings"

	"switchboard/shared/localcosmos/internal/value"
)

// container is a container's definition, read once and never changed: its
// resource as clients see it, and what the store needs of it.
type container struct {
	db, id   string
	rid      string
	owner    uint32 // the database's number
	number   uint32
	etag     string
	resource value.Object

	keyPaths   [][]string // of the partition key, 1 to 3
	largeKeys  bool       // version 2
	defaultTTL int64      // 0: TTL is off; -1: on, items do not expire by default
	uniqueKeys [][][]string
	index      indexing

	docs, feed, unique []byte // names of buckets
}

// immutable are the parts of a definition that a replace cannot change.
func immutable() []string { return []string{"partitionKey", "uniqueKeyPolicy"} }

// newContainer reads a definition. Every member is either understood, known to
// have no effect on what the store does, or refused.
func newContainer(resource value.Object) (*container, error) {
	c := &container{resource: resource}
	id, err := checkName(resource.Get("id"))
	if err != nil {
		return nil, err
	}
	c.id = id
	for _, m := range resource {
		if err := c.set(m); err != nil {
			return nil, err
		}
	}
	if len(c.keyPaths) == 0 {
		return nil, badRequest("The partition key definition is missing: the property 'partitionKey' is required.")
	}
	if c.rid != "" {
		if c.owner, c.number, err = numbers(c.rid); err != nil {
			return nil, err
		}
		c.docs, c.feed, c.unique = buckets(c.number)
	}
	return c, nil
}

func (c *container) set(m value.Member) error {
	switch m.Name {
	case "partitionKey":
		return c.setPartitionKey(m.Value)
	case "defaultTtl":
		return c.setDefaultTTL(m.Value)
	case "uniqueKeyPolicy":
		return c.setUniqueKeys(m.Value)
	case "indexingPolicy":
		index, err := newIndexing(m.Value)
		c.index = index
		return err
	case "_etag":
		c.etag, _ = m.Value.(string)
	case "_rid":
		c.rid, _ = m.Value.(string)
	case "id", "_self", "_ts", "_docs", "_sprocs", "_triggers", "_udfs", "_conflicts",
		"conflictResolutionPolicy", "geospatialConfig":
	default:
		return unsupported("the property %q of a container", m.Name)
	}
	return nil
}

func (c *container) setPartitionKey(v any) error {
	definition, ok := v.(value.Object)
	if !ok {
		return badRequest("The partition key definition is not an object.")
	}
	paths, ok := definition.Get("paths").([]any)
	if !ok || len(paths) == 0 || len(paths) > 3 {
		return badRequest("The partition key definition wants 1 to 3 paths.")
	}
	version, kind := definition.Get("version"), definition.Get("kind")
	if value.IsUndefined(kind) {
		kind = "Hash"
	}
	if value.IsUndefined(version) {
		version = 1.0
	}
	switch {
	case version != 1.0 && version != 2.0:
		return badRequest("The version of a partition key definition is 1 or 2.")
	case kind == "MultiHash" && version != 2.0:
		return badRequest("A MultiHash partition key needs version 2.")
	case kind == "Hash" && len(paths) > 1:
		return badRequest("A Hash partition key has one path; several need MultiHash.")
	case kind != "Hash" && kind != "MultiHash":
		return badRequest("The kind of a partition key is Hash or MultiHash.")
	}
	c.largeKeys = version == 2.0
	for _, text := range paths {
		path, err := parsePath(text)
		if err != nil {
			return err
		}
		c.keyPaths = append(c.keyPaths, path)
	}
	return nil
}

func (c *container) setDefaultTTL(v any) error {
	ttl, err := parseTTL(v)
	if err != nil {
		return badRequest("The defaultTtl is invalid: it is -1 or a whole number from 1 to 2147483647.")
	}
	c.defaultTTL = ttl
	return nil
}

// parseTTL reads what both defaultTtl and an item's ttl may be ("Time to
// live": a nonzero positive integer up to 2147483647, or -1).
func parseTTL(v any) (int64, error) {
	ttl, ok := v.(float64)
	if !ok || ttl != math.Trunc(ttl) || ttl != -1 && (ttl < 1 || ttl > math.MaxInt32) {
		return 0, badRequest("The input ttl is invalid: provide a nonzero positive integer up to 2147483647, or -1.")
	}
	return int64(ttl), nil
}

// setUniqueKeys reads {"uniqueKeys":[{"paths":[...]}]}: up to 10 keys with up
// to 16 paths each.
func (c *container) setUniqueKeys(v any) error {
	policy, _ := v.(value.Object)
	keys, ok := policy.Get("uniqueKeys").([]any)
	if !ok || len(keys) > 10 {
		return badRequest("The unique key policy wants a list of up to 10 uniqueKeys.")
	}
	for _, key := range keys {
		object, _ := key.(value.Object)
		paths, ok := object.Get("paths").([]any)
		if !ok || len(paths) == 0 || len(paths) > 16 {
			return badRequest("A unique key wants 1 to 16 paths.")
		}
		var parsed [][]string
		for _, text := range paths {
			path, err := parsePath(text)
			if err != nil {
				return err
			}
			parsed = append(parsed, path)
		}
		c.uniqueKeys = append(c.uniqueKeys, parsed)
	}
	return nil
}

// parsePath reads /a/b or /"a b"/c.
func parsePath(v any) ([]string, error) {
	text, ok := v.(string)
	if !ok || !strings.HasPrefix(text, "/") || len(text) < 2 {
		return nil, badRequest("The path %q does not start with / and a name.", v)
	}
	path := strings.Split(text[1:], "/")
	for i, name := range path {
		if len(name) > 1 && strings.HasPrefix(name, `"`) && strings.HasSuffix(name, `"`) {
			path[i] = name[1 : len(name)-1]
		}
	}
	if slices.Contains(path, "") || slices.Contains(path, "[]") || slices.Contains(path, "*") {
		return nil, unsupported("the path %q", text)
	}
	return path, nil
}
