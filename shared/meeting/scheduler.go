package meeting

import (
	"cmp"
	"context"
	"time"

	"switchboard/shared/teamslink"
)

// Mode is how a meeting came to be.
type Mode string

// The modes.
const (
	Standalone Mode = "standalone" // on no calendar: nobody is told but by this service
	Calendar   Mode = "calendar"   // an event on the organizer's calendar; those invited by e-mail get mail
	Booking    Mode = "booking"    // an appointment of the Bookings business in the settings
	Imported   Mode = "imported"   // made in Outlook, Teams or Bookings by people
)

// Actor is who asks for something.
type Actor struct {
	UserID   string
	Admin    bool   // may see and join every meeting
	TenantID string // of a caller who signed in with Entra ID; "" for others
	ObjectID string
	Token    string // the caller's own, for a Scheduler that acts on their behalf
}

// Plan is what a meeting shall be like where it is held. Its mode is not Imported.
type Plan struct {
	ID        string    `json:"id"` // names the plan for good: a Make that is repeated makes nothing twice
	Mode      Mode      `json:"mode"`
	Organizer string    `json:"organizer,omitempty"` // who holds it, as Scheduler.Organizer gave it
	Subject   string    `json:"subject"`
	StartsAt  time.Time `json:"startsAt"` // UTC, whole seconds
	EndsAt    time.Time `json:"endsAt"`
	Emails    []string  `json:"emails,omitempty"` // of those who are invited by mail
	Lobby     string    `json:"lobby,omitempty"`  // scope; "" leaves it to the tenant
	Again     bool      `json:"again,omitempty"`  // it may have been made before
}

// Place is where a meeting is found at the service that holds it.
type Place struct {
	Organizer   string `json:"organizer,omitempty"`   // object id in Entra; "" for bookings, and where unknown
	Meeting     string `json:"meeting,omitempty"`     // the online meeting's id
	Event       string `json:"event,omitempty"`       // the calendar event's id, in the organizer's mailbox
	Business    string `json:"business,omitempty"`    // Bookings
	Appointment string `json:"appointment,omitempty"` // Bookings
}

// same reports whether two places are one meeting. Not each tells all of its ids.
func (p Place) same(o Place) bool {
	if p.Event != "" || o.Event != "" {
		return p.Event == o.Event
	}
	return p.Meeting == o.Meeting && p.Appointment == o.Appointment
}

// Room is what the service that holds a meeting tells of it.
type Room struct {
	Place     Place
	Subject   string // with the times, the part that Known vouches for
	StartsAt  time.Time
	EndsAt    time.Time
	Known     bool // false: the service does not show the meeting to this one; what is here is from its link
	Cancelled bool
	Join      Join
	ThreadID  string // of the chat; "" where unknown
	Lobby     string // scope; "" where unknown
	NoChat    *bool  // writing is switched off; nil where unknown
	DialIn    *DialIn
}

// Join is how people come in: by link, or by the digits and the passcode.
type Join struct {
	Link     string `json:"meetingLink,omitempty"`
	ID       string `json:"meetingId,omitempty"`
	Passcode string `json:"passcode,omitempty"`
}

// DialIn is how to join by telephone.
type DialIn struct {
	TollNumber     string `json:"tollNumber,omitempty"`
	TollFreeNumber string `json:"tollFreeNumber,omitempty"`
	ConferenceID   string `json:"conferenceId,omitempty"`
}

// or fills what is not known from what was known before.
func (d *DialIn) or(was *DialIn) *DialIn {
	if d == nil || was == nil {
		return cmp.Or(d, was)
	}
	return &DialIn{
		TollNumber:     cmp.Or(d.TollNumber, was.TollNumber),
		TollFreeNumber: cmp.Or(d.TollFreeNumber, was.TollFreeNumber),
		ConferenceID:   cmp.Or(d.ConferenceID, was.ConferenceID),
	}
}

// Wanted is a meeting to be found: by its link or, where that is empty, by ID and
// Passcode.
type Wanted struct {
	Link     teamslink.Link
	ID       string // digits
	Passcode string
}

// Occasion is a Teams meeting on somebody's calendar. A series has one for each time
// that it takes place, all with one link.
type Occasion struct {
	Subject   string
	StartsAt  time.Time // UTC
	EndsAt    time.Time
	AllDay    bool // then the times stand for days: midnights in UTC
	Cancelled bool
	Link      string
}

// Scheduler holds meetings; package teams has one. It decides nothing about who may do
// what, and stores nothing. Its errors are *problem.Error.
//
// Everything is done as the application, but for an Actor who organizes the meeting and
// has a Token, where the settings say that the service acts on their behalf.
type Scheduler interface {
	// Organizer is who holds a meeting that the actor makes: the actor, where they are
	// of the tenant, or the one from the settings. "" in mode Booking. The error says
	// which setting is missing.
	Organizer(by Actor, mode Mode) (string, error)
	// Make makes a meeting, or gives the one that was made for the same plan before.
	// With an error, the Room's Place is what was made or found before it; a refusal
	// without one says that nothing was made.
	Make(ctx context.Context, by Actor, p Plan) (Room, error)
	// Change brings a meeting to another plan: what has changed of subject, times,
	// e-mails and lobby. NotFound if it is gone there. With an error, the Room's Place
	// is set where a part was changed all the same.
	Change(ctx context.Context, by Actor, at Place, p Plan) (Room, error)
	// End cancels a meeting. One that is gone is no error.
	End(ctx context.Context, by Actor, at Place) error
	// Undo removes what a Make left that failed or was cut short, if anything.
	Undo(ctx context.Context, p Plan) error
	// Find looks up a meeting that people made. One that the service does not show to
	// this one is no error: Known is false. NotFound where the passcode is wrong. Where the
	// service may not be asked, what the link tells comes with the error.
	Find(ctx context.Context, by Actor, w Wanted) (Room, error)
	// Look reads a meeting again; what was not asked the service for, such as the chat's
	// thread, may be empty. One that is gone is Cancelled.
	Look(ctx context.Context, at Place) (Room, error)
	// HasCalendar reports whether there is a calendar of the actor to look at.
	HasCalendar(by Actor) bool
	// Occasions are the Teams meetings on the actor's calendar that overlap a time,
	// the cancelled ones included, and those left out that the actor declined. NotFound
	// for an account that turns out to have no calendar.
	Occasions(ctx context.Context, by Actor, from, to time.Time) ([]Occasion, error)
}

// Watcher is told of the calendar events whose changes are of interest, until a time, and
// of those that are not any more. Telling it again is no error. Package watch has one.
type Watcher interface {
	Follow(ctx context.Context, organizer, event, meetingID string, until time.Time) error
	Unfollow(ctx context.Context, organizer, event, meetingID string) error
}
