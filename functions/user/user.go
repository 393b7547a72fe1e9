package user

import (
	"context"
	"net/http"
	"time"

	"switchboard/shared/api"
	"switchboard/shared/handle"
	"switchboard/shared/identity"
	"switchboard/shared/signin"
)

type handler struct {
	identities *identity.Registry
	handles    *handle.Directory
}

// profile is a user as the user sees it. Existing clients read
// acsUserIdentity, new ones communicationUserId; they are the same.
type profile struct {
	UserID              string    `json:"userId" doc:"The user's id in Switchboard"`
	DisplayName         *string   `json:"displayName" doc:"The name that others see"`
	Handle              *string   `json:"handle" doc:"By which others find the user; unique whatever the case, and with 0 for o or 1 for l"`
	PhoneNumber         *string   `json:"phoneNumber" doc:"In E.164 form" example:"+14255550123"`
	PhoneVisibleTo      string    `json:"phoneVisibleTo" enum:"nobody,friends" doc:"Who sees the phone number"`
	Discoverable        bool      `json:"discoverable" doc:"Whether others find the user by the handle"`
	ACSUserIdentity     string    `json:"acsUserIdentity" doc:"As communicationUserId"`
	CommunicationUserID string    `json:"communicationUserId" doc:"The calling identity" example:"8:acs:…"`
	CreatedAt           time.Time `json:"createdAt" doc:"When the mapping was made, UTC"`
}

type found struct {
	Status int
	ETag   string `header:"ETag" doc:"Version of the profile"`
	Body   profile
}

func (h handler) get(ctx context.Context, _ *struct{}) (*found, error) {
	caller := api.Caller(ctx)
	rec, err := h.identities.Get(ctx, identity.UserKey(caller.UserID))
	if err != nil {
		return nil, err
	}
	return show(http.StatusOK, caller, rec), nil
}

func (h handler) create(ctx context.Context, _ *struct{}) (*found, error) {
	caller := api.Caller(ctx)
	who := identity.Subject{Key: identity.UserKey(caller.UserID), Kind: identity.User, DisplayName: caller.Name}
	rec, created, err := h.identities.Ensure(ctx, who)
	switch {
	case err != nil:
		return nil, err
	case created:
		return show(http.StatusCreated, caller, rec), nil
	}
	return show(http.StatusOK, caller, rec), nil
}

func (h handler) delete(ctx context.Context, in *struct {
	IfMatch string `header:"If-Match" doc:"Erase only at this version of the profile"`
}) (*struct{}, error) {
	return nil, h.identities.Erase(ctx, identity.UserKey(api.Caller(ctx).UserID), func(rec *identity.Record) error {
		return api.CheckMatch(in.IfMatch, rec.Profile.Version)
	})
}

func show(status int, caller signin.Caller, rec *identity.Record) *found {
	p := rec.Profile
	visible := p.PhoneVisibleTo
	if visible == "" {
		visible = "nobody"
	}
	return &found{
		Status: status,
		ETag:   api.ETag(p.Version),
		Body: profile{
			UserID:              caller.UserID,
			DisplayName:         present(p.DisplayName),
			Handle:              present(p.Handle),
			PhoneNumber:         present(p.PhoneNumber),
			PhoneVisibleTo:      visible,
			Discoverable:        p.Discoverable,
			ACSUserIdentity:     rec.CallingID,
			CommunicationUserID: rec.CallingID,
			CreatedAt:           rec.CreatedAt.Truncate(time.Second),
		},
	}
}

// present is text, or null where there is none.
func present(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
