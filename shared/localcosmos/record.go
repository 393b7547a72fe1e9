package localcosmos

import (
	"bytes"
	"encoding/binary"
	"iter"
	"time"

	bolt "go.etcd.io/bbolt"

	"switchboard/shared/localcosmos/internal/value"
)

// record is an item as it lies in the file: a header of fixed size and the
// JSON that a read answers with, system properties included.
type record struct {
	write uint64 // which write made it, see firstWrite; gives the etag
	born  uint64 // the write that created it; gives the _rid
	ts    int64  // seconds since 1970
	ttl   int64  // the item's own ttl, 0 without
	json  []byte
}

const headerSize = 4 * 8

// firstWrite numbers the first write of a commit; the others of a batch follow.
// No two writes in a container have the same number.
func firstWrite(lsn uint64) uint64 { return lsn << 8 }

// lsn is the commit that wrote the record.
func (r *record) lsn() uint64 { return r.write >> 8 }

func (r *record) encode() []byte {
	b := make([]byte, 0, headerSize+len(r.json))
	b = binary.BigEndian.AppendUint64(b, r.write)
	b = binary.BigEndian.AppendUint64(b, r.born)
	b = binary.BigEndian.AppendUint64(b, uint64(r.ts))
	b = binary.BigEndian.AppendUint64(b, uint64(r.ttl))
	return append(b, r.json...)
}

// decodeRecord shares b's memory.
func decodeRecord(b []byte) *record {
	return &record{
		write: binary.BigEndian.Uint64(b),
		born:  binary.BigEndian.Uint64(b[8:]),
		ts:    int64(binary.BigEndian.Uint64(b[16:])),
		ttl:   int64(binary.BigEndian.Uint64(b[24:])),
		json:  b[headerSize:],
	}
}

// records gives what lies under a prefix in the order of keys, expired items
// included. Keys and records share the file's memory, so they hold as long as
// the transaction.
func records(docs *bolt.Bucket, prefix []byte) iter.Seq2[[]byte, *record] {
	return func(yield func([]byte, *record) bool) {
		cursor := docs.Cursor()
		for key, stored := cursor.Seek(prefix); key != nil && bytes.HasPrefix(key, prefix); key, stored = cursor.Next() {
			if !yield(key, decodeRecord(stored)) {
				return
			}
		}
	}
}

// find gives the live record under a key, or nil. It shares the file's memory.
func (c *container) find(docs *bolt.Bucket, key []byte, now time.Time) *record {
	stored := docs.Get(key)
	if stored == nil {
		return nil
	}
	if r := decodeRecord(stored); !c.expired(r, now) {
		return r
	}
	return nil
}

// expired applies "Time to live": an item's own ttl counts only where the
// container has TTL on; -1 keeps an item for good.
func (c *container) expired(r *record, now time.Time) bool {
	ttl := c.defaultTTL
	if ttl != 0 && r.ttl != 0 {
		ttl = r.ttl
	}
	return ttl > 0 && now.Unix() >= r.ts+ttl
}

func (c *container) etagOf(r *record) string { return etag(c.number, r.write, r.ts) }

// render makes a record's JSON: the client's properties, then the system's.
func (c *container) render(r *record, item value.Object) {
	rid := resourceID(c.owner, c.number, r.born)
	r.json = value.Append(make([]byte, 0, 2<<10), append(item,
		value.Member{Name: "_rid", Value: rid},
		value.Member{Name: "_self", Value: property(c.resource, "_self") + "docs/" + rid + "/"},
		value.Member{Name: "_etag", Value: c.etagOf(r)},
		value.Member{Name: "_attachments", Value: "attachments/"},
		value.Member{Name: "_ts", Value: float64(r.ts)}))
}
