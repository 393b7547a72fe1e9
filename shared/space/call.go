package space

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
	"switchboard/shared/ticket"
)

// GroupID brings a group id, a UUID in any case, into the form that is stored. ok is
// false for what is none: braces, a URN, no dashes, and the two UUIDs that everybody
// would have in common (RFC 9562, 5.9 and 5.10).
func GroupID(text string) (id string, ok bool) {
	const written = 36 // characters of the one form that all SDKs read
	parsed, err := uuid.Parse(text)
	if err != nil || len(text) != written || parsed == uuid.Nil || parsed == uuid.Max {
		return "", false
	}
	return strings.ToLower(text), true
}

// Share makes a call that a member's client began the space's, under the id that
// GroupID gave. It is begun by the first to do so; sharing the live call again
// confirms it. Conflict while another is live, with its id in the member groupId;
// Conflict for an id that a call of this space had before, and for an event that is
// not on. match is asked about the live call's id, "" for none. It costs one read and
// one batch.
func (r *Registry) Share(ctx context.Context, user, id, groupID string, match Match) (c Call, begun bool, err error) {
	return r.begin(ctx, user, id, starter{groupID: groupID, match: match, cause: causeShared})
}

// Start is Share with an id made here; while a call is live it gives that one. Conflict
// for an idempotency key, where there is one, with which the user began a call that has
// ended.
func (r *Registry) Start(ctx context.Context, user, id, idempotencyKey string) (c Call, begun bool, err error) {
	whatever := func(string) error { return nil }
	return r.begin(ctx, user, id, starter{key: idempotencyKey, match: whatever, cause: causeStarted})
}

// starter is how somebody begins a call.
type starter struct {
	groupID string // empty: to be made
	key     string // the same makes the same id
	match   Match
	cause   string
}

func (r *Registry) begin(ctx context.Context, user, id string, with starter) (c Call, begun bool, err error) {
	err = storage.Retry(ctx, func() error {
		s, me, err := r.enter(ctx, id, user, joined)
		if err != nil {
			return err
		}
		if err := with.match(r.version(s)); err != nil {
			return err
		}
		if r.live(s.Draft, s.Call) {
			begun = false
			if with.groupID != "" && with.groupID != s.Call.ID {
				return otherCall(s.Call.ID)
			}
			if r.confirm(s) {
				err = r.storeSpace(ctx, s, me, spread{Cause: causeConfirmed, By: user})
			}
			c = *s.Call.show()
			return err
		}
		if err := r.on(s.Draft); err != nil {
			return err
		}
		begun = true
		groupID, err := with.id(s, user)
		if err != nil {
			return err
		}
		n := spread{Cause: with.cause, By: user}
		record := r.newCall(s, user, groupID, &n)
		c = *s.Call.show()
		err = r.storeSpace(ctx, s, me, n, record)
		if errors.Is(err, storage.ErrExists) { // the space was as it had been read, so it is the record
			return problem.New(problem.Conflict, "group_id_used", "The call with this ID, or started with this Idempotency-Key, has ended. Take a new one.")
		}
		return err
	})
	return c, begun, err
}

func otherCall(groupID string) error {
	live := problem.New(problem.Conflict, "call_live", "Another call is live in this space. Join it: its ID is in groupId.")
	live.GroupID = groupID
	return live
}

// id is the group id of a call that is to begin. One made for an idempotency key cannot
// be told from the key without what only the space has.
func (w starter) id(s *space, user string) (string, error) {
	switch {
	case w.groupID != "":
		return w.groupID, nil
	case w.key != "":
		const custom = 8 // version (RFC 9562, 5.8)
		return uuid.NewHash(hmac.New(sha256.New, []byte(s.Secret)), uuid.Nil, []byte(storage.Digest(user, w.key)), custom).String(), nil
	}
	id, err := uuid.NewRandom()
	return id.String(), err
}

// newCall gives a space a call, which ends the one before, and returns the document
// that keeps its id from being used again.
func (r *Registry) newCall(s *space, by, groupID string, n *spread) *used {
	if s.Call != nil {
		n.Ended = s.Call.ID
	}
	now := r.Now().UTC()
	s.Call = &call{ID: groupID, StartedBy: by, StartedAt: now.Truncate(time.Second), ExpiresAt: r.expiry(s.Draft)}
	s.Seq = next(s.Seq, now)
	return &used{Head: head(s.PK, usedType+":"+groupID, usedType), At: s.Call.StartedAt}
}

// expiry is when a call ends that is confirmed now.
func (r *Registry) expiry(d Draft) time.Time {
	end := r.Now().UTC().Add(r.Life).Truncate(time.Second)
	if d.Kind == Event {
		return earlier(end, d.EndsAt.Add(r.Closes))
	}
	return end
}

// confirm puts the end of a live call off, and reports whether that is worth storing:
// when half of its time is gone.
func (r *Registry) confirm(s *space) bool {
	later := r.expiry(s.Draft)
	if s.Call.ExpiresAt.Sub(r.Now()) > r.Life/2 || !later.After(s.Call.ExpiresAt) {
		return false
	}
	c := *s.Call
	c.ExpiresAt = later
	s.Call, s.Seq = &c, next(s.Seq, r.Now())
	return true
}

// live reports whether a call can be joined now.
func (r *Registry) live(d Draft, c *call) bool {
	return c != nil && r.Now().Before(c.ExpiresAt) && r.on(d) == nil
}

// version names the live call; empty for none.
func (r *Registry) version(s *space) string {
	if !r.live(s.Draft, s.Call) {
		return ""
	}
	return s.Call.ID
}

// on refuses calls while an event is not on; a club always is.
func (r *Registry) on(d Draft) error {
	if d.Kind != Event {
		return nil
	}
	switch opens, closes, now := d.StartsAt.Add(-r.Opens), d.EndsAt.Add(r.Closes), r.Now(); {
	case now.Before(opens):
		return problem.New(problem.Conflict, "event_not_begun", "This event is not open yet. Its call can be joined from %s.", opens.Format(time.RFC3339)).After(opens.Sub(now))
	case !now.Before(closes):
		return problem.New(problem.Conflict, "event_over", "This event is over.")
	}
	return nil
}

func (c *call) show() *Call {
	return &Call{ID: c.ID, StartedBy: c.StartedBy, StartedAt: c.StartedAt, ExpiresAt: c.ExpiresAt}
}

// Current gives the live call to members. NotFound if there is none.
func (r *Registry) Current(ctx context.Context, user, id string) (Call, error) {
	s, _, err := r.enter(ctx, id, user, joined)
	if err != nil {
		return Call{}, err
	}
	if !r.live(s.Draft, s.Call) {
		return Call{}, problem.New(problem.NotFound, "call_not_live", "No call is live in this space.")
	}
	return *s.Call.show(), nil
}

// End ends the live call, for who began it, hosts and owners. There being none is no
// error. One that has expired ends, too: by the clock of another instance it may be
// live. match is asked about the call's id. Nobody gets the id from now on; those who
// are in the call stay in it unless the provider can end it for them.
func (r *Registry) End(ctx context.Context, user, id string, match Match) error {
	return storage.Retry(ctx, func() error {
		s, me, err := r.enter(ctx, id, user, joined)
		if err != nil {
			return err
		}
		live := r.live(s.Draft, s.Call)
		if err := match(r.version(s)); err != nil || s.Call == nil {
			return err
		}
		if s.Call.StartedBy != user {
			switch err := me.need(host); {
			case err != nil && live:
				return problem.New(problem.Forbidden, "call_not_yours", "Who began the call, hosts and owners may end it.").Because(err)
			case err != nil:
				return nil
			}
		}
		n := spread{Cause: causeEnded, By: user, Ended: s.Call.ID}
		s.Call, s.Seq = nil, next(s.Seq, r.Now())
		return r.storeSpace(ctx, s, me, n)
	})
}

// Ticket gives a member what it takes to join the live call. Conflict if there is
// none; then RetryAfter tells when an event begins. It costs one read besides what the
// provider's part does. Joining confirms the call: when half of its time is gone, that
// is a batch more.
func (r *Registry) Ticket(ctx context.Context, user, id string) (t ticket.Ticket, err error) {
	err = storage.Retry(ctx, func() error {
		s, me, err := r.enter(ctx, id, user, joined)
		if err != nil {
			return err
		}
		if err := r.on(s.Draft); err != nil {
			return err
		}
		if !r.live(s.Draft, s.Call) {
			return problem.New(problem.Conflict, "call_not_live", "No call is live in this space. Start one, or try again later.")
		}
		leads := me.Role.rank() >= host || s.Call.StartedBy == user
		t, err = r.Calls.Admit(ctx, ticket.Call{Space: id, ID: s.Call.ID}, ticket.Guest{UserID: user, Leads: leads})
		if err != nil || !r.confirm(s) {
			return err
		}
		err = r.storeSpace(ctx, s, me, spread{Cause: causeConfirmed, By: user})
		if err == nil || errors.Is(err, storage.ErrStale) { // then the call may have ended meanwhile
			return err
		}
		r.Log.WarnContext(ctx, "a call is not confirmed by who joins it", "space", id, "error", err)
		return nil // others who join confirm it; this is no reason to keep one out
	})
	return t, err
}
