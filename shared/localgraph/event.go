package localgraph

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

// teamsProvider is the one provider of online meetings here.
const teamsProvider = "teamsForBusiness"

// event is Graph's event, as far as it is served here. Each mailbox has its
// own, and those of one appointment share their iCalUId. Times are kept in UTC.
type event struct {
	Mailbox string `json:"mailbox,omitempty"` // object id of whose calendar it is on; never sent

	ETag                  string        `json:"@odata.etag"`
	ID                    string        `json:"id"`
	CreatedDateTime       time.Time     `json:"createdDateTime"`
	LastModifiedDateTime  time.Time     `json:"lastModifiedDateTime"`
	ICalUID               string        `json:"iCalUId"`
	TransactionID         *string       `json:"transactionId"`
	Type                  string        `json:"type"`
	SeriesMasterID        *string       `json:"seriesMasterId"`
	Subject               string        `json:"subject"`
	Body                  itemBody      `json:"body"`
	Start                 dateTimeZone  `json:"start"`
	End                   dateTimeZone  `json:"end"`
	IsAllDay              bool          `json:"isAllDay"`
	IsCancelled           bool          `json:"isCancelled"`
	IsOrganizer           bool          `json:"isOrganizer"`
	ShowAs                string        `json:"showAs"`
	Location              place         `json:"location"`
	Organizer             recipient     `json:"organizer"`
	Attendees             []attendee    `json:"attendees"`
	HideAttendees         bool          `json:"hideAttendees"`
	ResponseStatus        response      `json:"responseStatus"`
	IsOnlineMeeting       bool          `json:"isOnlineMeeting"`
	OnlineMeetingProvider string        `json:"onlineMeetingProvider"`
	OnlineMeeting         *eventMeeting `json:"onlineMeeting"`
	OnlineMeetingURL      *string       `json:"onlineMeetingUrl"` // always null: onlineMeeting has the link
	WebLink               string        `json:"webLink"`
}

type itemBody struct {
	ContentType string `json:"contentType"`
	Content     string `json:"content"`
}

type place struct {
	DisplayName string `json:"displayName"`
}

type recipient struct {
	EmailAddress emailAddress `json:"emailAddress"`
}

type emailAddress struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

type attendee struct {
	Type         string       `json:"type"`
	Status       response     `json:"status"`
	EmailAddress emailAddress `json:"emailAddress"`
}

type response struct {
	Response string `json:"response"`
	Time     string `json:"time"`
}

// eventMeeting is all that an event tells of its meeting.
type eventMeeting struct {
	JoinURL      string `json:"joinUrl"`
	ConferenceID string `json:"conferenceId"`
	TollNumber   string `json:"tollNumber"`
}

// unanswered is the status of an invitation here, where nobody answers any.
func unanswered(kind string) response { return response{kind, "0001-01-01T00:00:00Z"} }

// eventMembers can be set at any time; transactionId only at creation.
func eventMembers() []string {
	return []string{
		"subject", "body", "start", "end", "isAllDay", "showAs", "location", "attendees", "hideAttendees",
		"isOnlineMeeting", "onlineMeetingProvider",
	}
}

// newEvent is an event of a user before a request says more of it.
func (s *Server) newEvent(organizer User) event {
	id := s.eventID()
	return event{
		Mailbox: organizer.ID, ID: id, ICalUID: strings.ReplaceAll(s.ids(), "-", ""), CreatedDateTime: s.now(),
		Type: "singleInstance", ShowAs: "busy", IsOrganizer: true, OnlineMeetingProvider: "unknown",
		Organizer: recipient{emailAddress{organizer.Name, organizer.UPN}}, Attendees: []attendee{},
		ResponseStatus: unanswered("organizer"), WebLink: "https://outlook.office365.com/owa/?itemid=" + id,
	}
}

func (s *Server) eventID() string {
	return "AAMk" + base64.RawURLEncoding.EncodeToString([]byte(s.ids()))
}

// settle checks what a request made of the event before, and brings it into
// the form that is kept.
func (e *event) settle(before event) error {
	start, err := e.Start.instant()
	if err != nil {
		return err
	}
	end, err := e.End.instant()
	if err != nil {
		return err
	}
	if end.Before(start) {
		return badRequest("The end of the event is before its start.")
	}
	utc := zone{"UTC", time.UTC}
	e.Start, e.End = utc.clock(start), utc.clock(end)
	e.IsOnlineMeeting = e.IsOnlineMeeting || before.IsOnlineMeeting // it cannot be turned off
	for i := range e.Attendees {
		if e.Attendees[i].EmailAddress.Address == "" {
			return badRequest("An attendee has no address.")
		}
		if e.Attendees[i].Type == "" {
			e.Attendees[i].Type = "required"
		}
		if !slices.Contains([]string{"required", "optional", "resource"}, e.Attendees[i].Type) {
			return badRequest("The attendee type '" + e.Attendees[i].Type + "' is unknown.")
		}
		e.Attendees[i].Status = unanswered("none")
	}
	return nil
}

// times are those of an event that has been settled.
func (e event) times() (start, end time.Time, err error) {
	if start, err = e.Start.instant(); err == nil {
		end, err = e.End.instant()
	}
	return start, end, err
}

// wire is the event as it is sent: on the clock of a zone, and with the
// members that $select names. Exchange gives onlineMeeting only to who selects
// isOnlineMeeting as well.
func (e event) wire(z zone, selection string) (object, error) {
	start, end, err := e.times()
	if err != nil {
		return nil, err
	}
	e.Mailbox, e.Start, e.End = "", z.clock(start), z.clock(end)
	all, err := toObject(e)
	if err != nil || selection == "" {
		return all, err
	}
	chosen := object{"@odata.etag": all["@odata.etag"], "id": all["id"]}
	for name := range strings.SplitSeq(selection, ",") {
		name = strings.TrimSpace(name)
		value, known := all[name]
		if !known || name == "createdDateTime" || name == "lastModifiedDateTime" {
			return nil, failure{http.StatusBadRequest, "RequestBroker--ParseUri", "Could not find a property named '" + name + "' on type 'Microsoft.OutlookServices.Event'."}
		}
		chosen[name] = value
	}
	if _, asked := chosen["onlineMeeting"]; asked && chosen["isOnlineMeeting"] == nil {
		chosen["onlineMeeting"] = nil
	}
	return chosen, nil
}
