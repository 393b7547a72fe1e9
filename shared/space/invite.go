package space

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"switchboard/shared/invitation"
	"switchboard/shared/storage"
)

// invite is the document of an invite link. Its id holds the secret of the code. It
// does not tell who made it or who used it.
type invite struct {
	storage.Head
	invitation.Terms     // the key is a digest of its maker and the idempotency key
	Used             int `json:"used"`
}

// Invitation is an invite link as hosts see it.
type Invitation = invitation.Link

func inviteAt(spaceID, id string) *invite {
	return &invite{Head: head(partition(spaceID), id, inviteType)}
}

func (i *invite) show() Invitation {
	code := strings.TrimPrefix(i.PK, partition(idPrefix)) + strings.TrimPrefix(i.ID, inviteType+":")
	return i.Link(code, i.Used)
}

// splitCode tells which space a code is of: its owner is the space's id without what all
// ids begin with. ok is false for what never is one.
func splitCode(code string) (spaceID, id string, ok bool) {
	owner, secret, ok := invitation.Split(code, idLength)
	return idPrefix + owner, inviteType + ":" + secret, ok
}

// usable refuses an invite that is none any more.
func (i *invite) usable(now time.Time) error {
	switch {
	case i.ETag == "" || i.Over(now):
		return invitation.Unknown()
	case i.Used >= i.Uses:
		return invitation.UsedUp()
	}
	return nil
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
		key := ""
		if idempotencyKey != "" {
			key = storage.Digest("invite", user, idempotencyKey)
		}
		i := inviteAt(id, inviteType+":"+strings.ToLower(r.NewID())[:invitation.SecretLength])
		i.Terms, i.TTL = invitation.NewTerms(uses, life, key, r.Now()), int(life.Seconds())
		all, err := r.invites(ctx, id, i.Key)
		if err != nil {
			return err
		}
		open := 0
		for _, other := range all {
			if i.Key != "" && i.Key == other.Key {
				made, created = other.show(), false
				return i.Same(other.Terms)
			}
			if other.Used < other.Uses {
				open++
			}
		}
		if open >= r.Limits.Invites {
			return invitation.Full(r.Limits.Invites)
		}
		var b storage.Batch
		b.Put(me) // one at a time, so that a key makes one invite
		b.Put(i)
		made, created = i.show(), true
		return r.Store.Write(ctx, b)
	})
	return made, created, err
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
	return slices.DeleteFunc(all, func(i *invite) bool { return i.Over(r.Now()) }), err
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
		return Space{}, invitation.Unknown()
	}
	return r.join(ctx, user, id, inviteAt(id, inviteID))
}
