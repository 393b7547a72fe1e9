package token_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"switchboard/shared/faults"
)

func TestWhatBreaksBehindIsToldAndNeverHangs(t *testing.T) {
	for _, test := range []struct {
		name   string
		rule   faults.Rule
		status int
		code   string
		retry  string
	}{
		{"throttled, says for how long", faults.Rule{Times: -1, Status: 429, Header: map[string]string{"Retry-After": "17"}}, 503, "calling_throttled", "17"},
		{"throttled, says nothing", faults.Rule{Times: -1, Status: 429}, 503, "calling_throttled", "2"},
		{"unavailable", faults.Rule{Times: -1, Status: 503, Header: map[string]string{"Retry-After": "9"}}, 503, "calling_unavailable", "9"},
		{"broken", faults.Rule{Times: -1, Status: 500}, 502, "calling_failed", ""},
		{"nonsense", faults.Rule{Times: -1, Status: 201, Header: map[string]string{"Content-Type": "text/html"}, Body: "<html>token</html>"}, 502, "calling_failed", ""},
		{"half an answer", faults.Rule{Times: -1, Status: 201, Header: map[string]string{"Content-Type": "application/json"}, Body: `{"identity":{}}`}, 502, "calling_failed", ""},
		{"slow", faults.Rule{Times: -1, Delay: faults.Duration(time.Minute)}, 504, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := bed(t, nil)
			b.Cloud.ACSFaults.Add(test.rule)
			began := time.Now()
			answer := b.As("ada").Get("/api/token").Want(test.status)
			if took := time.Since(began); took > 2500*time.Millisecond {
				t.Errorf("took %v: clients have given up by then", took)
			}
			if code := answer.Text("code"); test.code != "" && code != test.code {
				t.Errorf("code %s, want %s", code, test.code)
			}
			if got := answer.Header.Get("Retry-After"); test.retry != "" && got != test.retry {
				t.Errorf("Retry-After %q, want %q", got, test.retry)
			}
			b.Cloud.ACSFaults.Clear()
		})
	}
}

func TestASlowAllocationIsFoundDoneByTheNextRequest(t *testing.T) {
	b := bed(t, map[string]string{"SWITCHBOARD_REQUEST_TIMEOUT": "150ms"})
	b.Cloud.ACSFaults.Add(faults.Rule{Delay: faults.Duration(300 * time.Millisecond)})
	ada := b.As("ada")
	ada.Get("/api/token").Problem(http.StatusGatewayTimeout, "identity_pending")
	deadline := time.Now().Add(5 * time.Second)
	for ada.Get("/api/token").Status != http.StatusOK {
		if time.Now().After(deadline) {
			t.Fatal("the allocation never ended")
		}
	}
	if n := len(b.Cloud.ACS.Identities()); n != 1 {
		t.Errorf("%d identities at ACS", n)
	}
}

func TestAnAnswerThatIsLostLosesNoMapping(t *testing.T) {
	for name, rule := range map[string]faults.Rule{
		"the claim":                   {Method: "POST", Contains: "/docs", Drop: "after"},
		"the end":                     {Method: "PUT", Contains: "/docs/", Drop: "after"},
		"the end, refused":            {Method: "PUT", Contains: "/docs/", Status: 503, Times: 3},
		"the end, unreached for long": {Method: "PUT", Contains: "/docs/", Drop: "before", Times: 6},
		"ACS":                         {Method: "POST", Contains: "/identities", Status: 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bed(t, nil)
			if name == "ACS" {
				b.Cloud.ACSFaults.Add(rule)
			} else {
				b.Cloud.CosmosFaults.Add(rule)
			}
			id := identityOf(t, b.As("ada").Get("/api/token").Want(http.StatusOK))
			if got := b.Cloud.ACS.Identities(); len(got) != 1 || got[0] != id {
				t.Errorf("the answer names %s, at ACS there are %v", id, got)
			}
			if stored := b.As("ada").Get("/api/user").Want(http.StatusOK).Text("communicationUserId"); stored != id {
				t.Errorf("the answer names %s, stored is %s", id, stored)
			}
		})
	}
}

func TestFirstRequestsRace(t *testing.T) {
	b := bed(t, nil)
	instances := []string{b.URL, b.Start(), b.Start(), b.Start()}
	const clients = 40
	ids := make([]string, clients)
	ada := b.As("ada")
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			path, method := "/api/token", "GET"
			if i%5 == 0 {
				path, method = "/api/user", "POST"
			}
			answer := ada.At(instances[i%len(instances)]).Do(method, path, "")
			switch answer.Status {
			case http.StatusOK, http.StatusCreated:
			default:
				t.Errorf("%s %s: %d %s", method, path, answer.Status, answer.Body)
				return
			}
			if method == "POST" {
				ids[i] = answer.Text("communicationUserId")
				return
			}
			ids[i] = identityOf(t, answer)
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("the user got several identities: %v", ids)
		}
	}
	if got := b.Cloud.ACS.Identities(); len(got) != 1 || got[0] != ids[0] {
		t.Errorf("the user has %s, at ACS there are %v", ids[0], got)
	}
}

func TestAReplacedResourceKeepsTheUser(t *testing.T) {
	b := bed(t, nil)
	ada := b.As("ada")
	ada.Do("PATCH", "/api/user", `{}`).Want(http.StatusNotFound)
	before := identityOf(t, ada.Get("/api/token").Want(http.StatusOK))
	ada.Do("PATCH", "/api/user", `{"displayName":"Countess"}`).Want(http.StatusOK)

	// ACS answers as it does for an identity that belongs to another resource.
	b.Cloud.ACSFaults.Add(faults.Rule{Method: "POST", Contains: "issueAccessToken", Status: 401, Header: map[string]string{"Content-Type": "application/json"},
		Body: `{"error":{"code":"IdentityNotOwned","message":"Provided identity doesn't belong to the resource."}}`})
	after := identityOf(t, ada.Get("/api/token?scope=chat").Want(http.StatusOK))
	if after == before {
		t.Error("the lost identity is still in use")
	}
	profile := ada.Get("/api/user").Want(http.StatusOK)
	if profile.Text("communicationUserId") != after || profile.Text("displayName") != "Countess" {
		t.Errorf("the user was not kept: %s", profile.Body)
	}
	if again := identityOf(t, ada.Get("/api/token").Want(http.StatusOK)); again != after {
		t.Error("a token of the lost identity was kept")
	}
}
