package localcosmos

import (
	"bytes"
	"net/http"
	"slices"

	"switchboard/shared/localcosmos/internal/value"
)

// uniqueIndex tells for the values of unique keys under which key of the file
// lies the item that took them last. That item may be gone since, or have other
// values now, so whoever asks has to look at it. The index is made from the
// container's items by the first write that needs it, anew when it has more than
// limit entries because many are gone, and is not kept in the file.
type uniqueIndex struct {
	holders map[string]string
	limit   int
}

// claim notes the values that an item takes, or refuses what another item in
// its partition has; a missing property counts as null ("Unique key
// constraints").
func (g *stage) claim(id string, item value.Object) error {
	if len(g.c.uniqueKeys) == 0 {
		return nil
	}
	holders, err := g.uniqueHolders()
	if err != nil {
		return err
	}
	own := g.key.record(id)
	taken := g.c.uniqueValues(own, item)
	for _, values := range taken {
		if holder := holders[values]; holder != string(own) {
			if err := g.checkFree([]byte(holder), values); err != nil {
				return err
			}
		}
	}
	for _, values := range taken {
		holders[values] = string(own)
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
		err = refuse(http.StatusConflict, 0, "Unique index constraint violation.")
	}
	return err
}

func (g *stage) uniqueHolders() (map[string]string, error) {
	index, ok := g.writer.unique[g.c.number]
	if ok && len(index.holders) <= index.limit {
		return index.holders, nil
	}
	index.holders = map[string]string{}
	for key, r := range records(g.docs, nil) {
		if err := g.noteUnique(index, key, r); err != nil {
			return nil, err
		}
	}
	index.limit = 2*len(index.holders) + 1000
	g.writer.unique[g.c.number] = index
	return index.holders, nil
}

// noteUnique takes what an item has into the index, if there is one.
func (g *stage) noteUnique(index uniqueIndex, key []byte, r *record) error {
	if index.holders == nil || g.c.expired(r, g.now) {
		return nil
	}
	item, err := parseObject(r.json)
	if err != nil {
		return err
	}
	for _, values := range g.c.uniqueValues(key, item) {
		index.holders[values] = string(key)
	}
	return nil
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
