package app_test

import (
	"encoding/base64"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"switchboard/shared/app"
)

const (
	tenant   = "72F988BF-86f1-41af-91ab-2d7cd011db47"
	clientID = "0ba4b28f-7d8f-4c23-9cc5-5b5f2c7d0e4f"
	secret   = "top-secret!"
)

// start makes a program of no functions with the settings of a group, which are
// written without its prefix, and returns why there is none.
func start(t *testing.T, prefix string, group map[string]string) error {
	t.Helper()
	env := func(name string) string {
		short, ours := strings.CutPrefix(name, prefix)
		if !ours {
			return ""
		}
		return group[short]
	}
	_, err := app.New(t.Context(), app.Options{}, env, slog.New(slog.DiscardHandler))
	return err
}

type group map[string]string

// with returns the group with other settings in it; an empty value unsets one.
func (g group) with(others group) group {
	all := maps.Clone(g)
	maps.Copy(all, others)
	return all
}

func TestGraphSettings(t *testing.T) {
	registered := group{"TENANT": tenant, "CLIENT_ID": clientID, "CLIENT_SECRET": secret}
	managed := group{"TENANT": tenant}
	for name, good := range map[string]group{
		"none":                     {},
		"defaults without a group": {"ENDPOINT": "https://graph.microsoft.us", "CALLERS": "none", "FEDERATED": "false"},
		"a secret":                 registered,
		"the managed identity":     managed,
		"one of several":           managed.with(group{"MANAGED_IDENTITY": clientID}),
		"a federated one":          managed.with(group{"CLIENT_ID": clientID, "FEDERATED": "true", "MANAGED_IDENTITY": clientID, "CALLERS": "delegated"}),
		"on behalf of callers":     registered.with(group{"CALLERS": "delegated"}),
		"Bookings alone":           registered.with(group{"CALLERS": "none", "BOOKINGS_BUSINESS": "b@contoso.example", "BOOKINGS_SERVICE": "s", "BOOKINGS_STAFF": "x, y"}),
		"an organizer alone":       registered.with(group{"CALLERS": "none", "ORGANIZER": clientID}),
		"another cloud":            registered.with(group{"ENDPOINT": "https://graph.microsoft.us", "AUTHORITY": "https://login.microsoftonline.us"}),
		"notifications":            registered.with(group{"NOTIFY_URL": "https://switchboard.example.com/api/graph/"}),
		"notifications at home":    registered.with(group{"NOTIFY_URL": "http://127.0.0.1:7071/api/graph"}),
	} {
		if err := start(t, "SWITCHBOARD_GRAPH_", good); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	junk := base64.StdEncoding.EncodeToString([]byte(secret))
	for name, bad := range map[string]struct {
		group group
		says  string // of the setting, after the prefix
	}{
		"no tenant":                  {group{"CLIENT_ID": clientID, "NOTIFY_URL": "https://x"}, "TENANT is missing, while SWITCHBOARD_GRAPH_CLIENT_ID, SWITCHBOARD_GRAPH_NOTIFY_URL is set"},
		"a tenant's name":            {registered.with(group{"TENANT": "contoso.example"}), "TENANT is not a GUID"},
		"a client's name":            {registered.with(group{"CLIENT_ID": "switchboard"}), "CLIENT_ID is not a GUID"},
		"an organizer's name":        {registered.with(group{"ORGANIZER": "meetings@contoso.example"}), "ORGANIZER is not a GUID"},
		"an identity's name":         {managed.with(group{"MANAGED_IDENTITY": "{" + clientID + "}"}), "MANAGED_IDENTITY is not a GUID"},
		"a client without proof":     {registered.with(group{"CLIENT_SECRET": ""}), "CLIENT_SECRET is missing"},
		"a proof without client":     {registered.with(group{"CLIENT_ID": ""}), "CLIENT_ID is missing: SWITCHBOARD_GRAPH_CLIENT_SECRET proves"},
		"two proofs":                 {registered.with(group{"FEDERATED": "true"}), "CLIENT_SECRET, SWITCHBOARD_GRAPH_FEDERATED are set together"},
		"an identity for nothing":    {registered.with(group{"MANAGED_IDENTITY": clientID}), "MANAGED_IDENTITY is not used"},
		"perhaps federated":          {managed.with(group{"FEDERATED": "perhaps"}), "FEDERATED is neither true nor false"},
		"no base64":                  {managed.with(group{"CLIENT_ID": clientID, "CERTIFICATE": secret}), "CERTIFICATE is not base64"},
		"no certificate":             {managed.with(group{"CLIENT_ID": clientID, "CERTIFICATE": junk, "CERTIFICATE_PASSWORD": secret}), "CERTIFICATE is wrong"},
		"a password for nothing":     {registered.with(group{"CERTIFICATE_PASSWORD": secret}), "CERTIFICATE_PASSWORD is set without"},
		"unknown callers":            {registered.with(group{"CALLERS": "all"}), "CALLERS is not one of"},
		"delegation to an identity":  {managed.with(group{"CALLERS": "delegated"}), "CALLERS is delegated"},
		"nobody organizes":           {registered.with(group{"CALLERS": "none"}), "ORGANIZER is missing"},
		"plain http":                 {registered.with(group{"ENDPOINT": "http://graph.example.com"}), "ENDPOINT is wrong"},
		"a plain authority":          {registered.with(group{"AUTHORITY": "http://127.0.0.1:1"}), "AUTHORITY is not an https address"},
		"an authority with a key":    {registered.with(group{"AUTHORITY": "https://" + secret + "@x/"}), "AUTHORITY is not an https address"},
		"a business without service": {registered.with(group{"BOOKINGS_BUSINESS": "b"}), "BOOKINGS_SERVICE is missing"},
		"staff without business":     {registered.with(group{"BOOKINGS_STAFF": "x"}), "BOOKINGS_BUSINESS is missing"},
		"plain notifications":        {registered.with(group{"NOTIFY_URL": "http://switchboard.example.com/api/graph"}), "NOTIFY_URL is not https"},
		"notifications with a key":   {registered.with(group{"NOTIFY_URL": "https://switchboard.example.com/api/graph?code=" + secret}), "NOTIFY_URL is not an address"},
	} {
		err := start(t, "SWITCHBOARD_GRAPH_", bad.group)
		if err == nil || !strings.Contains(err.Error(), "SWITCHBOARD_GRAPH_"+bad.says) {
			t.Errorf("%s: %v, want it to say %q", name, err, bad.says)
		} else if n := strings.Count(err.Error(), "\n"); n != 1 {
			t.Errorf("%s is %d faults: %v", name, n, err)
		} else if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), junk) {
			t.Errorf("%s: repeats a secret: %v", name, err)
		}
	}
}

// TestGraphFaultsAreToldAtOnce, in one start.
func TestGraphFaultsAreToldAtOnce(t *testing.T) {
	err := start(t, "SWITCHBOARD_GRAPH_", group{
		"TENANT": "contoso", "CLIENT_ID": "switchboard", "CLIENT_SECRET": secret, "CERTIFICATE": secret,
		"CALLERS": "all", "ENDPOINT": "graph", "AUTHORITY": "login", "NOTIFY_URL": "here", "BOOKINGS_STAFF": "x",
	})
	for _, says := range []string{
		"TENANT is", "CLIENT_ID is", "CERTIFICATE is", "CERTIFICATE, SWITCHBOARD_GRAPH_CLIENT_SECRET are set together",
		"CALLERS is", "ENDPOINT is", "AUTHORITY is", "NOTIFY_URL is", "BOOKINGS_BUSINESS is",
	} {
		if err == nil || !strings.Contains(err.Error(), "SWITCHBOARD_GRAPH_"+says) || strings.Contains(err.Error(), secret) {
			t.Errorf("%v, want it to say %q", err, says)
		}
	}
}

func TestMeetingsSettings(t *testing.T) {
	if err := start(t, "SWITCHBOARD_MEETINGS_", group{"OPENS_BEFORE": "0s", "SCOPES": "voip", "ANONYMOUS_START": "true"}); err != nil {
		t.Error(err)
	}
	bad := group{
		"OPENS_BEFORE": "-1m", "CLOSES_AFTER": "25h", "ATTENDEES_MAX": "0", "GUESTS_MAX": "many",
		"SCOPES": "chat.join", "ANONYMOUS_START": "perhaps", "TIMEOUT": "1ms",
	}
	if err := start(t, "SWITCHBOARD_MEETINGS_", group{"TIMEOUT": "31s"}); err == nil { // others go on with a meeting after 40
		t.Error("requests may take longer than their leases last")
	}
	err := start(t, "SWITCHBOARD_MEETINGS_", bad)
	for name := range bad {
		if err == nil || !strings.Contains(err.Error(), "SWITCHBOARD_MEETINGS_"+name+" ") {
			t.Errorf("nothing is said of %s: %v", name, err)
		}
	}
}
