package friends

import (
	"context"
	"time"

	"switchboard/shared/api"
	"switchboard/shared/friendship"
	"switchboard/shared/handle"
	"switchboard/shared/problem"
	"switchboard/shared/seal"
)

type handler struct {
	friendships *friendship.Registry
	handles     *handle.Directory
	ring        *seal.Ring
	now         func() time.Time
}

// friend is another user as the caller sees them.
type friend struct {
	UserID              string     `json:"userId"`
	DisplayName         string     `json:"displayName" doc:"Empty if the user has not chosen one"`
	State               string     `json:"state" enum:"none,requested,invited,friend,blocked,self" doc:"requested: the caller has asked; invited: the other has; self: the caller's own handle was looked up"`
	CommunicationUserID string     `json:"communicationUserId,omitempty" doc:"The calling identity; only of friends" example:"8:acs:…"`
	PhoneNumber         string     `json:"phoneNumber,omitempty" doc:"In E.164 form; only of friends who let friends see it" example:"+14255550123"`
	Since               *time.Time `json:"since,omitempty" doc:"When it came to this state, UTC; absent for none"`
}

func show(f friendship.Friend) friend {
	out := friend{
		UserID: f.UserID, DisplayName: f.Card.Name, State: string(f.State),
		CommunicationUserID: f.Card.CallingID, PhoneNumber: f.Card.Phone,
	}
	if !f.Since.IsZero() {
		out.Since = &f.Since
	}
	return out
}

// Other is the part of a path that names the other. It is exported for huma, which
// reads only such fields.
type Other struct {
	UserID string `path:"userId" pattern:"^usr_[a-z2-7]{52}$" patternDescription:"a user id, as the service gives them" doc:"The other's user id"`
}

// Change is Other with the version that is to be changed.
type Change struct {
	Other
	api.Match
}

type found struct {
	ETag string `header:"ETag" doc:"Version of what is between the two; absent where there is nothing"`
	Body friend
}

func answer(f friendship.Friend, err error) (*found, error) {
	if err != nil {
		return nil, err
	}
	out := &found{Body: show(f)}
	if f.Version != "" {
		out.ETag = api.ETag(f.Version)
	}
	return out, nil
}

func (h handler) get(ctx context.Context, in *Other) (*found, error) {
	me := api.Caller(ctx).UserID
	if in.UserID == me {
		return nil, problem.New(problem.Invalid, "friend_self", "This is your own user id.")
	}
	return answer(h.friendships.Get(ctx, me, in.UserID))
}

func (h handler) put(ctx context.Context, in *Change) (*found, error) {
	return answer(h.friendships.Ask(ctx, api.Caller(ctx).UserID, in.UserID, in.Allow))
}

func (h handler) delete(ctx context.Context, in *Change) (*struct{}, error) {
	return nil, h.friendships.End(ctx, api.Caller(ctx).UserID, in.UserID, in.Allow)
}

func (h handler) block(ctx context.Context, in *Change) (*found, error) {
	return answer(h.friendships.Block(ctx, api.Caller(ctx).UserID, in.UserID, in.Allow))
}

func (h handler) unblock(ctx context.Context, in *Change) (*struct{}, error) {
	return nil, h.friendships.Unblock(ctx, api.Caller(ctx).UserID, in.UserID, in.Allow)
}

// lookUp makes the same requests whatever it finds, so that its time tells nothing.
func (h handler) lookUp(ctx context.Context, in *struct {
	Handle string `query:"handle" required:"true" maxLength:"30" doc:"The exact handle, in any case" example:"ada"`
}) (*struct{ Body friend }, error) {
	if !handle.Valid(in.Handle) {
		return nil, problem.New(problem.Invalid, "handle_invalid", "A handle is 3 to 30 letters, digits, and . _ - between them.")
	}
	me := api.Caller(ctx).UserID
	if err := h.friendships.Allow(ctx, me, friendship.Search); err != nil {
		return nil, err
	}
	holder, err := h.handles.Holder(ctx, in.Handle)
	if err != nil {
		return nil, err
	}
	f, err := h.friendships.Find(ctx, me, handle.Fold(in.Handle), holder)
	if err != nil {
		return nil, err
	}
	out := &struct{ Body friend }{friend{UserID: f.UserID, DisplayName: f.Card.Name, State: string(f.State)}}
	if f.UserID == me {
		out.Body.State = "self"
	}
	return out, nil
}
