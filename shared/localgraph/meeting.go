package localgraph

import (
	cryptorand "crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"
)

// meeting is Graph's onlineMeeting, as far as it is served here.
type meeting struct {
	ID                   string          `json:"id"`
	CreationDateTime     time.Time       `json:"creationDateTime"`
	StartDateTime        time.Time       `json:"startDateTime"`
	EndDateTime          time.Time       `json:"endDateTime"`
	JoinWebURL           string          `json:"joinWebUrl"`
	Subject              *string         `json:"subject"`
	ExternalID           *string         `json:"externalId"`
	IsBroadcast          bool            `json:"isBroadcast"`
	AutoAdmittedUsers    string          `json:"autoAdmittedUsers"`
	VideoTeleconference  *string         `json:"videoTeleconferenceId"`
	Lobby                lobby           `json:"lobbyBypassSettings"`
	JoinMeetingID        joinMeetingID   `json:"joinMeetingIdSettings"`
	Chat                 chatInfo        `json:"chatInfo"`
	Audio                audio           `json:"audioConferencing"`
	Participants         participants    `json:"participants"`
	JoinInformation      joinInformation `json:"joinInformation"`
	AllowedPresenters    string          `json:"allowedPresenters"`
	AllowedAdmitters     string          `json:"allowedLobbyAdmitters"`
	AllowMeetingChat     string          `json:"allowMeetingChat"`
	IsEntryExitAnnounced bool            `json:"isEntryExitAnnounced"`
	AllowCamera          bool            `json:"allowAttendeeToEnableCamera"`
	AllowMic             bool            `json:"allowAttendeeToEnableMic"`
	AllowRecording       bool            `json:"allowRecording"`
	AllowTranscription   bool            `json:"allowTranscription"`
	RecordAutomatically  bool            `json:"recordAutomatically"`
	WatermarkProtection  json.RawMessage `json:"watermarkProtection"` // as it was sent
}

// lobby is who need not wait to be admitted.
type lobby struct {
	Scope                 string `json:"scope"`
	IsDialInBypassEnabled bool   `json:"isDialInBypassEnabled"`
}

// joinMeetingID is how to join without a link. The service makes id and
// passcode, which cannot be changed.
type joinMeetingID struct {
	IsPasscodeRequired bool    `json:"isPasscodeRequired"`
	JoinMeetingID      string  `json:"joinMeetingId"`
	Passcode           *string `json:"passcode"`
}

// chatInfo is the chat of a meeting, which short links say nothing of.
type chatInfo struct {
	ThreadID            string  `json:"threadId"`
	MessageID           string  `json:"messageId"`
	ReplyChainMessageID *string `json:"replyChainMessageId"`
}

// audio is how to join by phone.
type audio struct {
	ConferenceID   string `json:"conferenceId"`
	TollNumber     string `json:"tollNumber"`
	TollFreeNumber string `json:"tollFreeNumber"`
	DialinURL      string `json:"dialinUrl"`
}

// joinInformation is an invitation to paste into a mail, as a data URL.
type joinInformation struct {
	Content     string `json:"content"`
	ContentType string `json:"contentType"`
}

// participants are the people of a meeting. Attendees need no invitation to
// join; they are listed for their roles.
type participants struct {
	Organizer participant   `json:"organizer"`
	Attendees []participant `json:"attendees"`
}

type participant struct {
	UPN      string      `json:"upn"`
	Role     string      `json:"role"`
	Identity identitySet `json:"identity"`
}

// identitySet is one of its members: somebody of Entra ID, or of ACS.
type identitySet struct {
	User *identity `json:"user"`
	ACS  *identity `json:"azureCommunicationServicesUser,omitempty"`
}

type identity struct {
	ID               string  `json:"id"`
	TenantID         string  `json:"tenantId,omitempty"`
	DisplayName      *string `json:"displayName"`
	IdentityProvider string  `json:"identityProvider,omitempty"`
}

// newMeeting is a meeting of a user with what the service decides and what a
// request may change before it is kept.
func (s *Server) newMeeting(organizer User) meeting {
	thread := "19:meeting_" + base64.RawStdEncoding.EncodeToString([]byte(s.ids())) + "@thread.v2"
	conference, number := fmt.Sprint(1e8+rand.IntN(9e8)), joinID()
	m := meeting{
		ID:               base64.StdEncoding.EncodeToString([]byte("1*" + organizer.ID + "*0**" + thread)),
		CreationDateTime: s.now(),
		Lobby:            lobby{Scope: "organization"},
		JoinMeetingID:    joinMeetingID{JoinMeetingID: number},
		Chat:             chatInfo{ThreadID: thread, MessageID: "0"},
		Audio: audio{ConferenceID: conference, TollNumber: "+12025550100", TollFreeNumber: "+18005550100",
			DialinURL: "https://dialin.teams.microsoft.com/" + s.tenant + "?id=" + conference},
		Participants: participants{Attendees: []participant{}, Organizer: participant{UPN: organizer.UPN, Role: "presenter",
			Identity: identitySet{User: &identity{ID: organizer.ID, TenantID: s.tenant, IdentityProvider: "AAD"}}}},
		AllowedPresenters: "everyone", AllowedAdmitters: "organizerAndCoOrganizersAndPresenters", AllowMeetingChat: "enabled",
		AllowCamera: true, AllowMic: true, AllowRecording: true, AllowTranscription: true,
	}
	m.JoinWebURL = s.joinLink(thread, number, organizer.ID)
	m.JoinInformation = joinInformation{ContentType: "html",
		Content: "data:text/html," + url.PathEscape(`<div><a href="`+m.JoinWebURL+`">Join</a></div>`)}
	return m
}

// joinLink is a link of the long form, which names thread, tenant and
// organizer, or of the short one, which names nothing that Graph knows but the
// meeting id.
func (s *Server) joinLink(thread, number, organizer string) string {
	if s.Settings().ShortLinks {
		return "https://teams.microsoft.com/meet/" + number + "?p=" + cryptorand.Text()
	}
	context := fmt.Sprintf(`{"Tid":"%s","Oid":"%s"}`, s.tenant, organizer)
	return "https://teams.microsoft.com/l/meetup-join/" + lowerEscapes(url.QueryEscape(thread)) +
		"/0?context=" + lowerEscapes(url.QueryEscape(context))
}

// lowerEscapes writes percent-escapes as Teams does: %3a, not %3A.
func lowerEscapes(escaped string) string {
	return strings.NewReplacer("%3A", "%3a", "%7B", "%7b", "%7D", "%7d", "%2C", "%2c", "%2B", "%2b", "%2F", "%2f").Replace(escaped)
}

// joinID is a number of 13 digits.
func joinID() string { return fmt.Sprint(1e12 + rand.Int64N(9e12)) }

// organizer is the object id of who owns the meeting.
func (m meeting) organizer() string { return m.Participants.Organizer.Identity.User.ID }

// attends reports whether a user is among the attendees.
func (m meeting) attends(user User) bool {
	return slices.ContainsFunc(m.Participants.Attendees, func(p participant) bool {
		return strings.EqualFold(p.UPN, user.UPN) || p.Identity.User != nil && p.Identity.User.ID == user.ID
	})
}

// seenBy is the meeting as a client reads it that has not asked for values
// newer than itself ("Best practices for working with Microsoft Graph",
// evolvable enumerations).
func (m meeting) seenBy(c call) meeting {
	m.AutoAdmittedUsers = m.Lobby.Scope
	if slices.Contains(c.preferences(), "include-unknown-enum-members") {
		return m
	}
	if m.Lobby.Scope == "invited" || m.Lobby.Scope == "organizationExcludingGuests" {
		m.Lobby.Scope, m.AutoAdmittedUsers = "unknownFutureValue", "unknownFutureValue"
	}
	return m
}
