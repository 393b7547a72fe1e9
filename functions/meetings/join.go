package meetings

import (
	"context"
	"regexp"
	"strings"

	"switchboard/shared/api"
	"switchboard/shared/identity"
	"switchboard/shared/invitation"
	"switchboard/shared/meeting"
	"switchboard/shared/problem"
	"switchboard/shared/teamslink"
	"switchboard/shared/ticket"
)

// meetingTicket is a join ticket, with what is of interest in a Teams meeting.
type meetingTicket struct {
	ticket.Ticket
	Lobby lobby `json:"lobby"`
	Chat  *chat `json:"chat" doc:"null where it is not known, or switched off"`
}

type oneTicket struct{ Body meetingTicket }

func showTicket(t meeting.Ticket, err error) (*oneTicket, error) {
	if err != nil {
		return nil, err
	}
	return &oneTicket{meetingTicket{Ticket: t.Ticket, Lobby: lobby(t.Lobby), Chat: showChat(t.ThreadID)}}, nil
}

func (h handler) join(ctx context.Context, in *ID) (*oneTicket, error) {
	return showTicket(h.meetings.Ticket(ctx, actor(ctx), in.ID))
}

type oneInvite struct {
	Status int
	Body   invitation.Link
}

func (h handler) invite(ctx context.Context, in *ID) (*oneInvite, error) {
	link, made, err := h.meetings.Invite(ctx, actor(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &oneInvite{api.Made(made), link}, nil
}

func (h handler) revoke(ctx context.Context, in *ID) (*struct{}, error) {
	return nil, h.meetings.Revoke(ctx, actor(ctx), in.ID)
}

// visitor is who comes in by an invite link.
type visitor struct {
	Code        string `json:"code" maxLength:"200" doc:"The code of the invite link"`
	DisplayName string `json:"displayName" maxLength:"1100" doc:"1 to 256 characters" example:"Grace"`
}

// Resolve refuses names that cannot be shown.
func (v *visitor) Resolve(api.Context) []error {
	if !identity.ValidName(v.DisplayName) {
		return []error{api.Fault("body.displayName", "needs 1 to 256 characters without blanks around them, none of them a control character or one that turns the direction of writing")}
	}
	return nil
}

func (h handler) welcome(ctx context.Context, in *struct {
	IdempotencyKey string `header:"Idempotency-Key" format:"uuid" doc:"A random UUID that the client keeps: with it the guest is the same again. It is a secret"`
	Body           visitor
}) (*oneTicket, error) {
	return showTicket(h.meetings.Welcome(ctx, in.Body.Code, in.Body.DisplayName, strings.ToLower(in.IdempotencyKey)))
}

// meetingID is the form of the digits that Teams shows beside a link, as in short links.
var meetingID = regexp.MustCompile(`^[0-9]{6,20}$`)

// wanted reads how a meeting that was made elsewhere is named.
func wanted(s source) (meeting.Wanted, error) {
	invalid := problem.New(problem.Invalid, "meeting_invalid", "A meeting is named by its link, or by its meetingId and passcode. See errors.")
	fault := func(member, message string) (meeting.Wanted, error) {
		invalid.Fields = []problem.Field{{Location: "body." + member, Message: message}}
		return meeting.Wanted{}, invalid
	}
	digits := strings.Join(strings.Fields(s.MeetingID), "")
	switch {
	case (s.Link == "") == (digits == ""):
		return fault("link", "is missing, or is there together with meetingId")
	case s.Link != "" && s.Passcode != "":
		return fault("passcode", "goes with meetingId; a link has its own")
	case digits != "" && !meetingID.MatchString(digits):
		return fault("meetingId", "is not a meeting ID: 6 to 20 digits")
	case digits != "":
		return meeting.Wanted{ID: digits, Passcode: s.Passcode}, nil
	}
	link, err := teamslink.Parse(s.Link)
	return meeting.Wanted{Link: link}, err
}
