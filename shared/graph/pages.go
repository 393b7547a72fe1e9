package graph

import (
	"context"
	"net/url"
	"strings"
	"time"

	"switchboard/shared/problem"
)

// How much a view of a calendar may hold.
const (
	maxPages   = 20
	maxEntries = 1000
)

// pages makes a call that answers with a list, follows it to its end, and
// returns what read makes of each item. The address of a next page is taken
// letter by letter, but only if it is Graph's: our token goes with it.
func pages[W, T any](ctx context.Context, c caller, call operation, read func(W, operation) (T, error)) ([]T, error) {
	var items []T
	for range maxPages {
		var page struct {
			Value []W    `json:"value"`
			Next  string `json:"@odata.nextLink"`
		}
		if _, err := c.do(ctx, call, &page); err != nil {
			return nil, err
		}
		for _, w := range page.Value {
			item, err := read(w, call)
			if err != nil {
				return nil, err
			}
			items = append(items, item)
		}
		if page.Next == "" {
			return items, nil
		}
		next, ours := strings.CutPrefix(page.Next, c.endpoint+"/v1.0/")
		if _, err := url.Parse(page.Next); err != nil || !ours {
			return nil, call.nonsense("the next page is at no address of Graph")
		}
		call.path = "/" + next
		if len(items) >= maxEntries {
			break
		}
	}
	return nil, problem.New(problem.Invalid, "calendar_too_full",
		"The calendar has more entries in that time than are read at once, which are %d. Ask for a shorter time.", maxEntries)
}

// between is the part of a query that bounds a view. Its instants are in UTC,
// which is as good as any offset: only instants matter.
func between(start string, from time.Time, end string, to time.Time) string {
	return start + "=" + query(from.UTC().Format(time.RFC3339)) + "&" + end + "=" + query(to.UTC().Format(time.RFC3339))
}
