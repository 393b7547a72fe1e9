package storage

import (
	"context"
	"errors"
)

// Reader reads one document; a Container is one.
type Reader interface {
	Read(ctx context.Context, pk, id string, d Document) error
}

// Look is Read for a document that need not be there: then its ETag is empty, and the
// rest of it as it was. The caller sets the partition key and the id, as for a Snapshot.
func Look(ctx context.Context, s Reader, d Document) error {
	h := d.Header()
	err := s.Read(ctx, h.PK, h.ID, d)
	if errors.Is(err, ErrNotFound) {
		h.ETag = ""
		return nil
	}
	return err
}
