package localgraph

import (
	"net/http"
	"regexp"
	"strings"
)

// meetingContext says what a meeting is.
func (c call) meetingContext() string { return "users('" + c.user.ID + "')/onlineMeetings/$entity" }

// createMeeting makes one meeting per request, also of a repeated one.
func (s *Server) createMeeting(c call) (answer, error) {
	m := s.newMeeting(c.user)
	body := meetingRequest{meeting: &m}
	if err := c.read(&body, append(meetingMembers(), "joinMeetingIdSettings", "chatInfo")...); err != nil {
		return answer{}, err
	}
	if err := body.schedule(s.now(), true); err != nil {
		return answer{}, err
	}
	if err := s.apply(body); err != nil {
		return answer{}, err
	}
	if err := s.keepMeeting(m); err != nil {
		return answer{}, err
	}
	return c.entity(http.StatusCreated, c.meetingContext(), m.seenBy(c))
}

func (s *Server) keepMeeting(m meeting) error {
	return s.store.update(func(t *tx) error {
		t.put(meetingBucket, m.ID, m)
		return nil
	})
}

// createOrGetMeeting makes one meeting per user and externalId
// ("onlineMeeting: createOrGet").
func (s *Server) createOrGetMeeting(c call) (answer, error) {
	m := s.newMeeting(c.user)
	body := meetingRequest{meeting: &m}
	if err := c.read(&body, "externalId", "subject", "startDateTime", "endDateTime", "participants", "chatInfo"); err != nil {
		return answer{}, err
	}
	if m.ExternalID == nil || *m.ExternalID == "" {
		return answer{}, badRequest("The externalId is required.")
	}
	if err := body.schedule(s.now(), false); err != nil {
		return answer{}, err
	}
	if err := s.apply(body); err != nil {
		return answer{}, err
	}
	status := http.StatusCreated
	err := s.store.update(func(t *tx) error {
		for other := range all[meeting](t, meetingBucket) {
			if other.organizer() == c.user.ID && other.ExternalID != nil && *other.ExternalID == *m.ExternalID {
				m, status = other, http.StatusOK
				return nil
			}
		}
		t.put(meetingBucket, m.ID, m)
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	return c.entity(status, c.meetingContext(), m.seenBy(c))
}

func (s *Server) getMeeting(c call) (answer, error) {
	var m meeting
	err := s.store.update(func(t *tx) (err error) {
		m, err = ownMeeting(t, c)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	return c.entity(http.StatusOK, c.meetingContext(), m.seenBy(c))
}

// ownMeeting is the meeting that the path names, of the user that it names.
func ownMeeting(t *tx, c call) (meeting, error) {
	id := c.PathValue("id")
	m, ok := get[meeting](t, meetingBucket, id)
	switch {
	case !ok:
		return meeting{}, notFound("NotFound", "Invalid meeting id "+id+".")
	case m.organizer() != c.user.ID:
		return meeting{}, mismatch(c)
	}
	return m, nil
}

func mismatch(c call) error { return notFound("NotFound", "Organizer Id mismatch User Id: "+c.user.ID) }

func (s *Server) patchMeeting(c call) (answer, error) {
	var m meeting
	err := s.store.update(func(t *tx) (err error) {
		if m, err = ownMeeting(t, c); err != nil {
			return err
		}
		body := meetingRequest{meeting: &m}
		if err := c.read(&body, meetingMembers()...); err != nil {
			return err
		}
		if err := body.reschedule(); err != nil {
			return err
		}
		if err := s.apply(body); err != nil {
			return err
		}
		t.put(meetingBucket, m.ID, m)
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	return c.entity(http.StatusOK, c.meetingContext(), m.seenBy(c))
}

func (s *Server) deleteMeeting(c call) (answer, error) {
	err := s.store.update(func(t *tx) error {
		m, err := ownMeeting(t, c)
		if err != nil {
			return err
		}
		t.remove(meetingBucket, m.ID)
		return nil
	})
	return answer{status: http.StatusNoContent}, err
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
	m, err := s.findMeeting(c, named)
	if err != nil {
		return answer{}, err
	}
	return c.list("users('"+c.user.ID+"')/onlineMeetings", []meeting{m.seenBy(c)}), nil
}

// findMeeting is for the organizer. Attendees are told that something is
// there, others that it is not theirs.
func (s *Server) findMeeting(c call, named func(meeting) bool) (found meeting, err error) {
	err = s.store.update(func(t *tx) error {
		for m := range all[meeting](t, meetingBucket) {
			switch {
			case !named(m):
			case m.organizer() == c.user.ID:
				found = m
				return nil
			case m.attends(c.user):
				return failure{http.StatusForbidden, "Forbidden", "An error has occurred."}
			default:
				return mismatch(c)
			}
		}
		return notFound("NotFound", "Invalid meeting id or link.")
	})
	return found, err
}

// virtualAppointmentLink is for somebody without an account, in a browser
// ("virtualAppointment: getVirtualAppointmentJoinWebUrl").
func (s *Server) virtualAppointmentLink(c call) (answer, error) {
	var m meeting
	err := s.store.update(func(t *tx) (err error) {
		m, err = ownMeeting(t, c)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	return c.list("Edm.String", s.visitLink(m.Chat.ThreadID)), nil
}
