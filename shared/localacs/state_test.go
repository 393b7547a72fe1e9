package localacs_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"switchboard/shared/localacs"
)

// TestCrash copies the file of a service that is running, which is what a crash
// leaves, and goes on from the copy.
func TestCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "on", "the", "way", "acs.db")
	before := newResource(t, localacs.Options{Path: path})
	kept, keptPath := before.identity()
	revoked, revokedPath := before.identity()
	_, deletedPath := before.identity()
	stillGood := before.issue(keptPath, `{"scopes":["chat"]}`).Token
	noLonger := before.issue(revokedPath, `{"scopes":["chat"]}`).Token
	before.call("POST", revokedPath+"/:revokeAccessTokens"+query, "")
	before.call("DELETE", deletedPath+query, "")

	crashed := filepath.Join(t.TempDir(), "acs.db")
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(crashed, file, 0o600); err != nil {
		t.Fatal(err)
	}
	after := newResource(t, localacs.Options{Path: crashed})
	want := []string{kept, revoked}
	slices.Sort(want)
	if got := after.Identities(); !slices.Equal(got, want) {
		t.Errorf("after the crash there are %q, want %q", got, want)
	}
	if !after.TokenValid(stillGood) || after.TokenValid(noLonger) {
		t.Error("after the crash a token works that was revoked, or does not that was good")
	}
	if a := after.issue(keptPath, `{"scopes":["voip"]}`); !after.TokenValid(a.Token) {
		t.Error("after the crash a new token does not work")
	}
	id, _ := after.identity()
	if resource, _, _ := strings.Cut(kept, "_"); !strings.HasPrefix(id, resource) {
		t.Errorf("after the crash identities begin otherwise: %s, not %s", id, resource)
	}
}

func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acs.db")
	open := func(o localacs.Options) (*localacs.Service, error) {
		o.Path = path
		return localacs.New(o)
	}
	first, err := open(localacs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(localacs.Options{}); err == nil {
		t.Error("two services share a file")
	}
	before := first.ConnectionString("http://127.0.0.1:8082")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := open(localacs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if after := second.ConnectionString("http://127.0.0.1:8082/"); after != before {
		t.Error("the connection string changed")
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := open(localacs.Options{ResourceID: vectorResource}); err == nil {
		t.Error("a resource took over the file of another")
	}
	if _, err := open(localacs.Options{AccessKey: "not base64"}); err == nil {
		t.Error("an access key that is not base64 was accepted")
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(localacs.Options{}); err == nil {
		t.Error("a file that is no database was accepted")
	}
}
