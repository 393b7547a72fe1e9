package graph

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// appointments is the permission of the operations on Bookings.
const appointments = "BookingsAppointment.ReadWrite.All"

// Customer is who books an appointment.
type Customer struct {
	Name     string
	Email    string
	Phone    string
	TimeZone string // of the mails to them: IANA or Windows name; "" for the business's
}

// NewAppointment is an appointment to be made with a Bookings business, held
// online.
type NewAppointment struct {
	ServiceID  string // of the business
	StaffIDs   []string
	Start, End time.Time
	Customers  []Customer
	Silent     bool // no mail to the customers
	SMS        bool // reminders by SMS, where the business has them
	Seats      int  // customers at most; 0 leaves it to the service
}

// Appointment is an appointment with a Bookings business. Times are UTC.
type Appointment struct {
	ID               string
	ServiceID        string
	Start, End       time.Time
	JoinURL          string // of staff and signed-in people
	AnonymousJoinURL string // of everybody else, in a browser; often ""
	Customers        []Customer
}

// wireAppointment is an appointment as Graph writes it (resource type
// bookingAppointment).
type wireAppointment struct {
	ID               string         `json:"id"`
	ServiceID        string         `json:"serviceId"`
	Start            localTime      `json:"startDateTime"`
	End              localTime      `json:"endDateTime"`
	JoinURL          string         `json:"joinWebUrl"`
	AnonymousJoinURL string         `json:"anonymousJoinWebUrl"`
	Customers        []wireCustomer `json:"customers"`
}

type wireCustomer struct {
	Type     string `json:"@odata.type"`
	Name     string `json:"name"`
	Email    string `json:"emailAddress,omitempty"`
	Phone    string `json:"phone,omitempty"`
	TimeZone string `json:"timeZone,omitempty"`
}

// customerType is the one type of customer that there is.
const customerType = "#microsoft.graph.bookingCustomerInformation"

// CreateAppointment makes an appointment with a business, which is named by its
// mail address. Bookings has no idempotency key: it is not repeated after a lost
// answer, and its caller looks for it by Appointments before trying again.
func (c *Client) CreateAppointment(ctx context.Context, business string, a NewAppointment) (Appointment, error) {
	call := operation{name: "create appointment", method: http.MethodPost, path: pathf(businessPath+"/appointments", business),
		want: []int{http.StatusCreated}, permission: appointments, prefer: preferUTC, once: true}
	call.body = struct {
		ServiceID string         `json:"serviceId"`
		Start     *localTime     `json:"startDateTime"`
		End       *localTime     `json:"endDateTime"`
		Online    bool           `json:"isLocationOnline"`
		Customers []wireCustomer `json:"customers"`
		Staff     []string       `json:"staffMemberIds,omitempty"`
		Silent    bool           `json:"optOutOfCustomerEmail"`
		SMS       bool           `json:"smsNotificationsEnabled"`
		Seats     int            `json:"maximumAttendeesCount,omitempty"`
	}{a.ServiceID, inUTC(a.Start), inUTC(a.End), true, wireCustomers(a.Customers), a.StaffIDs, a.Silent, a.SMS, a.Seats}
	var answer wireAppointment
	if _, err := c.business(business).do(ctx, call, &answer); err != nil {
		return Appointment{}, err
	}
	return answer.appointment(call)
}

// CancelAppointment cancels an appointment and tells its customers, with a
// message. It returns ErrNotFound if it is gone already.
func (c *Client) CancelAppointment(ctx context.Context, business, id, message string) error {
	call := operation{name: "cancel appointment", method: http.MethodPost, path: pathf(businessPath+"/appointments/%s/cancel", business, id),
		want: []int{http.StatusNoContent}, permission: appointments, object: true}
	call.body = struct {
		Message string `json:"cancellationMessage"`
	}{message}
	_, err := c.business(business).do(ctx, call, nil)
	return err
}

// Appointments returns the appointments of a business between two instants.
//
// More than a thousand are a *problem.Error of code calendar_too_full.
func (c *Client) Appointments(ctx context.Context, business string, from, to time.Time) ([]Appointment, error) {
	call := operation{name: "get appointments", method: http.MethodGet, prefer: preferUTC, want: []int{http.StatusOK}, permission: appointments}
	call.path = join(pathf(businessPath, business), "/calendarView?"+between("start", from, "end", to))
	return pages(ctx, c.business(business), call, wireAppointment.appointment)
}

const businessPath = "/solutions/bookingBusinesses/%s"

// business is the application at a business's mailbox.
func (c *Client) business(id string) caller { return c.app(strings.ToLower(id)) }

func (w wireAppointment) appointment(call operation) (Appointment, error) {
	start, errStart := w.Start.instant()
	end, errEnd := w.End.instant()
	if w.ID == "" || errStart != nil || errEnd != nil {
		return Appointment{}, call.nonsense("an appointment has no id or no readable times")
	}
	a := Appointment{ID: w.ID, ServiceID: w.ServiceID, Start: start, End: end, JoinURL: w.JoinURL, AnonymousJoinURL: w.AnonymousJoinURL}
	for _, p := range w.Customers {
		a.Customers = append(a.Customers, Customer{Name: p.Name, Email: p.Email, Phone: p.Phone, TimeZone: p.TimeZone})
	}
	return a, nil
}

func wireCustomers(people []Customer) []wireCustomer {
	list := make([]wireCustomer, len(people))
	for i, p := range people {
		list[i] = wireCustomer{customerType, p.Name, p.Email, p.Phone, p.TimeZone}
	}
	return list
}
