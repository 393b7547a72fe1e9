package outbox

import (
	"context"
	"maps"
	"slices"
	"time"

	"switchboard/shared/storage"
)

// drainAtOnce is how many entries Drain looks up before it handles them: the oldest
// ones, however many there are.
const drainAtOnce = 1000

// Drain looks for entries and handles them, the oldest first, until none is left or a
// fifth of the time to ctx's deadline remains. It gives the number that are done for
// good. Entries that failed a moment ago are left to the next Drain. Several at once do
// no harm, and work twice.
//
// It reads every entry across all partitions, in pages of 100. The error is a
// *problem.Error where the store or another service is away.
func (c *Consumer) Drain(ctx context.Context) (done int, err error) {
	late := func() bool { return false }
	if deadline, ok := ctx.Deadline(); ok {
		reserve := time.Until(deadline) / 5
		late = func() bool { return time.Until(deadline) < reserve }
	}
	for idle := false; !idle && !late(); {
		entries, err := c.due(ctx)
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

// due finds the oldest entries that there is a Handler for. The gateway does not sort
// across partitions, so all are looked at and the oldest kept.
func (c *Consumer) due(ctx context.Context) ([]*Entry, error) {
	if len(c.Handlers) == 0 {
		return nil, nil
	}
	q := storage.Query{
		Text:       "SELECT * FROM c WHERE c.type = @type AND c.parked = false AND ARRAY_CONTAINS(@kinds, c.kind)",
		Parameters: map[string]any{"@type": documentType, "@kinds": slices.Sorted(maps.Keys(c.Handlers))},
		Limit:      100,
	}
	var oldest []*Entry
	for {
		page, err := c.Store.QueryAll(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, document := range page.Documents {
			if e := c.entry(document); e != nil && !e.NotBefore.After(c.Now()) {
				oldest = append(oldest, e)
			}
		}
		slices.SortStableFunc(oldest, func(a, b *Entry) int { return a.At.Compare(b.At) })
		oldest = oldest[:min(len(oldest), drainAtOnce)]
		if page.Continuation == "" {
			return oldest, nil
		}
		q.Continuation = page.Continuation
	}
}
