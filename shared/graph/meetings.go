package graph

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// The permissions of the operations on meetings. Beside them Teams wants an
// application access policy for the organizer where the application acts.
const (
	writeMeetings   = "OnlineMeetings.ReadWrite.All"
	readMeetings    = "OnlineMeetings.Read.All"
	readVirtualLink = "VirtualAppointment.Read.All"
)

// CreateOrGetMeeting makes a meeting, or returns the one that the user has
// under the same externalID; what m says is then ignored. The id is any text
// of the caller's that is unique for the user, and makes the call idempotent.
//
// created tells what the last try did: it is false also where the answer to a
// first one was lost.
//
// The meeting is on no calendar, and nobody is told of it. Only what NewMeeting
// has can be given here; the lobby and the rest are set by UpdateMeeting.
func (u *User) CreateOrGetMeeting(ctx context.Context, externalID string, m NewMeeting) (meeting Meeting, created bool, err error) {
	if externalID == "" {
		return Meeting{}, false, errors.New("graph: create or get meeting: an id is missing")
	}
	call := operation{name: "create or get meeting", method: http.MethodPost, path: join(u.path, "/onlineMeetings/createOrGet"),
		want: []int{http.StatusCreated, http.StatusOK}, permission: writeMeetings}
	call.body = struct {
		ExternalID   string        `json:"externalId"`
		Subject      string        `json:"subject,omitempty"`
		Start        time.Time     `json:"startDateTime,omitzero"`
		End          time.Time     `json:"endDateTime,omitzero"`
		Participants *participants `json:"participants,omitempty"`
	}{externalID, m.Subject, m.Start.UTC(), m.End.UTC(), attendees(m.Attendees)}
	var answer wireMeeting
	status, err := u.do(ctx, call, &answer)
	if err != nil {
		return Meeting{}, false, err
	}
	meeting, err = answer.meeting(call)
	return meeting, status == http.StatusCreated, err
}

// UpdateMeeting changes what change says of a meeting and returns the whole of
// it. The lobby, presenters, chat and announcements act on a running meeting.
// It returns ErrNotFound for a meeting that is gone or another user's.
func (u *User) UpdateMeeting(ctx context.Context, id string, change MeetingChange) (Meeting, error) {
	if change.Start.IsZero() != change.End.IsZero() {
		return Meeting{}, errors.New("graph: update meeting: both times change or neither")
	}
	return u.meeting(ctx, operation{name: "update meeting", method: http.MethodPatch, path: u.meetingPath(id, ""),
		permission: writeMeetings, body: change.wire()})
}

// Meeting returns a meeting by its id, or ErrNotFound.
func (u *User) Meeting(ctx context.Context, id string) (Meeting, error) {
	return u.meeting(ctx, operation{name: "get meeting", method: http.MethodGet, path: u.meetingPath(id, ""), permission: readMeetings})
}

// MeetingByJoinURL returns a meeting by its join URL, as Graph gives it. It
// returns ErrNotOrganizer if the user did not organize it but may see it, and
// ErrNotFound if there is no such meeting; Graph does not tell all of them apart.
func (u *User) MeetingByJoinURL(ctx context.Context, joinURL string) (Meeting, error) {
	return u.find(ctx, "find meeting by join URL", "JoinWebUrl", joinURL)
}

// MeetingByJoinID returns a meeting by the digits that people type to join it,
// with the errors of MeetingByJoinURL.
func (u *User) MeetingByJoinID(ctx context.Context, joinID string) (Meeting, error) {
	return u.find(ctx, "find meeting by join id", "joinMeetingIdSettings/joinMeetingId", joinID)
}

// DeleteMeeting ends a meeting's life; nobody is told. It returns ErrNotFound
// if it is gone already, as it is when the answer to a first try was lost.
func (u *User) DeleteMeeting(ctx context.Context, id string) error {
	_, err := u.do(ctx, operation{name: "delete meeting", method: http.MethodDelete, path: u.meetingPath(id, ""),
		want: []int{http.StatusNoContent}, permission: writeMeetings, object: true}, nil)
	return err
}

// VirtualAppointmentURL returns a link to join a meeting in a browser without
// Teams. The organizer needs Teams Premium. It returns ErrNotFound for a
// meeting that is gone or another user's.
func (u *User) VirtualAppointmentURL(ctx context.Context, id string) (string, error) {
	call := operation{name: "get virtual appointment URL", method: http.MethodGet, path: u.meetingPath(id, "/getVirtualAppointmentJoinWebUrl"),
		want: []int{http.StatusOK}, permission: readVirtualLink, object: true}
	var answer struct {
		Value string `json:"value"`
	}
	if _, err := u.do(ctx, call, &answer); err != nil {
		return "", err
	}
	if answer.Value == "" {
		return "", call.nonsense("the answer has no URL")
	}
	return answer.Value, nil
}

// meeting makes a call that names a meeting and answers with it.
func (u *User) meeting(ctx context.Context, call operation) (Meeting, error) {
	call.want, call.object = []int{http.StatusOK}, true
	var answer wireMeeting
	if _, err := u.do(ctx, call, &answer); err != nil {
		return Meeting{}, err
	}
	return answer.meeting(call)
}

// find gets the one meeting of which a property has a value. The value is a
// literal in a query, so that an escaped join URL is escaped once more.
func (u *User) find(ctx context.Context, name, property, value string) (Meeting, error) {
	call := operation{name: name, method: http.MethodGet, want: []int{http.StatusOK}, permission: readMeetings, object: true, lookup: true}
	if value != "" {
		call.path = join(u.path, "/onlineMeetings?$filter="+query(property+" eq "+literal(value)))
	}
	var answer struct {
		Value []wireMeeting `json:"value"`
	}
	if _, err := u.do(ctx, call, &answer); err != nil {
		return Meeting{}, err
	}
	switch len(answer.Value) {
	case 0:
		return Meeting{}, ErrNotFound
	case 1:
		return answer.Value[0].meeting(call)
	default:
		return Meeting{}, call.nonsense("several meetings have one name")
	}
}

func (u *User) meetingPath(id, rest string) string {
	if path := pathf("/onlineMeetings/%s", id); path != "" {
		return join(u.path, path+rest)
	}
	return ""
}
