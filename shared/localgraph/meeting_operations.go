package localgraph

import (
	"net/http"
	"regexp"
	"strings"
)

// meeting answers with one meeting.
func (c call) meeting(status int, m meeting) (answer, error) {
	return c.entity(status, "users('"+c.user.ID+"')/onlineMeetings/$entity", m.seenBy(c))
}

// createMeeting makes one meeting per request, also of a repeated one. A
// request names the end, while the start may be now.
func (s *Server) createMeeting(c call) (answer, error) {
	m, err := s.readMeeting(c, true, append(meetingMembers(), "joinMeetingIdSettings", "chatInfo")...)
	if err != nil {
		return answer{}, err
	}
	c.put(meetingBucket, m.ID, m)
	return c.meeting(http.StatusCreated, m)
}

// createOrGetMeeting makes one meeting per user and externalId, whatever else
// a later request says ("onlineMeeting: createOrGet").
func (s *Server) createOrGetMeeting(c call) (answer, error) {
	m, err := s.readMeeting(c, false, "externalId", "subject", "startDateTime", "endDateTime", "participants", "chatInfo")
	if err != nil {
		return answer{}, err
	}
	if m.ExternalID == nil || *m.ExternalID == "" {
		return answer{}, badRequest("The externalId is required.")
	}
	for other := range all[meeting](c.tx, meetingBucket) {
		if other.organizer() == c.user.ID && other.ExternalID != nil && *other.ExternalID == *m.ExternalID {
			return c.meeting(http.StatusOK, other)
		}
	}
	c.put(meetingBucket, m.ID, m)
	return c.meeting(http.StatusCreated, m)
}

// readMeeting is a new meeting as a body wants it, which may set these members.
func (s *Server) readMeeting(c call, endRequired bool, members ...string) (meeting, error) {
	m := s.newMeeting(c.user)
	body := meetingRequest{meeting: &m}
	if err := c.read(&body, members...); err != nil {
		return m, err
	}
	if err := body.schedule(s.now(), endRequired); err != nil {
		return m, err
	}
	return m, s.apply(body)
}

func (s *Server) getMeeting(c call) (answer, error) {
	m, err := c.ownMeeting()
	if err != nil {
		return answer{}, err
	}
	return c.meeting(http.StatusOK, m)
}

// ownMeeting is the meeting that the path names, of the user that it names.
func (c call) ownMeeting() (meeting, error) {
	id := c.PathValue("id")
	m, ok := get[meeting](c.tx, meetingBucket, id)
	switch {
	case !ok:
		return meeting{}, notFound("NotFound", "Invalid meeting id "+id+".")
	case m.organizer() != c.user.ID:
		return meeting{}, c.mismatch()
	}
	return m, nil
}

func (c call) mismatch() error {
	return notFound("NotFound", "Organizer Id mismatch User Id: "+c.user.ID)
}

// patchMeeting changes what the body names, down to members of members; the
// attendees are replaced as a whole.
func (s *Server) patchMeeting(c call) (answer, error) {
	m, err := c.ownMeeting()
	if err != nil {
		return answer{}, err
	}
	body := meetingRequest{meeting: &m}
	if err := c.read(&body, meetingMembers()...); err != nil {
		return answer{}, err
	}
	if err := body.reschedule(); err != nil {
		return answer{}, err
	}
	if err := s.apply(body); err != nil {
		return answer{}, err
	}
	c.put(meetingBucket, m.ID, m)
	return c.meeting(http.StatusOK, m)
}

func (s *Server) deleteMeeting(c call) (answer, error) {
	m, err := c.ownMeeting()
	if err != nil {
		return answer{}, err
	}
	c.remove(meetingBucket, m.ID)
	return answer{status: http.StatusNoContent}, nil
}

// virtualAppointmentLink is for somebody without an account, in a browser
// ("virtualAppointment: getVirtualAppointmentJoinWebUrl").
func (s *Server) virtualAppointmentLink(c call) (answer, error) {
	m, err := c.ownMeeting()
	if err != nil {
		return answer{}, err
	}
	return c.list("Edm.String", s.visitLink(m.Chat.ThreadID)), nil
}

// meetingFilter is the form of $filter that is documented for meetings: a
// property, eq, and a literal in which quotes are doubled.
var meetingFilter = regexp.MustCompile(`^\s*(\S+)\s+eq\s+'((?:[^']|'')*)'\s*$`)

// filterMeetings finds a meeting by join link or join id. There is no list of
// all. The link is compared as it is kept, escapes and all, which is why
// clients have to escape it once more in the query.
func (s *Server) filterMeetings(c call) (answer, error) {
	filter := c.URL.Query().Get("$filter")
	if filter == "" {
		return answer{}, badRequest("Listing meetings is not supported: $filter by JoinWebUrl or joinMeetingIdSettings/joinMeetingId.")
	}
	parts := meetingFilter.FindStringSubmatch(filter)
	if parts == nil {
		return answer{}, badRequest("Invalid filter clause.")
	}
	value := strings.ReplaceAll(parts[2], "''", "'")
	var named func(meeting) bool
	switch strings.ToLower(parts[1]) {
	case "joinweburl":
		named = func(m meeting) bool { return m.JoinWebURL == value }
	case "joinmeetingidsettings/joinmeetingid":
		named = func(m meeting) bool { return m.JoinMeetingID.JoinMeetingID == value }
	default:
		return answer{}, badRequest("The property '" + parts[1] + "' is not supported in $filter.")
	}
	m, err := c.findMeeting(named)
	if err != nil {
		return answer{}, err
	}
	return c.list("users('"+c.user.ID+"')/onlineMeetings", []meeting{m.seenBy(c)}), nil
}

// findMeeting is for the organizer. Attendees are told that something is
// there, others that it is not theirs.
func (c call) findMeeting(named func(meeting) bool) (meeting, error) {
	for m := range all[meeting](c.tx, meetingBucket) {
		switch {
		case !named(m):
		case m.organizer() == c.user.ID:
			return m, nil
		case m.attends(c.user):
			return meeting{}, failure{http.StatusForbidden, "Forbidden", "An error has occurred."}
		default:
			return meeting{}, c.mismatch()
		}
	}
	return meeting{}, notFound("NotFound", "Invalid meeting id or link.")
}
