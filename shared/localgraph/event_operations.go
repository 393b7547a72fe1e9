package localgraph

import "net/http"

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

// ownEvent is the event that the path names, of the mailbox that it names.
func (c call) ownEvent() (event, error) {
	e, ok := get[event](c.tx, eventBucket, c.PathValue("id"))
	if !ok || e.Mailbox != c.user.ID {
		return event{}, notFound("ErrorItemNotFound", "The specified object was not found in the store.")
	}
	return e, nil
}

// createEvent makes one event per transactionId. A repeated request is
// answered 201 again, with the event that there is.
func (s *Server) createEvent(c call) (answer, error) {
	e := s.newEvent(c.user)
	if err := c.read(&e, append(eventMembers(), "transactionId")...); err != nil {
		return answer{}, err
	}
	if err := e.settle(event{}); err != nil {
		return answer{}, err
	}
	cal := calendars{c.tx, s}
	if old, ok := cal.repeated(e); ok {
		return c.event(http.StatusCreated, old)
	}
	e, err := cal.plan(c.user, e)
	if err != nil {
		return answer{}, err
	}
	if s.Settings().LateLinks {
		e.OnlineMeeting = nil
	}
	return c.event(http.StatusCreated, e)
}

func (s *Server) getEvent(c call) (answer, error) {
	e, err := c.ownEvent()
	if err != nil {
		return answer{}, err
	}
	return c.event(http.StatusOK, e)
}

// patchEvent is the organizer's. Attendees are replaced as a whole.
func (s *Server) patchEvent(c call) (answer, error) {
	before, err := c.ownEvent()
	if err != nil {
		return answer{}, err
	}
	if !before.IsOrganizer {
		return answer{}, failure{http.StatusForbidden, "ErrorAccessDenied", "Only the organizer changes an event."}
	}
	e := before
	e.Attendees = nil // or the new ones would be read onto the old
	if err := c.read(&e, eventMembers()...); err != nil {
		return answer{}, err
	}
	if e.Attendees == nil {
		e.Attendees = before.Attendees
	}
	if err := e.settle(before); err != nil {
		return answer{}, err
	}
	if e, err = (calendars{c.tx, s}).plan(c.user, e); err != nil {
		return answer{}, err
	}
	return c.event(http.StatusOK, e)
}

// deleteEvent cancels an event for all if the organizer deletes it, and takes
// it off one calendar if somebody else does.
func (s *Server) deleteEvent(c call) (answer, error) {
	e, err := c.ownEvent()
	if err != nil {
		return answer{}, err
	}
	cal := calendars{c.tx, s}
	if e.IsOrganizer {
		cal.cancel(e)
	} else {
		cal.drop(e)
	}
	return answer{status: http.StatusNoContent}, nil
}

// cancelEvent is deleteEvent with a message, for the organizer ("event:
// cancel").
func (s *Server) cancelEvent(c call) (answer, error) {
	e, err := c.ownEvent()
	if err != nil {
		return answer{}, err
	}
	if !e.IsOrganizer {
		return answer{}, failure{http.StatusBadRequest, "ErrorInvalidRequest", "Your request can't be completed. You need to be an organizer to cancel a meeting."}
	}
	calendars{c.tx, s}.cancel(e)
	return answer{status: http.StatusAccepted}, nil
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
