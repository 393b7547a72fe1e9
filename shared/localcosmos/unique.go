package localcosmos

import (
	"crypto/sha256"

	"switchboard/shared/localcosmos/internal/value"
)

// claim takes an item's unique keys and gives back those of the version before
// it. Keys are unique within a partition; a missing property counts as null
// ("Unique key constraints").
func (g *stage) claim(id string, item value.Object) error {
	if len(g.c.uniqueKeys) == 0 {
		return nil
	}
	keys := g.uniqueKeys(item)
	for _, key := range keys {
		holder, err := g.holder(key)
		if err != nil {
			return err
		}
		if holder != "" && holder != id {
			return uniqueConflict()
		}
	}
	if err := g.release(id); err != nil {
		return err
	}
	for _, key := range keys {
		g.claims[key] = id
	}
	return nil
}

// release gives back the unique keys that an item, even an expired one, holds.
func (g *stage) release(id string) error {
	if len(g.c.uniqueKeys) == 0 {
		return nil
	}
	old, err := g.latest(id)
	if old == nil {
		return err
	}
	item, err := parseObject(old.json)
	if err != nil {
		return err
	}
	for _, key := range g.uniqueKeys(item) {
		if g.owner(key) == id {
			g.claims[key] = ""
		}
	}
	return nil
}

// latest gives an item even if it has expired, or nil.
func (g *stage) latest(id string) (*record, error) {
	if staged, ok := g.items[id]; ok {
		return staged, nil
	}
	if stored := g.docs.Get(g.key.record(id)); stored != nil {
		return decodeRecord(stored)
	}
	return nil, nil
}

// owner gives the id that a key is noted for, or "".
func (g *stage) owner(key string) string {
	if id, ok := g.claims[key]; ok {
		return id
	}
	return string(g.unique.Get([]byte(key)))
}

// holder gives the id that has a key, or "". What expired holds nothing.
func (g *stage) holder(key string) (string, error) {
	id := g.owner(key)
	if id == "" {
		return "", nil
	}
	r, err := g.find(id)
	if r == nil {
		return "", err
	}
	return id, err
}

func (g *stage) uniqueKeys(item value.Object) []string {
	keys := make([]string, len(g.c.uniqueKeys))
	for n, paths := range g.c.uniqueKeys {
		values := make([]any, len(paths))
		for i, path := range paths {
			if values[i] = value.At(item, path); value.IsUndefined(values[i]) {
				values[i] = nil
			}
		}
		hash := sha256.Sum256(value.AppendCanonical(nil, values))
		keys[n] = string(append(append(g.key.prefix(), byte(n)), hash[:]...))
	}
	return keys
}

func (g *stage) applyClaims() error {
	for key, id := range g.claims {
		var err error
		if id == "" {
			err = g.unique.Delete([]byte(key))
		} else {
			err = g.unique.Put([]byte(key), []byte(id))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
