package localgraph

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
)

// appointment is Graph's bookingAppointment, as far as it is served here.
// Times are kept in UTC.
type appointment struct {
	Business string `json:"business,omitempty"` // whose calendar it is on; never sent

	Type                     string            `json:"@odata.type"`
	ID                       string            `json:"id"`
	SelfServiceAppointmentID string            `json:"selfServiceAppointmentId"`
	ServiceID                string            `json:"serviceId"`
	Start                    dateTimeZone      `json:"startDateTime"`
	End                      dateTimeZone      `json:"endDateTime"`
	IsLocationOnline         bool              `json:"isLocationOnline"`
	JoinWebURL               *string           `json:"joinWebUrl"`
	AnonymousJoinWebURL      *string           `json:"anonymousJoinWebUrl"`
	Customers                []json.RawMessage `json:"customers"`
	FilledAttendeesCount     int               `json:"filledAttendeesCount"`
	MaximumAttendeesCount    int               `json:"maximumAttendeesCount"`
	StaffMemberIDs           []string          `json:"staffMemberIds"`
	OptOutOfCustomerEmail    bool              `json:"optOutOfCustomerEmail"`
	SMSNotificationsEnabled  bool              `json:"smsNotificationsEnabled"`
}

// utc puts the times into the form that is kept.
func (a *appointment) utc() (start, end time.Time, err error) {
	if start, err = a.Start.instant(); err != nil {
		return start, end, err
	}
	if end, err = a.End.instant(); err != nil {
		return start, end, err
	}
	utc := zone{"UTC", time.UTC}
	a.Start, a.End = utc.clock(start), utc.clock(end)
	return start, end, nil
}

// business is the one that the path names.
func (s *Server) business(c call) (string, error) {
	id := c.PathValue("business")
	if !slices.Contains(s.businesses, id) {
		return "", notFound("ErrorItemNotFound", "The booking business was not found.")
	}
	return id, nil
}

func appointmentContext(business string) string {
	return "solutions/bookingBusinesses('" + business + "')/appointments"
}

// createAppointment makes a new one each time: there is nothing that tells a
// repeated request ("Create bookingAppointment").
func (s *Server) createAppointment(c call) (answer, error) {
	business, err := s.business(c)
	if err != nil {
		return answer{}, err
	}
	a := appointment{MaximumAttendeesCount: 1, Customers: []json.RawMessage{}, StaffMemberIDs: []string{}}
	if err := c.read(&a, "serviceId", "startDateTime", "endDateTime", "isLocationOnline", "customers", "staffMemberIds",
		"optOutOfCustomerEmail", "smsNotificationsEnabled", "maximumAttendeesCount"); err != nil {
		return answer{}, err
	}
	start, end, err := a.utc()
	switch {
	case err != nil:
		return answer{}, err
	case end.Before(start):
		return answer{}, badRequest("The endDateTime is before the startDateTime.")
	case a.ServiceID == "":
		return answer{}, badRequest("The serviceId is required.")
	case len(a.Customers) > a.MaximumAttendeesCount:
		return answer{}, badRequest("There are more customers than maximumAttendeesCount.")
	}
	a.Type, a.Business, a.FilledAttendeesCount = "#microsoft.graph.bookingAppointment", business, len(a.Customers)
	a.ID, a.SelfServiceAppointmentID = s.eventID(), s.ids()
	if a.IsLocationOnline {
		s.meetOnline(&a)
	}
	c.put(appointmentBucket, a.ID, a)
	a.Business = ""
	return c.entity(http.StatusCreated, appointmentContext(business)+"/$entity", a)
}

// meetOnline gives an appointment its links. Its meeting is the business's
// own: no user of the tenant organizes it, so onlineMeetings does not know it.
func (s *Server) meetOnline(a *appointment) {
	thread := "19:meeting_" + base64.RawStdEncoding.EncodeToString([]byte(s.ids())) + "@thread.v2"
	organizer := uuid.NewSHA1(uuid.NameSpaceURL, []byte(a.Business)).String()
	join, anonymous := s.joinLink(thread, joinID(), organizer), s.visitLink(thread)
	a.JoinWebURL, a.AnonymousJoinWebURL = &join, &anonymous
}

// visitLink is where somebody without an account joins in a browser.
func (s *Server) visitLink(thread string) string {
	return "https://visit.teams.microsoft.com/webrtc-svc/api/route?tid=" + s.tenant + "&convId=" + thread
}

// cancelAppointment takes an appointment off the calendar.
func (s *Server) cancelAppointment(c call) (answer, error) {
	business, err := s.business(c)
	if err != nil {
		return answer{}, err
	}
	var body struct {
		Message string `json:"cancellationMessage"`
	}
	if err := c.read(&body, "cancellationMessage"); err != nil {
		return answer{}, err
	}
	a, ok := get[appointment](c.tx, appointmentBucket, c.PathValue("id"))
	if !ok || a.Business != business {
		return answer{}, notFound("ErrorItemNotFound", "The appointment was not found.")
	}
	c.remove(appointmentBucket, a.ID)
	return answer{status: http.StatusNoContent}, nil
}

// bookings lists the appointments that touch a span of time, on one page.
func (s *Server) bookings(c call) (answer, error) {
	business, err := s.business(c)
	if err != nil {
		return answer{}, err
	}
	from, err := bound(c.URL.Query(), "start")
	if err != nil {
		return answer{}, err
	}
	to, err := bound(c.URL.Query(), "end")
	if err != nil {
		return answer{}, err
	}
	found := []appointment{}
	for a := range all[appointment](c.tx, appointmentBucket) {
		start, end, err := a.utc()
		if err != nil {
			return answer{}, err
		}
		if a.Business == business && start.Before(to) && end.After(from) {
			a.Business = ""
			found = append(found, a)
		}
	}
	return c.list(appointmentContext(business), found), nil
}
