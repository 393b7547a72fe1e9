package spaces

import (
	"context"
	"net/http"
	"time"

	"switchboard/shared/api"
	"switchboard/shared/cursor"
	"switchboard/shared/seal"
	"switchboard/shared/space"
)

type handler struct {
	spaces *space.Registry
	ring   *seal.Ring
}

// ID is the part of a path that names a space. It is exported for huma, which reads
// only such fields.
type ID struct {
	ID string `path:"id" pattern:"^spc_[a-z2-7]{26}$" patternDescription:"a space's id, as the service gives them" doc:"The space's id"`
}

// Summary is a space as the caller sees it. It is exported for huma, which describes only
// such fields, embedded ones too.
type Summary struct {
	ID          string     `json:"id"`
	Kind        string     `json:"kind" enum:"club,event"`
	Name        string     `json:"name"`
	Description string     `json:"description"`
	StartsAt    *time.Time `json:"startsAt,omitempty" doc:"Of an event, UTC"`
	EndsAt      *time.Time `json:"endsAt,omitempty" doc:"Of an event, UTC"`
	JoinPolicy  string     `json:"joinPolicy" enum:"open,request,invite"`
	Role        string     `json:"role,omitempty" enum:"owner,host,member,pending" doc:"The caller's; absent for strangers"`
	Call        *liveCall  `json:"call" doc:"The live call; null if there is none, and for who is not a member"`
}

// liveCall tells of a live call to members, without its ID.
type liveCall struct {
	_         struct{}  `nullable:"true"`
	Live      bool      `json:"live" doc:"Always true"`
	StartedBy string    `json:"startedBy,omitempty" doc:"User; absent if they left the space"`
	StartedAt time.Time `json:"startedAt" doc:"UTC"`
}

func show(s space.Space) Summary {
	out := Summary{
		ID: s.ID, Kind: string(s.Kind), Name: s.Name, Description: s.Description,
		StartsAt: optional(s.StartsAt), EndsAt: optional(s.EndsAt), JoinPolicy: string(s.JoinPolicy), Role: string(s.Role),
	}
	if s.Call != nil {
		out.Call = &liveCall{Live: true, StartedBy: s.Call.StartedBy, StartedAt: s.Call.StartedAt}
	}
	return out
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// whole is a space with what only its own partition tells.
type details struct {
	Summary
	Members   int       `json:"members" doc:"How many, hosts and owners included"`
	Pending   int       `json:"pending,omitempty" doc:"How many wait to be admitted; for hosts and owners, absent if nobody does"`
	CreatedAt time.Time `json:"createdAt" doc:"UTC"`
}

type oneSpace struct {
	Status int
	ETag   string `header:"ETag" doc:"Version of what PATCH changes"`
	Body   details
}

func answer(status int, s space.Space, err error) (*oneSpace, error) {
	if err != nil {
		return nil, err
	}
	return &oneSpace{status, api.ETag(s.Version), details{Summary: show(s), Members: s.Members, Pending: s.Pending, CreatedAt: s.CreatedAt}}, nil
}

// draft is what a new space shall be like. Its rules are package space's.
type draft struct {
	Kind        string     `json:"kind" enum:"club,event"`
	Name        string     `json:"name" maxLength:"400" doc:"1 to 100 characters" example:"Chess club"`
	Description string     `json:"description,omitempty" maxLength:"4000" doc:"At most 1,000 characters"`
	StartsAt    *time.Time `json:"startsAt,omitempty" doc:"Of an event: RFC 3339" example:"2026-11-22T17:00:00Z"`
	EndsAt      *time.Time `json:"endsAt,omitempty" doc:"Of an event: at most 14 days after its start" example:"2026-11-22T18:00:00Z"`
	JoinPolicy  string     `json:"joinPolicy,omitempty" enum:"open,request,invite" default:"invite" doc:"How strangers come in: open: they join; request: a host admits them; invite: only with an invite"`
}

func (h handler) create(ctx context.Context, in *struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"200" doc:"Repeating a request with the same key, a random one such as a UUID, makes no second space"`
	Body           draft
}) (*oneSpace, error) {
	d := space.Draft{Kind: space.Kind(in.Body.Kind), Name: in.Body.Name, Description: in.Body.Description, JoinPolicy: space.Policy(in.Body.JoinPolicy)}
	if in.Body.StartsAt != nil {
		d.StartsAt = *in.Body.StartsAt
	}
	if in.Body.EndsAt != nil {
		d.EndsAt = *in.Body.EndsAt
	}
	s, made, err := h.spaces.Create(ctx, api.Caller(ctx).UserID, d, in.IdempotencyKey)
	return answer(api.Made(made), s, err)
}

func (h handler) get(ctx context.Context, in *ID) (*oneSpace, error) {
	s, err := h.spaces.Get(ctx, api.Caller(ctx).UserID, in.ID)
	return answer(http.StatusOK, s, err)
}

// patch is a merge patch of a space.
type patch struct {
	Name        api.Optional[string]    `json:"name,omitempty" doc:"1 to 100 characters"`
	Description api.Optional[string]    `json:"description,omitempty" doc:"At most 1,000 characters; null removes it"`
	StartsAt    api.Optional[time.Time] `json:"startsAt,omitempty" doc:"RFC 3339"`
	EndsAt      api.Optional[time.Time] `json:"endsAt,omitempty" doc:"RFC 3339"`
	JoinPolicy  api.Optional[string]    `json:"joinPolicy,omitempty" doc:"open, request or invite; null means invite"`
}

func (p patch) apply(to *space.Draft) {
	p.Name.Into(&to.Name)
	p.Description.Into(&to.Description)
	p.StartsAt.Into(&to.StartsAt)
	p.EndsAt.Into(&to.EndsAt)
	if p.JoinPolicy.Set {
		to.JoinPolicy = space.Policy(p.JoinPolicy.Value)
	}
}

func (h handler) update(ctx context.Context, in *struct {
	ID
	api.Match
	Body patch `contentType:"application/merge-patch+json"`
}) (*oneSpace, error) {
	s, err := h.spaces.Update(ctx, api.Caller(ctx).UserID, in.ID.ID, in.Allow, in.Body.apply)
	return answer(http.StatusOK, s, err)
}

func (h handler) delete(ctx context.Context, in *struct {
	ID
	api.Match
}) (*struct{}, error) {
	return nil, h.spaces.Delete(ctx, api.Caller(ctx).UserID, in.ID.ID, in.Allow)
}

func (h handler) join(ctx context.Context, in *ID) (*oneSpace, error) {
	s, err := h.spaces.Join(ctx, api.Caller(ctx).UserID, in.ID)
	return answer(http.StatusOK, s, err)
}

// spaceList is one page.
type spaceList struct {
	Body struct {
		Items      []Summary `json:"items" nullable:"false"`
		NextCursor string    `json:"nextCursor,omitempty" doc:"Where to go on; absent at the end"`
	}
}

func (h handler) list(ctx context.Context, in *struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"How many at most"`
	Cursor string `query:"cursor" maxLength:"2000" doc:"nextCursor of the page before"`
}) (*spaceList, error) {
	me := api.Caller(ctx).UserID
	out := &spaceList{}
	var err error
	out.Body.Items, out.Body.NextCursor, err = cursor.Page(ctx, h.ring, "spaces "+me, in.Cursor, func(after string) ([]space.Space, string, error) {
		return h.spaces.List(ctx, me, after, in.Limit)
	}, show)
	return out, err
}
