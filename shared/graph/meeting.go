package graph

import (
	"net/url"
	"strings"
	"time"
)

// LobbyScope says who enters a meeting past the lobby. Tenants can be stricter.
// Graph may have values beside these; they are passed on as they are.
type LobbyScope string

// The scopes of the lobby (onlineMeeting lobbyBypassScope).
const (
	LobbyOrganizer             LobbyScope = "organizer" // only the organizer
	LobbyOrganization          LobbyScope = "organization"
	LobbyOrganizationNoGuests  LobbyScope = "organizationExcludingGuests"
	LobbyOrganizationFederated LobbyScope = "organizationAndFederated"
	LobbyInvited               LobbyScope = "invited"
	LobbyEveryone              LobbyScope = "everyone" // nobody waits
)

// Presenters says who may present (onlineMeetingPresenters).
type Presenters string

// Who may present.
const (
	PresentEveryone     Presenters = "everyone"
	PresentOrganization Presenters = "organization"
	PresentByRole       Presenters = "roleIsPresenter" // attendees of role presenter; needs the full list
	PresentOrganizer    Presenters = "organizer"
)

// ChatMode says whether people may write in a meeting (meetingChatMode).
type ChatMode string

// The modes of a meeting's chat.
const (
	ChatEnabled  ChatMode = "enabled"
	ChatDisabled ChatMode = "disabled"
	ChatLimited  ChatMode = "limited" // only while the meeting runs
)

// Role is a participant's (onlineMeetingRole).
type Role string

// The roles of participants. People outside of Entra are attendees.
const (
	Attendee    Role = "attendee"
	Presenter   Role = "presenter"
	Coorganizer Role = "coorganizer"
)

// Participant is a person of a meeting: UserID is the object id in Entra, UPN
// the sign-in name; one of them is enough to invite. TenantID is only read.
type Participant struct {
	UserID   string
	TenantID string
	UPN      string
	Role     Role
}

// Lobby is how people come in.
type Lobby struct {
	Scope        LobbyScope `json:"scope,omitempty"`
	DialInBypass bool       `json:"isDialInBypassEnabled"` // those who dial in do not wait either
}

// DialIn is how to join by telephone; the organizer has it by licence.
type DialIn struct {
	ConferenceID   string
	TollNumber     string
	TollFreeNumber string
	URL            string // lists local numbers
}

// NewMeeting is a meeting to be made. Without times it starts now; without an
// end it lasts an hour.
type NewMeeting struct {
	Subject    string
	Start, End time.Time
	Attendees  []Participant
}

// MeetingChange is what is to be changed of a meeting; what is zero stays. Both
// times change or neither. Attendees are the whole list; one that is empty and
// not nil removes them all.
type MeetingChange struct {
	Subject           *string
	Start, End        time.Time
	Attendees         []Participant
	Lobby             *Lobby
	AllowedPresenters Presenters
	Chat              ChatMode
	Announcements     *bool // of who comes and goes
}

// Meeting is a Teams meeting. Times are UTC.
type Meeting struct {
	ID                string // opaque; Graph's, within the organizer's meetings
	ExternalID        string // of CreateOrGetMeeting; often absent elsewhere
	Subject           string
	Start, End        time.Time
	Created           time.Time
	JoinURL           string
	JoinID            string // the digits to join by; "" where Graph gave none
	Passcode          string // beside JoinID; "" for none
	ThreadID          string // of the chat, as in 19:meeting_…@thread.v2; "" where Graph gave none
	Lobby             Lobby
	AllowedPresenters Presenters
	Chat              ChatMode
	Organizer         Participant
	Attendees         []Participant
	DialIn            *DialIn // nil for none
}

// wireMeeting is a meeting as Graph writes it (resource type onlineMeeting).
type wireMeeting struct {
	ID                string     `json:"id"`
	ExternalID        string     `json:"externalId"`
	Subject           string     `json:"subject"`
	Start             time.Time  `json:"startDateTime"`
	End               time.Time  `json:"endDateTime"`
	Created           time.Time  `json:"creationDateTime"`
	JoinURL           string     `json:"joinWebUrl"`
	Lobby             Lobby      `json:"lobbyBypassSettings"`
	AllowedPresenters Presenters `json:"allowedPresenters"`
	Chat              ChatMode   `json:"allowMeetingChat"`
	JoinID            struct {
		ID       string `json:"joinMeetingId"`
		Passcode string `json:"passcode"`
	} `json:"joinMeetingIdSettings"`
	ChatInfo struct {
		ThreadID string `json:"threadId"`
	} `json:"chatInfo"`
	Audio *struct {
		ConferenceID   string `json:"conferenceId"`
		TollNumber     string `json:"tollNumber"`
		TollFreeNumber string `json:"tollFreeNumber"`
		DialInURL      string `json:"dialinUrl"`
	} `json:"audioConferencing"`
	Participants participants `json:"participants"`
}

type participants struct {
	Organizer *participant  `json:"organizer,omitempty"`
	Attendees []participant `json:"attendees"`
}

type participant struct {
	UPN      string    `json:"upn,omitempty"`
	Role     Role      `json:"role,omitempty"`
	Identity *identity `json:"identity,omitempty"`
}

type identity struct {
	User *identityUser `json:"user,omitempty"`
}

type identityUser struct {
	ID       string `json:"id"`
	TenantID string `json:"tenantId,omitempty"`
}

// meeting is what this service makes of an answer. An id and a join URL are the
// least that a meeting has.
func (w wireMeeting) meeting(call operation) (Meeting, error) {
	if w.ID == "" || w.JoinURL == "" {
		return Meeting{}, call.nonsense("the meeting has no id or no join URL")
	}
	m := Meeting{
		ID: w.ID, ExternalID: w.ExternalID, Subject: w.Subject,
		Start: w.Start.UTC(), End: w.End.UTC(), Created: w.Created.UTC(),
		JoinURL: w.JoinURL, JoinID: w.JoinID.ID, Passcode: w.JoinID.Passcode, ThreadID: threadID(w.ChatInfo.ThreadID),
		Lobby: w.Lobby, AllowedPresenters: w.AllowedPresenters, Chat: w.Chat,
	}
	if w.Participants.Organizer != nil {
		m.Organizer = w.Participants.Organizer.participant()
	}
	for _, p := range w.Participants.Attendees {
		m.Attendees = append(m.Attendees, p.participant())
	}
	if a := w.Audio; a != nil {
		m.DialIn = &DialIn{a.ConferenceID, a.TollNumber, a.TollFreeNumber, a.DialInURL}
	}
	return m, nil
}

func (p participant) participant() Participant {
	out := Participant{UPN: p.UPN, Role: p.Role}
	if p.Identity != nil && p.Identity.User != nil {
		out.UserID, out.TenantID = p.Identity.User.ID, p.Identity.User.TenantID
	}
	return out
}

// threadID is the id of a chat in its plain form; some answers escape it.
func threadID(s string) string {
	if upper := strings.ToUpper(s); strings.Contains(upper, "%3A") || strings.Contains(upper, "%40") {
		if plain, err := url.PathUnescape(s); err == nil {
			return plain
		}
	}
	return s
}

// attendees is a list of people as Graph takes it; nil is no list.
func attendees(people []Participant) *participants {
	if people == nil {
		return nil
	}
	list := make([]participant, len(people))
	for i, p := range people {
		list[i] = participant{UPN: p.UPN, Role: p.Role}
		if p.UserID != "" {
			list[i].Identity = &identity{&identityUser{ID: p.UserID}}
		}
	}
	return &participants{Attendees: list}
}

func (c MeetingChange) wire() any {
	return struct {
		Subject           *string       `json:"subject,omitempty"`
		Start             time.Time     `json:"startDateTime,omitzero"`
		End               time.Time     `json:"endDateTime,omitzero"`
		Participants      *participants `json:"participants,omitempty"`
		Lobby             *Lobby        `json:"lobbyBypassSettings,omitempty"`
		AllowedPresenters Presenters    `json:"allowedPresenters,omitempty"`
		Chat              ChatMode      `json:"allowMeetingChat,omitempty"`
		Announcements     *bool         `json:"isEntryExitAnnounced,omitempty"`
	}{c.Subject, c.Start.UTC(), c.End.UTC(), attendees(c.Attendees), c.Lobby, c.AllowedPresenters, c.Chat, c.Announcements}
}
