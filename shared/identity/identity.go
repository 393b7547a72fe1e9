// Package identity keeps the mapping between application identities (users,
// bots, services) and calling identities: exactly one each, for good, with the
// tokens issued for it and the profile that goes with it.
//
// One application identity is one document. What takes a call to the provider
// (allocating, revoking, erasing) happens in three steps: the document is
// marked with a Change, under a lease; the provider is called; what came of it
// is stored, on condition that the Change is still there. Whoever finds a Change
// waits for it, or takes it over when its lease has lapsed; while an erasure is
// under way, other requests are refused, and it overrides whatever else is. The
// generation counts the ends of all tokens. So first requests
// may race on any number of instances, and a killed process leaves nothing that
// the next request does not mend.
//
// One gap cannot be closed: the provider has no way to list or name identities,
// so a process that is killed after the provider made one and before its id was
// stored leaves it unknown there. It is never in use.
//
// The package decides who may have which identity by key alone; callers
// authorise.
package identity

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"switchboard/shared/calling"
	"switchboard/shared/problem"
	"switchboard/shared/seal"
	"switchboard/shared/storage"
)

const (
	lease    = 7 * time.Second  // how long a Change may take before others take it over
	workTime = 6 * time.Second  // how long work on a document may go on, its caller gone or not; less than lease
	tries    = 8                // how often work starts over because the document changed meanwhile
	markLife = 10 * time.Minute // how long an erased identity is remembered, to refuse what was under way
	inMemory = 10_000           // tokens kept in memory where there is no key to seal them with
)

// Store is where the documents are; *storage.Container is one. Its errors are
// those of package storage.
type Store interface {
	Read(ctx context.Context, pk, id string, d storage.Document) error
	Create(ctx context.Context, d storage.Document) error
	Replace(ctx context.Context, d storage.Document) error
	Query(ctx context.Context, q storage.Query) (storage.Page, error)
	Write(ctx context.Context, b storage.Batch) error
}

// Provider is the calling provider, as far as identities go; *acs.Client is
// one. Issue, Revoke and Delete return calling.ErrNotOwned for an identity that
// the provider does not know; other errors are *problem.Error. An id that Create
// returns beside an error is one that was made and is of no use.
type Provider interface {
	Create(ctx context.Context, scopes []calling.Scope, life time.Duration) (id string, token calling.Token, err error)
	Issue(ctx context.Context, id string, scopes []calling.Scope, life time.Duration) (calling.Token, error)
	Revoke(ctx context.Context, id string) error
	Delete(ctx context.Context, id string) error
	// Resource names the resource behind the provider and the key that its tokens
	// depend on: tokens issued under another name are of no use.
	Resource() string
}

// Config is what a Registry needs. Ring may be nil: tokens are then kept in
// this process's memory only.
type Config struct {
	Store    Store
	Provider Provider
	Ring     *seal.Ring
	Clean    func(context.Context, *Record) error      // removes what belongs to an identity elsewhere; may run again
	News     func(*Record) ([]storage.Document, error) // tells others what they see of a user now; written together with the change; nil = nothing
	Default  Want                                      // the token that Ensure asks for with a new identity, so that the first request is warm
	Now      func() time.Time
	NewID    func() string
	Log      *slog.Logger
}

// Registry is the mapping. It is safe for concurrent use.
type Registry struct {
	Config
	flight singleflight.Group       // work under way in this process, by document and kind of work
	memory *lru.Cache[string, kept] // tokens, where there is no Ring
}

// New returns a Registry. It makes no request.
func New(cfg Config) *Registry {
	memory, err := lru.New[string, kept](inMemory)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &Registry{Config: cfg, memory: memory}
}

// Subject says whom an identity is for, and what a new one begins with.
type Subject struct {
	Key         Key
	Kind        Kind
	DisplayName string
	MustExist   bool // never made by asking for a token; services are made by an administrator
}

// Get returns the record. NotFound if there is no mapping.
func (r *Registry) Get(ctx context.Context, key Key) (*Record, error) {
	rec, err := r.read(ctx, key)
	if err == nil && !rec.mapped() {
		err = unknown(key)
	}
	return rec, err
}

// Ensure returns the subject's record and makes it first where there is none:
// created is true for the one call that made it.
func (r *Registry) Ensure(ctx context.Context, who Subject) (rec *Record, created bool, err error) {
	rec, err = r.read(ctx, who.Key)
	if err != nil || rec.mapped() && rec.Change == nil {
		return rec, false, err
	}
	done, err := r.since(ctx, rec, "ensure", func(ctx context.Context) (outcome, error) {
		return r.issue(ctx, who, r.Default, rec.Generation)
	})
	return done.record, done.created, err
}

// Update changes the record's profile, kind or handles; a profile that changes
// gets a new version. change may run more than once, each time on a fresh copy,
// and its error ends the update. NotFound if there is no mapping.
func (r *Registry) Update(ctx context.Context, key Key, change func(*Record) error) (*Record, error) {
	for range tries {
		rec, err := r.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		was := *rec
		if err := change(rec); err != nil {
			return nil, err
		}
		switch {
		case rec.Profile != was.Profile || rec.Kind != was.Kind:
			rec.Profile.Version = r.NewID()
		case slices.Equal(rec.Handles, was.Handles):
			return rec, nil
		}
		err = r.saveAfter(ctx, rec, was)
		if !errors.Is(err, storage.ErrStale) {
			return rec, err
		}
	}
	return nil, contended()
}

// read returns the document as it is; one that is not stored yet has no ETag.
func (r *Registry) read(ctx context.Context, key Key) (*Record, error) {
	rec := &Record{Head: storage.Head{PK: key.pk, ID: key.id, Type: documentType}}
	return rec, storage.Look(ctx, r.Store, rec)
}

// save stores the record if nobody else did since it was read, else ErrStale.
func (r *Registry) save(ctx context.Context, rec *Record) error {
	if rec.ETag != "" {
		return r.Store.Replace(ctx, rec)
	}
	err := r.Store.Create(ctx, rec)
	if errors.Is(err, storage.ErrExists) {
		return storage.ErrStale
	}
	return err
}

// saveAfter is save for a record that was another before. Where others see the
// difference, the news of it are stored in the same batch.
func (r *Registry) saveAfter(ctx context.Context, rec *Record, was Record) error {
	if r.News == nil || rec.UserID() == "" || rec.CallingID == "" || rec.shown() == was.shown() {
		return r.save(ctx, rec)
	}
	rec.Shown = max(rec.Shown+1, r.Now().UnixMilli())
	news, err := r.News(rec)
	if err != nil {
		return err
	}
	var b storage.Batch
	b.Put(rec)
	for _, d := range news {
		b.Put(d)
	}
	return r.Store.Write(ctx, b)
}

func unknown(key Key) error {
	detail := "There is no calling identity yet. One is made by the first token request, or by POST /api/user."
	if key.pk == servicesPartition {
		detail = "There is no bot or service of this name. PUT makes it."
	}
	return problem.New(problem.NotFound, "identity_unknown", "%s", detail)
}

func pending(ctx context.Context) error {
	return problem.New(problem.UpstreamTimeout, "identity_pending", "This identity is still being worked on. Try again in a moment.").
		After(time.Second).Because(ctx.Err())
}

func contended() error {
	return problem.New(problem.Unavailable, "identity_contended", "Too many changes at once. Try again.").After(time.Second)
}

// HandleOf returns the handle that a user's profile says, "" if there is none
// or no such user.
func (r *Registry) HandleOf(ctx context.Context, key Key) (string, error) {
	rec, err := r.read(ctx, key)
	if err != nil || !rec.mapped() {
		return "", err
	}
	return rec.Profile.Handle, nil
}
