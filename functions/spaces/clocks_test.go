package spaces_test

import (
	"net/http"
	"testing"
	"time"

	"switchboard/functions/spaces"
	"switchboard/functions/token"
	"switchboard/functions/user"
	"switchboard/shared/function"
	"switchboard/shared/testbed"
)

// Who was removed comes back by an instance whose clock is seconds behind, before the
// outbox has told of the removal: the list says what they are now.
func TestClocksThatDiffer(t *testing.T) {
	late := []function.Function{token.Function(), user.Function(), spaces.Function()} // and no notify: the outbox waits
	b := testbed.New(t, late, nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	club := ada.club("open")
	ada.Do("POST", club+"/call", "").Want(http.StatusCreated)
	b.Clock.Move(4 * time.Second)
	grace.Do("POST", club+"/join", "").Want(http.StatusOK)
	b.Clock.Move(-4 * time.Second)
	ada.Do("DELETE", club+"/members/"+grace.id, "").Want(http.StatusNoContent)
	ada.Do("PATCH", club, `{"joinPolicy":"request"}`).Want(http.StatusOK)
	if role := grace.Do("POST", club+"/join", "").Want(http.StatusOK).Text("role"); role != "pending" {
		t.Fatalf("Grace is %s", role)
	}
	if mine := grace.mine(); len(mine) != 1 || mine[0]["role"] != "pending" || mine[0]["call"] != nil {
		t.Errorf("Grace's list: %v", mine)
	}
}
