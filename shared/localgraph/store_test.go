package localgraph_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchboard/shared/localgraph"
)

// TestCrash copies the file of a server that is running, which is what a crash
// leaves, and goes on from the copy.
func TestCrash(t *testing.T) {
	settings := localgraph.Settings{PolicyGlobal: true}
	path := filepath.Join(t.TempDir(), "made", "on", "the", "way", "graph.db")
	before := newTenant(t, localgraph.Options{Path: path, Settings: settings})
	meetings := user("ada") + "/onlineMeetings"
	kept := before.must(http.StatusCreated, "POST", meetings+"/createOrGet", `{"externalId":"kept"}`).text(t, "id")
	gone := before.must(http.StatusCreated, "POST", meetings+"/createOrGet", `{"externalId":"gone"}`).text(t, "id")
	before.must(http.StatusOK, "PATCH", meetings+"/"+kept, `{"subject":"Patched"}`)
	before.must(http.StatusNoContent, "DELETE", meetings+"/"+gone, "")

	crashed := filepath.Join(t.TempDir(), "graph.db")
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(crashed, file, 0o600); err != nil {
		t.Fatal(err)
	}
	after := newTenant(t, localgraph.Options{Path: crashed, Settings: settings})
	if a := after.must(http.StatusOK, "POST", meetings+"/createOrGet", `{"externalId":"kept"}`); a.text(t, "id") != kept || a.text(t, "subject") != "Patched" {
		t.Errorf("after the crash the meeting is %s", a.Text)
	}
	after.must(http.StatusNotFound, "GET", meetings+"/"+gone, "")
}

// TestSigningKey: tokens outlive a restart.
func TestSigningKey(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a key")
	}
	path := filepath.Join(t.TempDir(), "graph.db")
	var tokens []string
	for range 2 {
		server, err := localgraph.New(localgraph.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		token, err := server.UserToken(localgraph.SeedUserID("ada"), clientID)
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token[:strings.Index(token, ".")]) // names the key
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if tokens[0] != tokens[1] {
		t.Error("a restart makes a new key")
	}
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "graph.db")
	newTenant(t, localgraph.Options{Path: path})
	if _, err := localgraph.New(localgraph.Options{Path: path}); err == nil {
		t.Error("two servers share a file")
	}
	broken := filepath.Join(t.TempDir(), "broken.db")
	if err := os.WriteFile(broken, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]localgraph.Options{
		"a file that is no database": {Path: broken},
		"an unknown setting":         {Settings: localgraph.Settings{PolicyRefusal: "maybe"}},
		"a tenant without an id":     {Tenant: "contoso"},
		"a user without an id":       {Users: []localgraph.User{{UPN: "x@example.com"}}},
		"an app without an id":       {Apps: []localgraph.App{{Secret: "x"}}},
	} {
		if _, err := localgraph.New(o); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
