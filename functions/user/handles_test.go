package user_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/testbed"
)

// Two changes of one user meet: one says the handle again that the other gives up.
func TestAHandleThatIsSaidIsHeld(t *testing.T) {
	b := bed(t)
	ada, grace, other := b.As("ada"), b.As("grace"), b.Start()
	ada.At(other).Do("POST", "/api/user", "").Want(http.StatusCreated)
	grace.Do("POST", "/api/user", "").Want(http.StatusCreated)
	ada.Do("PATCH", "/api/user", `{"handle":"hhh"}`).Want(http.StatusOK)
	b.Clock.Move(2 * time.Minute)
	ada = b.As("ada")
	// The first is caught between its look at the profile and its change.
	b.Cloud.CosmosFaults.Add(faults.Rule{Method: "GET", Contains: "/docs/identity", Skip: 1, Delay: faults.Duration(300 * time.Millisecond)})
	var all sync.WaitGroup
	all.Go(func() { ada.Do("PATCH", "/api/user", `{"handle":"hhh","discoverable":true}`).Want(http.StatusOK) })
	time.Sleep(100 * time.Millisecond)
	ada.At(other).Do("PATCH", "/api/user", `{"handle":"ggg"}`).Want(http.StatusOK)
	all.Wait()
	b.Clock.Move(2 * time.Minute)
	answer := b.As("grace").Do("PATCH", "/api/user", `{"handle":"hhh"}`)
	if h := b.As("ada").Get("/api/user").JSON()["handle"]; answer.Status == http.StatusOK && h == "hhh" {
		t.Error("two users have the handle hhh")
	}
}

// A handle that was given up a moment ago is the user's still.
func TestErasureReleasesHandlesOfBefore(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
	ada.Do("PATCH", "/api/user", `{"handle":"first-choice"}`).Want(http.StatusOK)
	ada.Do("PATCH", "/api/user", `{"handle":"second-choice"}`).Want(http.StatusOK)
	ada.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
	b.Clock.Move(24 * time.Hour)
	nothingLeft(t, b, "a day later")
}

// A handle was claimed and never said.
func TestErasureReleasesHandlesClaimedInVain(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
	b.Cloud.CosmosFaults.Add(faults.Rule{Method: "PUT", Contains: "/docs/identity", Skip: 1, Status: 503})
	if a := ada.Do("PATCH", "/api/user", `{"handle":"first-choice"}`); a.Status != 503 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	ada.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
	b.Clock.Move(24 * time.Hour)
	nothingLeft(t, b, "a day later")
}

// Both ask for the same handle at the same time.
func TestOneUserOnTwoDevicesClaimsOnce(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
	b.Cloud.CosmosFaults.Add(faults.Rule{Method: "POST", Contains: "/docs", Delay: faults.Duration(100 * time.Millisecond), Times: 2})
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if a := ada.Do("PATCH", "/api/user", `{"handle":"mine"}`); a.Status != 200 {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
	all.Wait()
}

// A change by the same user may be about to say it.
func TestAHandleJustClaimedIsNotFreeAtOnce(t *testing.T) {
	b := bed(t)
	ada, grace := b.As("ada"), b.As("grace")
	ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
	grace.Do("POST", "/api/user", "").Want(http.StatusCreated)
	ada.Do("PATCH", "/api/user", `{"handle":"one"}`).Want(http.StatusOK)
	ada.Do("PATCH", "/api/user", `{"handle":"two"}`).Want(http.StatusOK)
	grace.Do("PATCH", "/api/user", `{"handle":"one"}`).Problem(http.StatusConflict, "handle_taken")
}

// An old claim is made again, and caught before the profile says it.
func TestClaimingAgainRenewsTheClaim(t *testing.T) {
	b := bed(t)
	ada, grace, other := b.As("ada"), b.As("grace"), b.Start()
	ada.At(other).Do("POST", "/api/user", "").Want(http.StatusCreated)
	grace.At(other).Do("POST", "/api/user", "").Want(http.StatusCreated)
	b.Cloud.CosmosFaults.Add(faults.Rule{Method: "PUT", Contains: "/docs/identity", Skip: 1, Status: 503})
	ada.Do("PATCH", "/api/user", `{"handle":"one"}`).Want(http.StatusServiceUnavailable) // claimed in vain
	b.Clock.Move(2 * time.Minute)
	ada, grace = b.As("ada"), b.As("grace")
	// Claimed again, and caught before the profile says it.
	b.Cloud.CosmosFaults.Add(faults.Rule{Method: "PUT", Contains: "/docs/identity", Delay: faults.Duration(250 * time.Millisecond)})
	var all sync.WaitGroup
	all.Go(func() { ada.Do("PATCH", "/api/user", `{"handle":"one"}`).Want(http.StatusOK) })
	time.Sleep(80 * time.Millisecond)
	grace.At(other).Do("PATCH", "/api/user", `{"handle":"one"}`).Problem(http.StatusConflict, "handle_taken")
	all.Wait()
}

// The first is caught between its look and its write.
func TestOfTwoChangesOfOneVersionOneIsRefused(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	v := ada.Do("POST", "/api/user", "").Want(http.StatusCreated).Header.Get("ETag")
	// The first is caught between its look and its write.
	b.Cloud.CosmosFaults.Add(faults.Rule{Method: "POST", Delay: faults.Duration(200 * time.Millisecond)})
	var slow testbed.Answer
	var all sync.WaitGroup
	all.Go(func() { slow = ada.Do("PATCH", "/api/user", `{"displayName":"A"}`, "If-Match: "+v) })
	time.Sleep(60 * time.Millisecond)
	ada.Do("PATCH", "/api/user", `{"displayName":"B"}`, "If-Match: "+v).Want(http.StatusOK)
	all.Wait()
	slow.Problem(http.StatusPreconditionFailed, "version_stale")
}

// Attempts at them are noted before they are refused.
func TestHandlesThatAreTakenLockNobodyOut(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
	for i := range 8 {
		u := b.As([]string{"grace", "linus"}[i%2])
		u.Do("POST", "/api/user", "")
		u.Do("PATCH", "/api/user", fmt.Sprintf(`{"handle":"name%d"}`, i)).Want(http.StatusOK)
		ada.Do("PATCH", "/api/user", fmt.Sprintf(`{"handle":"name%d"}`, i)).Problem(http.StatusConflict, "handle_taken")
	}
	b.Clock.Move(10 * time.Minute)
	ada = b.As("ada")
	ada.Do("PATCH", "/api/user", `{"handle":"free-one"}`).Want(http.StatusOK)
}

// Each handle is the user's for a minute at least.
func TestTooManyChangesOfHandle(t *testing.T) {
	b := bed(t)
	ada := b.As("ada")
	ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
	for i := range 8 {
		ada.Do("PATCH", "/api/user", fmt.Sprintf(`{"handle":"name%d"}`, i)).Want(http.StatusOK)
	}
	ada.Do("PATCH", "/api/user", `{"handle":"free-one"}`).Problem(http.StatusConflict, "handle_changed_often")
	b.Clock.Move(10 * time.Minute)
	ada = b.As("ada")
	ada.Do("PATCH", "/api/user", `{"handle":"free-one"}`).Want(http.StatusOK)
}

// One device gives a handle up while another says it again.
func TestAHandleThatIsSaidIsNoted(t *testing.T) {
	b := bed(t)
	ada, other := b.As("ada"), b.Start()
	ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
	ada.Do("PATCH", "/api/user", `{"handle":"aaa"}`).Want(http.StatusOK)
	b.Clock.Move(2 * time.Minute)
	ada = b.As("ada")
	b.Cloud.CosmosFaults.Add(faults.Rule{Method: "PUT", Contains: "/docs/identity", Skip: 2, Delay: faults.Duration(250 * time.Millisecond)})
	b.Cloud.CosmosFaults.Add(faults.Rule{Method: "PUT", Contains: "/docs/identity", Skip: 2, Delay: faults.Duration(400 * time.Millisecond)})
	var all sync.WaitGroup
	all.Go(func() { ada.Do("PATCH", "/api/user", `{"handle":"bbb"}`).Want(http.StatusOK) })
	time.Sleep(120 * time.Millisecond) // aaa is given up, and noted still
	ada.At(other).Do("PATCH", "/api/user", `{"handle":"aaa"}`).Want(http.StatusOK)
	all.Wait()
	ada.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
	b.Clock.Move(24 * time.Hour)
	nothingLeft(t, b, "a day after the erasure")
}

// Handles that look alike are one.
func TestHandlesThatLookAlike(t *testing.T) {
	b := bed(t)
	ada, mallory := b.As("ada"), b.As("mallory")
	ada.Do("POST", "/api/user", "").Want(http.StatusCreated)
	mallory.Do("POST", "/api/user", "").Want(http.StatusCreated)
	if h := ada.Do("PATCH", "/api/user", `{"handle":"Lovelace1815.0"}`).Want(http.StatusOK).Text("handle"); h != "Lovelace1815.0" {
		t.Errorf("the handle is shown as %s", h)
	}
	for _, handle := range []string{"1ovelace1815.0", "l0velacel815.O", "LOVELACE1815.0"} {
		mallory.Do("PATCH", "/api/user", `{"handle":"`+handle+`"}`).Problem(http.StatusConflict, "handle_taken")
	}
	ada.Do("PATCH", "/api/user", `{"handle":"love1ace1815.0"}`).Want(http.StatusOK) // her own, in another way
}
