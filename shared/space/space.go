// Package space keeps spaces, clubs and scheduled events, with their members and the
// one call that each may have: whoever is a member joins it without being invited.
//
// Everything about a space is in its own partition: the space with its call, a
// document for each member, and the counts. One batch changes what belongs together,
// so a space has one live call however many start one at once, and nobody gets a
// call's id who is not a member at that moment. What members have of it elsewhere,
// the places from which a user's spaces are listed, is a copy. Each change leaves an
// outbox entry that brings the copies up to date (Handlers), all ten thousand of them if
// need be; it may come late, twice and in any order.
//
// To strangers a space that is only for the invited does not exist, nor does any
// space to those who are banned from it.
//
// The package decides what members may do; it does not know who calls, nor what
// carries the calls: that is a ticket.Provider's.
package space

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"switchboard/shared/outbox"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
	"switchboard/shared/ticket"
)

// Store is where the documents are; *storage.Container is one. Its errors are those
// of package storage.
type Store interface {
	Snapshot(ctx context.Context, docs ...storage.Document) error
	Create(ctx context.Context, d storage.Document) error
	Replace(ctx context.Context, d storage.Document) error
	Delete(ctx context.Context, d storage.Document) error
	Query(ctx context.Context, q storage.Query) (storage.Page, error)
	Write(ctx context.Context, b storage.Batch) error
}

// Person is what the package needs of a user.
type Person struct {
	Name  string
	At    int64     // version of the name
	Since time.Time // what the user was in before is void: it was of who was erased
}

// People knows the users. Its error is NotFound for whom there is no mapping.
type People interface {
	Person(ctx context.Context, userID string) (Person, error)
}

// Limits bound what users may have. They are settings.
type Limits struct {
	Spaces  int // that a user is in; checked before each, so that a race may exceed it
	Members int // of a space
	Pending int // requests to join a space
	Invites int // open invites to a space
}

// Config is what a Registry needs.
type Config struct {
	Store  Store
	People People
	Calls  ticket.Provider
	Limits Limits
	Life   time.Duration // of a call that nobody confirms
	Opens  time.Duration // before the start of an event, when its call may begin
	Closes time.Duration // after its end, when its call ends
	Now    func() time.Time
	NewID  func() string // a new random text each time, as crypto/rand.Text gives
	Log    *slog.Logger
}

// Registry is all spaces. It is safe for concurrent use.
type Registry struct{ Config }

// New returns a Registry. It makes no request.
func New(cfg Config) *Registry { return &Registry{cfg} }

// Space is a space as somebody sees it.
type Space struct {
	ID string
	Draft
	CreatedAt time.Time
	Version   string // of the Draft
	Role      Role   // of who sees it
	Members   int    // with owners and hosts
	Pending   int    // for hosts and owners
	Call      *Call  // the live one, for members
}

// Call is a live call.
type Call struct {
	ID        string // the group id: a UUID in lower case
	StartedBy string // user; empty once that user has left
	StartedAt time.Time
	ExpiresAt time.Time // unless somebody confirms it
}

// Match decides whether a change may be made to the version that is there; its error
// ends the change.
type Match func(version string) error

// Get shows a space to somebody who may know of it. NotFound for others. It costs one
// request, and another for strangers.
func (r *Registry) Get(ctx context.Context, user, id string) (Space, error) {
	count := tallyAt(id)
	s, me, err := r.enter(ctx, id, user, none, count)
	if err != nil {
		return Space{}, err
	}
	return r.show(s, me, count), nil
}

func (r *Registry) show(s *space, me *member, count *tally) Space {
	out := Space{ID: s.id(), Draft: s.Draft, CreatedAt: s.CreatedAt, Version: s.Version, Role: me.Role, Members: count.Members}
	if me.Role.rank() >= host {
		out.Pending = count.Pending
	}
	if live := r.live(s.Draft, s.Call); live && me.Role.rank() >= joined {
		out.Call = s.Call.show()
	}
	return out
}

// enter reads a space, what the user is in it, and more of its documents, as they are
// at one moment, and refuses who is less than least: NotFound to whom there is no such
// space, Forbidden to the rest. What it read it returns with a refusal, too.
func (r *Registry) enter(ctx context.Context, id, user string, least rank, more ...storage.Document) (*space, *member, error) {
	s, me := spaceAt(id), memberAt(id, user)
	if err := r.Store.Snapshot(ctx, append([]storage.Document{s, me}, more...)...); err != nil {
		return nil, nil, err
	}
	if !s.visible(me) {
		return s, me, unknown()
	}
	return s, me, me.need(least)
}

// visible reports whether there is such a space to somebody.
func (s *space) visible(to *member) bool {
	return s.there() && to.Role != Banned && (to.Role != None || s.JoinPolicy != ByInvite)
}

func unknown() error {
	return problem.New(problem.NotFound, "space_unknown", "There is no such space, or it is not open to you.")
}

// news makes an outbox entry in a space's partition.
func (r *Registry) news(id, kind string, data any) (*outbox.Entry, error) {
	return outbox.New(partition(id), kind, data, r.NewID(), r.Now())
}

// settled brings somebody's own place up to date at once, so that they find it in
// their list. If that fails the outbox does it in a moment.
func (r *Registry) settled(ctx context.Context, id, user string) {
	if err := r.reflect(ctx, id, user); err != nil {
		r.Log.WarnContext(ctx, "a place is left to the outbox", "space", id, "error", err)
	}
}

// spaceID makes an id: the same for the same user and idempotency key, or a new one.
func (r *Registry) spaceID(user, key string) string {
	random := r.NewID()
	if key != "" {
		random = storage.Digest("space", user, key)
	}
	return idPrefix + strings.ToLower(random)[:idLength]
}

// An id has 130 bits.
const (
	idPrefix = "spc_"
	idLength = 26
)

// person reads a user who joins something. NotFound for whom there is no mapping,
// Conflict for who is in too many spaces.
func (r *Registry) person(ctx context.Context, user string) (Person, error) {
	p, err := r.People.Person(ctx, user)
	if err != nil {
		return p, err
	}
	q := storage.Query{
		PK:         userPartition(user),
		Text:       "SELECT VALUE COUNT(1) FROM c WHERE c.type = @place AND c.role != @banned",
		Parameters: map[string]any{"@place": placeType, "@banned": Banned},
	}
	counts, err := storage.Find[int](ctx, r.Store, q, 1)
	switch {
	case err != nil:
		return p, err
	case len(counts) != 1:
		return p, errors.New("space: a count has no answer")
	case *counts[0] >= r.Limits.Spaces:
		return p, problem.New(problem.Conflict, "spaces_full", "Nobody can be in more than %d spaces. Leave some first.", r.Limits.Spaces)
	}
	return p, nil
}
