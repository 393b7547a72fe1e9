package identity

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

const documentType = "identity"

// Key is where an application identity's document is.
type Key struct{ pk, id string }

// UserKey is the key of a user, by the userId of package signin.
func UserKey(userID string) Key { return Key{pk: "u:" + userID, id: documentType} }

// servicesPartition holds all bots and services, of which there are few, so
// that listing them is one query in one partition.
const servicesPartition = "d:services"

// UserID is the user that a record is of, "" for all others.
func (rec *Record) UserID() string {
	id, user := strings.CutPrefix(rec.PK, "u:")
	if !user {
		return ""
	}
	return id
}

// ServiceKey is the key of a bot or a service. A name is 1 to 64 of a-z 0-9 -.
func ServiceKey(name string) Key { return Key{pk: servicesPartition, id: servicePrefix + name} }

const servicePrefix = "service:"

// GuestKey is the key of a guest, somebody without an account: in the partition of what
// they are a guest of, so that they are found, and go, with it.
func GuestKey(partition, guest string) Key { return Key{pk: partition, id: "identity:" + guest} }

// Kind is what an application identity stands for.
type Kind string

// The kinds of application identity.
const (
	User    Kind = "user"
	Bot     Kind = "bot"
	Service Kind = "service"
	Guest   Kind = "guest" // of a meeting; for as long as that is on
)

// Record is the document of one application identity.
type Record struct {
	storage.Head
	Kind       Kind      `json:"kind"`
	Name       string    `json:"name,omitempty"`      // of a bot or service
	CallingID  string    `json:"callingId,omitempty"` // the provider's identity; empty while there is none
	CreatedAt  time.Time `json:"createdAt,omitzero"`  // of the mapping
	Profile    Profile   `json:"profile"`
	Handles    []string  `json:"handles,omitempty"` // claimed and not known to be free again
	Tokens     []kept    `json:"tokens,omitempty"`  // sealed, the newest first
	Generation int       `json:"generation"`        // counts up whenever all tokens end
	Change     *Change   `json:"change,omitempty"`  // work with the provider that is under way
	ErasedAt   time.Time `json:"erasedAt,omitzero"`
	LeftAt     time.Time `json:"leftAt,omitzero"` // ErasedAt of the mapping before this one
	Shown      int64     `json:"shown,omitempty"` // version of what others see; counts up with it
}

// Since is from when on the mapping counts for others: what they did before
// meant nobody, or who was erased. Clocks of other instances may be seconds
// behind.
func (rec *Record) Since() time.Time {
	const skew = 5 * time.Second
	since := rec.CreatedAt.Add(-skew)
	if rec.LeftAt.After(since) {
		return rec.LeftAt
	}
	return since
}

// shown is what others see of a user.
func (rec *Record) shown() [3]string {
	phone := ""
	if rec.Profile.PhoneVisibleTo == VisibleToFriends {
		phone = rec.Profile.PhoneNumber
	}
	return [3]string{rec.Profile.DisplayName, phone, rec.CallingID}
}

// VisibleToFriends is the value of Profile.PhoneVisibleTo that lets friends see the
// number.
const VisibleToFriends = "friends"

// Profile is what an identity shows of itself. Version changes with it, and
// only with it; it is the entity tag that clients see.
type Profile struct {
	Version        string `json:"version,omitempty"`
	DisplayName    string `json:"displayName,omitempty"`
	Handle         string `json:"handle,omitempty"`         // as written by its owner
	PhoneNumber    string `json:"phoneNumber,omitempty"`    // E.164
	PhoneVisibleTo string `json:"phoneVisibleTo,omitempty"` // "nobody" (also if empty) or "friends"
	Discoverable   bool   `json:"discoverable,omitempty"`
}

// Change is work with the provider that has begun and not ended.
type Change struct {
	Do    string    `json:"do"`
	By    string    `json:"by"`    // who does it
	Until time.Time `json:"until"` // when others take it over
}

// What a Change does.
const (
	allocate = "allocate"
	revoke   = "revoke"
	erase    = "erase"
)

// mapped reports whether there is a mapping that lives.
func (rec *Record) mapped() bool {
	return rec.CallingID != "" && (rec.Change == nil || rec.Change.Do != erase)
}

// begin marks the record with a Change of ours.
func (r *Registry) begin(rec *Record, do string) {
	rec.Change = &Change{Do: do, By: r.NewID(), Until: r.Now().Add(lease).UTC()}
	rec.Tokens = nil
	rec.Generation++
}

// rest returns the record when no one works on it: it waits for work under way
// and finishes what was left behind. A record whose allocation lapsed is given
// as it is, to be allocated. Conflict while it is being erased.
func (r *Registry) rest(ctx context.Context, key Key) (*Record, error) {
	for turn := 0; ; turn++ {
		rec, err := r.read(ctx, key)
		if err != nil {
			return nil, err
		}
		change := rec.Change
		switch {
		case change == nil:
			return rec, nil
		case r.Now().After(change.Until):
			if change.Do == allocate {
				return rec, nil
			}
			if err := r.takeOver(ctx, rec); err != nil && !errors.Is(err, storage.ErrStale) {
				return nil, err
			}
		case change.Do == erase:
			return nil, beingErased()
		default:
			if err := pause(ctx, turn); err != nil {
				return nil, err
			}
		}
	}
}

func beingErased() error {
	return problem.New(problem.Conflict, "identity_erasing", "This identity is being deleted. Try again in a moment.").After(time.Second)
}

// takeOver finishes a revocation or an erasure whose holder is gone.
func (r *Registry) takeOver(ctx context.Context, rec *Record) error {
	if rec.Change.Do == revoke {
		return r.revoke(ctx, rec)
	}
	return r.erase(ctx, rec, rec.Generation)
}

// CleanName makes a name from elsewhere, such as a token's claim, one that may be
// shown: at most 256 characters, none of them a control character or one that
// turns the direction of writing.
func CleanName(name string) string {
	runes := []rune(strings.TrimSpace(strings.Map(func(c rune) rune {
		if !showable(c) {
			return -1
		}
		return c
	}, name)))
	return strings.TrimSpace(string(runes[:min(len(runes), MaxName)]))
}

// ValidName reports whether a name may be shown as it is; the empty one may not.
func ValidName(name string) bool { return name != "" && CleanName(name) == name }

// MaxName is the longest display name, in characters: what ACS shows at most.
const MaxName = 256

func showable(c rune) bool {
	return c != unicode.ReplacementChar && !unicode.IsControl(c) && !unicode.Is(unicode.Bidi_Control, c)
}

// pause waits between two looks at a document: longer each time, never in step
// with other instances.
func pause(ctx context.Context, turn int) error {
	wait := min(15*time.Millisecond<<min(turn, 4), 200*time.Millisecond)
	select {
	case <-time.After(wait/2 + rand.N(wait)):
		return nil
	case <-ctx.Done():
		return pending(ctx)
	}
}
