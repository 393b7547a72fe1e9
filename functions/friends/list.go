package friends

import (
	"context"

	"switchboard/shared/api"
	"switchboard/shared/cursor"
	"switchboard/shared/friendship"
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
	list := "friends " + me + " " + in.State
	after, err := cursor.Open(ctx, h.ring, list, in.Cursor)
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
	out.Body.NextCursor, err = cursor.Seal(ctx, h.ring, list, next)
	return out, err
}
