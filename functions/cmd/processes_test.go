package cmd_test

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/testbed"
)

// TestFirstRequestsRaceAcrossProcesses: one identity, whoever comes first.
func TestFirstRequestsRaceAcrossProcesses(t *testing.T) {
	t.Parallel()
	c := startCloud(t, "")
	executable := filepath.Join(wholeApp(t), "handler")
	var urls []string
	for range 4 {
		url, _ := plain(t, executable, c.env)
		urls = append(urls, url)
	}
	for _, user := range []string{"ada", "grace", "linus"} {
		token, err := c.OIDC.Token(user)
		if err != nil {
			t.Fatal(err)
		}
		before := len(c.ACS.Identities())
		var all sync.WaitGroup
		ids := make([]string, 60)
		for i := range ids {
			client := testbed.Client{T: t, URL: urls[i%len(urls)], Token: token}
			all.Go(func() {
				answer := client.Get("/api/token")
				if answer.Status != http.StatusOK {
					t.Errorf("%d %s", answer.Status, answer.Body)
					return
				}
				ids[i], _ = answer.JSON()["user"].(map[string]any)["communicationUserId"].(string)
			})
		}
		all.Wait()
		for _, id := range ids {
			if id != ids[0] || id == "" {
				t.Fatalf("%s got several identities: %v", user, ids)
			}
		}
		if got := len(c.ACS.Identities()) - before; got != 1 {
			t.Errorf("%d identities were made for %s", got, user)
		}
	}
}

// TestAKilledAllocationIsTakenOver kills a process between its claim and the
// provider's answer.
func TestAKilledAllocationIsTakenOver(t *testing.T) {
	t.Parallel()
	c := startCloud(t, "")
	executable := filepath.Join(wholeApp(t), "handler")
	token, err := c.OIDC.Token("ada")
	if err != nil {
		t.Fatal(err)
	}
	c.ACSFaults.Add(stuck)
	c.CosmosFaults.Record()
	first, process := plain(t, executable, c.env)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go get(ctx, first+"/api/token", token)
	for deadline := time.Now().Add(10 * time.Second); !claimed(c.CosmosFaults.Calls()); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never claimed: %v", c.CosmosFaults.Calls())
		}
	}
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}

	second, _ := plain(t, executable, c.env)
	client := testbed.Client{T: t, URL: second, Token: token}
	for deadline := time.Now().Add(30 * time.Second); client.Get("/api/token").Status != http.StatusOK; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the claim of a killed process was never taken over")
		}
	}
	if got := c.ACS.Identities(); len(got) != 1 {
		t.Errorf("at ACS there are %v", got)
	}
}

// stuck makes ACS take the first create and never answer it.
var stuck = faults.Rule{Method: http.MethodPost, Contains: "/identities", Delay: faults.Duration(time.Minute)}

// claimed reports whether a document was written.
func claimed(calls []string) bool {
	return slices.ContainsFunc(calls, func(call string) bool { return strings.HasPrefix(call, "POST ") && strings.HasSuffix(call, "/docs") })
}

// get sends a request whose answer nobody waits for.
func get(ctx context.Context, url, token string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if resp, err := http.DefaultClient.Do(r); err == nil {
		resp.Body.Close()
	}
}
