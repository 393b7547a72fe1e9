package friendship_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/friendship"
	"switchboard/shared/localcosmos"
	"switchboard/shared/outbox"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// world is a store, the people in it, and their friendships.
type world struct {
	*friendship.Registry
	store  *storage.Container
	people *people
	now    func() time.Time
	left   time.Time // when somebody left last
}

// newWorld opens a store in memory.
func newWorld(t testing.TB, limits friendship.Limits) *world {
	t.Helper()
	cosmos, err := localcosmos.Open(localcosmos.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cosmos.Close() })
	store, err := storage.Open(storage.Config{
		Endpoint: "https://cosmos.localhost", Key: cosmos.Key(), Transport: cosmos, NewID: rand.Text,
		Schema: storage.Schema{Database: "app", Container: "main"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Provision(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &world{store: store, people: &people{all: map[string]friendship.Person{}}, now: time.Now}
	w.Registry = w.registry(store, limits)
	return w
}

// registry is one that reaches the store in a way of its own.
func (w *world) registry(store friendship.Store, limits friendship.Limits) *friendship.Registry {
	return friendship.New(friendship.Config{
		Store: store, People: w.people, Limits: limits, Now: w.now, NewID: rand.Text,
	})
}

func plenty() friendship.Limits {
	return friendship.Limits{Friends: 1000, Pending: 1000, Invites: 1000, PerMin: map[friendship.Act]int{
		friendship.Ask: 1000, friendship.Search: 1000, friendship.Invite: 1000,
	}}
}

// people are those that have a mapping.
type people struct {
	mu  sync.Mutex
	all map[string]friendship.Person
}

// join adds a person whom strangers find, and returns the user id.
func (p *people) join(name string) string {
	id := "usr_" + strings.ToLower(rand.Text()+rand.Text())
	p.set(id, name, time.Now().Add(-time.Minute))
	return id
}

func (p *people) set(id, name string, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[id] = friendship.Person{
		Card:   friendship.Card{Name: name, CallingID: "8:acs:" + name, At: p.all[id].Card.At + 1},
		Handle: name, Discoverable: true, Since: since,
	}
}

// change edits a person, as a request to the user function would.
func (p *people) change(id string, edit func(*friendship.Person)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	person := p.all[id]
	edit(&person)
	person.Card.At++
	p.all[id] = person
}

func (p *people) leave(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, id)
}

// Person is the friendship package's way to them.
func (p *people) Person(_ context.Context, id string) (friendship.Person, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	person, ok := p.all[id]
	if !ok {
		return person, problem.New(problem.NotFound, "identity_unknown", "No such user.")
	}
	return person, nil
}

// any matches every version.
func anyVersion(string) error { return nil }

// entries are those that wait in the partitions of users.
func (w *world) entries(ctx context.Context, users ...string) (all []*outbox.Entry, err error) {
	for _, user := range users {
		page, err := w.store.Query(ctx, storage.Query{PK: "u:" + user, Text: "SELECT * FROM c WHERE c.type = 'outbox'", Limit: 1000})
		if err != nil {
			return nil, err
		}
		for _, doc := range page.Documents {
			e := &outbox.Entry{}
			if err := json.Unmarshal(doc, e); err != nil {
				return nil, err
			}
			all = append(all, e)
		}
	}
	return all, nil
}

// deliver does what an entry asks for by a registry, to the end.
func deliver(ctx context.Context, by *friendship.Registry, e *outbox.Entry) error {
	again := *e
	for {
		next, err := by.Handlers()[e.Kind](ctx, &again)
		if err != nil || next == nil {
			return err
		}
		if again.Data, err = json.Marshal(next); err != nil {
			return err
		}
	}
}

// settle delivers everything until nothing is left.
func (w *world) settle(ctx context.Context, users ...string) error {
	for range 100 {
		waiting, err := w.entries(ctx, users...)
		if err != nil || len(waiting) == 0 {
			return err
		}
		for _, e := range waiting {
			if err := deliver(ctx, w.Registry, e); err != nil {
				return fmt.Errorf("%s: %w", e.Kind, err)
			}
			if err := w.store.Delete(ctx, e); err != nil {
				return err
			}
		}
	}
	return errors.New("the outbox never gets empty")
}

// state is how a user stands to another, as the list has it.
func (w *world) state(ctx context.Context, user, other string) (friendship.State, error) {
	all, _, err := w.List(ctx, user, "", "", 100)
	for _, f := range all {
		if f.UserID == other {
			return f.State, err
		}
	}
	return friendship.None, err
}
