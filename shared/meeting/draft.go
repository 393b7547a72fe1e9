package meeting

import (
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"switchboard/shared/identity"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// Draft is what people choose of a meeting.
type Draft struct {
	Subject     string    `json:"subject"`
	StartsAt    time.Time `json:"startsAt,omitzero"`
	EndsAt      time.Time `json:"endsAt,omitzero"`
	Attendees   []Person  `json:"attendees,omitempty"` // the host is not among them
	WantedLobby string    `json:"lobby,omitempty"`     // scope; "" leaves it to the tenant
}

// Person is somebody who is invited: a user, or somebody by mail.
type Person struct {
	UserID string `json:"userId,omitempty"`
	Email  string `json:"email,omitempty"`
}

// LobbyScopes are who may be let in past the lobby (Graph v1.0, lobbyBypassScope).
var LobbyScopes = [...]string{"organizer", "invited", "organization", "organizationExcludingGuests", "organizationAndFederated", "everyone"}

// What a draft may be.
const (
	longestMeeting = 24 * time.Hour
	farthestStart  = 5 * 365 * 24 * time.Hour // from now
	lateStart      = 5 * time.Minute          // how long ago a meeting may have started that is made now
	longestAddress = 254                      // characters (RFC 5321, 4.5.3.1.3, without the brackets)
)

// clean brings a draft into the form that is stored.
func (d Draft) clean(host string) Draft {
	d.Subject = strings.TrimSpace(d.Subject)
	d.StartsAt, d.EndsAt = seconds(d.StartsAt), seconds(d.EndsAt)
	var people []Person
	for _, p := range d.Attendees {
		p.Email = strings.TrimSpace(p.Email)
		same := func(o Person) bool { return o.UserID == p.UserID && strings.EqualFold(o.Email, p.Email) }
		if p != (Person{UserID: host}) && !slices.ContainsFunc(people, same) {
			people = append(people, p)
		}
	}
	d.Attendees = people
	return d
}

func seconds(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Second)
}

func (d Draft) emails() []string {
	var all []string
	for _, p := range d.Attendees {
		if p.Email != "" {
			all = append(all, p.Email)
		}
	}
	return all
}

// same reports whether two drafts are alike.
func (d Draft) same(o Draft) bool {
	return d.sameAtService(o) && slices.Equal(d.Attendees, o.Attendees)
}

// sameAtService reports whether two drafts are alike in all that the service is told.
func (d Draft) sameAtService(o Draft) bool {
	return d.Subject == o.Subject && d.StartsAt.Equal(o.StartsAt) && d.EndsAt.Equal(o.EndsAt) && d.WantedLobby == o.WantedLobby &&
		slices.Equal(d.emails(), o.emails())
}

// digest tells requests apart.
func (d Draft) digest(mode Mode, more ...string) string {
	parts := append([]string{string(mode), d.Subject, fmt.Sprint(d.StartsAt.Unix(), d.EndsAt.Unix()), d.WantedLobby}, more...)
	for _, p := range d.Attendees {
		parts = append(parts, p.UserID, p.Email)
	}
	return storage.Digest(parts...)
}

// faults collects what is wrong with a request.
type faults []problem.Field

func (f *faults) add(member, message string) {
	*f = append(*f, problem.Field{Location: "body." + member, Message: message})
}

func (f faults) err() error {
	if f == nil {
		return nil
	}
	invalid := problem.New(problem.Invalid, "meeting_invalid", "The meeting cannot be like this. See errors.")
	invalid.Fields = f
	return invalid
}

// check tells every fault of a draft, and of its change from what it was. With a subject or
// times that stay as they were no fault is found: time has passed, or the service tells them.
func (r *Registry) check(d Draft, mode Mode, was *Draft) error {
	var f faults
	if (was == nil || d.Subject != was.Subject) && !identity.ValidName(d.Subject) {
		f.add("subject", fmt.Sprintf("needs 1 to %d characters, none of them a control character or one that turns the direction of writing", identity.MaxName))
	}
	if was == nil || !d.StartsAt.Equal(was.StartsAt) || !d.EndsAt.Equal(was.EndsAt) {
		d.checkTimes(&f, r.Now(), mode, was)
	}
	r.checkPeople(&f, d.Attendees)
	if d.WantedLobby != "" && !slices.Contains(LobbyScopes[:], d.WantedLobby) {
		f.add("lobby", "is one of "+strings.Join(LobbyScopes[:], ", "))
	}
	if d.WantedLobby != "" && mode == Booking {
		f.add("lobby", "cannot be chosen for an appointment: the Bookings business decides")
	}
	return f.err()
}

func (d Draft) checkTimes(f *faults, now time.Time, mode Mode, was *Draft) {
	const missing = "is missing: RFC 3339, such as 2026-11-22T14:30:00Z"
	if d.StartsAt.IsZero() {
		f.add("startsAt", missing)
	}
	if d.EndsAt.IsZero() {
		f.add("endsAt", missing)
	}
	if d.StartsAt.IsZero() || d.EndsAt.IsZero() {
		return
	}
	if mode != Imported && (was == nil || !d.StartsAt.Equal(was.StartsAt)) && d.StartsAt.Before(now.Add(-lateStart)) {
		f.add("startsAt", "has passed")
	}
	if d.StartsAt.After(now.Add(farthestStart)) {
		f.add("startsAt", "is more than five years ahead")
	}
	switch {
	case !d.EndsAt.After(d.StartsAt):
		f.add("endsAt", "must be after startsAt")
	case d.EndsAt.Sub(d.StartsAt) > longestMeeting:
		f.add("endsAt", "is more than 24 hours after startsAt")
	case mode != Imported && (was == nil || !d.EndsAt.Equal(was.EndsAt)) && !d.EndsAt.After(now):
		f.add("endsAt", "has passed")
	}
}

func (r *Registry) checkPeople(f *faults, people []Person) {
	if len(people) > r.Limits.Attendees {
		f.add("attendees", fmt.Sprintf("are more than %d", r.Limits.Attendees))
		return
	}
	for i, p := range people {
		at := fmt.Sprintf("attendees[%d]", i)
		switch {
		case (p.UserID == "") == (p.Email == ""):
			f.add(at, "needs a userId or an email, and not both")
		case p.Email != "" && !isAddress(p.Email):
			f.add(at+".email", "is not an e-mail address, such as grace@example.com")
		}
	}
}

// isAddress reports whether a text is an address alone, without a name.
func isAddress(text string) bool {
	parsed, err := mail.ParseAddress(text)
	return err == nil && parsed.Name == "" && parsed.Address == text && len(text) <= longestAddress
}
