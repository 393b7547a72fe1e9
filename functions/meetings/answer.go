package meetings

import (
	"time"

	"switchboard/shared/api"
	"switchboard/shared/meeting"
)

// host is the user who hosts a meeting here: made it, or brought it here.
type host struct {
	UserID string `json:"userId"`
}

// joining is how people come in.
type joining struct {
	MeetingLink string `json:"meetingLink,omitempty" doc:"For TeamsMeetingLinkLocator, and for browsers"`
	MeetingID   string `json:"meetingId,omitempty" doc:"Digits, for TeamsMeetingIdLocator"`
	Passcode    string `json:"passcode,omitempty" doc:"With meetingId, where the meeting has one"`
}

// chat is where people write in a meeting.
type chat struct {
	_        struct{} `nullable:"true"`
	ThreadID string   `json:"threadId" example:"19:meeting_…@thread.v2"`
}

// lobby is how people with tickets come in.
type lobby struct {
	Scope   string `json:"scope,omitempty" doc:"Who is let in without waiting; absent where nobody has told"`
	MayWait bool   `json:"mayWait" doc:"Who joins with a ticket may have to wait: for somebody of the organisation to let them in, or to come at all"`
}

// dialIn is how to join by telephone.
type dialIn struct {
	TollNumber     string `json:"tollNumber,omitempty"`
	TollFreeNumber string `json:"tollFreeNumber,omitempty"`
	ConferenceID   string `json:"conferenceId,omitempty"`
}

// details is a meeting as the caller sees it.
type details struct {
	ID            string    `json:"id"`
	Subject       string    `json:"subject"`
	StartsAt      time.Time `json:"startsAt" doc:"UTC"`
	EndsAt        time.Time `json:"endsAt" doc:"UTC"`
	Provider      string    `json:"provider" doc:"What carries it" example:"teams"`
	Mode          string    `json:"mode" enum:"standalone,calendar,booking,imported"`
	Organizer     host      `json:"organizer" doc:"The user who hosts it here: made it, or imported it. In Teams the organizer may be another"`
	Role          string    `json:"role,omitempty" enum:"host,attendee" doc:"The caller's; absent for administrators who are not invited"`
	Attendees     []person  `json:"attendees" nullable:"false" doc:"Who is invited besides the organizer; those with e-mails are for the host"`
	Join          joining   `json:"join"`
	Chat          *chat     `json:"chat" doc:"null where it is not known, or switched off"`
	Lobby         lobby     `json:"lobby"`
	DialIn        *dialIn   `json:"dialIn,omitempty" doc:"Where the organizer has it"`
	CreatedAt     time.Time `json:"createdAt" doc:"UTC"`
	OpensAt       time.Time `json:"opensAt" doc:"From when on it can be joined, UTC"`
	LinkExpiresAt time.Time `json:"linkExpiresAt" doc:"When the link stops to work, unless somebody joins before; UTC"`
}

func show(m meeting.Meeting) details {
	out := details{
		ID: m.ID, Subject: m.Subject, StartsAt: m.StartsAt, EndsAt: m.EndsAt, Provider: "teams", Mode: string(m.Mode),
		Organizer: host{m.HostID}, Role: string(m.Role), Attendees: []person{}, Join: joining{m.Join.Link, m.Join.ID, m.Join.Passcode},
		Chat: showChat(m.ThreadID), Lobby: lobby(m.Lobby), CreatedAt: m.CreatedAt, OpensAt: m.Opens, LinkExpiresAt: m.Expires,
	}
	for _, p := range m.Attendees {
		out.Attendees = append(out.Attendees, person(p))
	}
	if m.DialIn != nil {
		out.DialIn = &dialIn{m.DialIn.TollNumber, m.DialIn.TollFreeNumber, m.DialIn.ConferenceID}
	}
	return out
}

func showChat(threadID string) *chat {
	if threadID == "" {
		return nil
	}
	return &chat{ThreadID: threadID}
}

type oneMeeting struct {
	Status int
	ETag   string `header:"ETag" doc:"Version of the meeting"`
	Body   details
}

func answer(status int, m meeting.Meeting, err error) (*oneMeeting, error) {
	if err != nil {
		return nil, err
	}
	return &oneMeeting{status, api.ETag(m.Version), show(m)}, nil
}
