package localgraph

import (
	"encoding/base64"
	"slices"
	"strings"
)

// change is what subscribers to a calendar hear of.
type change struct {
	kind  string // created, updated or deleted
	event event
}

// calendars are the events of all mailboxes in one transaction. What they
// change is told to subscribers when the transaction is kept.
type calendars struct {
	*tx
	s *Server
}

// plan keeps an event of its organizer with all that hangs on it: its meeting,
// and the copies of those invited.
func (cal calendars) plan(organizer User, e event) (event, error) {
	if err := cal.meet(organizer, &e); err != nil {
		return event{}, err
	}
	e = cal.save(e)
	cal.invite(e)
	return e, nil
}

// cancel takes an event off its organizer's calendar, and its meeting with it.
func (cal calendars) cancel(e event) {
	cal.drop(e)
	if m, ok := cal.meetingOf(e); ok {
		cal.remove(meetingBucket, m.ID)
	}
	e.Attendees = nil
	cal.invite(e)
}

// save keeps an event under a new ETag and returns it as it is kept.
func (cal calendars) save(e event) event {
	kind := "updated"
	if _, exists := get[event](cal.tx, eventBucket, e.ID); !exists {
		kind = "created"
	}
	e.LastModifiedDateTime = cal.s.now()
	e.ETag = `W/"` + base64.RawStdEncoding.EncodeToString([]byte(cal.s.ids())) + `"`
	cal.put(eventBucket, e.ID, e)
	cal.news = append(cal.news, change{kind, e})
	return e
}

// drop takes an event off one calendar.
func (cal calendars) drop(e event) {
	cal.remove(eventBucket, e.ID)
	cal.news = append(cal.news, change{"deleted", e})
}

// repeated is the event that the mailbox made for the same transactionId.
func (cal calendars) repeated(e event) (event, bool) {
	for other := range all[event](cal.tx, eventBucket) {
		if e.TransactionID != nil && other.IsOrganizer && other.Mailbox == e.Mailbox &&
			other.TransactionID != nil && *other.TransactionID == *e.TransactionID {
			return other, true
		}
	}
	return event{}, false
}

// meet gives an online event its meeting, or brings the meeting up to date. A
// mailbox that does not offer Teams makes no meetings and says nothing of it.
func (cal calendars) meet(organizer User, e *event) error {
	if e.OnlineMeeting == nil && (!e.IsOnlineMeeting || cal.s.Settings().NoTeams) {
		e.IsOnlineMeeting, e.OnlineMeetingProvider = false, "unknown"
		return nil
	}
	e.OnlineMeetingProvider = teamsProvider
	m, ok := cal.meetingOf(*e)
	if !ok {
		m = cal.s.newMeeting(organizer)
		e.OnlineMeeting = &eventMeeting{m.JoinWebURL, m.Audio.ConferenceID, m.Audio.TollNumber}
	}
	var err error
	if m.StartDateTime, m.EndDateTime, err = e.times(); err != nil {
		return err
	}
	m.Subject = &e.Subject
	m.Participants.Attendees = m.invited(e.Attendees)
	cal.put(meetingBucket, m.ID, m)
	return nil
}

// invited are the attendees of an event as participants of its meeting. Who has
// a role there keeps it.
func (m meeting) invited(attendees []attendee) []participant {
	all := []participant{}
	for _, a := range attendees {
		p, known := find(m.Participants.Attendees, func(p participant) bool { return strings.EqualFold(p.UPN, a.EmailAddress.Address) })
		if !known {
			p = participant{UPN: a.EmailAddress.Address, Role: "attendee"}
		}
		all = append(all, p)
	}
	return all
}

// meetingOf is the meeting behind an event, which has nothing in common with it
// but the link.
func (cal calendars) meetingOf(e event) (meeting, bool) {
	if e.OnlineMeeting == nil {
		return meeting{}, false
	}
	for m := range all[meeting](cal.tx, meetingBucket) {
		if m.JoinWebURL == e.OnlineMeeting.JoinURL {
			return m, true
		}
	}
	return meeting{}, false
}

// invite brings the copies of an event in the mailboxes of its attendees up to
// date. Who is no longer invited sees it cancelled.
func (cal calendars) invite(e event) {
	copies := map[string]event{}
	for other := range all[event](cal.tx, eventBucket) {
		if other.ICalUID == e.ICalUID && other.ID != e.ID {
			copies[other.Mailbox] = other
		}
	}
	seen := map[string]bool{e.Mailbox: true}
	for _, a := range e.Attendees {
		guest, known := cal.s.mailbox(a.EmailAddress.Address)
		if !known || seen[guest.ID] {
			continue
		}
		seen[guest.ID] = true
		invitation := e
		invitation.Mailbox, invitation.IsOrganizer, invitation.TransactionID = guest.ID, false, nil
		invitation.ResponseStatus = unanswered("notResponded")
		invitation.ID = cal.s.eventID()
		if old, had := copies[guest.ID]; had {
			invitation.ID, invitation.CreatedDateTime = old.ID, old.CreatedDateTime
			delete(copies, guest.ID)
		}
		if e.HideAttendees {
			invitation.Attendees = slices.DeleteFunc(slices.Clone(e.Attendees), func(other attendee) bool {
				return !strings.EqualFold(other.EmailAddress.Address, a.EmailAddress.Address)
			})
		}
		cal.save(invitation)
	}
	for _, old := range copies {
		if !old.IsCancelled {
			old.IsCancelled, old.ShowAs = true, "free"
			old.Subject = "Canceled: " + old.Subject
			cal.save(old)
		}
	}
}
