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
	out := &friendList{}
	var err error
	out.Body.Items, out.Body.NextCursor, err = cursor.Page(ctx, h.ring, list, in.Cursor, func(after string) ([]friendship.Friend, string, error) {
		return h.friendships.List(ctx, me, friendship.State(in.State), after, in.Limit)
	}, show)
	return out, err
}
