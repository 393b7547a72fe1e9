package localgraph_test

import (
	"net/http"
	"testing"

	"switchboard/shared/localgraph"
)

// TestUsersTokensForTheLaptop: whoever is at the machine gets them, a page that
// points its own name there does not.
func TestUsersTokensForTheLaptop(t *testing.T) {
	identity := localgraph.App{ClientID: "77aa2bd8-44a1-4e5c-9f6b-0c3d5e7f9a12", ManagedIdentity: true}
	n := newTenant(t, localgraph.Options{Apps: []localgraph.App{application(), identity}})
	want, err := n.UserToken(localgraph.SeedUserID("ada"), clientID)
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"ada", "ada@contoso.example", localgraph.SeedUserID("ada"), "ada&client_id=" + clientID} {
		if a := n.must(http.StatusOK, "GET", "/_token?user="+query, ""); a.Text != want {
			t.Errorf("%s gets %s, want %s", query, a.Text, want)
		}
	}
	for _, query := range []string{"nobody", "", "ada&client_id=" + identity.ClientID} {
		n.must(http.StatusNotFound, "GET", "/_token?user="+query, "")
	}
	r := n.request("GET", "/_token?user=ada", "")
	r.Host = "evil.example"
	if a := n.do(r); a.Code != http.StatusForbidden {
		t.Errorf("at another name the answer is %d %s", a.Code, a.Text)
	}
}
