package friends

import (
	"context"

	"switchboard/shared/api"
	"switchboard/shared/friendship"
	"switchboard/shared/problem"
)

type friendList struct {
	Body struct {
		Items      []friend `json:"items" nullable:"false"`
		NextCursor string   `json:"nextCursor,omitempty" doc:"Where to go on; absent at the end"`
	}
}

func (h handler) list(ctx context.Context, in *struct {
	State  string `query:"state" enum:"friend,requested,invited,blocked" doc:"Only those in this state; all without it"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"How many at most"`
	Cursor string `query:"cursor" maxLength:"1000" doc:"nextCursor of the page before, of the same state"`
}) (*friendList, error) {
	me := api.Caller(ctx).UserID
	place := "friends " + me + " " + in.State
	after, err := h.openCursor(ctx, in.Cursor, place)
	if err != nil {
		return nil, err
	}
	friends, next, err := h.friendships.List(ctx, me, friendship.State(in.State), after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &friendList{}
	out.Body.Items = make([]friend, len(friends))
	for i, f := range friends {
		out.Body.Items[i] = show(f)
	}
	if next != "" {
		// Sealed for this caller and this state: nobody reads it, changes it or uses it
		// elsewhere.
		out.Body.NextCursor, err = h.ring.Seal(ctx, []byte(next), place)
	}
	return out, err
}

func (h handler) openCursor(ctx context.Context, cursor, place string) (after string, err error) {
	if cursor == "" {
		return "", nil
	}
	text, err := h.ring.Open(ctx, cursor, place)
	if err != nil {
		return "", problem.New(problem.Invalid, "cursor_invalid", "The cursor is not one of ours, or of another list. Leave it out to begin at the start.").Because(err)
	}
	return string(text), nil
}
