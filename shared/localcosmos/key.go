package localcosmos

import (
	"strings"

	bolt "go.etcd.io/bbolt"

	"switchboard/shared/localcosmos/internal/value"
)

// Limits on the text of a partition key value, and on an id, in bytes.
const (
	maxLargeKey = 2048
	maxSmallKey = 101
	maxID       = 1023

	// maxStoredKey leaves room for an id in a key of the file's.
	maxStoredKey = bolt.MaxKeySize - maxID - 2
)

// partitionKey is the value of a partition key in canonical JSON: ["A"]. A
// property that is not there is {} in it, as SDKs write it.
type partitionKey string

// headerKey reads x-ms-documentdb-partitionkey. It is "" where the header is
// absent or an empty list, which only lists and queries may have.
func (c *container) headerKey(r *request) (partitionKey, error) {
	header := r.header.Get("X-Ms-Documentdb-Partitionkey")
	if header == "" || header == "[]" {
		return "", nil
	}
	v, err := value.Parse([]byte(header))
	components, isList := v.([]any)
	if err != nil || !isList {
		return "", badRequest("The header x-ms-documentdb-partitionkey is not a JSON array: non-ASCII text must be escaped as JSON does.")
	}
	if len(components) != len(c.keyPaths) {
		return "", badRequest("The partition key supplied in the header has fewer or more components than defined in the container.")
	}
	for i, component := range components {
		if object, ok := component.(value.Object); ok && len(object) == 0 {
			components[i] = value.Undefined{}
		}
	}
	return c.newKey(components)
}

// requiredKey is headerKey for operations on single items.
func (c *container) requiredKey(r *request) (partitionKey, error) {
	key, err := c.headerKey(r)
	if err == nil && key == "" {
		err = badRequest("PartitionKey value must be supplied for this operation.")
	}
	return key, err
}

// bodyKey extracts the partition key from an item.
func (c *container) bodyKey(item value.Object) (partitionKey, error) {
	components := make([]any, len(c.keyPaths))
	for i, path := range c.keyPaths {
		components[i] = value.At(item, path)
	}
	return c.newKey(components)
}

// newKey makes a key of its components, which it may change.
func (c *container) newKey(components []any) (partitionKey, error) {
	limit := maxSmallKey
	if c.largeKeys {
		limit = maxLargeKey
	}
	for i, component := range components {
		text, _ := component.(string)
		switch {
		case len(text) > limit:
			return "", badRequest("The partition key value exceeds %d bytes.", limit)
		case value.Rank(component) > value.Rank(""):
			return "", badRequest("A partition key value is a string, number, boolean or null.")
		case value.IsUndefined(component):
			components[i] = value.Object{}
		}
	}
	key := value.Append(nil, components)
	if len(key) > maxStoredKey {
		return "", unsupported("partition keys of more than %d bytes in JSON", maxStoredKey)
	}
	return partitionKey(key), nil
}

// separator ends the partition key in the keys of records. Canonical JSON holds
// no \0, so no partition's prefix starts another's.
func separator() []byte { return []byte{0, 1} }

// prefix starts the keys of all records of a partition, or of all there are
// where the partition key is empty.
func (k partitionKey) prefix() []byte {
	if k == "" {
		return nil
	}
	return append([]byte(k), separator()...)
}

// record is the key under which an item lies.
func (k partitionKey) record(id string) []byte { return append(k.prefix(), id...) }

// checkID applies the service's rules to an item's id, and in strict mode
// refuses what the service accepts and cannot read back.
func (s *Store) checkID(v any) (string, error) {
	if value.IsUndefined(v) {
		return "", badRequest("The input content is invalid because the required properties - 'id; ' - are missing.")
	}
	id, ok := v.(string)
	if !ok || id == "" || len(id) > maxID {
		return "", badRequest("The id of an item is a string of 1 to %d bytes.", maxID)
	}
	if !s.options.Lenient && unreadable(id) {
		return "", badRequest("The service would accept the id %q and then answer every read of it with 401: it holds one of / \\ # %%20 or ends in a space.", id)
	}
	return id, nil
}

func unreadable(id string) bool {
	return strings.ContainsAny(id, `/\#`) || strings.Contains(id, "%20") || strings.HasSuffix(id, " ")
}
