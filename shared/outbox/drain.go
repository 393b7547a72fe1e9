package outbox

import (
	"context"
	"maps"
	"slices"
	"time"

	"switchboard/shared/storage"
)

const (
	drainAtOnce = 1000 // entries that Drain looks up before it handles them: those that wait longest
	drainPage   = 1000 // entries in an answer of the store, or fewer if they are large
)

// Drain looks for entries and handles them, those that wait longest first, until none is
// left or a fifth of the time to ctx's deadline remains. It gives the number that are
// done for good. Entries that failed a moment ago are left to the next Drain. Several at
// once do no harm, and work twice.
//
// It reads every entry across all partitions; where that takes half of the time, it makes
// do with those that it has found. The error is a *problem.Error where the store or
// another service is away.
func (c *Consumer) Drain(ctx context.Context) (done int, err error) {
	half, late := remains(ctx, 2), remains(ctx, 5)
	for idle := false; !idle && !late(); {
		entries, err := c.due(ctx, half, late)
		if err != nil {
			return done, err
		}
		var n int
		n, idle, err = c.each(ctx, entries, late) // idle also where all that the query shows was done by others
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// remains gives what reports whether less than the nth part of the time is left that
// ctx has now.
func remains(ctx context.Context, n time.Duration) func() bool {
	deadline, ok := ctx.Deadline()
	part := time.Until(deadline) / n
	return func() bool { return ok && time.Until(deadline) < part }
}

// due finds the entries that wait longest and that there is a Handler for. The gateway
// does not sort across partitions, so all are looked at, or as many as half of the time
// allows.
func (c *Consumer) due(ctx context.Context, half, late func() bool) (longest []*Entry, err error) {
	if len(c.Handlers) == 0 {
		return nil, nil
	}
	q := storage.Query{
		Text:       "SELECT * FROM c WHERE c.type = @type AND c.parked = false AND ARRAY_CONTAINS(@kinds, c.kind)",
		Parameters: map[string]any{"@type": documentType, "@kinds": slices.Sorted(maps.Keys(c.Handlers))},
		Limit:      drainPage,
	}
	for {
		page, err := c.Store.QueryAll(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, document := range page.Documents {
			if e := c.entry(document); e != nil && !e.NotBefore.After(c.Now()) {
				longest = append(longest, e)
			}
		}
		slices.SortStableFunc(longest, func(a, b *Entry) int { return a.since().Compare(b.since()) })
		longest = longest[:min(len(longest), drainAtOnce)]
		if page.Continuation == "" || half() && len(longest) > 0 || late() {
			return longest, nil
		}
		q.Continuation = page.Continuation
	}
}
