package localcosmos

import (
	"encoding/binary"
	"errors"
	"time"

	"switchboard/shared/localcosmos/internal/value"
)

// record is an item as it lies in the file: a header of fixed size and the
// JSON that a read answers with, system properties included.
type record struct {
	lsn   uint64 // the commit that wrote it
	write uint64 // the write, unique in the container; gives the etag
	born  uint64 // the write that created it; gives the _rid
	ts    int64  // seconds since 1970
	ttl   int64  // the item's own ttl, 0 without
	json  []byte
}

const headerSize = 5 * 8

func (r *record) encode() []byte {
	b := make([]byte, 0, headerSize+len(r.json))
	b = binary.BigEndian.AppendUint64(b, r.lsn)
	b = binary.BigEndian.AppendUint64(b, r.write)
	b = binary.BigEndian.AppendUint64(b, r.born)
	b = binary.BigEndian.AppendUint64(b, uint64(r.ts))
	b = binary.BigEndian.AppendUint64(b, uint64(r.ttl))
	return append(b, r.json...)
}

// decodeRecord shares b's memory.
func decodeRecord(b []byte) (*record, error) {
	if len(b) < headerSize {
		return nil, errors.New("localcosmos: a record in the file is too short")
	}
	return &record{
		lsn:   binary.BigEndian.Uint64(b),
		write: binary.BigEndian.Uint64(b[8:]),
		born:  binary.BigEndian.Uint64(b[16:]),
		ts:    int64(binary.BigEndian.Uint64(b[24:])),
		ttl:   int64(binary.BigEndian.Uint64(b[32:])),
		json:  b[headerSize:],
	}, nil
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
	r.json = value.Append(nil, append(item,
		value.Member{Name: "_rid", Value: rid},
		value.Member{Name: "_self", Value: property(c.resource, "_self") + "docs/" + rid + "/"},
		value.Member{Name: "_etag", Value: c.etagOf(r)},
		value.Member{Name: "_attachments", Value: "attachments/"},
		value.Member{Name: "_ts", Value: float64(r.ts)}))
}
