package localcosmos

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode"
)

// resourceID packs numbers as the service does: 4 bytes for the database, 4
// for the container, 8 for the item, in base64 that is safe in a path.
func resourceID(db, coll uint32, item uint64) string {
	b := binary.BigEndian.AppendUint32(nil, db)
	if coll > 0 {
		b = binary.BigEndian.AppendUint32(b, coll)
	}
	if item > 0 {
		b = binary.LittleEndian.AppendUint64(b, item)
	}
	return strings.ReplaceAll(base64.StdEncoding.EncodeToString(b), "/", "-")
}

// numbers reads back the numbers in the resource id of a database, then coll
// is 0, or of a container.
func numbers(rid string) (db, coll uint32, err error) {
	b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(rid, "-", "/"))
	if err != nil || len(b) != 4 && len(b) != 8 {
		return 0, 0, fmt.Errorf("the resource id %q is not one of this store's", rid)
	}
	if len(b) == 8 {
		coll = binary.BigEndian.Uint32(b[4:])
	}
	return binary.BigEndian.Uint32(b), coll, nil
}

// etag makes the tag of the n-th write in a container, in the form of the
// service's. Container numbers are not used again, so no tag ever returns.
func etag(container uint32, write uint64, ts int64) string {
	return fmt.Sprintf(`"%08x-%04x-%04x-%04x-%08x0000"`,
		uint32(write), uint16(write>>32), uint16(container>>16), uint16(container), uint32(ts))
}

// checkName checks what databases and containers may be called: up to 255
// bytes without / \ # ?, and no space at the end.
func checkName(name string) error {
	if name == "" {
		return badRequest("The required property 'id' is missing.")
	}
	if len(name) > 255 || strings.ContainsAny(name, `/\#?`) || strings.HasSuffix(name, " ") || strings.ContainsFunc(name, unicode.IsControl) {
		return badRequest("The id %q is longer than 255 bytes, ends in a space or holds one of / \\ # ?.", name)
	}
	return nil
}
