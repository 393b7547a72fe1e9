package spaces

import (
	"context"
	"net/http"
	"time"

	"switchboard/shared/api"
	"switchboard/shared/invitation"
)

// inviteWish is what an invite shall be like.
type inviteWish struct {
	Uses           int `json:"uses,omitempty" minimum:"1" maximum:"10000" default:"1" doc:"How many may accept"`
	ExpiresInHours int `json:"expiresInHours,omitempty" minimum:"1" maximum:"720" default:"72" doc:"How long it may be accepted"`
}

type oneInvite struct {
	Status int
	Body   invitation.Link
}

func (h handler) invite(ctx context.Context, in *struct {
	ID
	IdempotencyKey string      `header:"Idempotency-Key" maxLength:"200" doc:"Repeating a request with the same key makes no second invite"`
	Body           *inviteWish `required:"false"`
}) (*oneInvite, error) {
	wanted := inviteWish{Uses: 1, ExpiresInHours: 72}
	if in.Body != nil {
		wanted = *in.Body
	}
	made, isNew, err := h.spaces.Invite(ctx, api.Caller(ctx).UserID, in.ID.ID, wanted.Uses, time.Duration(wanted.ExpiresInHours)*time.Hour, in.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	return &oneInvite{api.Made(isNew), made}, nil
}

// inviteList is an alias, so that the description names it by its operation.
type inviteList = struct {
	Body struct {
		Items []invitation.Link `json:"items" nullable:"false"`
	}
}

func (h handler) invites(ctx context.Context, in *ID) (*inviteList, error) {
	open, err := h.spaces.Invites(ctx, api.Caller(ctx).UserID, in.ID)
	if err != nil {
		return nil, err
	}
	out := &inviteList{}
	out.Body.Items = open
	return out, nil
}

// Code is the part of a path that holds an invite's code.
type Code struct {
	Code string `path:"code" maxLength:"200" doc:"The code of an invite"`
}

func (h handler) revoke(ctx context.Context, in *struct {
	ID
	Code
}) (*struct{}, error) {
	return nil, h.spaces.Revoke(ctx, api.Caller(ctx).UserID, in.ID.ID, in.Code.Code)
}

func (h handler) accept(ctx context.Context, in *Code) (*oneSpace, error) {
	s, err := h.spaces.Accept(ctx, api.Caller(ctx).UserID, in.Code)
	return answer(http.StatusOK, s, err)
}
