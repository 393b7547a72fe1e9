package space_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/localcosmos"
	"switchboard/shared/outbox"
	"switchboard/shared/problem"
	"switchboard/shared/space"
	"switchboard/shared/storage"
)

// world is a store, the people in it, and their spaces.
type world struct {
	*space.Registry
	cosmos *localcosmos.Store
	store  *storage.Container
	people *people
	media  *mediaServer
	clock  *clock
	limits space.Limits
	newID  func() string
}

// newWorld opens a store in memory.
func newWorld(t testing.TB) *world {
	t.Helper()
	c := &clock{at: time.Now()}
	cosmos, err := localcosmos.Open(localcosmos.Options{Now: c.Now})
	ok(t, err)
	t.Cleanup(func() { cosmos.Close() })
	store, err := storage.Open(storage.Config{
		Endpoint: "https://cosmos.localhost", Key: cosmos.Key(), Transport: cosmos, NewID: rand.Text,
		Schema: storage.Schema{Database: "app", Container: "main"},
	})
	ok(t, err)
	ok(t, store.Provision(t.Context()))
	them := &people{all: map[string]space.Person{}, left: map[string]time.Time{}, now: c.Now}
	w := &world{
		cosmos: cosmos, store: store, people: them, clock: c,
		media:  &mediaServer{people: them, ended: map[string]int{}},
		limits: space.Limits{Spaces: 1000, Members: 20_000, Pending: 1000, Invites: 1000},
		newID:  rand.Text,
	}
	w.Registry = w.registry(store, c.Now)
	return w
}

// The times of the settings.
const (
	life   = time.Hour
	opens  = 15 * time.Minute
	closes = 30 * time.Minute
)

// registry is one that reaches the store in a way of its own, and has its own clock.
func (w *world) registry(store space.Store, now func() time.Time) *space.Registry {
	return space.New(space.Config{
		Store: store, People: w.people, Calls: w.media, Limits: w.limits, Life: life, Opens: opens, Closes: closes,
		Now: now, NewID: w.newID, Log: slog.New(slog.DiscardHandler),
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

// people are those that have a mapping.
type people struct {
	mu   sync.Mutex
	all  map[string]space.Person
	left map[string]time.Time
	now  func() time.Time
}

// join adds a person and returns the user id.
func (p *people) join(name string) string {
	id := "usr_" + strings.ToLower(rand.Text()+rand.Text())
	p.set(id, name)
	return id
}

// set adds a person, anew, or with another name. Clocks may be seconds behind, but
// what was before the person left is void (identity.Record.Since).
func (p *people) set(id, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was, known := p.all[id]
	if !known {
		was.Since = p.now().Add(-5 * time.Second)
		if p.left[id].After(was.Since) {
			was.Since = p.left[id]
		}
	}
	p.all[id] = space.Person{Name: name, At: was.At + 1, Since: was.Since}
}

func (p *people) leave(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, id)
	p.left[id] = p.now()
}

// Person is the space package's way to them.
func (p *people) Person(_ context.Context, id string) (space.Person, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	person, known := p.all[id]
	if !known {
		return person, problem.New(problem.NotFound, "identity_unknown", "No such user.")
	}
	return person, nil
}

func anyVersion(string) error { return nil }

func club(policy space.Policy) space.Draft {
	return space.Draft{Kind: space.Club, Name: "Chess", JoinPolicy: policy}
}

// opened makes a club and returns its id.
func (w *world) opened(t testing.TB, owner string, policy space.Policy) string {
	t.Helper()
	s, _, err := w.Create(t.Context(), owner, club(policy), "")
	ok(t, err)
	return s.ID
}

// joined makes somebody a member of an open club.
func (w *world) joined(t testing.TB, id string, users ...string) {
	t.Helper()
	for _, user := range users {
		_, err := w.Join(t.Context(), user, id)
		ok(t, err)
	}
}

// entries are those that wait in partitions.
func (w *world) entries(ctx context.Context, partitions ...string) (all []*outbox.Entry, err error) {
	for _, pk := range partitions {
		found, err := storage.Find[outbox.Entry](ctx, w.store, storage.Query{PK: pk, Text: "SELECT * FROM c WHERE c.type = 'outbox'"}, 1000)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// deliver does what an entry asks for by a registry, some pieces of it at most, and
// reports whether that was all.
func deliver(ctx context.Context, by *space.Registry, e *outbox.Entry, pieces int) (done bool, err error) {
	again := *e
	for range pieces {
		next, err := by.Handlers()[e.Kind](ctx, &again)
		if err != nil || next == nil {
			return err == nil, err
		}
		if again.Data, err = json.Marshal(next); err != nil {
			return false, err
		}
	}
	return false, nil
}

const toTheEnd = 1000 // pieces

// settle delivers everything until nothing is left in the partitions.
func (w *world) settle(ctx context.Context, partitions ...string) error {
	for range 100 {
		waiting, err := w.entries(ctx, partitions...)
		if err != nil || len(waiting) == 0 {
			return err
		}
		for _, e := range waiting {
			if done, err := deliver(ctx, w.Registry, e, toTheEnd); err != nil || !done {
				return fmt.Errorf("%s %s: done %v: %w", e.Kind, e.Data, done, err)
			}
			if err := w.store.Delete(ctx, e); err != nil {
				return err
			}
		}
	}
	return errors.New("the outbox never gets empty")
}
