package token

import (
	"context"
	"time"

	"switchboard/shared/api"
	"switchboard/shared/function"
	"switchboard/shared/grant"
	"switchboard/shared/identity"
	"switchboard/shared/problem"
)

type handler struct {
	identities *identity.Registry
	teams      function.Teams
	life       time.Duration
	now        func() time.Time
}

type answer struct{ Body grant.Answer }

func (h handler) get(ctx context.Context, in *grant.Query) (*answer, error) {
	return h.token(ctx, grant.Wish(in.Scope, nil, h.life))
}

// post takes the scopes from the body, or, as the web chat sample sends them,
// from the query.
func (h handler) post(ctx context.Context, in *struct {
	grant.Query
	Body *grant.Body `required:"false"`
}) (*answer, error) {
	if in.Body == nil {
		return h.get(ctx, &in.Query)
	}
	scopes := in.Body.Scopes
	if len(scopes) == 0 {
		scopes = in.Scope
	}
	return h.token(ctx, grant.Wish(scopes, in.Body.ExpiresInMinutes, h.life))
}

func (h handler) token(ctx context.Context, want identity.Want) (*answer, error) {
	caller := api.Caller(ctx)
	who := identity.Subject{Key: identity.UserKey(caller.UserID), Kind: identity.User, DisplayName: caller.Name}
	granted, err := h.identities.Token(ctx, who, want)
	if err != nil {
		return nil, err
	}
	return &answer{Body: grant.NewAnswer(granted)}, nil
}

func (h handler) revoke(ctx context.Context, _ *struct{}) (*struct{}, error) {
	return nil, h.identities.RevokeTokens(ctx, identity.UserKey(api.Caller(ctx).UserID))
}

// refresh gives a token for the identity in the path if it is the caller's own;
// any other is answered as if it did not exist.
func (h handler) refresh(ctx context.Context, in *struct {
	CommunicationUserID string `path:"communicationUserId" doc:"The caller's own calling identity" example:"8:acs:…"`
}) (*answer, error) {
	rec, err := h.identities.Get(ctx, identity.UserKey(api.Caller(ctx).UserID))
	if err != nil && !problem.Is(err, problem.NotFound) {
		return nil, err
	}
	if err != nil || rec.CallingID != in.CommunicationUserID {
		return nil, problem.New(problem.NotFound, "identity_not_yours", "This is not your calling identity. GET /api/token gives a token for yours.")
	}
	return h.get(ctx, &grant.Query{})
}
