package identity

import (
	"context"
	"encoding/json"
	"errors"

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
	// The store may cut a page short and go on in another.
	for range tries {
		page, err := r.Store.Query(ctx, q)
		if err != nil {
			return nil, false, err
		}
		for _, doc := range page.Documents {
			rec := &Record{}
			if err := json.Unmarshal(doc, rec); err != nil {
				return nil, false, errors.New("identity: a stored document does not have the expected form")
			}
			records = append(records, rec)
		}
		q.Continuation = page.Continuation
		if more = page.Continuation != ""; !more || len(records) > limit {
			break
		}
	}
	if len(records) > limit {
		return records[:limit], true, nil
	}
	return records, more && len(records) > 0, nil
}
