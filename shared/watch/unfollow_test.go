package watch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/shared/outbox"
	"switchboard/shared/storage"
	"switchboard/shared/watch"
)

// far is beyond the life of many subscriptions.
const far = 700 * day

// watches fails the test unless a calendar is watched as long as an event of it is followed;
// or, where none is, unless nothing is left of that.
func (w *world) watches(what, organizer string, want bool) {
	w.t.Helper()
	all := w.documents("followed")
	if !want {
		if left := append(all, w.documents("subscription")...); len(left) > 0 {
			w.t.Errorf("%s: left are %s", what, left)
		}
		return
	}
	s, until := w.known(organizer), time.Time{}
	for _, d := range all {
		var f struct{ Until time.Time }
		ok(w.t, json.Unmarshal(d, &f))
		if f.Until.After(until) {
			until = f.Until
		}
	}
	if !w.atGraph(s.Subscription) || !s.Followed.After(w.clock.Now()) || s.Followed.After(until.Add(day)) {
		w.t.Errorf("%s: %+v is not what it takes to watch until %v", what, s, until)
	}
}

// subscribed is how many subscriptions Graph was told to make since Record, less those that
// it was told to end.
func (w *world) subscribed() int {
	made, ended := 0, map[string]bool{} // two may end one
	for _, call := range w.front.Calls() {
		switch {
		case call == "POST /v1.0/subscriptions":
			made++
		case strings.HasPrefix(call, "DELETE /v1.0/subscriptions/"):
			ended[call] = true
		}
	}
	return made - len(ended)
}

// With the last followed event a calendar is not watched any more, however far off it was.
// Unfollowing may come twice, late, and of what was never followed.
func TestUnfollowing(t *testing.T) {
	w := newWorld(t)
	w.front.Record()
	until := w.clock.Now().Add(far)
	unfollow := func(organizer, event, meeting string) {
		t.Helper()
		ok(t, w.Unfollow(t.Context(), organizer, event, meeting))
		ok(t, w.Renew(t.Context()))
	}
	unfollow(ada, "event", "hers")
	for _, meeting := range []string{"hers", "his"} {
		ok(t, w.Follow(t.Context(), ada, "event", meeting, until))
	}
	unfollow(ada, "another", "hers")
	unfollow(grace, "event", "his")
	for range 2 {
		unfollow(strings.ToUpper(ada), "event", "hers")
		w.watches("one of two", ada, true)
	}
	w.settle()
	w.looked()
	ok(t, w.Notify(t.Context(), []watch.Notification{{Sender: w.by(), Resource: "Users/" + ada + "/Events/event"}}))
	w.settle()
	if got := w.looked(); got != "his" {
		t.Errorf("%q was looked at", got)
	}
	for range 2 {
		unfollow(ada, "event", "his")
		w.watches("the last", ada, false)
	}
	if n := w.subscribed(); n != 0 {
		t.Errorf("Graph has %d subscriptions", n)
	}
	ok(t, w.Follow(t.Context(), ada, "event", "hers", until))
	w.watches("followed again", ada, true)
	w.front.Record()
	for _, none := range [][2]string{{"", "event"}, {ada, ""}, {"ada@contoso.com", "event"}, {"../" + ada, "event"}} {
		unfollow(none[0], none[1], "hers")
	}
	w.watches("none is unfollowed", ada, true)
	if calls := w.front.Calls(); len(calls) > 0 {
		t.Errorf("Graph was asked: %v", calls)
	}
}

// What is left when the event that lasts longest is unfollowed decides how long the calendar
// is watched; and an instance that has lost its settings forgets all the same.
func TestUnfollowingTheFarthest(t *testing.T) {
	w := newWorld(t)
	w.front.Record()
	ok(t, w.Follow(t.Context(), ada, "far", "one", w.clock.Now().Add(far)))
	ok(t, w.Follow(t.Context(), ada, "near", "two", w.clock.Now().Add(day)))
	cfg := w.Config
	cfg.Graph, cfg.URL = nil, ""
	ok(t, watch.New(cfg).Unfollow(t.Context(), ada, "far", "one"))
	ok(t, w.Renew(t.Context()))
	if s := w.known(ada); !w.atGraph(s.Subscription) || s.Followed.After(w.clock.Now().Add(3*day)) {
		t.Errorf("%+v", s)
	}
	w.clock.Move(2*day + time.Hour)
	ok(t, w.Renew(t.Context()))
	if len(w.documents("subscription")) > 0 || w.subscribed() != 0 {
		t.Errorf("Graph has %d subscriptions", w.subscribed())
	}
}

// step is a store that does something before one of its requests: between is what others do
// meanwhile, and killed says that the process ends there.
type step struct {
	*storage.Container
	at      int64
	between func()
	killed  bool
	n       atomic.Int64
}

var errKilled = errors.New("killed")

func (s *step) ask() error {
	n := s.n.Add(1)
	if n == s.at {
		s.between()
	}
	if s.killed && n >= s.at {
		return errKilled
	}
	return nil
}

func (s *step) Query(ctx context.Context, q storage.Query) (storage.Page, error) {
	if err := s.ask(); err != nil {
		return storage.Page{}, err
	}
	return s.Container.Query(ctx, q)
}

func (s *step) Read(ctx context.Context, pk, id string, d storage.Document) error {
	if err := s.ask(); err != nil {
		return err
	}
	return s.Container.Read(ctx, pk, id, d)
}

func (s *step) Create(ctx context.Context, d storage.Document) error {
	if err := s.ask(); err != nil {
		return err
	}
	return s.Container.Create(ctx, d)
}

func (s *step) Replace(ctx context.Context, d storage.Document) error {
	if err := s.ask(); err != nil {
		return err
	}
	return s.Container.Replace(ctx, d)
}

func (s *step) Delete(ctx context.Context, d storage.Document) error {
	if err := s.ask(); err != nil {
		return err
	}
	return s.Container.Delete(ctx, d)
}

// deed is what a registry does.
type deed func(w *world, by *watch.Registry) error

func follow(event string, days int) deed {
	return func(w *world, by *watch.Registry) error {
		return by.Follow(w.t.Context(), ada, event, "meeting", w.clock.Now().Add(time.Duration(days)*day+time.Hour))
	}
}

func unfollow(event string) deed {
	return func(w *world, by *watch.Registry) error { return by.Unfollow(w.t.Context(), ada, event, "meeting") }
}

func renew(w *world, by *watch.Registry) error { return by.Renew(w.t.Context()) }

// removed is what comes of Graph's word that it has removed a subscription.
func removed(w *world, by *watch.Registry) error {
	if err := w.Lifecycle(w.t.Context(), []watch.LifecycleNotification{{Sender: w.by(), Event: watch.SubscriptionRemoved}}); err != nil {
		return err
	}
	c := outbox.Consumer{Store: w.store, Handlers: by.Handlers(), Now: w.clock.Now, Log: slog.New(slog.DiscardHandler)}
	_, err := c.Drain(w.t.Context())
	return err
}

// halfway is a deed of an instance that is killed before one of its requests.
func halfway(do deed, at int64) deed {
	return func(w *world, _ *watch.Registry) error {
		cfg := w.Config
		cfg.Store = &step{Container: w.store, at: at, between: func() {}, killed: true}
		if err := do(w, watch.New(cfg)); !errors.Is(err, errKilled) {
			return fmt.Errorf("it was not killed: %w", err)
		}
		return nil
	}
}

func later(d time.Duration) deed {
	return func(w *world, _ *watch.Registry) error {
		w.clock.Move(d)
		return nil
	}
}

func all(deeds ...deed) deed {
	return func(w *world, by *watch.Registry) error {
		for _, do := range deeds {
			if err := do(w, by); err != nil {
				return err
			}
		}
		return nil
	}
}

// Between any two requests of one instance another does what it will, and the one may be
// killed there. A calendar is watched in the end exactly if an event of it is followed.
func TestUnfollowingBetweenAnyTwoRequests(t *testing.T) {
	old, both, nobody := follow("old", 900), all(follow("old", 900), follow("new", 700)), all(follow("old", 900), unfollow("old"))
	for name, c := range map[string]struct {
		before, act, between deed
		watched              bool
	}{
		"the last is unfollowed, another followed":     {old, unfollow("old"), follow("new", 700), true},
		"another is followed, the last unfollowed":     {old, follow("new", 700), all(unfollow("old"), renew), true},
		"it is ended, another followed":                {nobody, renew, follow("new", 700), true},
		"it is ended, another followed and unfollowed": {nobody, renew, all(follow("new", 700), unfollow("new")), false},
		"two are unfollowed at once":                   {both, unfollow("old"), unfollow("new"), false},
		"two are unfollowed, and it is ended":          {both, unfollow("old"), all(unfollow("new"), renew), false},
		"it is put right, and the last is unfollowed":  {all(nobody, follow("new", 700)), renew, unfollow("new"), false},
		"it is renewed, and the last is unfollowed":    {all(old, later(5*day)), renew, unfollow("old"), false},
		"it is renewed for none, and one is followed":  {all(nobody, later(5*day)), renew, follow("new", 700), true},
		"none is left of a day, and one is followed":   {all(follow("old", 4), later(4*day+2*time.Hour)), renew, follow("new", 0), true},
		"it is removed, and one is noted only":         {all(follow("old", 4), halfway(follow("new", 700), 3)), removed, all(), true},
		"it is unfollowed, and renewed":                {old, unfollow("old"), renew, false},
	} {
		for _, killed := range []bool{false, true} {
			for at := int64(1); ; at++ {
				w := newWorld(t)
				w.clock.Move(time.Until(time.Now().UTC().Truncate(day).Add(day))) // a day begins
				w.front.Record()
				what := fmt.Sprintf("%s, request %d, killed: %v", name, at, killed)
				ok(t, c.before(w, w.Registry))
				s := &step{Container: w.store, at: at, between: func() { ok(t, c.between(w, w.Registry)) }, killed: killed}
				cfg := w.Config
				cfg.Store = s
				err := c.act(w, watch.New(cfg))
				if errors.Is(err, errKilled) {
					err = c.act(w, w.Registry) // the outbox, or the timer, does it again
				}
				ok(t, err)
				w.clock.Move(2 * time.Minute) // what was left in the making is not any more
				ok(t, w.Renew(t.Context()))
				if s.n.Load() < at {
					break
				}
				w.watches(what, ada, c.watched)
				if n := w.subscribed(); !killed && !c.watched && n != 0 {
					t.Errorf("%s: Graph has %d subscriptions", what, n)
				}
			}
		}
	}
}

// Many instances follow, unfollow and renew at once.
func TestUnfollowingAtOnce(t *testing.T) {
	w := newWorld(t)
	w.front.Record()
	for round := range 8 {
		organizer, stays := []string{ada, grace}[round%2], round%4 < 2
		ok(t, w.Follow(t.Context(), organizer, "event", "old", w.clock.Now().Add(far)))
		var all sync.WaitGroup
		for i := range 12 {
			r, name := w.registry(), fmt.Sprint("new", i)
			all.Go(func() {
				err := error(nil)
				switch i % 3 {
				case 0:
					err = r.Renew(t.Context())
				case 1:
					err = errors.Join(r.Follow(t.Context(), organizer, "event", name, w.clock.Now().Add(far)), r.Unfollow(t.Context(), organizer, "event", name))
				default:
					err = r.Unfollow(t.Context(), organizer, "event", "old")
					if stays {
						err = errors.Join(err, r.Follow(t.Context(), organizer, "event", name, w.clock.Now().Add(far)))
					}
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		ok(t, w.Renew(t.Context()))
		w.watches(fmt.Sprint("round ", round), organizer, stays)
		for i := range 12 {
			ok(t, w.Unfollow(t.Context(), organizer, "event", fmt.Sprint("new", i)))
		}
		ok(t, w.Renew(t.Context()))
		w.watches(fmt.Sprint("after round ", round), organizer, false)
		if n := w.subscribed(); n != 0 {
			t.Errorf("after round %d Graph has %d subscriptions", round, n)
		}
	}
}
