package localgraph

import (
	"net/http"
)

// event answers with one event.
func (c call) event(status int, e event) (answer, error) {
	z, asked, err := c.outputZone()
	if err != nil {
		return answer{}, err
	}
	body, err := e.wire(z, c.URL.Query().Get("$select"))
	if err != nil {
		return answer{}, err
	}
	a, err := c.entity(status, "users('"+c.user.ID+"')/events/$entity", body)
	a.header = applied(z, asked)
	return a, err
}

// applied says which preference was honoured (RFC 7240, section 3).
func applied(z zone, asked bool) map[string]string {
	if !asked {
		return nil
	}
	return map[string]string{"Preference-Applied": `outlook.timezone="` + z.name + `"`}
}

// createEvent makes one event per transactionId. A repeated request is
// answered 201 again, with the event that there is.
func (s *Server) createEvent(c call) (answer, error) {
	if _, _, err := c.outputZone(); err != nil {
		return answer{}, err // before anything is made
	}
	e := s.newEvent(c.user)
	if err := c.read(&e, append(eventMembers(), "transactionId")...); err != nil {
		return answer{}, err
	}
	if err := e.settle(event{}); err != nil {
		return answer{}, err
	}
	err := s.updateCalendars(func(cal *calendars) error {
		if old, ok := cal.repeated(e); ok {
			e = old
			return nil
		}
		if err := cal.meet(c.user, &e); err != nil {
			return err
		}
		e = cal.put(e)
		cal.invite(e)
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	if s.Settings().LateLinks {
		e.OnlineMeeting = nil
	}
	return c.event(http.StatusCreated, e)
}

func (s *Server) getEvent(c call) (answer, error) {
	var e event
	err := s.updateCalendars(func(cal *calendars) (err error) {
		e, err = cal.own(c)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	return c.event(http.StatusOK, e)
}

// patchEvent is the organizer's. Members of the body replace whole lists.
func (s *Server) patchEvent(c call) (answer, error) {
	var e event
	err := s.updateCalendars(func(cal *calendars) error {
		before, err := cal.own(c)
		if err != nil {
			return err
		}
		if !before.IsOrganizer {
			return failure{http.StatusForbidden, "ErrorAccessDenied", "Only the organizer changes an event."}
		}
		e = before
		e.Attendees = nil
		if err := c.read(&e, eventMembers()...); err != nil {
			return err
		}
		if e.Attendees == nil {
			e.Attendees = before.Attendees
		}
		if err := e.settle(before); err != nil {
			return err
		}
		if err := cal.meet(c.user, &e); err != nil {
			return err
		}
		e = cal.put(e)
		cal.invite(e)
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	return c.event(http.StatusOK, e)
}

// deleteEvent cancels an event for all if the organizer deletes it, and takes
// it off one calendar if somebody else does.
func (s *Server) deleteEvent(c call) (answer, error) {
	err := s.updateCalendars(func(cal *calendars) error {
		e, err := cal.own(c)
		if err != nil {
			return err
		}
		if e.IsOrganizer {
			cal.end(e)
		} else {
			cal.remove(e)
		}
		return nil
	})
	return answer{status: http.StatusNoContent}, err
}

// cancelEvent is deleteEvent with a message, for the organizer ("event:
// cancel").
func (s *Server) cancelEvent(c call) (answer, error) {
	err := s.updateCalendars(func(cal *calendars) error {
		e, err := cal.own(c)
		if err != nil {
			return err
		}
		if !e.IsOrganizer {
			return failure{http.StatusBadRequest, "ErrorInvalidRequest", "Your request can't be completed. You need to be an organizer to cancel a meeting."}
		}
		cal.end(e)
		return nil
	})
	return answer{status: http.StatusAccepted}, err
}

// getCalendar describes the one calendar of a mailbox.
func (s *Server) getCalendar(c call) (answer, error) {
	providers, standard := []string{teamsProvider}, teamsProvider
	if s.Settings().NoTeams {
		providers, standard = []string{}, "unknown"
	}
	return c.entity(http.StatusOK, "users('"+c.user.ID+"')/calendar/$entity", object{
		"id": "AAMkCalendar", "name": "Calendar", "isDefaultCalendar": true, "canEdit": true,
		"allowedOnlineMeetingProviders": providers, "defaultOnlineMeetingProvider": standard,
		"owner": emailAddress{c.user.Name, c.user.UPN},
	})
}
