// Package cursor is how a client is told where a page of a list ended, and says so when
// it asks for the next: sealed for one list of one caller, so that nobody reads it,
// changes it or uses it elsewhere.
//
// What a place is in a list is that list's own.
package cursor

import (
	"context"

	"switchboard/shared/problem"
	"switchboard/shared/seal"
)

// Seal makes a cursor of a place; the end of the list, "", has none. list names the
// list and the caller.
func Seal(ctx context.Context, ring *seal.Ring, list, place string) (string, error) {
	if place == "" {
		return "", nil
	}
	return ring.Seal(ctx, []byte(place), list)
}

// Open gives the place of a cursor; without one that is the beginning, "". Invalid for
// what is no cursor of this list and caller.
func Open(ctx context.Context, ring *seal.Ring, list, cursor string) (place string, err error) {
	if cursor == "" {
		return "", nil
	}
	text, err := ring.Open(ctx, cursor, list)
	if err != nil {
		return "", problem.New(problem.Invalid, "cursor_invalid", "The cursor is not one of ours, or of another list. Leave it out to begin at the start.").Because(err)
	}
	return string(text), nil
}

// Page gives one page of a list to a client: what read finds after the place of the cursor
// that was sent, each item as show has it, and the cursor of where read says that the page
// ended. items is never nil.
func Page[S, T any](ctx context.Context, ring *seal.Ring, list, cursor string, read func(after string) (found []S, place string, err error), show func(S) T) (items []T, next string, err error) {
	after, err := Open(ctx, ring, list, cursor)
	if err != nil {
		return nil, "", err
	}
	found, place, err := read(after)
	if err != nil {
		return nil, "", err
	}
	items = make([]T, len(found))
	for i, s := range found {
		items[i] = show(s)
	}
	next, err = Seal(ctx, ring, list, place)
	return items, next, err
}
