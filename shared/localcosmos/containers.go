package localcosmos

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"switchboard/shared/localcosmos/internal/value"
)

// container is what the store needs of a container's definition, read once and
// never changed.
type container struct {
	resource value.Object // as clients see it
	rid      string
	owner    uint32 // the database's number
	number   uint32

	keyPaths   []propertyPath // of the partition key, 1 to 3
	largeKeys  bool           // version 2
	defaultTTL int64          // 0: TTL is off; -1: on, items do not expire by default
	uniqueKeys [][]propertyPath
	index      indexing

	docs []byte // name of the bucket
}

// definition is the JSON of a container without system properties. What is not
// listed is refused.
type definition struct {
	PartitionKey struct {
		Paths   []propertyPath `json:"paths"`
		Kind    string         `json:"kind"`
		Version int            `json:"version"`
	} `json:"partitionKey"`
	DefaultTTL      any      `json:"defaultTtl"`
	IndexingPolicy  indexing `json:"indexingPolicy"`
	UniqueKeyPolicy struct {
		UniqueKeys []struct {
			Paths []propertyPath `json:"paths"`
		} `json:"uniqueKeys"`
	} `json:"uniqueKeyPolicy"`

	// These are read elsewhere, or change nothing that the store does.
	ID                 json.RawMessage `json:"id"`
	ConflictResolution json.RawMessage `json:"conflictResolutionPolicy"`
	Geospatial         json.RawMessage `json:"geospatialConfig"`
}

// newContainer reads a definition, which has system properties once it is
// stored.
func newContainer(resource value.Object) (*container, error) {
	var d definition
	err := decode(value.Append(nil, without(slices.Clone(resource), systemNames())), &d)
	if err == nil {
		err = d.check()
	}
	if err != nil {
		return nil, err
	}
	c := &container{
		resource: resource, rid: property(resource, "_rid"), keyPaths: d.PartitionKey.Paths,
		largeKeys: d.PartitionKey.Version == 2, index: d.IndexingPolicy,
	}
	for _, key := range d.UniqueKeyPolicy.UniqueKeys {
		c.uniqueKeys = append(c.uniqueKeys, key.Paths)
	}
	if d.DefaultTTL != nil {
		c.defaultTTL, err = parseTTL(d.DefaultTTL)
	}
	if err == nil && c.rid != "" {
		c.owner, c.number, err = numbers(c.rid)
		c.docs = bucketName(c.number)
	}
	return c, err
}

func bucketName(number uint32) []byte { return fmt.Appendf(nil, "docs/%08x", number) }

// check applies the rules that encoding/json does not know.
func (d *definition) check() error {
	key, unique := d.PartitionKey, d.UniqueKeyPolicy.UniqueKeys
	kind, version := cmp.Or(key.Kind, "Hash"), cmp.Or(key.Version, 1)
	switch {
	case len(key.Paths) == 0 || len(key.Paths) > 3:
		return badRequest("The partition key definition wants 1 to 3 paths.")
	case version != 1 && version != 2:
		return badRequest("The version of a partition key definition is 1 or 2.")
	case kind == "MultiHash" && version != 2:
		return badRequest("A MultiHash partition key needs version 2.")
	case kind == "Hash" && len(key.Paths) > 1:
		return badRequest("A Hash partition key has one path; several need MultiHash.")
	case kind != "Hash" && kind != "MultiHash":
		return badRequest("The kind of a partition key is Hash or MultiHash.")
	case len(unique) > 10:
		return badRequest("A unique key policy has up to 10 keys.")
	}
	for _, key := range unique {
		if len(key.Paths) == 0 || len(key.Paths) > 16 {
			return badRequest("A unique key has 1 to 16 paths.")
		}
	}
	return d.IndexingPolicy.validate()
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

// propertyPath is a path like /a/b or /"a b"/c, taken apart.
type propertyPath []string

func (p *propertyPath) UnmarshalJSON(text []byte) error {
	var whole string
	if err := json.Unmarshal(text, &whole); err != nil {
		return err
	}
	rest, ok := strings.CutPrefix(whole, "/")
	path := strings.Split(rest, "/")
	for i, name := range path {
		if strings.HasPrefix(name, `"`) != strings.HasSuffix(name, `"`) {
			name = "" // a part of a name that holds a slash
		}
		path[i] = strings.Trim(name, `"`)
	}
	if !ok || slices.Contains(path, "") || slices.Contains(path, "[]") || slices.Contains(path, "*") {
		return fmt.Errorf("the local store does not support the path %q", whole)
	}
	*p = path
	return nil
}

// settleContainer gives a container that has none an indexing policy. Of one
// that is replaced it keeps the id, partition key and unique keys.
func settleContainer(old, definition value.Object) (value.Object, error) {
	if old == nil {
		old = definition
	}
	if !value.Equal(definition.Get("id"), old.Get("id")) {
		return nil, badRequest("A container cannot be renamed.")
	}
	for _, name := range []string{"partitionKey", "uniqueKeyPolicy"} {
		given, now := definition.Get(name), old.Get(name)
		switch {
		case value.IsUndefined(given):
			definition = append(definition, value.Member{Name: name, Value: now})
		case !value.Equal(given, now):
			return nil, badRequest("The property %q of a container cannot be changed.", name)
		}
	}
	if value.IsUndefined(definition.Get("indexingPolicy")) {
		policy, err := value.Parse([]byte(defaultIndexing))
		if err != nil {
			return nil, err
		}
		definition = append(definition, value.Member{Name: "indexingPolicy", Value: policy})
	}
	_, err := newContainer(definition)
	return definition, err
}
