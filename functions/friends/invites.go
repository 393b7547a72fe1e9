package friends

import (
	"context"
	"time"

	"switchboard/shared/api"
	"switchboard/shared/invitation"
)

// wish is what an invite shall be like.
type wish struct {
	Uses           int `json:"uses,omitempty" minimum:"1" maximum:"100" default:"1" doc:"How many may accept"`
	ExpiresInHours int `json:"expiresInHours,omitempty" minimum:"1" maximum:"720" default:"72" doc:"How long it may be accepted"`
}

type invited struct {
	Status int
	Body   invitation.Link
}

func (h handler) invite(ctx context.Context, in *struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"200" doc:"Repeating a request with the same key makes no second invite"`
	Body           *wish  `required:"false"`
}) (*invited, error) {
	wanted := wish{Uses: 1, ExpiresInHours: 72}
	if in.Body != nil {
		wanted = *in.Body
	}
	made, created, err := h.friendships.Invite(ctx, api.Caller(ctx).UserID, wanted.Uses, time.Duration(wanted.ExpiresInHours)*time.Hour, in.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	return &invited{api.Made(created), made}, nil
}

// inviteList is an alias, so that the description names it by its operation.
type inviteList = struct {
	Body struct {
		Items []invitation.Link `json:"items" nullable:"false"`
	}
}

func (h handler) invites(ctx context.Context, _ *struct{}) (*inviteList, error) {
	open, err := h.friendships.Invites(ctx, api.Caller(ctx).UserID)
	if err != nil {
		return nil, err
	}
	out := &inviteList{}
	out.Body.Items = open
	return out, nil
}

// Code is the part of a path that holds an invite's code. It is exported for huma,
// which reads only such fields.
type Code struct {
	Code string `path:"code" maxLength:"200" doc:"The code of an invite"`
}

func (h handler) accept(ctx context.Context, in *Code) (*found, error) {
	return answer(h.friendships.Accept(ctx, api.Caller(ctx).UserID, in.Code))
}

func (h handler) revoke(ctx context.Context, in *Code) (*struct{}, error) {
	return nil, h.friendships.Revoke(ctx, api.Caller(ctx).UserID, in.Code)
}
