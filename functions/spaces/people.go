package spaces

import (
	"context"
	"time"

	"switchboard/shared/api"
	"switchboard/shared/cursor"
	"switchboard/shared/space"
)

// Somebody is the part of a path that names a user in a space.
type Somebody struct {
	ID
	UserID string `path:"userId" pattern:"^usr_[a-z2-7]{52}$" patternDescription:"a user id, as the service gives them" doc:"The user's id"`
}

// participant is somebody in a space.
type participant struct {
	UserID      string    `json:"userId"`
	DisplayName string    `json:"displayName" doc:"Empty if the user has not chosen one, and for who was banned without having been in the space"`
	Role        string    `json:"role" enum:"owner,host,member,pending,banned"`
	Since       time.Time `json:"since" doc:"When it came to this role, UTC"`
}

func showPerson(p space.Participant) participant {
	return participant{UserID: p.UserID, DisplayName: p.Name, Role: string(p.Role), Since: p.Since}
}

type memberList struct {
	Body struct {
		Items      []participant `json:"items" nullable:"false"`
		NextCursor string        `json:"nextCursor,omitempty" doc:"Where to go on; absent at the end"`
	}
}

func (h handler) members(ctx context.Context, in *struct {
	ID
	Role   string `query:"role" enum:"owner,host,member,pending,banned" doc:"Only these; without it owners, hosts and members"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"How many at most"`
	Cursor string `query:"cursor" maxLength:"2000" doc:"nextCursor of the page before, of the same role"`
}) (*memberList, error) {
	me := api.Caller(ctx).UserID
	list := "members " + me + " " + in.ID.ID + " " + in.Role
	out := &memberList{}
	var err error
	out.Body.Items, out.Body.NextCursor, err = cursor.Page(ctx, h.ring, list, in.Cursor, func(after string) ([]space.Participant, string, error) {
		return h.spaces.Members(ctx, me, in.ID.ID, space.Role(in.Role), after, in.Limit)
	}, showPerson)
	return out, err
}

// ruling is what somebody shall be in a space.
type ruling struct {
	Role       string `json:"role" enum:"owner,host,member,banned" doc:"member also admits who is pending"`
	RotateCall bool   `json:"rotateCall,omitempty" doc:"With banned: the live call goes on under a new ID, which the banned do not get; members do, from GET call"`
}

// Resolve refuses what would have no effect.
func (r *ruling) Resolve(api.Context) []error {
	if r.RotateCall && space.Role(r.Role) != space.Banned {
		return []error{api.Fault("body.rotateCall", "goes with the role banned")}
	}
	return nil
}

type onePerson struct {
	ETag string `header:"ETag" doc:"Version of the role"`
	Body participant
}

func (h handler) member(ctx context.Context, in *Somebody) (*onePerson, error) {
	p, err := h.spaces.Find(ctx, api.Caller(ctx).UserID, in.ID.ID, in.UserID)
	if err != nil {
		return nil, err
	}
	return &onePerson{api.ETag(p.Version), showPerson(p)}, nil
}

func (h handler) putMember(ctx context.Context, in *struct {
	Somebody
	api.Match
	Body ruling
}) (*onePerson, error) {
	wanted := space.Ruling{Role: space.Role(in.Body.Role), Rotate: in.Body.RotateCall}
	p, err := h.spaces.Decide(ctx, api.Caller(ctx).UserID, in.ID.ID, in.UserID, wanted, in.Allow)
	if err != nil {
		return nil, err
	}
	return &onePerson{api.ETag(p.Version), showPerson(p)}, nil
}

func (h handler) deleteMember(ctx context.Context, in *struct {
	Somebody
	api.Match
	RotateCall bool `query:"rotateCall" doc:"The live call goes on under a new ID, but not when the caller leaves"`
}) (*struct{}, error) {
	_, err := h.spaces.Decide(ctx, api.Caller(ctx).UserID, in.ID.ID, in.UserID, space.Ruling{Role: space.None, Rotate: in.RotateCall}, in.Allow)
	return nil, err
}
