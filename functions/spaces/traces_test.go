package spaces_test

import (
	"net/http"
	"strings"
	"testing"

	"switchboard/shared/testbed"
)

// The banned hear no more of a space, so nothing of it is kept for them: not who began
// its call either, who may be erased one day.
func TestTheBannedKeepNoTrace(t *testing.T) {
	b := testbed.New(t, rows(), nil)
	ada, grace, mallory := join(b, "ada"), join(b, "grace"), join(b, "mallory")
	club := ada.club("open")
	for _, p := range []person{grace, mallory} {
		p.Do("POST", club+"/join", "").Want(http.StatusOK)
	}
	grace.Do("POST", club+"/call", "").Want(http.StatusCreated)
	b.Drain()
	ada.Do("PUT", club+"/members/"+mallory.id, `{"role":"banned"}`).Want(http.StatusOK)
	b.Drain()
	grace.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
	b.Drain()
	for _, doc := range b.Stored("SELECT * FROM c WHERE c.pk != 'u:" + grace.id + "'") {
		if strings.Contains(string(doc), grace.id) {
			t.Errorf("Grace is erased, and still in %s", doc)
		}
	}
	for _, doc := range b.Stored("SELECT * FROM c WHERE c.pk = 'u:" + mallory.id + "' AND c.type = 'place'") {
		if strings.Contains(string(doc), "Chess") {
			t.Errorf("Mallory has %s", doc)
		}
	}

	// Where the ban is lifted, a new beginning has all of it.
	ada.Do("DELETE", club+"/members/"+mallory.id, "").Want(http.StatusNoContent)
	mallory.Do("POST", club+"/join", "").Want(http.StatusOK)
	if mine := mallory.mine(); len(mine) != 1 || mine[0]["name"] != "Chess" || mine[0]["call"] == nil {
		t.Errorf("Mallory's spaces: %v", mine)
	}
}
