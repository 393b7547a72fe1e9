package localgraph_test

import (
	"net/http"
	"strings"
	"testing"

	"switchboard/shared/localgraph"
)

const (
	business = "/v1.0/solutions/bookingBusinesses/consultations@contoso.example"
	visit    = `{"@odata.type":"#microsoft.graph.bookingAppointment","serviceId":"57da6774-a087-4d69-b0e6-6fb82c339976",
 "startDateTime":{"dateTime":"2026-11-22T15:30:00","timeZone":"Europe/Berlin"},"endDateTime":{"dateTime":"2026-11-22T15:00:00","timeZone":"UTC"},
 "isLocationOnline":true,"staffMemberIds":["8ee1c803-a1fa-406d-8259-7ab53233f148"],"optOutOfCustomerEmail":true,"smsNotificationsEnabled":false,"maximumAttendeesCount":1,
 "customers":[{"@odata.type":"#microsoft.graph.bookingCustomerInformation","name":"P","emailAddress":"patient@example.com","phone":"","timeZone":"Europe/Berlin"}]}`
)

func TestBookings(t *testing.T) {
	n := newTenant(t, localgraph.Options{Businesses: []string{"consultations@contoso.example", "other@contoso.example"}})
	a := n.must(http.StatusCreated, "POST", business+"/appointments", visit)
	if a.text(t, "startDateTime", "dateTime") != "2026-11-22T14:30:00.0000000" || a.text(t, "startDateTime", "timeZone") != "UTC" ||
		at(t, a.Body, "filledAttendeesCount") != 1.0 || at(t, a.Body, "customers", 0, "emailAddress") != "patient@example.com" ||
		!strings.HasPrefix(a.text(t, "joinWebUrl"), "https://teams.microsoft.com/l/meetup-join/") ||
		!strings.HasPrefix(a.text(t, "anonymousJoinWebUrl"), "https://visit.teams.microsoft.com/") || a.text(t, "selfServiceAppointmentId") == "" {
		t.Errorf("the appointment is %s", a.Text)
	}
	if again := n.must(http.StatusCreated, "POST", business+"/appointments", visit); again.text(t, "id") == a.text(t, "id") {
		t.Error("a repeated request gives the same appointment, which Bookings does not")
	}
	outside := n.must(http.StatusCreated, "POST", business+"/appointments", strings.Replace(visit, `"isLocationOnline":true`, `"isLocationOnline":false`, 1))
	if at(t, outside.Body, "joinWebUrl") != nil {
		t.Errorf("an appointment in a place has the link %v", at(t, outside.Body, "joinWebUrl"))
	}
	listed := func(path, span string) int {
		return len(at(t, n.must(http.StatusOK, "GET", path+"/calendarView?"+span, "").Body, "value").([]any))
	}
	const day = "start=2026-11-22T00:00:00Z&end=2026-11-23T00:00:00Z"
	other := strings.Replace(business, "consultations", "other", 1)
	for name, got := range map[string][2]int{
		"the day":          {listed(business, day), 3},
		"another day":      {listed(business, "start=2026-11-23T00:00:00Z&end=2026-11-24T00:00:00Z"), 0},
		"another business": {listed(other, day), 0},
	} {
		if got[0] != got[1] {
			t.Errorf("%s has %d appointments, want %d", name, got[0], got[1])
		}
	}
	cancel := "/appointments/" + a.text(t, "id") + "/cancel"
	n.refused("of another business", n.call("POST", other+cancel, `{"cancellationMessage":"sorry"}`), http.StatusNotFound, "ErrorItemNotFound", "")
	n.must(http.StatusNoContent, "POST", business+cancel, `{"cancellationMessage":"sorry"}`)
	n.refused("twice", n.call("POST", business+cancel, `{"cancellationMessage":"sorry"}`), http.StatusNotFound, "ErrorItemNotFound", "")
	if left := listed(business, day); left != 2 {
		t.Errorf("%d appointments are left, want 2", left)
	}
}

func TestBookingRefusals(t *testing.T) {
	n := newTenant(t, localgraph.Options{Businesses: []string{"consultations@contoso.example"}})
	for _, c := range []struct{ name, body, code, message string }{
		{"no service", strings.Replace(visit, "57da6774-a087-4d69-b0e6-6fb82c339976", "", 1), "BadRequest", "serviceId"},
		{"backwards", strings.Replace(visit, "T15:30", "T18:30", 1), "BadRequest", "before"},
		{"no zone", strings.Replace(visit, "Europe/Berlin", "Mars", 1), "TimeZoneNotSupportedException", "Mars"},
		{"too many", strings.Replace(visit, `"maximumAttendeesCount":1`, `"maximumAttendeesCount":0`, 1), "BadRequest", "maximumAttendeesCount"},
		{"a chosen link", strings.Replace(visit, `"serviceId"`, `"joinWebUrl"`, 1), "BadRequest", "'joinWebUrl'"},
	} {
		n.refused(c.name, n.call("POST", business+"/appointments", c.body), http.StatusBadRequest, c.code, c.message)
	}
	n.refused("unknown business", n.call("POST", "/v1.0/solutions/bookingBusinesses/x/appointments", visit), http.StatusNotFound, "ErrorItemNotFound", "")
	n.refused("no bounds", n.call("GET", business+"/calendarView", ""), http.StatusBadRequest, "ErrorInvalidParameter", "'start'")
}

func TestVirtualAppointment(t *testing.T) {
	reader := application()
	reader.Roles = []string{"OnlineMeetings.ReadWrite.All"}
	n := newTenant(t, localgraph.Options{Settings: localgraph.Settings{PolicyGlobal: true}, Apps: []localgraph.App{reader}})
	all := meetingTenant(t)
	path := "/getVirtualAppointmentJoinWebUrl"
	made := all.must(http.StatusCreated, "POST", user("ada")+"/onlineMeetings", consultation)
	a := all.must(http.StatusOK, "GET", user("ada")+"/onlineMeetings/"+made.text(t, "id")+path, "")
	if !strings.HasPrefix(a.text(t, "value"), "https://visit.teams.microsoft.com/webrtc-svc/api/route?tid="+all.Tenant()+"&convId=19:meeting_") ||
		!strings.HasSuffix(a.text(t, "@odata.context"), "#Edm.String") {
		t.Errorf("the answer is %s", a.Text)
	}
	n.refused("without the permission", n.call("GET", user("ada")+"/onlineMeetings/x"+path, ""), http.StatusForbidden, "Forbidden", "")
}
