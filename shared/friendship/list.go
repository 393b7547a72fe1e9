package friendship

import (
	"context"

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
	edges, err := storage.Find[edge](ctx, r.Store, q, limit+1)
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
