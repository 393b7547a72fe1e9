package friendship_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/friendship"
	"switchboard/shared/outbox"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// The calling identity and the number are for friends only, and always the newest.
func TestCards(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada := w.people.join("ada")
	w.people.change(ada, func(p *friendship.Person) { p.Card.Phone = "+14255550123" })
	others := make([]string, 45) // more than one page of news
	for i := range others {
		others[i] = w.people.join(fmt.Sprintf("friend%02d", i))
		_, err := w.Ask(ctx, ada, others[i], anyVersion)
		ok(t, err)
	}
	ok(t, w.settle(ctx, ada))
	for i, other := range others {
		f, err := w.Get(ctx, other, ada)
		if err != nil || f.State != friendship.Invited || f.Card != (friendship.Card{Name: "ada"}) {
			t.Fatalf("%d: %+v, %v", i, f, err)
		}
		accepted, err := w.Ask(ctx, other, ada, anyVersion)
		if err != nil || accepted.Card.CallingID != "8:acs:ada" || accepted.Card.Phone != "+14255550123" {
			t.Fatalf("%d: accepted %+v, %v", i, accepted, err)
		}
	}
	ok(t, w.settle(ctx, others...))
	w.people.change(ada, func(p *friendship.Person) {
		p.Card = friendship.Card{Name: "Countess", CallingID: "8:acs:new", At: p.Card.At}
	})
	news, err := friendship.CardChanged(ada, w.NewID(), w.now())
	ok(t, err)
	ok(t, w.store.Create(ctx, news))
	ok(t, w.settle(ctx, ada))
	for i, other := range others {
		f, err := w.Get(ctx, other, ada)
		if err != nil || f.Card.Name != "Countess" || f.Card.CallingID != "8:acs:new" || f.Card.Phone != "" {
			t.Errorf("%d: %+v, %v", i, f, err)
		}
	}
}

// A number that its owner hides while an invite is being accepted is hidden.
func TestHidingWhileAccepting(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada, grace := w.people.join("ada"), w.people.join("grace")
	w.people.change(ada, func(p *friendship.Person) { p.Card.Phone = "+14255550123" })
	made, _, err := w.Invite(ctx, ada, 1, time.Hour, "")
	ok(t, err)
	late := w.registry(w.store, plenty())
	late.People = &hiding{people: w.people, user: ada, hide: func() {
		w.people.change(ada, func(p *friendship.Person) { p.Card.Phone = "" })
		news, err := friendship.CardChanged(ada, w.NewID(), w.now())
		ok(t, err)
		ok(t, deliver(ctx, w.Registry, news))
	}}
	_, err = late.Accept(ctx, grace, made.Code)
	ok(t, err)
	ok(t, w.settle(ctx, ada, grace))
	f, err := w.Get(ctx, grace, ada)
	if err != nil || f.State != friendship.Friends || f.Card.Phone != "" {
		t.Errorf("%+v, %v", f, err)
	}
}

// Of two changes whose news are delivered at once, the newer one stands.
func TestHidingWhileTelling(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada, grace := w.people.join("ada"), w.people.join("grace")
	w.befriend(t, ada, grace)
	change := func(phone string) *outbox.Entry {
		w.people.change(ada, func(p *friendship.Person) { p.Card.Phone = phone })
		news, err := friendship.CardChanged(ada, w.NewID(), w.now())
		ok(t, err)
		return news
	}
	shown := change("+14255550123")
	late := w.registry(w.store, plenty())
	late.People = &hiding{people: w.people, user: ada, hide: func() { ok(t, deliver(ctx, w.Registry, change(""))) }}
	ok(t, deliver(ctx, late, shown))
	if f, err := w.Get(ctx, grace, ada); err != nil || f.Card.Phone != "" {
		t.Errorf("%+v, %v", f, err)
	}
}

// hiding is people of whom one changes just after being looked up.
type hiding struct {
	*people
	user string
	hide func()
}

func (h *hiding) Person(ctx context.Context, id string) (friendship.Person, error) {
	p, err := h.people.Person(ctx, id)
	if id == h.user && h.hide != nil {
		hide := h.hide
		h.hide = nil
		hide()
	}
	return p, err
}

// Neither number nor calling identity is stored with whom their owner has not
// accepted, or no more.
func TestStoredCards(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada, grace := w.people.join("ada"), w.people.join("grace")
	w.people.change(ada, func(p *friendship.Person) { p.Card.Phone = "+14255550123" })
	none := func(when string) {
		t.Helper()
		if raw := w.raw(t, grace, ada); strings.Contains(raw, "+1425") || strings.Contains(raw, "8:acs") {
			t.Errorf("%s: %s", when, raw)
		}
	}
	_, err := w.Ask(ctx, grace, ada, anyVersion)
	ok(t, err)
	none("asked")
	ok(t, w.settle(ctx, ada, grace))
	none("heard")
	_, err = w.Ask(ctx, ada, grace, anyVersion)
	ok(t, err)
	ok(t, w.settle(ctx, ada, grace))
	if f, err := w.Get(ctx, grace, ada); err != nil || f.Card.Phone == "" || f.Card.CallingID == "" {
		t.Errorf("friends: %+v, %v", f, err)
	}
	ok(t, w.End(ctx, ada, grace, anyVersion))
	ok(t, w.settle(ctx, ada, grace))
	none("ended")
	_, err = w.Block(ctx, grace, ada, anyVersion)
	ok(t, err)
	none("blocked")
}

// raw is what is stored of a user's edge to another.
func (w *world) raw(t testing.TB, user, other string) string {
	t.Helper()
	page, err := w.store.Query(t.Context(), storage.Query{PK: "u:" + user, Text: "SELECT * FROM c WHERE c.id = @id", Parameters: map[string]any{"@id": "friend:" + other}})
	ok(t, err)
	text, err := json.Marshal(page.Documents)
	ok(t, err)
	return string(text)
}

// A list has everybody once, by state and name, whatever the size of its pages.
func TestLists(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada := w.people.join("ada")
	var want []string
	for i := range 23 {
		name := fmt.Sprintf("friend %02d", i*7%23)
		want = append(want, name)
		other := w.people.join(name)
		_, err := w.Ask(ctx, ada, other, anyVersion)
		ok(t, err)
	}
	blocked := w.people.join("aaa")
	_, err := w.Block(ctx, ada, blocked, anyVersion)
	ok(t, err)
	slices.Sort(want)
	for _, limit := range []int{1, 5, 22, 23, 24, 100} {
		var got []string
		for after := ""; ; {
			page, next, err := w.List(ctx, ada, friendship.Requested, after, limit)
			ok(t, err)
			for _, f := range page {
				got = append(got, f.Card.Name)
			}
			if after = next; after == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: %v", limit, got)
		}
	}
	all, _, err := w.List(ctx, ada, "", "", 100)
	if err != nil || len(all) != 24 || all[0].State != friendship.Blocked {
		t.Errorf("all: %d, %v", len(all), err)
	}
}

func TestInvites(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada, grace, linus := w.people.join("ada"), w.people.join("grace"), w.people.join("linus")
	made, created, err := w.Invite(ctx, ada, 1, time.Hour, "my-key")
	if err != nil || !created {
		t.Fatal(created, err)
	}
	again, created, err := w.Invite(ctx, ada, 1, time.Hour, "my-key")
	if err != nil || created || again.Code != made.Code {
		t.Errorf("the same key gave %+v, %v, %v", again, created, err)
	}
	other, _, err := w.Invite(ctx, ada, 1, time.Hour, "")
	if err != nil || other.Code == made.Code {
		t.Errorf("no key: %+v, %v", other, err)
	}
	last := "x"
	if strings.HasSuffix(made.Code, last) {
		last = "y"
	}
	for name, code := range map[string]string{"none": "", "short": made.Code[1:], "another": made.Code[:len(made.Code)-1] + last, "letters": "ABC" + made.Code[3:]} {
		if _, err := w.Accept(ctx, grace, code); !problem.Is(err, problem.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Accept(ctx, ada, made.Code); !problem.Is(err, problem.Conflict) {
		t.Errorf("her own: %v", err)
	}
	version := ""
	for range 2 { // twice is as good as once, and the second time changes nothing
		f, err := w.Accept(ctx, grace, made.Code)
		if version != "" && f.Version != version {
			t.Error("accepting again changed something")
		}
		version = f.Version
		if err != nil || f.State != friendship.Friends || f.Card.CallingID != "8:acs:ada" {
			t.Fatalf("%+v, %v", f, err)
		}
	}
	w.wantStates(t, ada, grace, friendship.Requested, friendship.Friends) // Ada hears of it in a moment
	ok(t, w.settle(ctx, ada, grace))
	w.wantStates(t, ada, grace, friendship.Friends, friendship.Friends)
	if _, err := w.Accept(ctx, linus, made.Code); !problem.Is(err, problem.Conflict) {
		t.Errorf("used up: %v", err)
	}
	ok(t, w.Revoke(ctx, grace, other.Code)) // not hers
	ok(t, w.Revoke(ctx, ada, other.Code))
	ok(t, w.Revoke(ctx, ada, other.Code))
	if _, err := w.Accept(ctx, linus, other.Code); !problem.Is(err, problem.NotFound) {
		t.Errorf("revoked: %v", err)
	}
	open, err := w.Invites(ctx, ada)
	if err != nil || len(open) != 0 {
		t.Errorf("open: %+v, %v", open, err)
	}
	// An invite does not undo a block, and does not show it.
	third, _, err := w.Invite(ctx, ada, 5, time.Hour, "")
	ok(t, err)
	_, err = w.Block(ctx, ada, linus, anyVersion)
	ok(t, err)
	if _, err := w.Accept(ctx, linus, third.Code); !problem.Is(err, problem.NotFound) {
		t.Errorf("blocked: %v", err)
	}
}

// What was revoked or has expired does not come back under its key.
func TestIdempotencyKeys(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	now := time.Now()
	w.now = func() time.Time { return now }
	w.Registry = w.registry(w.store, plenty())
	ada := w.people.join("ada")
	first, _, err := w.Invite(ctx, ada, 1, time.Hour, "key")
	ok(t, err)
	if _, _, err := w.Invite(ctx, ada, 2, time.Hour, "key"); !problem.Is(err, problem.Conflict) {
		t.Errorf("another request under the key: %v", err)
	}
	ok(t, w.Revoke(ctx, ada, first.Code))
	second, created, err := w.Invite(ctx, ada, 1, time.Hour, "key")
	if err != nil || !created || second.Code == first.Code {
		t.Errorf("after revoking: %+v, %v, %v", second, created, err)
	}
	now = now.Add(2 * time.Hour)
	third, created, err := w.Invite(ctx, ada, 1, time.Hour, "key")
	if err != nil || !created || third.Code == second.Code {
		t.Errorf("after expiry: %+v, %v, %v", third, created, err)
	}
}

// Of many requests with one key, one makes an invite.
func TestIdempotencyKeyRace(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada := w.people.join("ada")
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if _, _, err := w.Invite(ctx, ada, 1, time.Hour, "key"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if open, err := w.Invites(ctx, ada); err != nil || len(open) != 1 {
		t.Errorf("%d invites, %v", len(open), err)
	}
}

// An invite is not used up by who cannot accept it.
func TestARefusedAcceptanceLeavesTheInvite(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada, grace, linus := w.people.join("ada"), w.people.join("grace"), w.people.join("linus")
	made, _, err := w.Invite(ctx, ada, 1, time.Hour, "")
	ok(t, err)
	w.people.leave(linus)
	if _, err := w.Accept(ctx, linus, made.Code); !problem.Is(err, problem.NotFound) {
		t.Errorf("without a mapping: %v", err)
	}
	full := plenty()
	full.Friends = 0
	if _, err := w.registry(w.store, full).Accept(ctx, grace, made.Code); !problem.Is(err, problem.Conflict) {
		t.Errorf("without room: %v", err)
	}
	if open, err := w.Invites(ctx, ada); err != nil || len(open) != 1 || open[0].Used != 0 {
		t.Errorf("left: %+v, %v", open, err)
	}
	ok(t, w.settle(ctx, ada, grace))
	w.wantStates(t, ada, grace, friendship.None, friendship.None)
}

// An invite works once for a user: whoever ends the friendship needs another, at once.
func TestAnInviteWorksOnce(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada, grace := w.people.join("ada"), w.people.join("grace")
	made, _, err := w.Invite(ctx, ada, 5, time.Hour, "")
	ok(t, err)
	_, err = w.Accept(ctx, grace, made.Code)
	ok(t, err)
	ok(t, w.End(ctx, grace, ada, anyVersion))
	for range 2 {
		if f, err := w.Accept(ctx, grace, made.Code); !problem.Is(err, problem.NotFound) {
			t.Errorf("%+v, %v", f, err)
		}
		ok(t, w.settle(ctx, ada, grace)) // Ada hears of it
	}
}

// Friends use no invite up.
func TestFriendsNeedNoInvite(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada, grace := w.people.join("ada"), w.people.join("grace")
	w.befriend(t, ada, grace)
	made, _, err := w.Invite(ctx, ada, 1, time.Hour, "")
	ok(t, err)
	full := plenty()
	full.Friends = 0 // a limit that was lowered
	f, err := w.registry(w.store, full).Accept(ctx, grace, made.Code)
	if err != nil || f.State != friendship.Friends {
		t.Errorf("%+v, %v", f, err)
	}
	if open, err := w.Invites(ctx, ada); err != nil || len(open) != 1 || open[0].Used != 0 {
		t.Errorf("left: %+v, %v", open, err)
	}
}

// Of many who use an invite at once, as many get in as it says.
func TestInviteRace(t *testing.T) {
	w, ctx := newWorld(t, plenty()), t.Context()
	ada := w.people.join("ada")
	made, _, err := w.Invite(ctx, ada, 3, time.Hour, "")
	ok(t, err)
	users := []string{ada}
	var all sync.WaitGroup
	var mu sync.Mutex
	in := 0
	for range 8 {
		user := w.people.join("guest")
		users = append(users, user)
		all.Go(func() {
			_, err := w.Accept(ctx, user, made.Code)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				in++
			} else if !problem.Is(err, problem.Conflict) && !problem.Is(err, problem.Unavailable) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	ok(t, w.settle(ctx, users...))
	friends, _, err := w.List(ctx, ada, friendship.Friends, "", 100)
	if err != nil || in != 3 || len(friends) != 3 {
		t.Errorf("%d got in, Ada has %d friends, %v", in, len(friends), err)
	}
}

func TestLimits(t *testing.T) {
	limits := friendship.Limits{Friends: 4, Pending: 3, Invites: 1, PerMin: map[friendship.Act]int{friendship.Ask: 5, friendship.Invite: 9, friendship.Search: 2}}
	w, ctx := newWorld(t, limits), t.Context()
	now := time.Now().Truncate(time.Minute).Add(time.Second)
	w.now = func() time.Time { return now }
	w.Registry = w.registry(w.store, limits)
	ada := w.people.join("ada")
	w.people.set(ada, "ada", now.Add(-time.Hour))
	ask := func() (string, error) {
		other := w.people.join("friend")
		w.people.set(other, "friend", now.Add(-time.Hour))
		_, err := w.Ask(ctx, ada, other, anyVersion)
		return other, err
	}
	for range 3 {
		other, err := ask()
		ok(t, err)
		_, err = w.Ask(ctx, ada, other, anyVersion) // again counts for nothing
		ok(t, err)
	}
	if _, err := ask(); !problem.Is(err, problem.Conflict) {
		t.Errorf("a fourth open request: %v", err)
	}
	made, _, err := w.Invite(ctx, ada, 10, time.Hour, "")
	ok(t, err)
	if _, _, err := w.Invite(ctx, ada, 10, time.Hour, ""); !problem.Is(err, problem.Conflict) {
		t.Errorf("a second invite: %v", err)
	}
	guests := []string{w.people.join("guest"), w.people.join("guest")}
	_, err = w.Accept(ctx, guests[0], made.Code)
	ok(t, err)
	ok(t, w.settle(ctx, ada, guests[0]))
	if _, err := w.Accept(ctx, guests[1], made.Code); !problem.Is(err, problem.Conflict) {
		t.Errorf("a fifth friend by invite: %v", err)
	}
	for want := range 3 {
		if err := w.Allow(ctx, ada, friendship.Search); (want == 2) != problem.Is(err, problem.Throttled) {
			t.Errorf("search %d: %v", want, err)
		}
	}
	for invites := 2; ; invites++ { // one was made above
		ok(t, w.Revoke(ctx, ada, made.Code))
		made, _, err = w.Invite(ctx, ada, 1, time.Hour, "")
		if problem.Is(err, problem.Throttled) && invites == 10 {
			break
		}
		ok(t, err)
	}
	now = now.Add(time.Minute)
	ok(t, w.Allow(ctx, ada, friendship.Search))
	asked, _, err := w.List(ctx, ada, friendship.Requested, "", 10)
	ok(t, err)
	for i := range 6 { // asking and taking it back
		ok(t, w.End(ctx, ada, asked[0].UserID, anyVersion))
		if _, err := w.Ask(ctx, ada, asked[0].UserID, anyVersion); (i == 5) != problem.Is(err, problem.Throttled) {
			t.Errorf("request %d in a minute: %v", i, err)
		}
	}
}
