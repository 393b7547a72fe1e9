package graph

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// The permissions of the operations on calendars. For the application they open
// every mailbox, unless Exchange's role-based access control limits it.
const (
	writeCalendars = "Calendars.ReadWrite"
	readCalendars  = "Calendars.Read"
)

// preferUTC has times in answers written in UTC.
const preferUTC = `outlook.timezone="UTC"`

// CreateEvent makes an event in the user's calendar and invites its people by
// mail. transactionID, a text of the caller's that is unique for the user, lets
// Graph know a repeated call, so that there is one event.
//
// An online meeting needs TeamsProvider among AllowedProviders, else there is
// silently none; nor can it be taken away later. The answer may still lack
// JoinURL: then ask for the Event again.
func (u *User) CreateEvent(ctx context.Context, transactionID string, e NewEvent) (Event, error) {
	if transactionID == "" {
		return Event{}, errors.New("graph: create event: an id is missing")
	}
	call := operation{name: "create event", method: http.MethodPost, path: join(u.path, "/events"),
		want: []int{http.StatusCreated}, permission: writeCalendars}
	body := struct {
		Subject       string        `json:"subject"`
		Body          *wireText     `json:"body,omitempty"`
		Start         *localTime    `json:"start"`
		End           *localTime    `json:"end"`
		Attendees     []wireInvitee `json:"attendees,omitempty"`
		Hide          bool          `json:"hideAttendees,omitempty"`
		Online        bool          `json:"isOnlineMeeting,omitempty"`
		Provider      string        `json:"onlineMeetingProvider,omitempty"`
		TransactionID string        `json:"transactionId"`
	}{Subject: e.Subject, Start: inUTC(e.Start), End: inUTC(e.End), Attendees: invitees(e.Invitees), Hide: e.HideInvitees, TransactionID: transactionID}
	if e.HTML != "" {
		body.Body = htmlText(e.HTML)
	}
	if e.OnlineMeeting {
		body.Online, body.Provider = true, TeamsProvider
	}
	call.body = body
	return u.event(ctx, call)
}

// Event returns an event of the user's by its id, or ErrNotFound.
func (u *User) Event(ctx context.Context, id string) (Event, error) {
	path := u.eventPath(id, "?$select="+eventFields)
	return u.event(ctx, operation{name: "get event", method: http.MethodGet, path: path,
		want: []int{http.StatusOK}, permission: readCalendars, object: true})
}

// UpdateEvent changes what change says of an event and returns the whole of it,
// or ErrNotFound.
func (u *User) UpdateEvent(ctx context.Context, id string, change EventChange) (Event, error) {
	if change.Start.IsZero() != change.End.IsZero() {
		return Event{}, errors.New("graph: update event: both times change or neither")
	}
	body := struct {
		Subject   *string       `json:"subject,omitempty"`
		Body      *wireText     `json:"body,omitempty"`
		Start     *localTime    `json:"start,omitempty"`
		End       *localTime    `json:"end,omitempty"`
		Attendees []wireInvitee `json:"attendees,omitzero"`
	}{Subject: change.Subject, Start: inUTC(change.Start), End: inUTC(change.End), Attendees: invitees(change.Invitees)}
	if change.HTML != nil {
		body.Body = htmlText(*change.HTML)
	}
	return u.event(ctx, operation{name: "update event", method: http.MethodPatch, path: u.eventPath(id, ""),
		want: []int{http.StatusOK}, permission: writeCalendars, body: body, object: true})
}

// CancelEvent cancels an event that the user organizes and tells its people,
// with a comment. It returns ErrNotFound if it is gone already.
func (u *User) CancelEvent(ctx context.Context, id, comment string) error {
	call := operation{name: "cancel event", method: http.MethodPost, path: u.eventPath(id, "/cancel"),
		want: []int{http.StatusAccepted}, permission: writeCalendars, object: true}
	call.body = struct {
		Comment string `json:"comment"`
	}{comment}
	_, err := u.do(ctx, call, nil)
	return err
}

// DeleteEvent removes an event from the user's calendar; if the user organizes
// it, its people are told. It returns ErrNotFound if it is gone already.
func (u *User) DeleteEvent(ctx context.Context, id string) error {
	_, err := u.do(ctx, operation{name: "delete event", method: http.MethodDelete, path: u.eventPath(id, ""),
		want: []int{http.StatusNoContent}, permission: writeCalendars, object: true}, nil)
	return err
}

// CalendarView returns what the user's calendar has between two instants, by
// its start: single events, and the occurrences of series. Cancelled events and
// such without an online meeting are among them; Graph cannot leave them out
// (a $filter on isOnlineMeeting is refused).
//
// More than a thousand entries are a *problem.Error of code calendar_too_full. It is
// ErrNotFound for a user without a mailbox.
func (u *User) CalendarView(ctx context.Context, from, to time.Time) ([]Event, error) {
	call := operation{name: "get calendar view", method: http.MethodGet, prefer: preferUTC, want: []int{http.StatusOK}, permission: readCalendars, object: true}
	call.path = join(u.path, "/calendarView?"+between("startDateTime", from, "endDateTime", to)+
		"&$select="+eventFields+"&$orderby=start/dateTime&$top=50")
	return pages(ctx, u.caller, call, wireEvent.event)
}

// AllowedProviders returns the online meeting providers of the user's calendar.
// Where TeamsProvider is not among them, events get no meeting.
func (u *User) AllowedProviders(ctx context.Context) ([]string, error) {
	call := operation{name: "get calendar", method: http.MethodGet, path: join(u.path, "/calendar"),
		want: []int{http.StatusOK}, permission: readCalendars}
	var answer struct {
		Allowed []string `json:"allowedOnlineMeetingProviders"`
	}
	if _, err := u.do(ctx, call, &answer); err != nil {
		return nil, err
	}
	if answer.Allowed == nil {
		return nil, call.nonsense("the calendar has no list of providers")
	}
	return answer.Allowed, nil
}

// event makes a call that answers with an event.
func (u *User) event(ctx context.Context, call operation) (Event, error) {
	call.prefer = preferUTC
	var answer wireEvent
	if _, err := u.do(ctx, call, &answer); err != nil {
		return Event{}, err
	}
	return answer.event(call)
}

func (u *User) eventPath(id, rest string) string {
	if path := pathf("/events/%s", id); path != "" {
		return join(u.path, path+rest)
	}
	return ""
}
