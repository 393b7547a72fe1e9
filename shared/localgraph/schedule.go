package localgraph

import (
	"encoding/json"
	"time"
)

// Entry is something in the tenant that takes place at a time.
type Entry struct {
	Kind    string // meeting, event or appointment
	Subject string // of an appointment, the name of its first customer
	Start   time.Time
	Lobby   string // scope, of a meeting
}

// Schedule lists all meetings, events on their organizers' calendars, and
// appointments. An event with a meeting is two entries. Graph has no such list.
func (s *Server) Schedule() (entries []Entry, err error) {
	err = s.store.update(func(t *tx) error {
		for m := range all[meeting](t, meetingBucket) {
			e := Entry{Kind: "meeting", Start: m.StartDateTime, Lobby: m.Lobby.Scope}
			if m.Subject != nil {
				e.Subject = *m.Subject
			}
			entries = append(entries, e)
		}
		for e := range all[event](t, eventBucket) {
			if start, _, err := e.times(); err != nil {
				return err
			} else if e.IsOrganizer {
				entries = append(entries, Entry{Kind: "event", Subject: e.Subject, Start: start})
			}
		}
		for a := range all[appointment](t, appointmentBucket) {
			e, err := a.entry()
			if err != nil {
				return err
			}
			entries = append(entries, e)
		}
		return nil
	})
	return entries, err
}

func (a appointment) entry() (Entry, error) {
	var customer struct {
		Name string `json:"name"`
	}
	start, _, err := a.utc()
	if err == nil && len(a.Customers) > 0 {
		err = json.Unmarshal(a.Customers[0], &customer)
	}
	return Entry{Kind: "appointment", Subject: customer.Name, Start: start}, err
}
