package friends_test

import (
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/functions/friends"
	"switchboard/functions/user"
	"switchboard/shared/function"
	"switchboard/shared/storage"
	"switchboard/shared/testbed"
)

// usedUp is the stored form of an invite that nobody can use any more.
type usedUp struct {
	storage.Head
	Uses      int       `json:"uses"`
	Accepted  []string  `json:"accepted"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// TestUsedInvites: however many were used up, another costs the same; and a request that
// is repeated late is told of the invite that it made.
func TestUsedInvites(t *testing.T) {
	b := testbed.New(t, []function.Function{user.Function(), friends.Function()}, nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	first := ada.Do("POST", "/api/friends/invites", "", "Idempotency-Key: 1").Want(http.StatusCreated).Text("code")
	grace.Do("POST", "/api/friends/invites/"+first+"/accept", "").Want(http.StatusOK)
	store := b.Store()
	for range 2 {
		var many storage.Batch
		for range storage.MaxBatch {
			id := "invite:" + strings.ToLower(rand.Text())
			many.Put(&usedUp{Head: storage.Head{PK: "u:" + ada.id, ID: id, Type: "invite"}, Uses: 1, Accepted: []string{grace.id}, ExpiresAt: b.Clock.Now().Add(time.Hour)})
		}
		if err := store.Write(t.Context(), many); err != nil {
			t.Fatal(err)
		}
	}
	if again := ada.Do("POST", "/api/friends/invites", "", "Idempotency-Key: 1").Want(http.StatusOK); again.Text("code") != first || again.JSON()["used"] != 1.0 {
		t.Errorf("repeated: %s", again.Body)
	}
	b.Cloud.CosmosFaults.Record()
	ada.Do("POST", "/api/friends/invites", "").Want(http.StatusCreated)
	if calls := b.Cloud.CosmosFaults.Calls(); len(calls) != 3 {
		t.Errorf("another invite took %v, want a read, a query and a batch", calls)
	}
	if open := ada.Get("/api/friends/invites").JSON()["items"].([]any); len(open) != 1 {
		t.Errorf("open are %v", open)
	}
}
