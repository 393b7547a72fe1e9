// Package meeting keeps scheduled Teams meetings: those that are made here, in one of
// three ways, and those that people made in Outlook, Teams or Bookings and brought here
// by their link. It knows who is invited, gives them what it takes to join, and answers
// which meetings somebody has today.
//
// Everything about a meeting is in its own partition: one document with the people who
// are invited, the invite link of guests, and a document for each guest. What each user
// sees in their agenda is a copy in the user's own partition. Each change leaves an
// outbox entry that brings the copies up to date (Handlers); it may come late, twice and in
// any order.
//
// Two systems have to agree, the store and the service that holds the meetings, and
// either may fail between two steps. So work with the service is marked on the
// document before it begins, and repeating it does nothing twice. Whatever a request
// leaves unfinished its repetition finishes; where none comes, Upkeep undoes a
// meeting that was not made to the end, and takes over what the service says of one
// that was being changed.
//
// The package decides who may do what. It does not know Graph, which a Scheduler
// speaks, nor what carries the calls: a Teams meeting is joined with a calling identity
// of this service, as everything else is.
package meeting

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"switchboard/shared/calling"
	"switchboard/shared/identity"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// Store is where the documents are; *storage.Container is one. Its errors are those
// of package storage.
type Store interface {
	Read(ctx context.Context, pk, id string, d storage.Document) error
	Snapshot(ctx context.Context, docs ...storage.Document) error
	Create(ctx context.Context, d storage.Document) error
	Replace(ctx context.Context, d storage.Document) error
	Delete(ctx context.Context, d storage.Document) error
	Query(ctx context.Context, q storage.Query) (storage.Page, error)
	QueryAll(ctx context.Context, q storage.Query) (storage.Page, error)
	Write(ctx context.Context, b storage.Batch) error
}

// People knows the users.
type People interface {
	// Known is NotFound for whom there is no mapping.
	Known(ctx context.Context, userID string) error
	// Blocks reports whether a user has blocked another.
	Blocks(ctx context.Context, userID, other string) (bool, error)
}

// Identities gives those who join a calling identity and a token for it;
// *identity.Registry does.
type Identities interface {
	Token(ctx context.Context, who identity.Subject, want identity.Want) (identity.Grant, error)
	Erase(ctx context.Context, key identity.Key, ready func(*identity.Record) error) error
}

// Limits bound what a meeting may have. They are settings.
type Limits struct {
	Attendees int // users and e-mails together
	Guests    int // ever let in by the invite link
}

// Config is what a Registry needs.
type Config struct {
	Store          Store
	People         People
	Identities     Identities
	Scheduler      Scheduler // nil: meetings can be brought here, not made
	Watcher        Watcher   // nil: nobody tells of changes
	Limits         Limits
	Scopes         []calling.Scope // of the tokens in tickets
	Life           time.Duration   // of users' tokens
	Opens          time.Duration   // before the start, when a meeting can be joined
	Closes         time.Duration   // after the end, when guests have to go
	AnonymousStart bool            // the tenant lets anonymous people start meetings: nobody waits for one of its own
	Now            func() time.Time
	NewID          func() string // a new random text each time, as crypto/rand.Text gives
	Log            *slog.Logger
}

// Registry is all meetings. It is safe for concurrent use.
type Registry struct{ Config }

// New returns a Registry. It makes no request.
func New(cfg Config) *Registry { return &Registry{cfg} }

// Role is what somebody is in a meeting.
type Role string

// The roles, and None for whoever is not invited.
const (
	Host     Role = "host" // made it here, or brought it here
	Attendee Role = "attendee"
	None     Role = ""
)

// Meeting is a meeting as somebody sees it.
type Meeting struct {
	ID string
	Draft
	Mode      Mode
	HostID    string
	Role      Role
	CreatedAt time.Time
	Version   string
	Join      Join
	ThreadID  string // "" where unknown or writing is off
	DialIn    *DialIn
	Lobby     Lobby
	Opens     time.Time // from when on it can be joined
	Expires   time.Time // when the link ends to work, as far as is known
}

// Lobby is how people come in.
type Lobby struct {
	Scope   string // who does not wait; "" where unknown
	MayWait bool   // who joins by a ticket may have to wait to be let in
}

// Match decides whether a change may be made to the version that is there; its error
// ends the change.
type Match func(version string) error

// linkLife is how long a Teams link works after the end of the meeting; joining or
// changing it puts that off by as much, which is not counted here ("Meeting expiration in
// Microsoft Teams").
const linkLife = 60 * 24 * time.Hour

// kept is how much longer the documents stay, so that a link which has expired says so.
const kept = 30 * 24 * time.Hour

// Get shows a meeting to those who are invited, and to administrators. NotFound for
// others. It costs one read.
func (r *Registry) Get(ctx context.Context, by Actor, id string) (Meeting, error) {
	m, err := r.enter(ctx, by, id)
	if err != nil {
		return Meeting{}, err
	}
	return r.show(m, by), nil
}

// enter reads a meeting and refuses who may not know of it.
func (r *Registry) enter(ctx context.Context, by Actor, id string) (*meeting, error) {
	m := meetingAt(id)
	if err := storage.Look(ctx, r.Store, m); err != nil {
		return m, err
	}
	if m.State != ready || m.role(by.UserID) == None && !by.Admin {
		return m, unknown()
	}
	return m, nil
}

// enterHost is enter for who may change a meeting.
func (r *Registry) enterHost(ctx context.Context, by Actor, id string) (*meeting, error) {
	m, err := r.enter(ctx, by, id)
	if err == nil && m.Host != by.UserID && !by.Admin {
		err = problem.New(problem.Forbidden, "meeting_not_yours", "Only who scheduled the meeting can do this. Ask them.")
	}
	return m, err
}

func unknown() error {
	return problem.New(problem.NotFound, "meeting_unknown", "There is no such meeting, or you are not invited to it.")
}

func (r *Registry) show(m *meeting, to Actor) Meeting {
	out := Meeting{
		ID: m.id(), Draft: m.Draft, Mode: m.Mode, HostID: m.Host, Role: m.role(to.UserID), CreatedAt: m.CreatedAt, Version: m.Version,
		Join: m.Join, DialIn: m.DialIn, Lobby: r.lobby(m), Opens: r.opens(m.StartsAt), Expires: m.EndsAt.Add(linkLife),
	}
	if !m.NoChat {
		out.ThreadID = m.ThreadID
	}
	if out.Role != Host && !to.Admin { // addresses are for who wrote them down
		out.Attendees = slices.DeleteFunc(slices.Clone(m.Attendees), func(p Person) bool { return p.Email != "" })
	}
	return out
}

// lobby tells whether people with tickets may have to wait: they come from outside of the
// tenant, so all but everyone do, and those whom everyone lets in still wait for the first
// of the tenant to come, unless the tenant lets anonymous people start meetings.
func (r *Registry) lobby(m *meeting) Lobby {
	const everyone = "everyone"
	return Lobby{Scope: m.LobbyScope, MayWait: m.LobbyScope != everyone || !r.AnonymousStart}
}

// meetingID makes an id: the same for the same user and key, or a new one.
func (r *Registry) meetingID(user, key string) string {
	random := r.NewID()
	if key != "" {
		random = storage.Digest("meeting", user, key)
	}
	return idPrefix + strings.ToLower(random)[:idLength]
}

// An id has 130 bits.
const (
	idPrefix = "mtg_"
	idLength = 26
)
