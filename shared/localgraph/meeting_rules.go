package localgraph

import (
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// meetingMembers can be set at any time ("Update onlineMeeting", v1.0).
func meetingMembers() []string {
	return []string{
		"subject", "startDateTime", "endDateTime", "participants", "lobbyBypassSettings", "allowedPresenters",
		"allowedLobbyAdmitters", "isEntryExitAnnounced", "allowMeetingChat", "allowAttendeeToEnableCamera",
		"allowAttendeeToEnableMic", "allowRecording", "allowTranscription", "recordAutomatically",
		"watermarkProtection",
	}
}

// meetingRequest is a body, read onto the meeting that it makes or changes.
// What needs a decision first is read into a member of its own, which hides the
// meeting's from the decoder.
type meetingRequest struct {
	*meeting
	StartDateTime *time.Time            `json:"startDateTime"`
	EndDateTime   *time.Time            `json:"endDateTime"`
	Participants  *participantsRequest  `json:"participants"`
	JoinMeetingID *joinMeetingIDRequest `json:"joinMeetingIdSettings"`
	Chat          json.RawMessage       `json:"chatInfo"` // accepted; the service makes its own
}

type participantsRequest struct {
	Organizer *participant  `json:"organizer"`
	Attendees []participant `json:"attendees"` // the whole list each time
}

type joinMeetingIDRequest struct {
	IsPasscodeRequired bool `json:"isPasscodeRequired"`
}

// schedule settles the times of createOrGet: an hour from now, or from the
// start. A plain creation has to name its end.
func (r meetingRequest) schedule(now time.Time, endRequired bool) error {
	switch {
	case r.EndDateTime == nil && endRequired:
		return badRequest("The endDateTime is required.")
	case r.EndDateTime != nil && r.StartDateTime == nil && !endRequired:
		return badRequest("An endDateTime needs a startDateTime.")
	}
	r.meeting.StartDateTime = now.Truncate(time.Second)
	if r.StartDateTime != nil {
		r.meeting.StartDateTime = r.StartDateTime.UTC()
	}
	r.meeting.EndDateTime = r.meeting.StartDateTime.Add(time.Hour)
	if r.EndDateTime != nil {
		r.meeting.EndDateTime = r.EndDateTime.UTC()
	}
	return nil
}

// reschedule changes the times together, or not at all.
func (r meetingRequest) reschedule() error {
	if (r.StartDateTime == nil) != (r.EndDateTime == nil) {
		return badRequest("The startDateTime and endDateTime are changed together.")
	}
	if r.StartDateTime != nil {
		r.meeting.StartDateTime, r.meeting.EndDateTime = r.StartDateTime.UTC(), r.EndDateTime.UTC()
	}
	return nil
}

// apply takes over what was read aside, but for the times, and checks the whole
// meeting.
func (s *Server) apply(r meetingRequest) error {
	m := r.meeting
	if r.JoinMeetingID != nil && r.JoinMeetingID.IsPasscodeRequired {
		passcode := rand.Text()[:6]
		m.JoinMeetingID.IsPasscodeRequired, m.JoinMeetingID.Passcode = true, &passcode
	}
	if p := r.Participants; p != nil {
		if p.Organizer != nil && (p.Organizer.Identity.User == nil || p.Organizer.Identity.User.ID != m.organizer()) {
			return badRequest("The organizer of a meeting cannot be chosen or changed.")
		}
		if err := s.checkAttendees(p.Attendees); err != nil {
			return err
		}
		m.Participants.Attendees = append([]participant{}, p.Attendees...)
	}
	if m.EndDateTime.Before(m.StartDateTime) {
		return badRequest("The endDateTime is before the startDateTime.")
	}
	return m.checkValues()
}

// checkAttendees: strangers to the tenant have no roles, ACS users are no
// attendees. An attendee without a role gets the least one.
func (s *Server) checkAttendees(attendees []participant) error {
	for i, a := range attendees {
		if a.Role == "" {
			attendees[i].Role, a.Role = "attendee", "attendee"
		}
		known := false
		if a.Identity.User != nil {
			_, known = s.userByID(a.Identity.User.ID)
		} else if a.UPN != "" {
			_, known = s.mailbox(a.UPN)
		}
		switch {
		case a.Identity.ACS != nil:
			return badRequest("An azureCommunicationServicesUser cannot be an attendee.")
		case !slices.Contains([]string{"attendee", "presenter", "producer", "coorganizer"}, a.Role):
			return badRequest("The role '" + a.Role + "' is not a value of onlineMeetingRole.")
		case !known && a.Role != "attendee":
			return badRequest("Only users of the tenant can have the role '" + a.Role + "'.")
		}
	}
	return nil
}

// checkValues refuses what is no value of an enumeration.
func (m meeting) checkValues() error {
	for _, member := range []struct{ name, value, values string }{
		{"lobbyBypassSettings/scope", m.Lobby.Scope, "organizer organization organizationAndFederated everyone invited organizationExcludingGuests"},
		{"allowedPresenters", m.AllowedPresenters, "everyone organization roleIsPresenter organizer"},
		{"allowedLobbyAdmitters", m.AllowedAdmitters, "organizerAndCoOrganizersAndPresenters organizerAndCoOrganizers"},
		{"allowMeetingChat", m.AllowMeetingChat, "enabled disabled limited"},
	} {
		if !slices.Contains(strings.Fields(member.values), member.value) {
			return badRequest("The value '" + member.value + "' of " + member.name + " is unknown.")
		}
	}
	return nil
}
