package meetings

import (
	"context"
	"net/http"
	"time"

	"switchboard/shared/api"
	"switchboard/shared/meeting"
	"switchboard/shared/problem"
	"switchboard/shared/seal"
	"switchboard/shared/signin"
	"switchboard/shared/teams"
)

type handler struct {
	meetings *meeting.Registry
	doctor   *teams.Doctor
	ring     *seal.Ring
	now      func() time.Time
}

// actor is the caller, with what the organizer's part takes where it is theirs. A daemon has
// an object id, too, but neither meetings nor a calendar of its own.
func actor(ctx context.Context) meeting.Actor {
	c := api.Caller(ctx)
	a := meeting.Actor{UserID: c.UserID, Admin: c.HasRole(signin.RoleAdmin)}
	if len(c.Scopes) > 0 {
		a.TenantID, a.ObjectID, a.Token = c.TenantID, c.ObjectID, api.Bearer(ctx)
	}
	return a
}

// ID is the part of a path that names a meeting. It is exported for huma, which reads only
// such fields.
type ID struct {
	ID string `path:"id" pattern:"^mtg_[a-z2-7]{26}$" patternDescription:"a meeting's id, as the service gives them" doc:"The meeting's id"`
}

// person is somebody who is invited.
type person struct {
	UserID string `json:"userId,omitempty" pattern:"^usr_[a-z2-7]{52}$" patternDescription:"a user id, as the service gives them" doc:"A user with a mapping (POST /api/user): who has none is taken off the list within a second or so"`
	Email  string `json:"email,omitempty" maxLength:"300" doc:"Or somebody without an account here. In the modes calendar and booking Microsoft sends them the link; in the others nobody does, and the invite link (PUT …/invite) is for them" example:"grace@example.com"`
}

func invited(people []person) []meeting.Person {
	var all []meeting.Person
	for _, p := range people {
		all = append(all, meeting.Person{UserID: p.UserID, Email: p.Email})
	}
	return all
}

// lobbyWish is who is let in without waiting.
type lobbyWish struct {
	Scope   string `json:"scope" doc:"organizer, invited, organization, organizationExcludingGuests, organizationAndFederated or everyone"`
	MayWait bool   `json:"mayWait,omitempty" doc:"As answers have it; of no effect"`
}

// scope reads a lobby in either of its forms.
func scope(l api.TextOr[lobbyWish]) string {
	if l.Object != nil {
		return l.Object.Scope
	}
	return l.Text
}

// draft is what a new meeting shall be like. Its rules are package meeting's.
type draft struct {
	Subject   string                 `json:"subject" maxLength:"1100" doc:"1 to 256 characters" example:"Consultation"`
	StartsAt  time.Time              `json:"startsAt" doc:"RFC 3339" example:"2026-11-22T14:30:00Z"`
	EndsAt    time.Time              `json:"endsAt" doc:"RFC 3339, at most 24 hours after the start" example:"2026-11-22T15:00:00Z"`
	Attendees []person               `json:"attendees,omitempty" nullable:"false" maxItems:"1000" doc:"Who is invited besides the caller"`
	Lobby     *api.TextOr[lobbyWish] `json:"lobby,omitempty" doc:"Who is let in without waiting, as {\"scope\":\"everyone\"} or for short \"everyone\". Left out: as the tenant has it"`
	Mode      string                 `json:"mode,omitempty" enum:"standalone,calendar,booking" default:"standalone" doc:"standalone: on no calendar, and nobody gets mail; calendar: an event on the organizer's calendar, and those with an e-mail are invited by mail; booking: an appointment of the Bookings business in the settings, whose customers are those with an e-mail"`
}

func (h handler) create(ctx context.Context, in *struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"200" doc:"Repeating a request with the same key, a random one such as a UUID, makes no second meeting"`
	Body           draft
}) (*oneMeeting, error) {
	d := meeting.Draft{Subject: in.Body.Subject, StartsAt: in.Body.StartsAt, EndsAt: in.Body.EndsAt, Attendees: invited(in.Body.Attendees)}
	if in.Body.Lobby != nil {
		d.WantedLobby = scope(*in.Body.Lobby)
	}
	m, made, err := h.meetings.Create(ctx, actor(ctx), d, meeting.Mode(in.Body.Mode), in.IdempotencyKey)
	return answer(api.Made(made), m, err)
}

// source is a meeting that was made elsewhere.
type source struct {
	Link      string     `json:"link,omitempty" maxLength:"4000" doc:"The meeting's link"`
	MeetingID string     `json:"meetingId,omitempty" maxLength:"40" doc:"Or its ID: 6 to 20 digits, with or without blanks" example:"245 123 456 78"`
	Passcode  string     `json:"passcode,omitempty" maxLength:"100" doc:"With meetingId"`
	Subject   string     `json:"subject,omitempty" maxLength:"1100" doc:"Where Microsoft Graph does not tell"`
	StartsAt  *time.Time `json:"startsAt,omitempty" doc:"Likewise: RFC 3339"`
	EndsAt    *time.Time `json:"endsAt,omitempty" doc:"Likewise: RFC 3339"`
	Attendees []person   `json:"attendees,omitempty" nullable:"false" maxItems:"1000" doc:"Who is invited here"`
}

func (h handler) importOne(ctx context.Context, in *struct{ Body source }) (*oneMeeting, error) {
	w, err := wanted(in.Body)
	if err != nil {
		return nil, err
	}
	d := meeting.Draft{Subject: in.Body.Subject, Attendees: invited(in.Body.Attendees)}
	if in.Body.StartsAt != nil {
		d.StartsAt = *in.Body.StartsAt
	}
	if in.Body.EndsAt != nil {
		d.EndsAt = *in.Body.EndsAt
	}
	m, made, err := h.meetings.Import(ctx, actor(ctx), w, d)
	return answer(api.Made(made), m, err)
}

func (h handler) get(ctx context.Context, in *ID) (*oneMeeting, error) {
	m, err := h.meetings.Get(ctx, actor(ctx), in.ID)
	return answer(http.StatusOK, m, err)
}

// patch is a merge patch of a meeting.
type patch struct {
	Subject   api.Optional[string]                `json:"subject,omitempty" doc:"1 to 256 characters"`
	StartsAt  api.Optional[time.Time]             `json:"startsAt,omitempty" doc:"RFC 3339"`
	EndsAt    api.Optional[time.Time]             `json:"endsAt,omitempty" doc:"RFC 3339"`
	Attendees api.Optional[[]person]              `json:"attendees,omitempty" doc:"The whole list; null for nobody"`
	Lobby     api.Optional[api.TextOr[lobbyWish]] `json:"lobby,omitempty" doc:"As for POST; null leaves it as it is"`
	Organizer api.Optional[host]                  `json:"organizer,omitempty" doc:"Stays: 409 if it is another"`
}

func (p patch) apply(to *meeting.Draft) {
	p.Subject.Into(&to.Subject)
	p.StartsAt.Into(&to.StartsAt)
	p.EndsAt.Into(&to.EndsAt)
	if p.Attendees.Set {
		to.Attendees = invited(p.Attendees.Value)
	}
	if p.Lobby.Given() {
		to.WantedLobby = scope(p.Lobby.Value)
	}
}

func (h handler) update(ctx context.Context, in *struct {
	ID
	api.Match
	Body patch `contentType:"application/merge-patch+json"`
}) (*oneMeeting, error) {
	who := actor(ctx)
	if in.Body.Organizer.Set {
		m, err := h.meetings.Get(ctx, who, in.ID.ID)
		if err != nil {
			return nil, err
		}
		if in.Body.Organizer.Value.UserID != m.HostID {
			return nil, problem.New(problem.Conflict, "meeting_organizer_fixed", "The organizer of a meeting stays. Cancel it, and let the other one schedule it.")
		}
	}
	m, err := h.meetings.Update(ctx, who, in.ID.ID, in.Allow, in.Body.apply)
	return answer(http.StatusOK, m, err)
}

func (h handler) cancel(ctx context.Context, in *struct {
	ID
	api.Match
}) (*struct{}, error) {
	return nil, h.meetings.Cancel(ctx, actor(ctx), in.ID.ID, in.Allow)
}

func (h handler) decline(ctx context.Context, in *ID) (*struct{}, error) {
	return nil, h.meetings.Decline(ctx, actor(ctx), in.ID)
}
