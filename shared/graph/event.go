package graph

import (
	"errors"
	"strings"
	"time"
)

// TeamsProvider is the online meeting provider of Teams, in
// AllowedProviders and Event.Provider.
const TeamsProvider = "teamsForBusiness"

// Declined is the Response of who does not come.
const Declined = "declined"

// Invitee is a person whom an event invites by mail.
type Invitee struct {
	Address  string
	Name     string
	Optional bool
}

// NewEvent is a calendar event to be made.
type NewEvent struct {
	Subject       string
	HTML          string // the text of the invitation
	Start, End    time.Time
	Invitees      []Invitee
	HideInvitees  bool // from each other
	OnlineMeeting bool // with a Teams meeting
}

// EventChange is what is to be changed of an event; what is zero stays. Both
// times change or neither. Invitees are the whole list; one that is empty and
// not nil removes them all. Those concerned are told by mail.
type EventChange struct {
	Subject    *string
	HTML       *string
	Start, End time.Time
	Invitees   []Invitee
}

// Event is an event of a calendar, or one occurrence of a series. Times are UTC.
type Event struct {
	ID         string // opaque; changes if the event moves to another calendar
	ICalUID    string // the same in every mailbox; of a series, each occurrence has its own
	SeriesID   string // of the series that an occurrence is of; "" for none
	Subject    string
	Start, End time.Time
	AllDay     bool // then Start and End stand for days, not instants
	Cancelled  bool
	Organizer  Invitee
	Mine       bool   // the user is the organizer
	Response   string // the user's: none, organizer, tentativelyAccepted, accepted, Declined, notResponded
	Online     bool
	Provider   string  // of the online meeting, such as TeamsProvider
	JoinURL    string  // of the online meeting; "" where Graph has none yet
	DialIn     *DialIn // nil for none; without the numbers that a Meeting has besides
	WebLink    string  // opens it in Outlook
}

// IsTeamsMeeting reports whether there is a Teams meeting to join.
func (e Event) IsTeamsMeeting() bool {
	return e.Online && e.Provider == TeamsProvider && !e.Cancelled
}

// wireEvent is an event as Graph writes it (resource type event).
type wireEvent struct {
	ID        string    `json:"id"`
	ICalUID   string    `json:"iCalUId"`
	SeriesID  string    `json:"seriesMasterId"`
	Subject   string    `json:"subject"`
	Start     localTime `json:"start"`
	End       localTime `json:"end"`
	AllDay    bool      `json:"isAllDay"`
	Cancelled bool      `json:"isCancelled"`
	Mine      bool      `json:"isOrganizer"`
	Organizer struct {
		EmailAddress address `json:"emailAddress"`
	} `json:"organizer"`
	Response struct {
		Response string `json:"response"`
	} `json:"responseStatus"`
	Online        bool   `json:"isOnlineMeeting"`
	Provider      string `json:"onlineMeetingProvider"`
	OnlineMeeting struct {
		JoinURL      string `json:"joinUrl"`
		ConferenceID string `json:"conferenceId"`
		TollNumber   string `json:"tollNumber"`
	} `json:"onlineMeeting"` // onlineMeetingUrl is of no use
	WebLink string `json:"webLink"`
}

// eventFields are what is read of an event. Without isOnlineMeeting among them
// Graph gives no onlineMeeting.
const eventFields = "id,subject,start,end,isAllDay,isCancelled,isOrganizer,organizer,responseStatus," +
	"isOnlineMeeting,onlineMeetingProvider,onlineMeeting,iCalUId,seriesMasterId,webLink"

type address struct {
	Address string `json:"address"`
	Name    string `json:"name,omitempty"`
}

type wireInvitee struct {
	EmailAddress address `json:"emailAddress"`
	Type         string  `json:"type"`
}

// wireText is a text with its format (resource type itemBody).
type wireText struct {
	ContentType string `json:"contentType"`
	Content     string `json:"content"`
}

func (w wireEvent) event(call operation) (Event, error) {
	start, errStart := w.Start.instant()
	end, errEnd := w.End.instant()
	if w.ID == "" || errStart != nil || errEnd != nil {
		return Event{}, call.nonsense("an event has no id or no readable times")
	}
	e := Event{
		ID: w.ID, ICalUID: w.ICalUID, SeriesID: w.SeriesID, Subject: w.Subject,
		Start: start, End: end, AllDay: w.AllDay, Cancelled: w.Cancelled,
		Organizer: Invitee{Address: w.Organizer.EmailAddress.Address, Name: w.Organizer.EmailAddress.Name},
		Mine:      w.Mine, Response: w.Response.Response,
		Online: w.Online, Provider: w.Provider, JoinURL: w.OnlineMeeting.JoinURL, WebLink: w.WebLink,
	}
	if m := w.OnlineMeeting; m.ConferenceID != "" {
		e.DialIn = &DialIn{ConferenceID: m.ConferenceID, TollNumber: m.TollNumber}
	}
	return e, nil
}

func invitees(people []Invitee) []wireInvitee {
	if people == nil {
		return nil
	}
	list := make([]wireInvitee, len(people))
	for i, p := range people {
		list[i] = wireInvitee{address{p.Address, p.Name}, "required"}
		if p.Optional {
			list[i].Type = "optional"
		}
	}
	return list
}

func htmlText(s string) *wireText { return &wireText{"HTML", s} }

// localTime is a time as calendars have it (resource type dateTimeTimeZone).
// This package writes UTC and asks for it: the local times of a place are
// ambiguous for an hour each year.
type localTime struct {
	DateTime string `json:"dateTime"`
	TimeZone string `json:"timeZone"`
}

func inUTC(t time.Time) *localTime {
	if t.IsZero() {
		return nil
	}
	return &localTime{t.UTC().Format("2006-01-02T15:04:05"), "UTC"}
}

// instant is the time meant. Bookings writes an offset beside the zone.
func (l localTime) instant() (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, l.DateTime); err == nil {
		return t.UTC(), nil
	}
	if !strings.EqualFold(l.TimeZone, "UTC") {
		return time.Time{}, errors.New("graph: a time is not in UTC, as it was asked for")
	}
	return time.Parse("2006-01-02T15:04:05", l.DateTime)
}
