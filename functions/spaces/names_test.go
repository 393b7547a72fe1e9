package spaces_test

import (
	"net/http"
	"testing"

	"switchboard/shared/testbed"
)

// To ban a user in advance takes the user id alone. It tells nobody the name of who does
// not want to be found, nor the later names of those who are kept out.
func TestBansTellNoNames(t *testing.T) {
	b := testbed.New(t, rows(), nil)
	grace, linus, mallory := join(b, "grace"), join(b, "linus"), join(b, "mallory")
	trap := mallory.club("open")
	linus.Do("POST", trap+"/join", "").Want(http.StatusOK)
	mallory.Do("PUT", trap+"/members/"+linus.id, `{"role":"banned"}`).Want(http.StatusOK)
	if told := mallory.Do("PUT", trap+"/members/"+grace.id, `{"role":"banned"}`).Want(http.StatusOK); told.Text("displayName") != "" {
		t.Errorf("a ban in advance is told the name: %s", told.Body)
	}
	b.Drain()
	for _, p := range []person{grace, linus} {
		p.Do("PATCH", "/api/user", `{"displayName":"A new life"}`).Want(http.StatusOK)
	}
	b.Drain()
	names := map[any]any{}
	for _, m := range items(mallory.Get(trap + "/members?role=banned")) {
		names[m["userId"]] = m["displayName"]
	}
	if len(names) != 2 || names[grace.id] != "" || names[linus.id] != "The linus" {
		t.Errorf("the banned are called %v", names)
	}
}
