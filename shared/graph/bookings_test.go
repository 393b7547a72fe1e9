package graph_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchboard/shared/graph"
	"switchboard/shared/problem"
)

const (
	business     = "/v1.0/solutions/bookingBusinesses/clinic@contoso.com"
	appointments = business + "/calendarView?start=2026-11-22T14%3A30%3A00Z&end=2026-11-22T15%3A00%3A00Z"

	appointmentJSON = `{"id":"AAMk=","selfServiceAppointmentId":"s","serviceId":"57da","isLocationOnline":true,
 "startDateTime":{"@odata.type":"#microsoft.graph.dateTimeTimeZone","dateTime":"2026-11-22T14:30:00.0000000+00:00","timeZone":"UTC"},
 "endDateTime":{"dateTime":"2026-11-22T15:00:00.0000000Z","timeZone":"UTC"},
 "joinWebUrl":"` + joinURL + `","anonymousJoinWebUrl":null,
 "customers":[{"@odata.type":"#microsoft.graph.bookingCustomerInformation","customerId":"7","name":"P","emailAddress":"patient@example.com","phone":"+1","timeZone":"Europe/Berlin"}]}`
)

func wholeAppointment() graph.Appointment {
	return graph.Appointment{ID: "AAMk=", ServiceID: "57da", Start: start, End: end, JoinURL: joinURL,
		Customers: []graph.Customer{{Name: "P", Email: "patient@example.com", Phone: "+1", TimeZone: "Europe/Berlin"}}}
}

func TestAppointments(t *testing.T) {
	const next = "/v1.0/solutions/bookingBusinesses/clinic@contoso.com/calendarView?$skip=1"
	client, service, injector := behind(t, answers{
		"POST " + business + "/appointments":              "201 " + appointmentJSON,
		"POST " + business + "/appointments/AAMk=/cancel": "204",
		"GET " + appointments:                             `200 {"value":[` + appointmentJSON + `],"@odata.nextLink":"https://graph.microsoft.com` + next + `"}`,
		"GET " + next:                                     `200 {"value":[` + appointmentJSON + `]}`,
	})
	got, err := client.CreateAppointment(t.Context(), "clinic@contoso.com", graph.NewAppointment{
		ServiceID: "57da", StaffIDs: []string{"8ee1"}, Start: start, End: end, Silent: true, Seats: 5,
		Customers: []graph.Customer{{Name: "P", Email: "patient@example.com", Phone: "+1", TimeZone: "Europe/Berlin"}},
	})
	if diff := cmp.Diff(wholeAppointment(), got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	wantBody(t, service.last(t), `{"serviceId":"57da","startDateTime":{"dateTime":"2026-11-22T14:30:00","timeZone":"UTC"},"endDateTime":{"dateTime":"2026-11-22T15:00:00","timeZone":"UTC"},
		"isLocationOnline":true,"customers":[{"@odata.type":"#microsoft.graph.bookingCustomerInformation","name":"P","emailAddress":"patient@example.com","phone":"+1","timeZone":"Europe/Berlin"}],
		"staffMemberIds":["8ee1"],"optOutOfCustomerEmail":true,"smsNotificationsEnabled":false,"maximumAttendeesCount":5}`)

	list, err := client.Appointments(t.Context(), "clinic@contoso.com", start, end)
	if diff := cmp.Diff([]graph.Appointment{wholeAppointment(), wholeAppointment()}, list); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if err := client.CancelAppointment(t.Context(), "clinic@contoso.com", "AAMk=", "ill"); err != nil {
		t.Error(err)
	}
	wantBody(t, service.last(t), `{"cancellationMessage":"ill"}`)
	if n := len(injector.Calls()); n != 4 {
		t.Errorf("%d requests were made, want 4", n)
	}
	injector.Add(says(http.StatusNotFound))
	if err := client.CancelAppointment(t.Context(), "clinic@contoso.com", "AAMk=", ""); !errors.Is(err, graph.ErrNotFound) {
		t.Errorf("an appointment that is gone: %v", err)
	}
	_, err = client.CreateAppointment(t.Context(), "clinic@contoso.com", graph.NewAppointment{Start: start, End: end})
	wantProblem(t, "an unknown business", err, problem.Upstream, "graph_refused")
}

func TestBadAppointments(t *testing.T) {
	for _, body := range []string{`{}`, `{"id":"1"}`, `{"id":"1","startDateTime":{"dateTime":"` + leak + `","timeZone":"UTC"}}`, `null`, `{"value":[{}]}`} {
		client, _, injector := behind(t, nil)
		injector.Add(saysJSON(http.StatusCreated, body))
		_, err := client.CreateAppointment(t.Context(), "clinic", graph.NewAppointment{Start: start, End: end})
		wantProblem(t, body, err, problem.Upstream, "graph_failed")
	}
}

func TestNoBusinessNoRequest(t *testing.T) {
	client, _, injector := behind(t, nil)
	_, create := client.CreateAppointment(t.Context(), "", graph.NewAppointment{})
	_, list := client.Appointments(t.Context(), "", start, end)
	for name, err := range map[string]error{"create": create, "list": list, "cancel": client.CancelAppointment(t.Context(), "clinic", "", "")} {
		if err == nil || problem.From(err).Kind != problem.Internal || len(injector.Calls()) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
