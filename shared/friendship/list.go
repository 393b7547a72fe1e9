package friendship

import (
	"context"
	"encoding/json"
	"errors"

	"switchboard/shared/storage"
)

// List returns friends in the order of their state, or of one state only, and
// within it by name: at most limit of them, after the place where another page
// ended; next is where this one did, "" if there is no more. It costs one query,
// whatever the length of the list.
func (r *Registry) List(ctx context.Context, user string, state State, after string, limit int) (friends []Friend, next string, err error) {
	low, high := "", orderEnd
	if state != "" {
		low, high = string(state)+orderSeparator, string(state)+orderEnd
	}
	q := storage.Query{
		PK:         partition(user),
		Text:       "SELECT * FROM c WHERE c[\"order\"] > @after AND c[\"order\"] < @end ORDER BY c[\"order\"] OFFSET 0 LIMIT @limit",
		Parameters: map[string]any{"@after": max(low, after), "@end": high, "@limit": limit + 1},
		Limit:      limit + 1,
	}
	edges, err := find[edge](ctx, r.Store, q, limit+1)
	if err != nil {
		return nil, "", err
	}
	for _, e := range edges {
		friends = append(friends, e.friend())
	}
	if len(friends) > limit {
		return friends[:limit], friends[limit-1].order, nil
	}
	return friends, "", nil
}

// find runs a query until enough documents are found, or all there are: the store may
// cut a page short and go on in another.
func find[T any](ctx context.Context, store Store, q storage.Query, enough int) (all []*T, err error) {
	for range tries {
		page, err := store.Query(ctx, q)
		if err != nil {
			return nil, err
		}
		found, err := decode[T](page)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
		if q.Continuation = page.Continuation; q.Continuation == "" || len(all) >= enough {
			break
		}
	}
	return all, nil
}

// decode reads the documents of a page. Their text is not repeated in the error.
func decode[T any](page storage.Page) ([]*T, error) {
	all := make([]*T, len(page.Documents))
	for i, text := range page.Documents {
		all[i] = new(T)
		if json.Unmarshal(text, all[i]) != nil {
			return nil, errors.New("friendship: a stored document does not have the expected form")
		}
	}
	return all, nil
}
