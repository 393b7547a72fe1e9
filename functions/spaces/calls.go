package spaces

import (
	"context"
	"net/http"
	"time"

	"switchboard/shared/api"
	"switchboard/shared/problem"
	"switchboard/shared/space"
	"switchboard/shared/ticket"
)

// groupCall is a call as members see it.
type groupCall struct {
	GroupID   string    `json:"groupId" doc:"A UUID in lower case, which the calling SDK joins" example:"6d1f6f5e-58cd-4a3f-9c1b-2f0d8f4f8c11"`
	StartedBy string    `json:"startedBy,omitempty" doc:"User; absent if they left the space"`
	StartedAt time.Time `json:"startedAt" doc:"UTC"`
	ExpiresAt time.Time `json:"expiresAt" doc:"When it ends unless somebody confirms it before, by PUT or POST, or joins it; that puts it off when half of the time is gone; UTC"`
}

type oneCall struct {
	Status int
	ETag   string `header:"ETag" doc:"Names the call: the next one has another"`
	Body   groupCall
}

func showCall(status int, c space.Call, err error) (*oneCall, error) {
	if err != nil {
		return nil, err
	}
	return &oneCall{status, api.ETag(c.ID), groupCall{GroupID: c.ID, StartedBy: c.StartedBy, StartedAt: c.StartedAt, ExpiresAt: c.ExpiresAt}}, nil
}

// sharing is what a client tells of the call that it made.
type sharing struct {
	GroupID string `json:"groupId" maxLength:"100" doc:"A UUID in any case" example:"6D1F6F5E-58CD-4A3F-9C1B-2F0D8F4F8C11"`
}

func (h handler) share(ctx context.Context, in *struct {
	ID
	api.Match
	Body sharing
}) (*oneCall, error) {
	groupID, ok := space.GroupID(in.Body.GroupID)
	if !ok {
		invalid := problem.New(problem.Invalid, "group_id_invalid", "A group ID is a UUID, such as 6d1f6f5e-58cd-4a3f-9c1b-2f0d8f4f8c11.")
		invalid.Fields = []problem.Field{{Location: "body.groupId", Message: "is not a UUID of 36 characters"}}
		return nil, invalid
	}
	c, begun, err := h.spaces.Share(ctx, api.Caller(ctx).UserID, in.ID.ID, groupID, in.Allow)
	return showCall(api.Made(begun), c, err)
}

func (h handler) start(ctx context.Context, in *struct {
	ID
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"200" doc:"Repeating a request with the same key starts no second call, even after the first has ended"`
}) (*oneCall, error) {
	c, begun, err := h.spaces.Start(ctx, api.Caller(ctx).UserID, in.ID.ID, in.IdempotencyKey)
	return showCall(api.Made(begun), c, err)
}

func (h handler) current(ctx context.Context, in *ID) (*oneCall, error) {
	c, err := h.spaces.Current(ctx, api.Caller(ctx).UserID, in.ID)
	return showCall(http.StatusOK, c, err)
}

func (h handler) end(ctx context.Context, in *struct {
	ID
	api.Match
}) (*struct{}, error) {
	return nil, h.spaces.End(ctx, api.Caller(ctx).UserID, in.ID.ID, in.Allow)
}

func (h handler) ticket(ctx context.Context, in *ID) (*struct{ Body ticket.Ticket }, error) {
	t, err := h.spaces.Ticket(ctx, api.Caller(ctx).UserID, in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body ticket.Ticket }{t}, nil
}
