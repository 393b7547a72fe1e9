package space_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"switchboard/shared/outbox"
	"switchboard/shared/problem"
	"switchboard/shared/space"
)

// TestTicketsOfAnotherProvider: the rules are the spaces', the ticket is the provider's.
func TestTicketsOfAnotherProvider(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	ada, grace, linus, mallory := w.people.join("Ada"), w.people.join("Grace"), w.people.join("Linus"), w.people.join("Mallory")
	id := w.opened(t, ada, space.Request)
	for _, user := range []string{grace, linus} {
		_, err := w.Join(ctx, user, id)
		ok(t, err)
	}
	_, err := w.Decide(ctx, ada, id, grace, space.Ruling{Role: space.Member}, anyVersion)
	ok(t, err)
	_, err = w.Decide(ctx, ada, id, mallory, space.Ruling{Role: space.Banned}, anyVersion)
	ok(t, err)
	_, err = w.Ticket(ctx, grace, id)
	refused(t, err, "call_not_live")
	call, _, err := w.Start(ctx, grace, id, "")
	ok(t, err)
	for user, want := range map[string]string{ada: "moderator of " + call.ID, grace: "moderator of " + call.ID} {
		got, err := w.Ticket(ctx, user, id)
		ok(t, err)
		if got.Provider != "media" || got.Locator["url"] != rooms+id+"/"+call.ID || len(got.Locator) != 1 || got.Token != want || got.User.CommunicationUserID != "media:"+user || got.DisplayName == "" {
			t.Errorf("the ticket is %+v", got)
		}
	}
	_, err = w.Ticket(ctx, linus, id)
	refused(t, err, "admission_pending")
	_, err = w.Ticket(ctx, mallory, id)
	refused(t, err, "space_unknown")
	_, err = w.Ticket(ctx, w.people.join("stranger"), id)
	refused(t, err, "members_only")
	_, err = w.Decide(ctx, ada, id, linus, space.Ruling{Role: space.Member}, anyVersion)
	ok(t, err)
	if got, err := w.Ticket(ctx, linus, id); err != nil || got.Token != "guest of "+call.ID {
		t.Errorf("Linus has %+v, %v", got, err)
	}

	// Whoever knows the id and shares it in a space of their own is in another room.
	own := w.opened(t, mallory, space.Open)
	_, _, err = w.Share(ctx, mallory, own, call.ID, anyVersion)
	ok(t, err)
	if got, err := w.Ticket(ctx, mallory, own); err != nil || got.Locator["url"] != rooms+own+"/"+call.ID {
		t.Errorf("Mallory has %+v, %v", got, err)
	}
}

// consumer is what works off the outbox.
func (w *world) consumer() *outbox.Consumer {
	return &outbox.Consumer{Store: w.store, Handlers: w.Handlers(), Now: w.clock.Now, Log: slog.New(slog.DiscardHandler)}
}

// TestEveryEndReachesTheProvider, in whichever way a call ends and although the provider
// is away at first; and the call that is live never does.
func TestEveryEndReachesTheProvider(t *testing.T) {
	t.Parallel()
	type scene struct {
		*world
		ctx        context.Context
		owner, bob string
		id         string
	}
	for name, end := range map[string]func(s scene) error{
		"ended": func(s scene) error { return s.End(s.ctx, s.bob, s.id, anyVersion) },
		"rotated by a ban": func(s scene) error {
			_, err := s.Decide(s.ctx, s.owner, s.id, s.bob, space.Ruling{Role: space.Banned, Rotate: true}, anyVersion)
			return err
		},
		"rotated by a removal": func(s scene) error {
			_, err := s.Decide(s.ctx, s.owner, s.id, s.bob, space.Ruling{Rotate: true}, anyVersion)
			return err
		},
		"expired and replaced": func(s scene) error {
			s.clock.Move(life)
			_, begun, err := s.Start(s.ctx, s.bob, s.id, "")
			if !begun {
				err = errors.Join(err, errors.New("it was not replaced"))
			}
			return err
		},
		"the event was put off": func(s scene) error {
			_, err := s.Update(s.ctx, s.owner, s.id, anyVersion, func(d *space.Draft) {
				d.StartsAt, d.EndsAt = d.StartsAt.Add(24*time.Hour), d.EndsAt.Add(24*time.Hour)
			})
			return err
		},
		"deleted": func(s scene) error { return s.Delete(s.ctx, s.owner, s.id, anyVersion) },
		"the owner is erased": func(s scene) error {
			s.people.leave(s.owner)
			return s.Forget(s.ctx, s.owner)
		},
	} {
		for failing, failure := range map[string]error{"away": nil, "failing": problem.New(problem.Upstream, "media_failed", "It fails.")} {
			t.Run(name+", the provider "+failing, func(t *testing.T) {
				w := newWorld(t)
				s := scene{world: w, ctx: t.Context(), owner: w.people.join("Ada"), bob: w.people.join("Bob")}
				now := w.clock.Now()
				made, _, err := w.Create(s.ctx, s.owner, space.Draft{Kind: space.Event, Name: "Open evening", JoinPolicy: space.Open, StartsAt: now, EndsAt: now.Add(8 * time.Hour)}, "")
				ok(t, err)
				s.id = made.ID
				w.joined(t, s.id, s.bob)
				was, _, err := w.Start(s.ctx, s.bob, s.id, "")
				ok(t, err)
				w.drained(t)
				if w.media.hasEnded(was.ID) {
					t.Fatal("ended while it is live")
				}
				w.media.away, w.media.failure = 3, failure
				ok(t, end(s))
				w.drained(t)
				if !w.media.hasEnded(was.ID) || w.media.away > 0 {
					t.Errorf("the provider never heard of it; %d failures are left", w.media.away)
				}
				if c, err := w.Current(s.ctx, s.owner, s.id); err == nil && w.media.hasEnded(c.ID) {
					t.Error("the provider ended the call that is live")
				} else if err == nil && !strings.HasPrefix(name, "rotated") && !strings.HasPrefix(name, "expired") {
					t.Errorf("%s is live", c.ID)
				}
			})
		}
	}
}

// drained works off the outbox, as often as a provider that fails makes it necessary.
func (w *world) drained(t testing.TB) {
	t.Helper()
	for range 20 {
		_, err := w.consumer().Drain(t.Context())
		if err != nil && !problem.Is(err, problem.Unavailable) {
			t.Fatal(err)
		}
		w.clock.Move(10 * time.Second) // the next attempt of what failed is due
	}
}

// A call that expired by one clock ends for all when it is ended, and does not come back
// by a clock that is behind.
func TestAnEndIsForEveryClock(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	ada := w.people.join("Ada")
	id := w.opened(t, ada, space.Open)
	was, _, err := w.Start(ctx, ada, id, "")
	ok(t, err)
	behind := w.registry(w.store, func() time.Time { return w.clock.Now().Add(-2 * time.Second) })
	w.clock.Move(life + time.Second)
	if c, err := behind.Current(ctx, ada, id); err != nil || c.ID != was.ID {
		t.Fatalf("%+v, %v", c, err)
	}
	ok(t, w.End(ctx, ada, id, anyVersion))
	_, err = behind.Ticket(ctx, ada, id)
	refused(t, err, "call_not_live")
}
