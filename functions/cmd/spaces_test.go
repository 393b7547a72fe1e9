package cmd_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"switchboard/shared/storage"
	"switchboard/shared/testbed"
)

// club opens a club and returns its path.
func (p person) club() string {
	p.T.Helper()
	return "/api/spaces/" + p.Do("POST", "/api/spaces", `{"kind":"club","name":"Chess","joinPolicy":"open"}`).Want(http.StatusCreated).Text("id")
}

// TestStartersRaceAcrossProcesses: whether they share a call of their own or start one,
// they end in one, and the next one is another.
func TestStartersRaceAcrossProcesses(t *testing.T) {
	t.Parallel()
	const starters, processes = 200, 4
	c := startCloud(t, "")
	executable := filepath.Join(wholeApp(t), "handler")
	var urls []string
	for range processes {
		url, _ := plain(t, executable, c.env)
		urls = append(urls, url)
	}
	all := people(t, c, "ada", "grace", "linus", "joseph", "mallory")
	for i := range all {
		all[i].URL = urls[i%processes]
	}
	club := all[0].club()
	for _, p := range all[1:] {
		p.Do("POST", club+"/join", "").Want(http.StatusOK)
	}
	last := ""
	for range 2 {
		ids := make([]string, starters)
		var racing sync.WaitGroup
		for i := range ids {
			racing.Go(func() { ids[i] = begin(all[i%len(all)].At(urls[i%processes]), club, i%2 == 0) })
		}
		racing.Wait()
		for i, id := range ids {
			if id != ids[0] || id == "" || id == last {
				t.Fatalf("starter %d is in %q, the first in %q, the last call was %q", i, id, ids[0], last)
			}
		}
		last = ids[0]
		all[0].Do("DELETE", club+"/call", "").Want(http.StatusNoContent)
		for _, url := range urls {
			all[1].At(url).Do("POST", club+"/call/join", "").Problem(http.StatusConflict, "call_not_live")
			all[1].At(url).Do("PUT", club+"/call", fmt.Sprintf(`{"groupId":%q}`, last)).Problem(http.StatusConflict, "group_id_used")
		}
	}
}

// begin shares a call of the client's own, or starts one, and returns the one that the
// client is told of. The service may ask to try again.
func begin(c testbed.Client, club string, own bool) (groupID string) {
	method, body := "POST", ""
	if own {
		method, body = "PUT", fmt.Sprintf(`{"groupId":%q}`, uuid.NewString())
	}
	for range 10 {
		answer := c.Do(method, club+"/call", body)
		switch answer.Status {
		case http.StatusCreated, http.StatusOK, http.StatusConflict:
			groupID, _ = answer.JSON()["groupId"].(string)
			return groupID
		case http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		default:
			c.T.Errorf("%d %s", answer.Status, answer.Body)
			return ""
		}
	}
	return ""
}

// TestAKillInTheMiddleOfAFanOutLosesNobody kills the process with SIGKILL, and the one
// after it, while they tell a thousand members of a call.
func TestAKillInTheMiddleOfAFanOutLosesNobody(t *testing.T) {
	t.Parallel()
	const crowd, kills = 1000, 2 // at the third error the host gives up
	c := startCloud(t, "")
	host := onAzure(t, wholeApp(t), c.env)
	ada := people(t, c, "ada")[0]
	ada.URL = host.URL
	club := ada.club()
	id := strings.TrimPrefix(club, "/api/spaces/")
	fill(t, c, id, crowd)
	for len(outbox(t, c.Cloud)) > 0 {
		fire(t, c, host)
	}
	ada.Do("POST", club+"/call", "").Want(http.StatusCreated)

	killed, writes := 0, 0
	for rounds := 0; len(outbox(t, c.Cloud)) > 0; rounds++ {
		if rounds > 50 {
			t.Fatal("the fan-out never ends")
		}
		c.CosmosFaults.Record()
		fired := make(chan struct{})
		go func() {
			defer close(fired)
			fire(t, c, host) // the host delivers again to the process after
		}()
		if killed < kills && writing(c, id, 50+70*killed, fired) {
			host.Kill()
			killed++
		}
		<-fired
		writes += placesWritten(c, id)
	}
	told, all := places(t, c, id, ada.id)
	if told != all || all != crowd+1 {
		t.Errorf("%d of %d were told", told, all)
	}
	if writes > crowd+1+8*killed { // eight may have been on their way at each kill
		t.Errorf("%d places were written for %d people and %d kills", writes, all, killed)
	}
	if killed < kills {
		t.Errorf("killed %d times only", killed)
	}
}

// store is a way to the documents of a cloud.
func store(t *testing.T, c cloud) *storage.Container {
	t.Helper()
	s, err := storage.Open(storage.Config{
		Endpoint: "https://cosmos.localhost", Key: c.Cosmos.Key(), Transport: c.Cosmos, NewID: rand.Text,
		Schema: storage.Schema{Database: "switchboard", Container: "main"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fill gives a club so many members.
func fill(t *testing.T, c cloud, id string, n int) {
	t.Helper()
	crowd := make([]string, n)
	for i := range crowd {
		crowd[i] = fmt.Sprintf("usr_%052d", i)
	}
	s, now := store(t, c), time.Now()
	if err := testbed.Crowd(t.Context(), s, id, now, crowd...); err != nil {
		t.Fatal(err)
	}
	if err := testbed.Places(t.Context(), s, id, now, crowd...); err != nil {
		t.Fatal(err)
	}
}

// placesWritten is how many requests there were that write a place of a space.
func placesWritten(c cloud, id string) (n int) {
	for _, call := range c.CosmosFaults.Calls() {
		if strings.HasPrefix(call, "PUT ") && strings.Contains(call, id) {
			n++
		}
	}
	return n
}

// writing waits until so many places were written, or all that is to be.
func writing(c cloud, id string, n int, done <-chan struct{}) bool {
	for placesWritten(c, id) < n {
		select {
		case <-done:
			return false
		case <-time.After(time.Millisecond):
		}
	}
	return true
}

// places counts those of a space, and among them those that tell of a call by somebody.
func places(t *testing.T, c cloud, id, starter string) (told, all int) {
	t.Helper()
	q := storage.Query{Text: "SELECT * FROM c WHERE c.type = 'place' AND c.space = @id", Parameters: map[string]any{"@id": id}, Limit: 1000}
	for s := store(t, c); ; {
		page, err := s.QueryAll(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range page.Documents {
			var p struct{ Call struct{ StartedBy string } }
			if err := json.Unmarshal(document, &p); err != nil {
				t.Fatal(err)
			}
			all++
			if p.Call.StartedBy == starter {
				told++
			}
		}
		if q.Continuation = page.Continuation; q.Continuation == "" {
			return told, all
		}
	}
}
