package app_test

import (
	"maps"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"switchboard/shared/app"
	"switchboard/shared/graph"
	"switchboard/shared/local"
	"switchboard/shared/testbed"
)

// client is what the settings make, which others replace.
func client(t *testing.T, opts app.Options, settings, others map[string]string) *graph.Client {
	t.Helper()
	maps.Copy(settings, others)
	c, err := app.Graph(t.Context(), opts, func(name string) string { return settings[name] })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func hour(subject string) graph.NewMeeting {
	start := time.Now().Add(time.Hour)
	return graph.NewMeeting{Subject: subject, Start: start, End: start.Add(time.Hour)}
}

// TestTheApplicationProvesItself to a tenant that asks for it, each way that the
// settings offer and the laptop has.
func TestTheApplicationProvesItself(t *testing.T) {
	c := testbed.Cloud(t, &testbed.Clock{})
	network, secured := httptest.NewServer(c.GraphFaults), httptest.NewTLSServer(c.GraphFaults)
	t.Cleanup(network.Close)
	t.Cleanup(secured.Close)
	const elsewhere = "http://127.0.0.1:1"
	machine := func(at string) {
		t.Setenv("IDENTITY_ENDPOINT", at+"/msi/token")
		t.Setenv("IDENTITY_HEADER", c.Graph.IdentityHeader())
	}
	for name, made := range map[string]func() *graph.Client{
		"a secret": func() *graph.Client { return client(t, c.Options(), c.Settings(), nil) },
		"a secret, over TLS": func() *graph.Client {
			return client(t, app.Options{Graph: secured.Client()}, c.SettingsAt(elsewhere, elsewhere, secured.URL), nil)
		},
		"a federated identity": func() *graph.Client {
			machine("https://entra.localhost")
			return client(t, c.Options(), c.Settings(), map[string]string{
				"SWITCHBOARD_GRAPH_CLIENT_SECRET": "", "SWITCHBOARD_GRAPH_FEDERATED": "true"})
		},
		"the machine's identity, over a network": func() *graph.Client {
			machine(network.URL)
			return client(t, app.Options{}, c.SettingsAt(elsewhere, elsewhere, network.URL), nil)
		},
	} {
		if _, created, err := made().User(local.Organizer()).CreateOrGetMeeting(t.Context(), name, hour(name)); err != nil || !created {
			t.Errorf("%s: created %v, %v", name, created, err)
		}
	}
}

// TestUsersActForThemselves by the token that they are signed in with.
func TestUsersActForThemselves(t *testing.T) {
	c := testbed.Cloud(t, &testbed.Clock{})
	token, err := c.TeamsToken("ada")
	if err != nil {
		t.Fatal(err)
	}
	ada, err := client(t, c.Options(), c.Settings(), map[string]string{"SWITCHBOARD_GRAPH_CALLERS": "delegated"}).OnBehalfOf(token)
	if err != nil {
		t.Fatal(err)
	}
	meeting, _, err := ada.CreateOrGetMeeting(t.Context(), "hers", hour("hers"))
	if err != nil || !strings.EqualFold(meeting.Organizer.UPN, "ada@contoso.example") {
		t.Errorf("%+v, %v", meeting, err)
	}
}

func TestWithoutATenantThereIsNoGraph(t *testing.T) {
	if c := client(t, app.Options{}, map[string]string{}, nil); c != nil {
		t.Error("there is one")
	}
}
