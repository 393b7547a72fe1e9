package meeting

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"switchboard/shared/calling"
	"switchboard/shared/identity"
	"switchboard/shared/invitation"
	"switchboard/shared/outbox"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// Invite gives the link by which guests, people without an account, come into a meeting:
// there is one, made when it is first asked for. For the host and administrators. Conflict
// once guests have to go.
func (r *Registry) Invite(ctx context.Context, by Actor, id string) (link invitation.Link, created bool, err error) {
	err = storage.Retry(ctx, func() error {
		m, err := r.enterHost(ctx, by, id)
		if err != nil {
			return err
		}
		if !r.Now().Before(r.guestsGo(m)) {
			return problem.New(problem.Conflict, "meeting_over", "This meeting is over: guests cannot come any more.")
		}
		i := inviteAt(id, m.Invite)
		if created = m.Invite == ""; !created {
			err = storage.Look(ctx, r.Store, i)
			link = r.link(m, i)
			return err
		}
		m.Invite = strings.ToLower(r.NewID())[:invitation.SecretLength]
		i = inviteAt(id, m.Invite)
		i.CreatedAt, i.TTL = r.Now().UTC().Truncate(time.Second), lifetime(m.EndsAt, r.Now())
		link = r.link(m, i)
		var b storage.Batch
		b.Put(m)
		b.Put(i)
		return r.Store.Write(ctx, b)
	})
	return link, created && err == nil, err
}

// link shows an invite, with its end as the meeting has it now.
func (r *Registry) link(m *meeting, i *invite) invitation.Link {
	return invitation.Link{
		Code: strings.TrimPrefix(m.id(), idPrefix) + m.Invite, Uses: r.Limits.Guests, Used: i.Used,
		CreatedAt: i.CreatedAt, ExpiresAt: r.guestsGo(m),
	}
}

// guestsGo is when the guests of a meeting have to go.
func (r *Registry) guestsGo(m *meeting) time.Time { return m.EndsAt.Add(r.Closes) }

// Revoke ends the invite link, and the identities of the guests that it let in: they can
// renew nothing, and a new link lets in only those who get it. There being none is no
// error.
func (r *Registry) Revoke(ctx context.Context, by Actor, id string) error {
	return storage.Retry(ctx, func() error {
		m, err := r.enterHost(ctx, by, id)
		if err != nil || m.Invite == "" {
			return err
		}
		i := inviteAt(id, m.Invite)
		if err := storage.Look(ctx, r.Store, i); err != nil {
			return err
		}
		entry, err := outbox.New(m.PK, kindGuests, changed{Meeting: id, By: by.UserID}, r.NewID(), r.Now())
		if err != nil {
			return err
		}
		m.Invite = ""
		var b storage.Batch
		b.Put(m)
		b.Put(entry)
		if i.ETag != "" {
			b.Delete(i)
		}
		return r.Store.Write(ctx, b)
	})
}

// Welcome lets a guest in: somebody without an account who has the code of a meeting's
// invite link. Their calling identity is made for them, and goes with the meeting. The
// same key, which has to be nobody else's to guess, is the same guest again, under the
// name that they first came with; without one everybody is new. NotFound for a code that
// is none, or of a meeting that is over; Conflict before it opens, with RetryAfter, and
// where there is no room.
func (r *Registry) Welcome(ctx context.Context, code, name, key string) (Ticket, error) {
	owner, secret, ok := invitation.Split(code, idLength)
	if !ok {
		return Ticket{}, invitation.Unknown()
	}
	id := idPrefix + owner
	guestID := strings.ToLower(r.NewID())
	if key != "" {
		guestID = storage.Digest("guest", secret, key)
	}
	var m *meeting
	err := storage.Retry(ctx, func() (err error) {
		m, err = r.seat(ctx, id, secret, guestID)
		return err
	})
	if err != nil {
		return Ticket{}, err
	}
	who := identity.Subject{Key: identity.GuestKey(m.PK, guestID), Kind: identity.Guest, DisplayName: name}
	t, err := r.admit(ctx, m, who, r.guestLife(m))
	if err != nil {
		return Ticket{}, err
	}
	return t, r.stillWelcome(ctx, id, guestID)
}

// guestLife is how long a guest's token lives: until they have to go, as far as there are
// tokens for such a time.
func (r *Registry) guestLife(m *meeting) time.Duration {
	left := r.guestsGo(m).Sub(r.Now()).Round(time.Minute)
	return min(max(left, calling.MinLife), calling.MaxLife)
}

// seat stores that a guest is let in, unless they were before.
func (r *Registry) seat(ctx context.Context, id, secret, guestID string) (*meeting, error) {
	m, i, g := meetingAt(id), inviteAt(id, secret), guestAt(id, guestID)
	if err := r.Store.Snapshot(ctx, m, i, g); err != nil {
		return nil, err
	}
	if i.ETag == "" || m.State != ready || m.Invite != secret || !r.Now().Before(r.guestsGo(m)) || g.Leaving {
		return nil, invitation.Unknown()
	}
	if err := r.checkOpen(m, r.guestsGo(m)); err != nil || g.ETag != "" {
		return m, err
	}
	if i.Used >= r.Limits.Guests {
		return nil, problem.New(problem.Conflict, "guests_full", "This meeting has had %d guests, as many as it can have.", r.Limits.Guests)
	}
	g.Invite, g.Until = secret, r.guestsGo(m)
	var b storage.Batch
	b.Put(g)
	b.Adjust(i.PK, i.ID, map[string]int64{"used": 1}, fmt.Sprintf("c.used < %d", r.Limits.Guests))
	return m, r.Store.Write(ctx, b)
}

// extend lets the invite link and the guests of a meeting stay as long as it lasts now.
func (r *Registry) extend(ctx context.Context, m *meeting) error {
	if m.Invite == "" {
		return nil
	}
	if err := r.keepLink(ctx, m); err != nil {
		return err
	}
	guests, err := r.guests(ctx, m.id())
	if err != nil {
		return err
	}
	return outbox.Each(ctx, guests, func(ctx context.Context, g *guest) error {
		if g.Until.Equal(r.guestsGo(m)) {
			return nil
		}
		_, _, err := r.prolong(ctx, m.id(), g.Guest)
		return err
	})
}

// prolong lets a guest stay until their meeting, as it is now, is over. stays is false for
// one who has to go.
func (r *Registry) prolong(ctx context.Context, id, guestID string) (g *guest, stays bool, err error) {
	err = storage.Retry(ctx, func() error {
		m := meetingAt(id)
		g = guestAt(id, guestID)
		if err := r.Store.Snapshot(ctx, m, g); err != nil {
			return err
		}
		stays = g.ETag != "" && m.lets(g)
		if !stays || g.Until.Equal(r.guestsGo(m)) {
			return nil
		}
		g.Until = r.guestsGo(m)
		return r.Store.Replace(ctx, g)
	})
	return g, stays, err
}

// keepLink lets the document of the invite link live as long as the meeting's.
func (r *Registry) keepLink(ctx context.Context, m *meeting) error {
	return storage.Retry(ctx, func() error {
		i := inviteAt(m.id(), m.Invite)
		if err := storage.Look(ctx, r.Store, i); err != nil || i.ETag == "" {
			return err
		}
		i.TTL = lifetime(m.EndsAt, r.Now())
		return r.Store.Replace(ctx, i)
	})
}

func unlessStale(err error) error {
	if errors.Is(err, storage.ErrStale) {
		return nil
	}
	return err
}

// dismiss ends the identities of the guests of a meeting, but for those who came by the
// link that is good now: of the two the guests are read first, or else those would be among
// them for whom a link was made meanwhile.
func (r *Registry) dismiss(ctx context.Context, n changed) (any, error) {
	gone, err := r.guests(ctx, n.Meeting)
	if err != nil {
		return nil, err
	}
	m := meetingAt(n.Meeting)
	if err := storage.Look(ctx, r.Store, m); err != nil {
		return nil, err
	}
	gone = slices.DeleteFunc(gone, func(g *guest) bool { return m.lets(g) })
	return nil, outbox.All(ctx, gone, r.sendOff)
}

// lets reports whether a guest came by a link that is good now.
func (m *meeting) lets(g *guest) bool { return m.State == ready && g.Invite == m.Invite && !g.Leaving }

// sendOff ends the identity of a guest, with all tokens. It may be done again. The guest
// is marked before, so that an identity which is being made meanwhile is seen to be one too
// many by who makes it (stillWelcome), or is there to be erased.
func (r *Registry) sendOff(ctx context.Context, g *guest) error {
	err := storage.Retry(ctx, func() error {
		*g = *guestAt(g.meeting(), g.Guest) // what is not stored is not there
		if err := storage.Look(ctx, r.Store, g); err != nil || g.Leaving {
			return err
		}
		if g.Leaving = true; g.ETag == "" {
			return nil
		}
		return r.Store.Replace(ctx, g)
	})
	if err != nil {
		return err
	}
	always := func(*identity.Record) error { return nil }
	if err := r.Identities.Erase(ctx, identity.GuestKey(g.PK, g.Guest), always); err != nil || g.ETag == "" {
		return err
	}
	return unlessStale(r.Store.Delete(ctx, g))
}

// stillWelcome looks again after a guest was let in: whom the outbox did not find when the meeting
// ended, or the link, or when it was moved, it does not come back for.
func (r *Registry) stillWelcome(ctx context.Context, id, guestID string) error {
	g, stays, err := r.prolong(ctx, id, guestID)
	if err != nil || stays {
		return err
	}
	if err := r.sendOff(ctx, g); err != nil {
		return err
	}
	return invitation.Unknown()
}

// guests reads all of a meeting, also those who came by links that were revoked.
func (r *Registry) guests(ctx context.Context, id string) ([]*guest, error) {
	return storage.Find[guest](ctx, r.Store, storage.Query{
		PK:         partition(id),
		Text:       "SELECT * FROM c WHERE c.type = @guest",
		Parameters: map[string]any{"@guest": guestType},
	}, math.MaxInt)
}
