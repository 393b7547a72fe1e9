package token_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/shared/faults"
)

func TestRevocationHoldsEverywhereAtOnce(t *testing.T) {
	b := bed(t, nil)
	ada, other := b.As("ada"), b.Start()
	first := ada.Get("/api/token").Want(http.StatusOK)
	ada.At(other).Get("/api/token").Want(http.StatusOK)
	b.Clock.Move(2 * time.Second)

	ada.Do("DELETE", "/api/token", "").Want(http.StatusNoContent)
	if b.Cloud.ACS.TokenValid(first.Text("token")) {
		t.Error("the token still works")
	}
	b.Clock.Move(2 * time.Second)
	next := ada.At(other).Get("/api/token").Want(http.StatusOK)
	if !b.Cloud.ACS.TokenValid(next.Text("token")) {
		t.Error("another instance still gives a token that was revoked")
	}
	if identityOf(t, next) != identityOf(t, first) {
		t.Error("the revocation changed the identity")
	}
	ada.Do("DELETE", "/api/token", "").Want(http.StatusNoContent)
	b.As("grace").Do("DELETE", "/api/token", "").Want(http.StatusNoContent) // never had one
}

func TestARevocationThatFailsIsFinishedBeforeAnythingElse(t *testing.T) {
	b := bed(t, nil)
	ada := b.As("ada")
	first := ada.Get("/api/token").Want(http.StatusOK).Text("token")
	b.Cloud.ACSFaults.Add(faults.Rule{Contains: "revokeAccessTokens", Times: -1, Status: 500})
	ada.Do("DELETE", "/api/token", "").Problem(http.StatusBadGateway, "calling_failed")
	if !b.Cloud.ACS.TokenValid(first) {
		t.Fatal("the test does not test: the token was revoked")
	}
	b.Cloud.ACSFaults.Clear()
	b.Clock.Move(2 * time.Second)
	next := ada.At(b.Start()).Get("/api/token").Want(http.StatusOK).Text("token")
	if b.Cloud.ACS.TokenValid(first) || next == first {
		t.Error("a revocation that had begun was forgotten")
	}
}

func TestWithoutASealingKeyTokensStayInMemory(t *testing.T) {
	b := bed(t, map[string]string{"SWITCHBOARD_SEALING_KEYS": ""})
	ada, other := b.As("ada"), b.Start()
	first := ada.Get("/api/token").Want(http.StatusOK)
	ada.At(other).Get("/api/token").Want(http.StatusOK)
	b.Cloud.ACSFaults.Record()
	if again := ada.Get("/api/token").Want(http.StatusOK); again.Text("token") != first.Text("token") {
		t.Error("the same instance gave another token")
	}
	if calls := b.Cloud.ACSFaults.Calls(); len(calls) != 0 {
		t.Errorf("a warm token called ACS: %v", calls)
	}
	b.Clock.Move(2 * time.Second)
	ada.At(other).Do("DELETE", "/api/token", "").Want(http.StatusNoContent)
	b.Clock.Move(2 * time.Second)
	if after := ada.Get("/api/token").Want(http.StatusOK); !b.Cloud.ACS.TokenValid(after.Text("token")) {
		t.Error("the first instance still gives a token that the other one revoked")
	}
}

func TestStoredTokensAreSealed(t *testing.T) {
	b := bed(t, nil)
	issued := b.As("ada").Get("/api/token").Want(http.StatusOK).Text("token")
	stored := b.Stored("SELECT * FROM c")
	if len(stored) == 0 || !strings.Contains(string(stored[0]), `"sealed"`) {
		t.Fatalf("no sealed token is stored: %s", stored)
	}
	for _, doc := range stored {
		if strings.Contains(string(doc), strings.Split(issued, ".")[2]) {
			t.Error("a token is stored in the clear")
		}
	}
	if strings.Contains(b.Log.String(), strings.Split(issued, ".")[2]) {
		t.Error("a token is in the log")
	}
}

func TestARotatedKeyRingStaysWarm(t *testing.T) {
	key := func(id string, fill string) string {
		return id + ":" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(fill, 32)))
	}
	b := bed(t, map[string]string{"SWITCHBOARD_SEALING_KEYS": key("one", "1")})
	first := b.As("ada").Get("/api/token").Want(http.StatusOK).Text("token")
	b.Set("SWITCHBOARD_SEALING_KEYS", key("two", "2")+","+key("one", "1"))
	if again := b.As("ada").At(b.Start()).Get("/api/token").Want(http.StatusOK).Text("token"); again != first {
		t.Error("a token sealed with the older key was not opened")
	}
	b.Set("SWITCHBOARD_SEALING_KEYS", key("three", "3"))
	b.Clock.Move(2 * time.Second) // tokens of one second are the same
	if again := b.As("ada").At(b.Start()).Get("/api/token").Want(http.StatusOK).Text("token"); again == first {
		t.Error("a token was opened without its key")
	}
}
