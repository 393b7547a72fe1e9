package watch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/problem"
	"switchboard/shared/watch"
)

// A change or the end of a followed event has its meeting looked at; other events of the
// calendar have not.
func TestAFollowedEventIsLookedAt(t *testing.T) {
	w := newWorld(t)
	lesson := w.follow(ada, "lesson")
	party := w.follow(strings.ToUpper(ada), "party")
	other := w.must("POST", "/users/"+ada+"/events", event)
	w.settle()
	if got := w.looked(); got != "lesson party" && got != "lesson" { // those that were followed when the subscription was made
		t.Errorf("at first %q was looked at", got)
	}
	for i, change := range []struct{ method, id, body, want string }{
		{"PATCH", lesson, `{"subject":"Later"}`, "lesson"},
		{"PATCH", other, `{"subject":"Later"}`, ""},
		{"DELETE", party, "", "party"},
		{"DELETE", other, "", ""},
		{"DELETE", lesson, "", "lesson"},
	} {
		w.must(change.method, "/users/"+ada+"/events/"+change.id, change.body)
		w.delivered(i + 1)
		w.settle()
		if got := w.looked(); got != change.want || w.waiting() > 0 {
			t.Errorf("after %s %d %q was looked at, want %q; %d left", change.method, i, got, change.want, w.waiting())
		}
	}
	if s := w.known(ada); !w.atGraph(s.Subscription) || len(s.ClientState) > 128 || s.Expires.Sub(w.clock.Now()) >= 10080*time.Minute {
		t.Errorf("the subscription is %+v", s)
	}
}

// Who brings an event here that others have brought already is told as they are, also when
// changes were missed; one meeting that cannot be looked at keeps no other.
func TestAnEventOfSeveralMeetings(t *testing.T) {
	w := newWorld(t)
	lesson := w.follow(ada, "hers")
	for _, meeting := range []string{"his", "theirs"} {
		ok(t, w.Follow(t.Context(), ada, lesson, meeting, w.clock.Now().Add(24*time.Hour)))
	}
	w.settle()
	w.looked()
	w.fails["hers"] = errors.New("cannot be done")
	w.must("PATCH", "/users/"+ada+"/events/"+lesson, `{"subject":"Later"}`)
	w.delivered(1)
	w.settle()
	if got := w.looked(); got != "hers his theirs" {
		t.Errorf("after a change %q was looked at", got)
	}
	w.fails = nil
	w.clock.Move(time.Minute)
	w.settle()
	w.looked()
	ok(t, w.Lifecycle(t.Context(), []watch.LifecycleNotification{{Sender: w.by(), Event: watch.Missed}}))
	w.settle()
	if got := w.looked(); got != "hers his theirs" || w.waiting() > 0 {
		t.Errorf("after missed changes %q was looked at, %d left", got, w.waiting())
	}
}

// What is followed already costs two point reads, and another event of the same time one
// write more. An event is followed until the latest time that was told.
func TestFollowingAgain(t *testing.T) {
	w := newWorld(t)
	until := w.clock.Now().Add(24 * time.Hour)
	follow := func(event, meeting string, until time.Time) (requests int) {
		w.broken.Record()
		ok(t, w.Follow(t.Context(), ada, event, meeting, until))
		return len(w.broken.Calls())
	}
	const id = "AAMkAD/x+y=#?%"
	follow(id, "one", until)
	w.front.Record()
	for _, test := range []struct {
		event, meeting string
		until          time.Time
		requests       int
	}{
		{id, "one", until, 2}, {id, "one", until.Add(-time.Hour), 2}, {"other", "two", until.Add(-time.Hour), 3},
		{id, "three", until, 3}, {id, "three", until.Add(72 * time.Hour), 4},
		{id, "four", w.clock.Now(), 0}, {"", "four", until, 0},
	} {
		if got := follow(test.event, test.meeting, test.until); got != test.requests {
			t.Errorf("%+v took %d requests", test, got)
		}
	}
	ok(t, w.Follow(t.Context(), "", id, "four", until))
	if err := w.Follow(t.Context(), "ada@contoso.com", id, "four", until); err == nil {
		t.Error("an organizer without an object id is watched")
	}
	if calls := w.front.Calls(); len(calls) > 0 {
		t.Errorf("Graph was asked again: %v", calls)
	}
	var stored struct {
		Meeting string
		Until   time.Time
		TTL     int
	}
	for _, d := range w.documents("followed") {
		if strings.Contains(string(d), "three") {
			ok(t, json.Unmarshal(d, &stored))
		}
	}
	if want := until.Add(72 * time.Hour).UTC().Truncate(time.Second); !stored.Until.Equal(want) || stored.TTL < 10*24*60*60 {
		t.Errorf("stored is %+v", stored)
	}
	follow("far", "five", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)) // the store refuses a life that is out of range
}

// Without Graph or an address, nothing is stored, asked or wrong.
func TestNothingIsWatched(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*watch.Config){
		"no Graph":   func(c *watch.Config) { c.Graph = nil },
		"no address": func(c *watch.Config) { c.URL = "" },
	} {
		cfg := w.Config
		change(&cfg)
		r := watch.New(cfg)
		w.broken.Record()
		w.front.Record()
		ok(t, r.Follow(t.Context(), ada, "event", "meeting", w.clock.Now().Add(time.Hour)))
		ok(t, r.Renew(t.Context()))
		if n := len(w.broken.Calls()) + len(w.front.Calls()); n > 0 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
}

// However many instances follow at once, there is one subscription for each calendar.
func TestManyFollowAtOnce(t *testing.T) {
	w := newWorld(t)
	w.front.Record()
	var all sync.WaitGroup
	for i := range 48 {
		r, organizer := w.registry(), []string{ada, grace}[i%2]
		all.Go(func() {
			until := w.clock.Now().Add(time.Duration(i+1) * time.Hour)
			for {
				err := r.Follow(t.Context(), organizer, fmt.Sprint("event ", i), fmt.Sprint("meeting ", i), until)
				if err == nil {
					return
				}
				if !problem.Is(err, problem.Unavailable) { // the store's, for too many at once
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if n := w.calls("POST /v1.0/subscriptions"); n != 2 {
		t.Errorf("%d subscriptions were made", n)
	}
	if n := len(w.documents("followed")); n != 48 {
		t.Errorf("%d events are followed", n)
	}
	for i, organizer := range []string{ada, grace} {
		if s, last := w.known(organizer), w.clock.Now().Add(time.Duration(47+i)*time.Hour); !w.atGraph(s.Subscription) || s.Followed.Before(last) {
			t.Errorf("%+v, want it until %v", s, last)
		}
	}
}

// A process that dies while it makes a subscription, wherever it is by then: deliveries of
// what it made are believed, and a minute later another takes its place, after which
// everything is looked at.
func TestASubscriptionThatWasNotFinished(t *testing.T) {
	const subscriptions = "/v1.0/subscriptions"
	for name, break_ := range map[string]func(*world){
		"before the call":     func(w *world) { w.front.Add(faults.Rule{Method: "POST", Contains: subscriptions, Drop: "before"}) },
		"during the call":     func(w *world) { w.front.Add(faults.Rule{Method: "POST", Contains: subscriptions, Drop: "after"}) },
		"before it is stored": func(w *world) { w.broken.Add(faults.Rule{Method: "PUT", Contains: ada, Status: http.StatusBadRequest}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			break_(w)
			id := w.must("POST", "/users/"+ada+"/events", event)
			until := w.clock.Now().Add(24 * time.Hour)
			if err := w.Follow(t.Context(), ada, id, "lesson", until); err == nil {
				t.Fatal("it went well")
			}
			w.settle()
			w.looked()
			first := w.known(ada)
			if first.Subscription != "" || first.ClientState == "" {
				t.Fatalf("stored is %+v", first)
			}
			if name != "before the call" {
				w.must("PATCH", "/users/"+ada+"/events/"+id, `{"subject":"Later"}`)
				w.delivered(1)
				w.settle()
				if got := w.looked(); got != "lesson" {
					t.Errorf("a notification of it has %q looked at", got)
				}
			}
			w.front.Record()
			ok(t, w.Follow(t.Context(), ada, id, "lesson", until)) // somebody seems to be at it
			ok(t, w.Renew(t.Context()))
			if calls := w.front.Calls(); len(calls) > 0 {
				t.Errorf("Graph was asked meanwhile: %v", calls)
			}
			w.clock.Move(2 * time.Minute)
			ok(t, w.Renew(t.Context()))
			w.settle()
			second := w.known(ada)
			if got := w.looked(); got != "lesson" || !w.atGraph(second.Subscription) || second.ClientState == first.ClientState {
				t.Errorf("%q was looked at; %+v", got, second)
			}
			ok(t, w.Notify(t.Context(), []watch.Notification{{Sender: watch.Sender{SubscriptionID: "x", ClientState: first.ClientState}, Resource: "users/" + ada + "/events/" + id}}))
			if w.waiting() > 0 {
				t.Error("the first one is believed still")
			}
		})
	}
}

// held is a Graph whose answers to new subscriptions wait.
type held struct {
	*graph.Client
	made, release chan struct{}
}

func (h held) CreateSubscription(ctx context.Context, s graph.NewSubscription) (graph.Subscription, error) {
	made, err := h.Client.CreateSubscription(ctx, s)
	close(h.made)
	<-h.release
	return made, err
}

// An answer that comes when another instance has taken over, or when nobody needs the
// subscription any more, leaves none at Graph that nobody knows.
func TestALateAnswer(t *testing.T) {
	for name, later := range map[string]time.Duration{"taken over": 2 * time.Minute, "not needed any more": 72 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			slow := held{w.graph, make(chan struct{}), make(chan struct{})}
			cfg := w.Config
			cfg.Graph = slow
			done := make(chan error)
			go func() {
				done <- watch.New(cfg).Follow(t.Context(), ada, "event", "meeting", w.clock.Now().Add(time.Hour))
			}()
			<-slow.made
			w.front.Record()
			w.clock.Move(later)
			ok(t, w.Renew(t.Context()))
			close(slow.release)
			ok(t, <-done)
			if n := w.calls("DELETE "); n != 1 {
				t.Errorf("%d subscriptions were deleted", n)
			}
			if name == "taken over" && !w.atGraph(w.known(ada).Subscription) {
				t.Error("the one that is known is gone")
			}
		})
	}
}

// The secret is in no log, and Graph has it.
func TestTheSecret(t *testing.T) {
	w := newWorld(t)
	cfg := w.Config
	cfg.Log = slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ok(t, watch.New(cfg).Follow(t.Context(), ada, "one", "meeting", w.clock.Now().Add(time.Hour)))
	first := w.known(ada)
	ok(t, watch.New(cfg).Follow(t.Context(), grace, "one", "meeting", w.clock.Now().Add(time.Hour)))
	_, one, _ := strings.Cut(first.ClientState, ".")
	_, other, _ := strings.Cut(w.known(grace).ClientState, ".")
	if len(one) < 26 || one == other || strings.Contains(w.log.String(), one) {
		t.Errorf("the secrets are %q and %q; log: %s", one, other, w.log)
	}
	var atGraph struct{ ClientState, NotificationURL, LifecycleNotificationURL, ChangeType, Resource string }
	ok(t, json.Unmarshal(w.call("GET", "/subscriptions/"+first.Subscription, "").Body.Bytes(), &atGraph))
	if atGraph.ClientState != first.ClientState || atGraph.NotificationURL != url+"/notifications" || atGraph.LifecycleNotificationURL != url+"/lifecycle" ||
		atGraph.ChangeType != "updated,deleted" || atGraph.Resource != "users/"+ada+"/events" {
		t.Errorf("Graph has %+v", atGraph)
	}
}
