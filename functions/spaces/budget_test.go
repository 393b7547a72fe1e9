package spaces_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"switchboard/functions/spaces"
	"switchboard/functions/token"
	"switchboard/functions/user"
	"switchboard/shared/function"
	"switchboard/shared/testbed"
)

// hall is a club of a size, with somebody in it.
type hall struct {
	bed        *testbed.Bed
	owner, ada person
	club       string
}

// halled opens a club that has so many members when one more has joined, the owner and
// Ada among them. Nothing delivers its news, so that what is counted is the requests'.
func halled(t testing.TB, size int) hall {
	t.Helper()
	b := testbed.New(t, []function.Function{token.Function(), user.Function(), spaces.Function()}, nil)
	h := hall{bed: b, owner: join(b, "joseph"), ada: join(b, "ada")}
	h.club = h.owner.club("open")
	h.ada.Do("POST", h.club+"/join", "").Want(http.StatusOK)
	crowd := make([]string, size-3)
	for i := range crowd {
		crowd[i] = fmt.Sprintf("usr_%052d", i)
	}
	if err := testbed.Crowd(t.Context(), b.Store(), strings.TrimPrefix(h.club, "/api/spaces/"), b.Clock.Now(), crowd...); err != nil {
		t.Fatal(err)
	}
	if members := h.ada.Get(h.club).JSON()["members"]; members != float64(size-1) {
		t.Fatalf("it has %v members", members)
	}
	return h
}

// cost is what an operation asks of the store, and of ACS. A read of several documents,
// a query and a batch are POSTs all of them.
type cost struct{ gets, posts, puts, acs int }

func (h hall) cost(do func()) (c cost) {
	h.bed.Cloud.CosmosFaults.Record()
	h.bed.Cloud.ACSFaults.Record()
	do()
	for _, call := range h.bed.Cloud.CosmosFaults.Calls() {
		switch method, _, _ := strings.Cut(call, " "); method {
		case http.MethodGet:
			c.gets++
		case http.MethodPost:
			c.posts++
		default:
			c.puts++
		}
	}
	c.acs = len(h.bed.Cloud.ACSFaults.Calls())
	return c
}

// sizes are of the clubs that cost the same. The race detector makes the local store
// ten times slower.
func sizes() []int {
	if raceDetector {
		return []int{10, 1_000, 2_000}
	}
	return []int{10, 1_000, 10_000}
}

// TestBudgets: what the operations cost, whatever the number of members.
func TestBudgets(t *testing.T) {
	want := map[string]cost{
		"share":                       {posts: 2}, // a read and a batch
		"confirm":                     {posts: 1},
		"start":                       {posts: 2},
		"start while one is live":     {posts: 1},
		"the live call":               {posts: 1},
		"a ticket":                    {gets: 1, posts: 1}, // the identity with its token, and the space
		"a ticket that confirms":      {gets: 1, posts: 2},
		"end":                         {posts: 2},
		"a space":                     {posts: 1},
		"a space, for strangers":      {posts: 2}, // a read finds out that they are no members
		"50 spaces":                   {posts: 1},
		"a page of members":           {posts: 2},
		"a page of members, later":    {posts: 2},
		"joining what one is in":      {gets: 1, posts: 3}, // all but one to look at the place
		"promote":                     {posts: 2},
		"change":                      {posts: 2},
		"a call that nobody may know": {posts: 2},
	}
	var joining []cost
	for _, size := range sizes() {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			h := halled(t, size)
			got := map[string]cost{}
			h.calls(t, got)
			joining = append(joining, h.reads(t, got))
			for name := range maps.Keys(want) {
				if got[name] != want[name] {
					t.Errorf("%s costs %+v, want %+v", name, got[name], want[name])
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d operations were counted", len(got))
			}
		})
	}
	for _, one := range joining {
		if one != joining[0] {
			t.Errorf("to join costs %+v", joining)
		}
	}
	t.Logf("to join costs %+v", joining)
}

// calls counts what is done about the call.
func (h hall) calls(t *testing.T, got map[string]cost) {
	t.Helper()
	do := func(name, method string, who person, path, body string, status int) {
		t.Helper()
		got[name] = h.cost(func() { who.Do(method, h.club+path, body).Want(status) })
	}
	share := fmt.Sprintf(`{"groupId":%q}`, uuid.NewString())
	do("share", "PUT", h.ada, "/call", share, http.StatusCreated)
	do("confirm", "PUT", h.ada, "/call", share, http.StatusOK)
	h.ada.Do("POST", h.club+"/call/join", "").Want(http.StatusOK) // warms the token
	do("a ticket", "POST", h.ada, "/call/join", "", http.StatusOK)
	do("start while one is live", "POST", h.ada, "/call", "", http.StatusOK)
	do("the live call", "GET", h.ada, "/call", "", http.StatusOK)
	do("end", "DELETE", h.owner, "/call", "", http.StatusNoContent)
	do("start", "POST", h.ada, "/call", "", http.StatusCreated)
	h.bed.Clock.Move(31 * time.Minute)
	ada := person{h.bed.As("ada"), h.ada.id, h.ada.name}
	do("a ticket that confirms", "POST", ada, "/call/join", "", http.StatusOK)
	do("a call that nobody may know", "GET", join(h.bed, "mallory"), "/call", "", http.StatusForbidden)
}

// reads counts the rest, and gives what it costs to join.
func (h hall) reads(t *testing.T, got map[string]cost) (joining cost) {
	t.Helper()
	ada, owner, grace := person{h.bed.As("ada"), h.ada.id, h.ada.name}, person{h.bed.As("joseph"), h.owner.id, h.owner.name}, join(h.bed, "grace")
	for range 49 {
		ada.club("open")
	}
	get := func(name string, who person, path string) (a testbed.Answer) {
		t.Helper()
		for range 5 { // the local store looks at every member, and may be too slow on a busy machine
			got[name] = h.cost(func() { a = who.Get(path) })
			if a.Status == http.StatusOK {
				break
			}
		}
		return a.Want(http.StatusOK)
	}
	if all := items(get("50 spaces", ada, "/api/spaces")); len(all) != 50 || ada.Get("/api/spaces").JSON()["nextCursor"] != nil {
		t.Errorf("the list has %d", len(all))
	}
	get("a space", ada, h.club)
	get("a space, for strangers", grace, h.club)
	page := get("a page of members", ada, h.club+"/members?limit=5").JSON()
	get("a page of members, later", ada, h.club+"/members?limit=5&cursor="+page["nextCursor"].(string))
	joining = h.cost(func() { grace.Do("POST", h.club+"/join", "").Want(http.StatusOK) })
	got["joining what one is in"] = h.cost(func() { grace.Do("POST", h.club+"/join", "").Want(http.StatusOK) })
	got["promote"] = h.cost(func() {
		owner.Do("PUT", h.club+"/members/"+ada.id, `{"role":"host"}`).Want(http.StatusOK)
	})
	got["change"] = h.cost(func() {
		owner.Do("PATCH", h.club, `{"name":"Go"}`).Want(http.StatusOK)
	})
	return joining
}

// BenchmarkCall joins and shares calls in clubs of several sizes.
func BenchmarkCall(b *testing.B) {
	for _, size := range []int{10, 10_000} {
		h := halled(b, size)
		b.Run(fmt.Sprintf("join/%d", size), func(b *testing.B) {
			h.ada.Do("POST", h.club+"/call", "")
			for b.Loop() {
				h.ada.Do("POST", h.club+"/call/join", "").Want(http.StatusOK)
			}
		})
		h.owner.Do("DELETE", h.club+"/call", "")
		b.Run(fmt.Sprintf("share and end/%d", size), func(b *testing.B) {
			for b.Loop() {
				h.ada.Do("PUT", h.club+"/call", fmt.Sprintf(`{"groupId":%q}`, uuid.NewString())).Want(http.StatusCreated)
				h.ada.Do("DELETE", h.club+"/call", "").Want(http.StatusNoContent)
			}
		})
	}
}
