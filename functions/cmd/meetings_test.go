package cmd_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/localgraph"
	"switchboard/shared/testbed"
)

// TestAKillAfterGraphsAnswerMakesNoSecondMeeting kills a process with SIGKILL when Graph
// has made its meeting and the store does not know, and repeats the request at another.
func TestAKillAfterGraphsAnswerMakesNoSecondMeeting(t *testing.T) {
	t.Parallel()
	c := startCloud(t, "")
	executable := filepath.Join(wholeApp(t), "handler")
	ada := people(t, c, "ada")[0]
	second, _ := plain(t, executable, c.env)
	for mode, held := range map[string]int{"standalone": 1, "calendar": 2} { // an event, and its meeting
		before := len(atGraph(t, c))
		start := time.Now().Add(10 * time.Minute).UTC().Truncate(time.Second)
		body := fmt.Sprintf(`{"mode":%q,"subject":"Consultation","startsAt":%q,"endsAt":%q}`, mode, start.Format(time.RFC3339), start.Add(time.Hour).Format(time.RFC3339))
		first, process := plain(t, executable, c.env)
		c.CosmosFaults.Record()
		c.CosmosFaults.Add(faults.Rule{Method: http.MethodPost, Contains: "/docs", Skip: 1, Times: -1, Delay: faults.Duration(time.Minute)})
		ctx, cancel := context.WithCancel(t.Context())
		go post(ctx, ada.At(first), body, mode)
		for deadline := time.Now().Add(20 * time.Second); docs(c.CosmosFaults.Calls()) < 2; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("nothing is to be stored: %q", c.CosmosFaults.Calls())
			}
		}
		if err := process.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cancel()
		c.CosmosFaults.Clear()
		if got := len(atGraph(t, c)) - before; got != held {
			t.Errorf("%s: %d are at Graph before the request is repeated", mode, got)
		}
		id := ada.At(second).Do("POST", "/api/meetings", body, "Idempotency-Key: "+mode).Want(http.StatusCreated).Text("id")
		if got := len(atGraph(t, c)) - before; got != held {
			t.Errorf("%s: %d are at Graph afterwards", mode, got)
		}
		if agenda := ada.At(second).Get("/api/meetings?from=" + start.Format(time.RFC3339) + "&to=" + start.Add(time.Hour).Format(time.RFC3339)); !strings.Contains(string(agenda.Body), id) {
			t.Errorf("%s: she finds %s", mode, agenda.Body)
		}
		ada.At(second).Do("POST", "/api/meetings/"+id+"/join", "").Want(http.StatusOK)
	}
}

// atGraph is what Graph has.
func atGraph(t *testing.T, c cloud) []localgraph.Entry {
	t.Helper()
	entries, err := c.Graph.Schedule()
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// docs counts the requests that write or ask for several documents.
func docs(calls []string) (n int) {
	for _, call := range calls {
		if strings.HasPrefix(call, "POST ") && strings.HasSuffix(call, "/docs") {
			n++
		}
	}
	return n
}

// post sends a request whose answer nobody waits for.
func post(ctx context.Context, c testbed.Client, body, key string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/api/meetings", strings.NewReader(body))
	if err != nil {
		return
	}
	r.Header.Set("Authorization", "Bearer "+c.Token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	if resp, err := http.DefaultClient.Do(r); err == nil {
		resp.Body.Close()
	}
}
