package spaces_test

import (
	"net/http"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/testbed"
)

// The answer to the batch that deletes a space is lost, and the outbox is quicker than the
// client that repeats it: it is a success all the same.
func TestALostAnswerToADeletion(t *testing.T) {
	b := testbed.New(t, rows(), nil)
	ada := join(b, "ada")
	for range 5 {
		club := ada.club("open")
		b.Drain()
		b.Cloud.CosmosFaults.Add(faults.Rule{Method: "POST", Contains: "/docs", Skip: 1, Drop: "after"})
		ada.Do("DELETE", club, "").Want(http.StatusNoContent)
		ada.Do("DELETE", club, "").Problem(http.StatusNotFound, "space_unknown")
	}
}

// Joining late confirms the call. That this cannot be stored is no reason not to let
// somebody in who may join.
func TestJoiningOutlastsAFailedConfirmation(t *testing.T) {
	b := testbed.New(t, rows(), nil)
	ada := join(b, "ada")
	club := ada.club("open")
	ada.Do("POST", club+"/call", "").Want(http.StatusCreated)
	ada.Do("POST", club+"/call/join", "").Want(http.StatusOK) // warm
	b.Drain()
	b.Clock.Move(40 * time.Minute)
	b.Cloud.CosmosFaults.Add(faults.Rule{Method: "POST", Contains: "/docs", Skip: 1, Times: -1, Status: http.StatusServiceUnavailable})
	ada.Do("POST", club+"/call/join", "").Want(http.StatusOK)
	b.Cloud.CosmosFaults.Clear()
	before := ada.Get(club + "/call").Text("expiresAt")
	ada.Do("POST", club+"/call/join", "").Want(http.StatusOK)
	if after := ada.Get(club + "/call").Text("expiresAt"); after <= before {
		t.Errorf("the call expires at %s, and confirmed at %s", before, after)
	}
}
