package space

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// invite is the document of an invite link. Its id holds the secret of the code. It
// does not tell who made it or who used it.
type invite struct {
	storage.Head
	Key       string    `json:"key,omitempty"` // digest of its maker and the idempotency key
	Uses      int       `json:"uses"`
	Used      int       `json:"used"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// Invitation is an invite link as hosts see it.
type Invitation struct {
	Code      string // what the link holds: 52 of a-z 2-7
	Uses      int    // how often it may be used in all
	Used      int
	CreatedAt time.Time
	ExpiresAt time.Time
}

// A code is the space's id without what all ids begin with, and a secret of 130
// random bits, so that one point read finds it and nobody guesses it.
const secretLength = 26

func inviteAt(spaceID, id string) *invite {
	return &invite{Head: head(partition(spaceID), id, inviteType)}
}

func (i *invite) show() Invitation {
	code := strings.TrimPrefix(i.PK, partition(idPrefix)) + strings.TrimPrefix(i.ID, inviteType+":")
	return Invitation{Code: code, Uses: i.Uses, Used: i.Used, CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt}
}

// splitCode tells which space a code is of. ok is false for what never is one.
func splitCode(code string) (spaceID, id string, ok bool) {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	if len(code) != idLength+secretLength || strings.Trim(code, letters) != "" {
		return "", "", false
	}
	return idPrefix + code[:idLength], inviteType + ":" + code[idLength:], true
}

// usable refuses an invite that is none any more.
func (i *invite) usable(now time.Time) error {
	switch {
	case i.ETag == "" || !now.Before(i.ExpiresAt):
		return noInvite()
	case i.Used >= i.Uses:
		return problem.New(problem.Conflict, "invite_used", "This invite has been used. Ask for another.")
	}
	return nil
}

func noInvite() error {
	return problem.New(problem.NotFound, "invite_unknown", "There is no such invite: it has expired or was revoked. Ask for another.")
}

// Invite makes an invite link that may be used so often and lives so long, whole
// seconds, for hosts and owners. The same idempotency key, where there is one, gives
// the same link again, as long as it lives. Conflict if there are too many, or the key
// was for another kind of invite.
func (r *Registry) Invite(ctx context.Context, user, id string, uses int, life time.Duration, idempotencyKey string) (made Invitation, created bool, err error) {
	err = storage.Retry(ctx, func() error {
		_, me, err := r.enter(ctx, id, user, host)
		if err != nil {
			return err
		}
		now := r.Now().UTC()
		i := inviteAt(id, inviteType+":"+strings.ToLower(r.NewID())[:secretLength])
		i.Uses, i.CreatedAt, i.ExpiresAt, i.TTL = uses, now.Truncate(time.Second), now.Add(life).Truncate(time.Second), int(life.Seconds())
		if idempotencyKey != "" {
			i.Key = digest("invite", user, idempotencyKey)
		}
		all, err := r.invites(ctx, id, i.Key)
		if err != nil {
			return err
		}
		open := 0
		for _, other := range all {
			if i.Key != "" && i.Key == other.Key {
				made, created = other.show(), false
				return i.same(other)
			}
			if other.Used < other.Uses {
				open++
			}
		}
		if open >= r.Limits.Invites {
			return problem.New(problem.Conflict, "invites_full", "There can be %d open invites at most. Revoke some first.", r.Limits.Invites)
		}
		var b storage.Batch
		b.Put(me) // one at a time, so that a key makes one invite
		b.Put(i)
		made, created = i.show(), true
		return r.Store.Write(ctx, b)
	})
	return made, created, err
}

// same refuses an idempotency key that was used for an invite of another kind.
func (i *invite) same(other *invite) error {
	if i.Uses != other.Uses || i.ExpiresAt.Sub(i.CreatedAt) != other.ExpiresAt.Sub(other.CreatedAt) {
		return problem.New(problem.Conflict, "idempotency_key_used", "An invite with other uses or another life was made with this Idempotency-Key. Take a new key.")
	}
	return nil
}

// Invites lists a space's open invite links, the newest first, for hosts and owners:
// one read and one query.
func (r *Registry) Invites(ctx context.Context, user, id string) ([]Invitation, error) {
	if _, _, err := r.enter(ctx, id, user, host); err != nil {
		return nil, err
	}
	all, err := r.invites(ctx, id, "")
	slices.SortFunc(all, func(a, b *invite) int { return b.CreatedAt.Compare(a.CreatedAt) })
	list := make([]Invitation, len(all))
	for n, i := range all {
		list[n] = i.show()
	}
	return list, err
}

// invites reads the open ones, and the one that was made with a key, if there is a key.
// Those that are used up would be ever more until they expire.
func (r *Registry) invites(ctx context.Context, id, key string) ([]*invite, error) {
	q := storage.Query{
		PK:         partition(id),
		Text:       "SELECT * FROM c WHERE c.type = @invite AND (c.used < c.uses OR c.key = @key)",
		Parameters: map[string]any{"@invite": inviteType, "@key": key},
	}
	all, err := storage.Find[invite](ctx, r.Store, q, math.MaxInt)
	return slices.DeleteFunc(all, func(i *invite) bool { return !r.Now().Before(i.ExpiresAt) }), err
}

// Revoke ends an invite link, for hosts and owners. One that is not there, or is of
// another space, is no error.
func (r *Registry) Revoke(ctx context.Context, user, id, code string) error {
	of, inviteID, ok := splitCode(code)
	return storage.Retry(ctx, func() error {
		i := inviteAt(id, inviteID)
		if !ok || of != id {
			_, _, err := r.enter(ctx, id, user, host)
			return err
		}
		_, me, err := r.enter(ctx, id, user, host, i)
		if err != nil || i.ETag == "" {
			return err
		}
		var b storage.Batch
		b.Put(me)
		b.Delete(i)
		return r.Store.Write(ctx, b)
	})
}

// Accept makes a user a member of the space that an invite is of, whatever its policy.
// Who is a member takes no use. NotFound for a code that is not, or no more, one, and
// for who is banned; Conflict where it is used up or there is no room.
func (r *Registry) Accept(ctx context.Context, user, code string) (Space, error) {
	id, inviteID, ok := splitCode(code)
	if !ok {
		return Space{}, noInvite()
	}
	return r.join(ctx, user, id, inviteAt(id, inviteID))
}
