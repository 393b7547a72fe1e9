package localgraph_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"switchboard/shared/entra"
	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/localgraph"
	"switchboard/shared/problem"
	"switchboard/shared/teamslink"
)

// product is the service's own client, with its own credential, of a tenant.
type product struct {
	*tenant
	client *graph.Client
	faults *faults.Injector
}

func newProduct(t *testing.T, settings localgraph.Settings) product {
	t.Helper()
	registered := application()
	registered.Scopes = []string{"OnlineMeetings.ReadWrite", "Calendars.ReadWrite"}
	n := newTenant(t, localgraph.Options{Apps: []localgraph.App{registered}, Settings: settings, Businesses: []string{"consultations@contoso.example"}})
	p := product{tenant: n, faults: faults.Wrap(n.Server)}
	shared := azcore.ClientOptions{
		Transport: faults.Transport{Handler: p.faults},
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: "https://entra.localhost/"},
	}
	app, err := entra.New(entra.Settings{Tenant: n.Tenant(), ClientID: clientID, Secret: secret}, &entra.Options{ClientOptions: shared, DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	p.client, err = graph.New("https://graph.localhost", app, &graph.Options{ClientOptions: shared, OnBehalfOf: app.OnBehalfOf, Now: n.clock})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

var organizer, grace = localgraph.SeedUserID("meetings"), localgraph.SeedUserID("grace")

// TestClientMakesOneMeeting, however often it asks, and finds it by all that people know
// of it; its link is one that the service can read.
func TestClientMakesOneMeeting(t *testing.T) {
	for name, settings := range map[string]localgraph.Settings{"long links": {PolicyGlobal: true}, "short links": {PolicyGlobal: true, ShortLinks: true}} {
		t.Run(name, func(t *testing.T) {
			p, ctx := newProduct(t, settings), t.Context()
			user, meeting := p.client.User(organizer), must[graph.Meeting](t)
			wanted := graph.NewMeeting{Subject: "Consultation 42", Start: p.clock().Add(time.Hour).Truncate(time.Second), End: p.clock().Add(2 * time.Hour).Truncate(time.Second)}
			made, created, err := user.CreateOrGetMeeting(ctx, "mtg_1", wanted)
			if err != nil || !created || !made.Start.Equal(wanted.Start) || !made.End.Equal(wanted.End) || made.Subject != wanted.Subject {
				t.Fatalf("%+v, %v, %v", made, created, err)
			}
			again, created, err := user.CreateOrGetMeeting(ctx, "mtg_1", wanted)
			if err != nil || created || again.ID != made.ID {
				t.Errorf("again: %+v, %v, %v", again, created, err)
			}
			everyone := graph.Lobby{Scope: graph.LobbyEveryone}
			if got := meeting(user.UpdateMeeting(ctx, made.ID, graph.MeetingChange{Lobby: &everyone})); got.Lobby.Scope != graph.LobbyEveryone {
				t.Errorf("the lobby: %+v", got.Lobby)
			}
			for how, found := range map[string]graph.Meeting{
				"id": meeting(user.Meeting(ctx, made.ID)), "link": meeting(user.MeetingByJoinURL(ctx, made.JoinURL)), "digits": meeting(user.MeetingByJoinID(ctx, made.JoinID)),
			} {
				if found.ID != made.ID || found.ThreadID == "" || found.Passcode != made.Passcode {
					t.Errorf("by %s: %+v", how, found)
				}
			}
			link, err := teamslink.Parse(made.JoinURL)
			if err != nil || link.ThreadID != made.ThreadID && !settings.ShortLinks || settings.ShortLinks && link.MeetingID != made.JoinID {
				t.Errorf("the link %s reads as %+v, %v", made.JoinURL, link, err)
			}
			if _, err := p.client.User(grace).MeetingByJoinURL(ctx, made.JoinURL); !errors.Is(err, graph.ErrNotFound) && !errors.Is(err, graph.ErrNotOrganizer) {
				t.Errorf("for somebody else: %v", err)
			}
			if err := user.DeleteMeeting(ctx, made.ID); err != nil {
				t.Error(err)
			}
			if _, err := user.Meeting(ctx, made.ID); !errors.Is(err, graph.ErrNotFound) {
				t.Errorf("deleted: %v", err)
			}
		})
	}
}

// TestClientSaysWhatIsMissing in a tenant that is not set up, in whichever words the
// tenant puts it.
func TestClientSaysWhatIsMissing(t *testing.T) {
	for _, shape := range []string{localgraph.PolicyForbidden, localgraph.PolicyGeneral, localgraph.PolicyUnauthorized} {
		p := newProduct(t, localgraph.Settings{PolicyRefusal: shape})
		_, _, err := p.client.User(organizer).CreateOrGetMeeting(t.Context(), "mtg_1", graph.NewMeeting{Subject: "x"})
		if got := problem.From(err); got.Code != "graph_access_policy_missing" || got.Kind != problem.Upstream {
			t.Errorf("%s: %v", shape, err)
		}
	}
	p := newProduct(t, localgraph.Settings{PolicyGlobal: true})
	p.faults.Add(faults.Rule{Contains: "/v1.0/", Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "120"}})
	_, err := p.client.User(organizer).Meeting(t.Context(), "x")
	if got := problem.From(err); got.Code != "graph_throttled" || got.RetryAfter != 2*time.Minute {
		t.Errorf("throttled: %v", err)
	}
}

// TestClientKeepsACalendar: events with meetings, for the application and for users who
// act for themselves.
func TestClientKeepsACalendar(t *testing.T) {
	p, ctx := newProduct(t, localgraph.Settings{PolicyGlobal: true}), t.Context()
	user, event := p.client.User(organizer), must[graph.Event](t)
	if offered := must[[]string](t)(user.AllowedProviders(ctx)); !slices.Contains(offered, graph.TeamsProvider) {
		t.Errorf("the calendar offers %v", offered)
	}
	start := p.clock().Add(time.Hour).Truncate(time.Second)
	wanted := graph.NewEvent{Subject: "Review", Start: start, End: start.Add(time.Hour), OnlineMeeting: true, Invitees: []graph.Invitee{{Address: "grace@contoso.example", Name: "Grace"}}}
	made := event(user.CreateEvent(ctx, "tx-1", wanted))
	if again := event(user.CreateEvent(ctx, "tx-1", wanted)); again.ID != made.ID || !again.IsTeamsMeeting() || again.JoinURL == "" {
		t.Errorf("again: %+v", again)
	}
	token, err := p.UserToken(grace, clientID)
	if err != nil {
		t.Fatal(err)
	}
	hers, err := p.client.OnBehalfOf(token)
	if err != nil {
		t.Fatal(err)
	}
	for who, calendar := range map[string]*graph.User{"the organizer": user, "Grace": hers} {
		day := must[[]graph.Event](t)(calendar.CalendarView(ctx, start.Add(-time.Hour), start.Add(time.Hour)))
		if len(day) != 1 || day[0].Subject != "Review" || !day[0].Start.Equal(start) || day[0].JoinURL != made.JoinURL || day[0].Mine != (who == "the organizer") {
			t.Errorf("the day of %s: %+v", who, day)
		}
	}
	later := start.Add(24 * time.Hour)
	if moved := event(user.UpdateEvent(ctx, made.ID, graph.EventChange{Start: later, End: later.Add(time.Hour)})); !moved.Start.Equal(later) || moved.JoinURL != made.JoinURL {
		t.Errorf("moved: %+v", moved)
	}
	if err := user.CancelEvent(ctx, made.ID, "No need any more"); err != nil {
		t.Error(err)
	}
	if _, err := user.Event(ctx, made.ID); !errors.Is(err, graph.ErrNotFound) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestClientBooks an appointment and cancels it.
func TestClientBooks(t *testing.T) {
	p, ctx := newProduct(t, localgraph.Settings{}), t.Context()
	const business = "consultations@contoso.example"
	start := p.clock().Add(time.Hour).Truncate(time.Second)
	made, err := p.client.CreateAppointment(ctx, business, graph.NewAppointment{
		ServiceID: "9f2b7a10-5d44-4a7e-8f5e-0e6a1b2c3d4e", Start: start, End: start.Add(time.Hour), Customers: []graph.Customer{{Name: "Joseph", Email: "joseph@example.com"}},
	})
	if err != nil || made.JoinURL == "" || !made.Start.Equal(start) {
		t.Fatalf("%+v, %v", made, err)
	}
	all := must[[]graph.Appointment](t)(p.client.Appointments(ctx, business, start.Add(-time.Hour), start.Add(time.Hour)))
	if len(all) != 1 || all[0].ID != made.ID || all[0].Customers[0].Name != "Joseph" {
		t.Errorf("the day: %+v", all)
	}
	if err := p.client.CancelAppointment(ctx, business, made.ID, "Sorry"); err != nil {
		t.Error(err)
	}
}
