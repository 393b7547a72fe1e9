package localcosmos

import (
	"bytes"
	"slices"

	"switchboard/shared/localcosmos/internal/value"
)

// uniqueIndex tells for the values of unique keys under which key of the file
// lies the item that took them last. That item may be gone since, or have other
// values now, so whoever asks has to look at it. The index is made from the
// container's items by the first write that needs it and is not kept in the
// file.
type uniqueIndex map[string]string

// claim notes the values that an item takes, or refuses what another item in
// its partition has; a missing property counts as null ("Unique key
// constraints").
func (g *stage) claim(id string, item value.Object) error {
	if len(g.c.uniqueKeys) == 0 {
		return nil
	}
	index, err := g.uniqueIndex()
	if err != nil {
		return err
	}
	own := g.key.record(id)
	taken := g.c.uniqueValues(own, item)
	for _, values := range taken {
		if holder := index[values]; holder != string(own) {
			if err := g.checkFree([]byte(holder), values); err != nil {
				return err
			}
		}
	}
	for _, values := range taken {
		index[values] = string(own)
	}
	return nil
}

// checkFree refuses values that the item under a key still has.
func (g *stage) checkFree(key []byte, values string) error {
	r := g.c.find(g.docs, key, g.now)
	if r == nil {
		return nil
	}
	item, err := parseObject(r.json)
	if err == nil && slices.Contains(g.c.uniqueValues(key, item), values) {
		err = uniqueConflict()
	}
	return err
}

func (g *stage) uniqueIndex() (uniqueIndex, error) {
	if index := g.writer.unique[g.c.number]; index != nil {
		return index, nil
	}
	index := uniqueIndex{}
	for key, r := range records(g.docs, nil) {
		if g.c.expired(r, g.now) {
			continue
		}
		item, err := parseObject(r.json)
		if err != nil {
			return nil, err
		}
		for _, values := range g.c.uniqueValues(key, item) {
			index[values] = string(key)
		}
	}
	g.writer.unique[g.c.number] = index
	return index, nil
}

// uniqueValues gives, for each unique key, the partition of an item and its
// values as one text.
func (c *container) uniqueValues(key []byte, item value.Object) []string {
	partition, _, _ := bytes.Cut(key, separator())
	all := make([]string, len(c.uniqueKeys))
	for n, paths := range c.uniqueKeys {
		values := make([]any, len(paths))
		for i, path := range paths {
			if values[i] = value.At(item, path); value.IsUndefined(values[i]) {
				values[i] = nil
			}
		}
		all[n] = string(value.AppendCanonical(append(slices.Clip(partition), byte(n)), values))
	}
	return all
}
