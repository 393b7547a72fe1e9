package meeting_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/shared/calling"
	"switchboard/shared/identity"
	"switchboard/shared/localcosmos"
	"switchboard/shared/meeting"
	"switchboard/shared/outbox"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// world is a store, a service that holds meetings, and the people who have them.
type world struct {
	*meeting.Registry
	store   *storage.Container
	service *service
	people  *people
	guests  *guests
	watcher *watcher
	clock   *clock
	newID   func() string
	writes  atomic.Int64 // to the store, so far
	close   func()
}

// newWorld opens a store in memory.
func newWorld(ctx context.Context) (*world, error) {
	c := &clock{at: time.Now().Truncate(time.Second)}
	cosmos, err := localcosmos.Open(localcosmos.Options{Now: c.Now})
	if err != nil {
		return nil, err
	}
	store, err := storage.Open(storage.Config{
		Endpoint: "https://cosmos.localhost", Key: cosmos.Key(), Transport: cosmos, NewID: rand.Text,
		Schema: storage.Schema{Database: "app", Container: "main"},
	})
	if err != nil {
		return nil, err
	}
	w := &world{
		store: store, service: newService(), people: &people{gone: map[string]bool{}}, guests: &guests{alive: map[identity.Key]bool{}},
		watcher: &watcher{followed: map[string]bool{}},
		clock:   c, newID: inOrder(), close: sync.OnceFunc(func() { cosmos.Close() }),
	}
	w.guests.people = w.people
	w.Registry = w.registry(&process{}, c.Now)
	return w, store.Provision(ctx)
}

// opened is newWorld for the length of a test.
func opened(t *testing.T) *world {
	t.Helper()
	w, err := newWorld(t.Context())
	ok(t, err)
	t.Cleanup(w.close)
	return w
}

// The times of the settings.
const (
	opens  = 15 * time.Minute
	closes = 30 * time.Minute
)

// registry is one that a process has, with a clock of its own.
func (w *world) registry(p *process, now func() time.Time) *meeting.Registry {
	return meeting.New(meeting.Config{
		Store: line{p, w.store, &w.writes}, People: w.people, Identities: desk{p, w.guests}, Scheduler: wire{p, w.service}, Watcher: eye{p, w.watcher},
		Limits: meeting.Limits{Attendees: 10, Guests: 20}, Scopes: []calling.Scope{calling.VoIPJoin}, Life: time.Hour,
		Opens: opens, Closes: closes, Now: now, NewID: w.newID, Log: slog.New(slog.DiscardHandler),
	})
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused demands a refusal of the contract.
func refused(t testing.TB, err error, code string) {
	t.Helper()
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != code {
		t.Errorf("%v, want %s", err, code)
	}
}

// inOrder makes ids whose order is that in which they were made, so that a schedule
// that failed fails again.
func inOrder() func() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	n := atomic.Int64{}
	return func() string {
		text, rest := [6]byte{}, n.Add(1)
		for i := range text {
			text[len(text)-1-i] = letters[rest%32]
			rest /= 32
		}
		return strings.Repeat("A", 20) + string(text[:])
	}
}

// clock tells a time that moves only when it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// people have a mapping, all but those who are gone.
type people struct {
	mu   sync.Mutex
	gone map[string]bool
}

func (p *people) set(user string, gone bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone[user] = gone
}

// Known is package meeting's way to them.
func (p *people) Known(_ context.Context, user string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone[user] {
		return problem.New(problem.NotFound, "identity_unknown", "No such user.")
	}
	return nil
}

// Blocks is tested over HTTP.
func (*people) Blocks(context.Context, string, string) (bool, error) { return false, nil }

// guests are the calling identities of people without an account; users have theirs
// already.
type guests struct {
	mu     sync.Mutex
	alive  map[identity.Key]bool
	people *people
}

func (g *guests) token(ctx context.Context, who identity.Subject) (identity.Grant, error) {
	if user, is := strings.CutPrefix(fmt.Sprint(who.Key), "{u:"); is && who.MustExist {
		user, _, _ = strings.Cut(user, " ")
		if err := g.people.Known(ctx, user); err != nil {
			return identity.Grant{}, err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if who.Kind == identity.Guest {
		g.alive[who.Key] = true
	}
	return identity.Grant{CallingID: "8:acs:someone", DisplayName: who.DisplayName}, nil
}

func (g *guests) erase(key identity.Key) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.alive, key)
}

func (g *guests) all() []identity.Key {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Collect(maps.Keys(g.alive))
}

// watcher knows which events are followed for which meetings.
type watcher struct {
	mu       sync.Mutex
	followed map[string]bool
}

func (w *watcher) set(organizer, event, meetingID string, is bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.followed[organizer+" "+event+" "+meetingID] = is; !is {
		delete(w.followed, organizer+" "+event+" "+meetingID)
	}
	return nil
}

// all are those that are followed, in order.
func (w *watcher) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.followed))
}

func anyVersion(string) error { return nil }

// draft is a meeting that begins in some minutes and lasts for an hour.
func (w *world) draft(minutes int, users ...string) meeting.Draft {
	d := meeting.Draft{Subject: "Consultation", StartsAt: w.clock.Now().Add(time.Duration(minutes) * time.Minute)}
	d.EndsAt = d.StartsAt.Add(time.Hour)
	for _, user := range users {
		d.Attendees = append(d.Attendees, meeting.Person{UserID: user})
	}
	return d
}

// entries are those that wait, in the order in which they were stored.
func (w *world) entries(ctx context.Context) ([]*outbox.Entry, error) {
	page, err := w.store.QueryAll(ctx, storage.Query{Text: "SELECT * FROM c WHERE c.type = 'outbox'", Limit: 1000})
	if err != nil {
		return nil, err
	}
	all, err := storage.Decode[outbox.Entry](page)
	slices.SortFunc(all, func(a, b *outbox.Entry) int { return strings.Compare(a.ID, b.ID) })
	return all, err
}

// deliver does what an entry asks for by a registry.
func deliver(ctx context.Context, by *meeting.Registry, e *outbox.Entry) error {
	for again := *e; ; {
		next, err := by.Handlers()[e.Kind](ctx, &again)
		if err != nil || next == nil {
			return err
		}
		if again.Data, err = json.Marshal(next); err != nil {
			return err
		}
	}
}

// settle has a registry deliver everything until nothing is left.
func (w *world) settle(ctx context.Context, by *meeting.Registry) error {
	for range 100 {
		waiting, err := w.entries(ctx)
		if err != nil || len(waiting) == 0 {
			return err
		}
		for _, e := range waiting {
			if err := deliver(ctx, by, e); err != nil {
				return fmt.Errorf("%s %s: %w", e.Kind, e.Data, err)
			}
			if err := w.store.Delete(ctx, e); err != nil {
				return err
			}
		}
	}
	return errors.New("the outbox never gets empty")
}
