package meetings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"switchboard/shared/entra"
	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/localgraph"
)

// application is the application of the functions, whom no fault reaches.
func (w world) application() *entra.App {
	w.t.Helper()
	settings := w.Cloud.Settings()
	app, err := entra.New(entra.Settings{
		Tenant: w.Cloud.Graph.Tenant(), ClientID: settings["SWITCHBOARD_GRAPH_CLIENT_ID"], Secret: settings["SWITCHBOARD_GRAPH_CLIENT_SECRET"],
	}, &entra.Options{DisableInstanceDiscovery: true, ClientOptions: azcore.ClientOptions{
		Transport: faults.Transport{Handler: w.Cloud.Graph},
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: settings["SWITCHBOARD_GRAPH_AUTHORITY"]},
	}})
	w.ok(err)
	return app
}

// outlook is somebody of the tenant at work in Outlook and Teams, likewise.
func (w world) outlook(name string) *graph.User {
	w.t.Helper()
	client, err := graph.New(w.Cloud.Settings()["SWITCHBOARD_GRAPH_ENDPOINT"], w.application(),
		&graph.Options{ClientOptions: azcore.ClientOptions{Transport: faults.Transport{Handler: w.Cloud.Graph}}})
	w.ok(err)
	return client.User(localgraph.SeedUserID(name))
}

// later moves the clock. The program keeps its tokens for Graph by the machine's time, which
// stands still: so it gets none to keep, from the first call of later on.
func (w world) later(d time.Duration) {
	w.t.Helper()
	w.Clock.Move(d)
	token, err := w.application().GetToken(w.t.Context(), policy.TokenRequestOptions{Scopes: []string{w.Cloud.Settings()["SWITCHBOARD_GRAPH_ENDPOINT"] + "/.default"}})
	w.ok(err)
	w.Cloud.GraphFaults.Clear()
	w.Cloud.GraphFaults.Add(faults.Rule{Contains: "/oauth2/v2.0/token", Times: -1, Status: http.StatusOK, Header: map[string]string{"Content-Type": "application/json"},
		Body: fmt.Sprintf(`{"token_type":"Bearer","expires_in":0,"ext_expires_in":0,"access_token":%q}`, token.Token)})
}

// until waits for what comes of a notification.
func (w world) until(what string, holds func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("never %s", what)
		}
	}
}

func (w world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// planned is a Teams meeting of half an hour, to which people of the tenant are invited by
// mail.
func planned(subject string, start time.Time, invited ...string) graph.NewEvent {
	e := graph.NewEvent{Subject: subject, Start: start, End: start.Add(30 * time.Minute), OnlineMeeting: true}
	for _, guest := range invited {
		e.Invitees = append(e.Invitees, graph.Invitee{Address: guest + "@contoso.example"})
	}
	return e
}

// plans puts a planned meeting on somebody's calendar.
func (w world) plans(name, subject string, start time.Time, invited ...string) graph.Event {
	w.t.Helper()
	made, err := w.outlook(name).CreateEvent(w.t.Context(), subject, planned(subject, start, invited...))
	w.ok(err)
	return made
}

// graphDo asks Graph for what the client has no words for.
func (w world) graphDo(method, path, body string, answer any) {
	w.t.Helper()
	endpoint := w.Cloud.Settings()["SWITCHBOARD_GRAPH_ENDPOINT"]
	token, err := w.application().GetToken(w.t.Context(), policy.TokenRequestOptions{Scopes: []string{endpoint + "/.default"}})
	w.ok(err)
	r, err := http.NewRequestWithContext(w.t.Context(), method, endpoint+"/v1.0"+path, strings.NewReader(body))
	w.ok(err)
	r.Header.Set("Authorization", "Bearer "+token.Token)
	r.Header.Set("Content-Type", "application/json")
	got, err := faults.Transport{Handler: w.Cloud.Graph}.RoundTrip(r)
	w.ok(err)
	if got.StatusCode >= 300 {
		w.t.Fatalf("%s %s: %d", method, path, got.StatusCode)
	}
	if answer != nil {
		w.ok(json.NewDecoder(got.Body).Decode(answer))
	}
}
