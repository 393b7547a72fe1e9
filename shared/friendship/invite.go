package friendship

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"switchboard/shared/invitation"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// invite is the document of an invite link, in the partition of whoever made it.
// Its id holds the secret of the code.
type invite struct {
	storage.Head
	invitation.Terms
	Accepted []string `json:"accepted,omitempty"` // users, in order
}

const inviteType = "invite"

// Invitation is an invite link as its maker sees it.
type Invitation = invitation.Link

// The owner in a code is the maker's user id, without what all ids begin with.
const (
	userPrefix = "usr_"
	userLength = 52
)

func (i *invite) show() Invitation {
	code := strings.TrimPrefix(strings.TrimPrefix(i.PK, "u:"), userPrefix) + strings.TrimPrefix(i.ID, inviteType+":")
	return i.Link(code, len(i.Accepted))
}

// splitCode tells whose invite a code is of. ok is false for what never is one.
func splitCode(code string) (user, id string, ok bool) {
	owner, secret, ok := invitation.Split(code, userLength)
	return userPrefix + owner, inviteType + ":" + secret, ok
}

// Invite makes an invite link that may be used so often and lives so long, whole
// seconds. The same idempotency key, where there is one, gives the same link again, as
// long as it lives. Conflict if the user has too many, or the key was for another kind
// of invite; Throttled.
func (r *Registry) Invite(ctx context.Context, user string, uses int, life time.Duration, idempotencyKey string) (made Invitation, created bool, err error) {
	err = storage.Retry(ctx, func() error {
		h, err := r.head(ctx, user)
		if err != nil {
			return err
		}
		now := r.Now()
		i := &invite{
			Head:  storage.Head{PK: partition(user), ID: inviteType + ":" + strings.ToLower(r.NewID()), Type: inviteType, TTL: int(life.Seconds())},
			Terms: invitation.NewTerms(uses, life, idempotencyKey, now),
		}
		all, err := r.invites(ctx, user, idempotencyKey)
		if err != nil {
			return err
		}
		open := 0
		for _, other := range all {
			if i.Key != "" && i.Key == other.Key {
				made, created = other.show(), false
				return i.Same(other.Terms)
			}
			if other.open() {
				open++
			}
		}
		if open >= r.Limits.Invites {
			return invitation.Full(r.Limits.Invites)
		}
		if err := h.count(Invite, r.Limits, now); err != nil {
			return err
		}
		var b storage.Batch
		b.Put(h)
		b.Put(i)
		made, created = i.show(), true
		return r.Store.Write(ctx, b)
	})
	return made, created, err
}

// Invites lists a user's open invite links, the newest first: one query.
func (r *Registry) Invites(ctx context.Context, user string) ([]Invitation, error) {
	all, err := r.invites(ctx, user, "")
	slices.SortFunc(all, func(a, b *invite) int { return b.CreatedAt.Compare(a.CreatedAt) })
	list := make([]Invitation, len(all))
	for n, i := range all {
		list[n] = i.show()
	}
	return list, err
}

// invites reads the open ones, and the one that was made with a key, if there is a key.
// Those that are used up would be ever more until they expire.
func (r *Registry) invites(ctx context.Context, user, key string) ([]*invite, error) {
	q := storage.Query{
		PK:         partition(user),
		Text:       "SELECT * FROM c WHERE c.type = @invite AND (NOT IS_DEFINED(c.accepted) OR ARRAY_LENGTH(c.accepted) < c.uses OR c.key = @key)",
		Parameters: map[string]any{"@invite": inviteType, "@key": key},
	}
	all, err := storage.Find[invite](ctx, r.Store, q, math.MaxInt)
	return slices.DeleteFunc(all, func(i *invite) bool { return i.Over(r.Now()) }), err
}

func (i *invite) open() bool { return len(i.Accepted) < i.Uses }

// Revoke ends an invite link of the user's. One that is not there, or is another
// user's, is no error.
func (r *Registry) Revoke(ctx context.Context, user, code string) error {
	owner, id, ok := splitCode(code)
	if !ok || owner != user {
		return nil
	}
	return storage.Retry(ctx, func() error {
		i := &invite{}
		err := r.Store.Read(ctx, partition(user), id, i)
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		var b storage.Batch
		b.Delete(i)
		return r.Store.Write(ctx, b)
	})
}

// Accept makes a user and the maker of an invite friends at once. It does nothing
// where they are. NotFound for a code that is not, or no more, one; Conflict where
// it is the user's own, used up, or a limit is reached on either side.
//
// The maker's consent is written first, together with the use; then the user's. Cut
// short in between, it is a request by the maker, and accepting again goes on.
func (r *Registry) Accept(ctx context.Context, user, code string) (Friend, error) {
	maker, id, ok := splitCode(code)
	if !ok {
		return Friend{}, invitation.Unknown()
	}
	if maker == user {
		return Friend{}, problem.New(problem.Conflict, "friend_self", "This invite is your own. Send it to somebody else.")
	}
	h, mine, err := r.both(ctx, user, maker)
	if err != nil {
		return Friend{}, err
	}
	if mine.State == Blocked {
		return Friend{}, problem.New(problem.Conflict, "friend_blocked", "You have blocked this user. Unblock first.")
	}
	if err := h.room(mine.State, Friends, r.Limits); err != nil {
		return Friend{}, err // before a use is taken
	}
	consent, err := r.use(ctx, maker, id, mine)
	if err != nil {
		return Friend{}, err
	}
	var done Friend
	err = storage.Retry(ctx, func() error {
		h, e, err := r.both(ctx, user, maker)
		if err != nil {
			return err
		}
		was := *e
		if e.Theirs.At < consent.At {
			e.Theirs = consent
		}
		if !consent.counts(e.Mine) {
			return invitation.Unknown() // the friendship that it made has ended, of which the maker has not heard
		}
		if !e.Mine.counts(e.Theirs) {
			e.Mine = e.Mine.next(wants, r.Now())
		}
		if e.Mine == was.Mine && e.Theirs == was.Theirs {
			done = was.friend()
			return nil
		}
		if err := h.room(e.State, between(e.Mine, e.Theirs), r.Limits); err != nil {
			return err
		}
		if err := r.introduce(ctx, e); err != nil {
			return err
		}
		news, err := r.news(user, kindSync, sync{From: user, To: maker})
		if err != nil {
			return err
		}
		err = r.store(ctx, h, e, news)
		done = e.friend()
		return err
	})
	return done, err
}

// use takes a use of an invite for a user, whose edge to the maker is given, together
// with the maker's consent, and returns that. A user who took one before takes no
// other, and a friend none.
func (r *Registry) use(ctx context.Context, maker, id string, mine *edge) (consent stance, err error) {
	user := mine.owner()
	err = storage.Retry(ctx, func() error {
		i := &invite{}
		err := r.Store.Read(ctx, partition(maker), id, i)
		if errors.Is(err, storage.ErrNotFound) || err == nil && i.Over(r.Now()) {
			return invitation.Unknown()
		}
		if err != nil {
			return err
		}
		h, e, err := r.both(ctx, maker, user)
		if problem.Is(err, problem.NotFound) || problem.Is(err, problem.Conflict) || err == nil && e.State == Blocked {
			return invitation.Unknown() // the maker is leaving, or wants nothing of this user
		}
		if err != nil {
			return err
		}
		again := slices.Contains(i.Accepted, user)
		if again && e.Mine.counts(e.Theirs) || e.State == Friends && mine.State == Friends {
			consent = e.Mine
			return nil
		}
		if again {
			return invitation.Unknown() // the friendship that it made has ended
		}
		if !i.open() {
			return invitation.UsedUp()
		}
		e.Mine = e.Mine.next(wants, r.Now())
		if err := h.room(e.State, Friends, r.Limits); err != nil {
			return problem.New(problem.Conflict, "inviter_full", "Whoever invited you has too many friends. Ask them to make room.")
		}
		if err := r.introduce(ctx, e); err != nil {
			return err
		}
		news, err := r.news(maker, kindSync, sync{From: maker, To: user})
		if err != nil {
			return err
		}
		i.Accepted = append(i.Accepted, user)
		i.TTL = max(1, int(i.ExpiresAt.Sub(r.Now()).Seconds()))
		consent = e.Mine
		return r.store(ctx, h, e, i, news)
	})
	return consent, err
}
