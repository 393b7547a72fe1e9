package identity

import (
	"context"

	"switchboard/shared/storage"
)

// listed asks for one more than a page, to know whether there is another.
const listed = `SELECT * FROM c WHERE c.type = @type AND c.id > @after AND IS_DEFINED(c.createdAt) AND (NOT IS_DEFINED(c.change) OR c.change["do"] != "erase") ORDER BY c.id OFFSET 0 LIMIT @limit`

// Services lists bots and services by name, at most limit of them after the
// named one; more tells whether others follow. It costs one query.
func (r *Registry) Services(ctx context.Context, after string, limit int) (records []*Record, more bool, err error) {
	q := storage.Query{
		PK:         servicesPartition,
		Text:       listed,
		Parameters: map[string]any{"@type": documentType, "@after": ServiceKey(after).id, "@limit": limit + 1},
		Limit:      limit + 1,
	}
	records, err = storage.Find[Record](ctx, r.Store, q, limit+1)
	if len(records) > limit {
		return records[:limit], true, err
	}
	return records, false, err
}
