package identities

import (
	"context"
	"encoding/base64"
	"net/http"
	"regexp"
	"time"

	"switchboard/shared/api"
	"switchboard/shared/grant"
	"switchboard/shared/identity"
	"switchboard/shared/problem"
)

type handler struct {
	identities *identity.Registry
	life       time.Duration
}

// Named is the part of every path that names an identity. It is exported for
// huma, which reads only such fields.
type Named struct {
	Name string `path:"name" pattern:"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$" patternDescription:"1 to 64 of a-z 0-9 -, beginning and ending with a letter or a digit" doc:"The name of the bot or service" example:"reception"`
}

func (n Named) key() identity.Key { return identity.ServiceKey(n.Name) }

// description is what an administrator says of an identity.
type description struct {
	Kind        string `json:"kind" enum:"bot,service" doc:"What it is"`
	DisplayName string `json:"displayName,omitempty" doc:"The name that others see, at most 256 characters"`
}

// Resolve checks the name.
func (d *description) Resolve(api.Context) []error {
	if d.DisplayName != "" && !identity.ValidName(d.DisplayName) {
		return []error{api.Fault("body.displayName", "has at most 256 characters, none at its ends a space and none of them a control character or one that turns the direction of writing")}
	}
	return nil
}

type item struct {
	Name                string    `json:"name"`
	Kind                string    `json:"kind" enum:"bot,service"`
	DisplayName         string    `json:"displayName"`
	CommunicationUserID string    `json:"communicationUserId" doc:"The calling identity" example:"8:acs:…"`
	CreatedAt           time.Time `json:"createdAt" doc:"UTC"`
}

type found struct {
	Status int
	ETag   string `header:"ETag" doc:"Version of the description"`
	Body   item
}

func show(status int, rec *identity.Record) *found {
	return &found{Status: status, ETag: api.ETag(rec.Profile.Version), Body: render(rec)}
}

func render(rec *identity.Record) item {
	return item{
		Name:                rec.Name,
		Kind:                string(rec.Kind),
		DisplayName:         rec.Profile.DisplayName,
		CommunicationUserID: rec.CallingID,
		CreatedAt:           rec.CreatedAt.Truncate(time.Second),
	}
}

func (h handler) put(ctx context.Context, in *struct {
	Named
	api.Match
	Body description
}) (*found, error) {
	kind, name := identity.Kind(in.Body.Kind), in.Body.DisplayName
	rec, err := h.identities.Get(ctx, in.key())
	if problem.Is(err, problem.NotFound) {
		if err := in.Allow(""); err != nil {
			return nil, err // what must be at some version must be there
		}
		var created bool
		rec, created, err = h.identities.Ensure(ctx, identity.Subject{Key: in.key(), Kind: kind, DisplayName: name})
		if created {
			return show(http.StatusCreated, rec), nil
		}
	}
	if err == nil {
		err = in.Allow(rec.Profile.Version)
	}
	if err == nil && (rec.Kind != kind || rec.Profile.DisplayName != name) {
		rec, err = h.identities.Update(ctx, in.key(), func(rec *identity.Record) error {
			rec.Kind, rec.Profile.DisplayName = kind, name
			return in.Allow(rec.Profile.Version)
		})
	}
	if err != nil {
		return nil, err
	}
	return show(http.StatusOK, rec), nil
}

func (h handler) get(ctx context.Context, in *Named) (*found, error) {
	rec, err := h.identities.Get(ctx, in.key())
	if err != nil {
		return nil, err
	}
	return show(http.StatusOK, rec), nil
}

func (h handler) delete(ctx context.Context, in *struct {
	Named
	IfMatch string `header:"If-Match" doc:"Delete only this version"`
}) (*struct{}, error) {
	return nil, h.identities.Erase(ctx, in.key(), func(rec *identity.Record) error {
		return api.CheckMatch(in.IfMatch, rec.Profile.Version)
	})
}

func (h handler) token(ctx context.Context, in *struct {
	Named
	Body *grant.Body `required:"false"`
}) (*struct{ Body grant.Answer }, error) {
	body := grant.Body{}
	if in.Body != nil {
		body = *in.Body
	}
	want := grant.Wish(body.Scopes, body.ExpiresInMinutes, h.life)
	granted, err := h.identities.Token(ctx, identity.Subject{Key: in.key(), MustExist: true}, want)
	if err != nil {
		return nil, err
	}
	return &struct{ Body grant.Answer }{grant.NewAnswer(granted)}, nil
}

type listing struct {
	Body struct {
		Items      []item `json:"items" nullable:"false"`
		NextCursor string `json:"nextCursor,omitempty" doc:"Where to go on; absent at the end"`
	}
}

// cursor is the form of what a cursor says: the name to go on after.
var cursor = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

func (h handler) list(ctx context.Context, in *struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"How many at most"`
	Cursor string `query:"cursor" maxLength:"200" doc:"nextCursor of the page before"`
}) (*listing, error) {
	after, err := base64.RawURLEncoding.DecodeString(in.Cursor)
	if err != nil || in.Cursor != "" && !cursor.Match(after) {
		return nil, problem.New(problem.Invalid, "cursor_invalid", "The cursor is not one of ours. Leave it out to begin at the start.")
	}
	records, more, err := h.identities.Services(ctx, string(after), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &listing{}
	out.Body.Items = make([]item, 0, len(records))
	for _, rec := range records {
		out.Body.Items = append(out.Body.Items, render(rec))
	}
	if more {
		out.Body.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(records[len(records)-1].Name))
	}
	return out, nil
}
