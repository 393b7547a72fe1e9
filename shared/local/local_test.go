package local_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchboard/shared/local"
	"switchboard/shared/localgraph"
	"switchboard/shared/signin"
	"switchboard/shared/testbed"
)

func options(data string) local.Options { return local.Options{Data: data, Issuer: testbed.Issuer} }

// TestWhatCannotBeOpenedSaysSo: a damaged or used directory ends in a message,
// and is as it was.
func TestWhatCannotBeOpenedSaysSo(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, data string){
		"sealing.key":  func(t *testing.T, data string) { write(t, data, "sealing.key", "") },
		"oidc.key":     func(t *testing.T, data string) { write(t, data, "oidc.key", "") },
		"acs.db":       func(t *testing.T, data string) { write(t, data, "acs.db", "not a database") },
		"cosmos.db":    func(t *testing.T, data string) { write(t, data, "cosmos.db", "not a database") },
		"graph.db":     func(t *testing.T, data string) { write(t, data, "graph.db", "not a database") },
		"graph.secret": func(t *testing.T, data string) { write(t, data, "graph.secret", "") },
		"another process": func(t *testing.T, data string) {
			other, err := local.Open(t.Context(), options(data))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { other.Close() })
		},
		"a file": nil,
	} {
		t.Run(name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			wanted := name
			if spoil == nil {
				wanted = "directory"
				write(t, filepath.Dir(data), "data", "")
			} else {
				spoil(t, data)
			}
			if _, err := local.Open(t.Context(), options(data)); err == nil || !strings.Contains(err.Error(), wanted) {
				t.Errorf("%v, want it to speak of %q", err, wanted)
			}
		})
	}
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestADirectoryKeepsItsKeys(t *testing.T) {
	data := t.TempDir()
	var first map[string]string
	for range 2 {
		c, err := local.Open(t.Context(), options(data))
		if err != nil {
			t.Fatal(err)
		}
		settings := c.Settings()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = settings
		}
		// The provider makes its key beside the start: Close has to wait for it.
		if _, err := os.Stat(filepath.Join(data, "oidc.key")); err != nil {
			t.Errorf("after Close: %v", err)
		}
		for name, value := range first {
			if settings[name] != value {
				t.Errorf("%s is another after a restart", name)
			}
		}
	}
}

// TestATeamsUserSignsIn: in this process as where Entra ID itself is, and over a
// network with the keys of the local one.
func TestATeamsUserSignsIn(t *testing.T) {
	c := testbed.Cloud(t, &testbed.Clock{})
	network := httptest.NewServer(c.GraphFaults)
	t.Cleanup(network.Close)
	token, err := c.TeamsToken("ada")
	if err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]struct {
		settings  map[string]string
		transport http.RoundTripper
	}{
		"in process": {c.Settings(), c.Options().Issuers},
		"network":    {c.SettingsAt("http://127.0.0.1:1", "http://127.0.0.1:1", network.URL), http.DefaultTransport},
	} {
		issuers, err := signin.ParseIssuers(at.settings["SWITCHBOARD_ISSUERS"])
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := signin.New(issuers, signin.Options{Transport: at.transport})
		if err != nil {
			t.Fatal(err)
		}
		caller, err := verifier.Verify(t.Context(), token)
		if err != nil || caller.UserID != signin.UserID(c.Graph.Tenant(), localgraph.SeedUserID("ada")) || caller.Name != "Ada Lovelace" {
			t.Errorf("%s: %+v, %v", name, caller, err)
		}
	}
	if _, err := c.TeamsToken("nobody"); err == nil {
		t.Error("nobody got a token")
	}
}
