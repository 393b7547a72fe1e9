// Package friendship keeps who is a friend of whom, who asked whom, and who has
// blocked whom.
//
// What is between two users is two documents, one edge in the partition of each,
// and no transaction spans both. So each user's stance toward the other has one
// owner and a version; an edge holds the user's own stance and a copy of the
// other's, and the state that both see follows from the two. A request changes
// the caller's edge and writes an outbox entry in the same batch; whoever
// delivers the entry (Handlers) brings the copy on the other edge up to date.
// Entries may come late, twice and in any order: of two copies of a stance the
// newer one stands. When all are delivered both edges say the same.
//
// Users who have blocked the caller, who do not want to be found, and who do not
// exist are told apart nowhere: not by the answer and not by the requests made.
//
// The package decides what may be between users; it does not know who calls. It
// also does not send notifications.
package friendship

import (
	"context"
	"errors"
	"strings"
	"time"

	"switchboard/shared/outbox"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// Store is where the documents are; *storage.Container is one. Its errors are
// those of package storage.
type Store interface {
	Read(ctx context.Context, pk, id string, d storage.Document) error
	Replace(ctx context.Context, d storage.Document) error
	Query(ctx context.Context, q storage.Query) (storage.Page, error)
	Write(ctx context.Context, b storage.Batch) error
}

// Person is what the package needs of a user.
type Person struct {
	Card         Card
	Handle       string    // as it is compared; empty if none
	Discoverable bool      // found by strangers
	Since        time.Time // what others wanted of the user before is void: it was meant for nobody, or for who was erased
}

// People knows the users. Its error is NotFound for whom there is no mapping.
type People interface {
	Person(ctx context.Context, userID string) (Person, error)
}

// Config is what a Registry needs.
type Config struct {
	Store  Store
	People People
	Limits Limits
	Now    func() time.Time
	NewID  func() string // a new random text each time, as crypto/rand.Text gives: it keeps invites secret
}

// Registry is all friendships. It is safe for concurrent use.
type Registry struct{ Config }

// New returns a Registry. It makes no request.
func New(cfg Config) *Registry { return &Registry{cfg} }

// Friend is how a user stands to another, as the user sees it.
type Friend struct {
	UserID  string
	State   State
	Since   time.Time // of the state; zero for None
	Card    Card      // of the other; the calling identity and the number only for Friends
	Version string    // of what is between the two; empty where there is nothing
	order   string
}

// friend shows an edge to its owner.
func (e *edge) friend() Friend {
	f := Friend{UserID: e.Other, State: e.State, Since: e.Since, Card: e.Card, Version: strings.Trim(string(e.ETag), `"`), order: e.Order}
	if e.State != Friends {
		f.Card = Card{Name: e.Card.Name}
	}
	if e.State == None {
		f.Since, f.Version = time.Time{}, ""
	}
	return f
}

// Get tells how a user stands to another. NotFound for whom the user may not
// know. It costs one read, and another for a stranger.
func (r *Registry) Get(ctx context.Context, user, other string) (Friend, error) {
	e, err := r.edge(ctx, user, other)
	if err != nil || e.State != None {
		return e.friend(), err
	}
	return r.stranger(ctx, e)
}

// stranger shows somebody to whom the user has no relation, if they may be found.
func (r *Registry) stranger(ctx context.Context, e *edge) (Friend, error) {
	person, err := r.People.Person(ctx, e.Other)
	switch {
	case problem.Is(err, problem.NotFound):
		return Friend{}, unknown()
	case err != nil:
		return Friend{}, err
	case !person.Discoverable || e.hidden():
		return Friend{}, unknown()
	}
	e.Card = person.Card
	return asStranger(e.Other, person), nil
}

// asStranger shows what strangers see of a user.
func asStranger(userID string, person Person) Friend {
	return Friend{UserID: userID, State: None, Card: Card{Name: person.Card.Name}}
}

// Find tells how a user stands to the holder of a handle; holder is "" where there
// is none. NotFound for whom the user may not know, and for who has given the handle
// up; only friends find who does not want to be found. Whatever comes out, it costs the
// same two reads.
func (r *Registry) Find(ctx context.Context, user, handle, holder string) (Friend, error) {
	if holder == "" {
		holder = "nobody"
	}
	e, err := r.edge(ctx, user, holder)
	if err != nil {
		return Friend{}, err
	}
	person, err := r.People.Person(ctx, holder)
	switch {
	case problem.Is(err, problem.NotFound):
		return Friend{}, unknown()
	case err != nil:
		return Friend{}, err
	case person.Handle != handle || e.hidden() || !person.Discoverable && e.State != Friends:
		return Friend{}, unknown()
	case e.State != None:
		return e.friend(), nil
	}
	return asStranger(e.Other, person), nil
}

// Allow counts an act that the package does not do by itself. Throttled if it is
// too many, NotFound for whom there is no mapping.
func (r *Registry) Allow(ctx context.Context, user string, act Act) error {
	return storage.Retry(ctx, func() error {
		h, err := r.head(ctx, user)
		if err != nil {
			return err
		}
		if err := h.count(act, r.Limits, r.Now()); err != nil {
			return err
		}
		var b storage.Batch
		b.Put(h)
		return r.Store.Write(ctx, b)
	})
}

func unknown() error {
	return problem.New(problem.NotFound, "user_unknown", "There is no such user, or the user does not want to be found.")
}

// both reads a user's head and the edge to another.
func (r *Registry) both(ctx context.Context, user, other string) (*head, *edge, error) {
	h, err := r.head(ctx, user)
	if err != nil {
		return nil, nil, err
	}
	e, err := r.edge(ctx, user, other)
	if err == nil {
		e.begin(h)
	}
	return h, e, err
}

// edge reads what a user has of another; nothing is an edge that is not stored.
func (r *Registry) edge(ctx context.Context, user, other string) (*edge, error) {
	e := &edge{Head: storage.Head{PK: partition(user), ID: edgeID(other), Type: edgeType}, Other: other, State: None}
	return e, storage.Look(ctx, r.Store, e)
}

// head reads the user's head, or begins one. Conflict while the user is being
// erased, NotFound for whom there is no mapping.
func (r *Registry) head(ctx context.Context, user string) (*head, error) {
	h := newHead(user)
	err := r.Store.Read(ctx, partition(user), headType, h)
	switch {
	case err == nil && !h.Closed:
		return h, nil
	case err == nil && h.ErasedAt.IsZero():
		return nil, problem.New(problem.Conflict, "identity_erasing", "This user is being deleted. Try again in a moment.").After(time.Second)
	case err != nil && !errors.Is(err, storage.ErrNotFound):
		return nil, err
	}
	person, err := r.People.Person(ctx, user)
	if err != nil {
		return nil, err
	}
	begun := newHead(user)
	begun.ETag, begun.Window, begun.Counted = h.ETag, h.Window, h.Counted // coming back is no way around the limits
	begun.Born = person.Since.UnixMilli() + 1
	return begun, nil
}

// news makes an outbox entry in a user's partition.
func (r *Registry) news(user, kind string, data any) (*outbox.Entry, error) {
	return outbox.New(partition(user), kind, data, r.NewID(), r.Now())
}
