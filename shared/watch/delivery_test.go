package watch_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/localgraph"
	"switchboard/shared/outbox"
	"switchboard/shared/problem"
	"switchboard/shared/watch"
)

// by is who sends Ada's notifications.
func (w *world) by() watch.Sender {
	s := w.known(ada)
	return watch.Sender{SubscriptionID: s.Subscription, ClientState: s.ClientState}
}

// watched is a world in which an event of Ada's, named "event", is followed.
func watched(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	ok(t, w.Follow(t.Context(), ada, "event", "meeting", w.clock.Now().Add(20*day)))
	w.settle()
	w.looked()
	return w
}

// A notification is believed by its clientState alone, and only about the calendar that
// the subscription is to.
func TestWhoIsBelieved(t *testing.T) {
	w := watched(t)
	ok(t, w.Follow(t.Context(), grace, "event", "other", w.clock.Now().Add(day)))
	w.settle()
	w.looked()
	good, graces := w.by(), w.known(grace)
	event := "Users/" + ada + "/Events/event"
	for name, test := range map[string]struct {
		sender   watch.Sender
		resource string
		looked   string
	}{
		"Graph":                      {good, event, "meeting"},
		"in other cases":             {good, "users/" + strings.ToUpper(ada) + "/events/event", "meeting"},
		"with the tenant":            {good, "Users/" + ada + "@b7d1c9a4-52f0-4e7d-9a3c-1f6e8d2b4a70/Events/event", "meeting"},
		"another event":              {good, event + "2", ""},
		"an event in another case":   {good, "Users/" + ada + "/Events/Event", ""},
		"another's calendar":         {good, "Users/" + grace + "/Events/event", ""},
		"no event":                   {good, "Users/" + ada + "/Events/", ""},
		"a message":                  {good, "Users/" + ada + "/Messages/event", ""},
		"no resource":                {good, "", ""},
		"no clientState":             {watch.Sender{SubscriptionID: good.SubscriptionID}, event, ""},
		"the organizer's id":         {watch.Sender{SubscriptionID: good.SubscriptionID, ClientState: ada}, event, ""},
		"no secret":                  {watch.Sender{SubscriptionID: good.SubscriptionID, ClientState: ada + "."}, event, ""},
		"a wrong secret":             {watch.Sender{SubscriptionID: good.SubscriptionID, ClientState: good.ClientState[:len(good.ClientState)-1]}, event, ""},
		"another's clientState":      {watch.Sender{SubscriptionID: good.SubscriptionID, ClientState: graces.ClientState}, event, ""},
		"another's, about their own": {watch.Sender{SubscriptionID: graces.Subscription, ClientState: graces.ClientState}, "Users/" + grace + "/Events/event", "other"},
		"nobody's":                   {watch.Sender{ClientState: localgraph.SeedUserID("mallory") + "."}, event, ""},
		"an unknown subscription":    {watch.Sender{SubscriptionID: "x", ClientState: good.ClientState}, event, ""},
		"a path":                     {watch.Sender{ClientState: "../" + good.ClientState}, event, ""},
		"an id of a document":        {watch.Sender{ClientState: "g:subscriptions.x"}, event, ""},
	} {
		ok(t, w.Notify(t.Context(), []watch.Notification{{Sender: test.sender, Resource: test.resource}}))
		w.settle()
		if got := w.looked(); got != test.looked {
			t.Errorf("%s: %q was looked at, want %q", name, got, test.looked)
		}
		ok(t, w.Lifecycle(t.Context(), []watch.LifecycleNotification{{Sender: test.sender, Event: watch.Missed}}))
		w.settle()
		believed := test.sender == good || test.looked != ""
		if got := w.looked(); (got != "") != believed {
			t.Errorf("%s: after missed changes %q was looked at", name, got)
		}
	}
	for _, content := range []string{good.ClientState, ada, "event2", "Messages"} {
		if strings.Contains(w.log.String(), content) {
			t.Errorf("the log has %q: %s", content, w.log)
		}
	}
	if !strings.Contains(w.log.String(), `"ignored":1`) {
		t.Errorf("nothing was counted: %s", w.log)
	}
}

// A delivery of thousands costs a read and an entry for each calendar, however it is
// mixed, and no more than a hundred reads.
func TestALargeDelivery(t *testing.T) {
	w := watched(t)
	good := w.by()
	var all []watch.Notification
	for i := range 1000 {
		all = append(all,
			watch.Notification{Sender: good, Resource: fmt.Sprintf("Users/%s/Events/%d", ada, i%300)},
			watch.Notification{Sender: watch.Sender{ClientState: fmt.Sprintf("00000000-0000-4000-8000-%012d.x", i)}})
	}
	all = append(all, watch.Notification{Sender: good, Resource: "Users/" + ada + "/Events/event"})
	w.broken.Record()
	ok(t, w.Notify(t.Context(), all))
	if n := len(w.broken.Calls()); n != 101 || w.waiting() != 1 {
		t.Errorf("%d requests, %d entries", n, w.waiting())
	}
	if !strings.Contains(w.log.String(), `"ignored":1000,"taken":1001`) {
		t.Errorf("log: %s", w.log)
	}
	w.settle()
	if got := w.looked(); got != "meeting" || w.waiting() > 0 {
		t.Errorf("%q was looked at, %d left", got, w.waiting())
	}
	w.broken.Record()
	ok(t, w.Notify(t.Context(), nil))
	ok(t, w.Lifecycle(t.Context(), nil))
	if n := len(w.broken.Calls()); n > 0 {
		t.Errorf("nothing took %d requests", n)
	}
}

// While the store is away nothing is taken, and Graph delivers again.
func TestADeliveryWithoutAStore(t *testing.T) {
	w := watched(t)
	all := []watch.Notification{{Sender: w.by(), Resource: "Users/" + ada + "/Events/event"}}
	for _, rule := range []faults.Rule{
		{Method: "GET", Contains: ada, Status: http.StatusBadRequest},
		{Method: "POST", Contains: "/docs", Status: http.StatusBadRequest},
	} {
		w.broken.Add(rule)
		if err := w.Notify(t.Context(), all); problem.From(err).Kind == problem.Internal {
			t.Errorf("%+v: %v", rule, err)
		}
	}
	ok(t, w.Notify(t.Context(), all))
	w.settle()
	if got := w.looked(); got != "meeting" {
		t.Errorf("%q was looked at", got)
	}
}

// The events in a subscription's life, as Graph sends them.
func TestLifecycle(t *testing.T) {
	w := watched(t)
	deliveries := 0
	told := func(event string) (before, after known) {
		t.Helper()
		before = w.known(ada)
		w.front.Record()
		ok(t, w.tenant.Lifecycle(before.Subscription, event))
		deliveries++
		w.delivered(deliveries)
		w.settle()
		return before, w.known(ada)
	}
	if before, after := told(watch.ReauthorizationRequired); before != after || w.calls("POST /v1.0/subscriptions/"+before.Subscription+"/reauthorize") != 1 || w.looked() != "" {
		t.Errorf("reauthorized: %+v, %v", after, w.front.Calls())
	}
	if before, after := told(watch.Missed); before != after || len(w.front.Calls()) > 0 || w.looked() != "meeting" {
		t.Errorf("missed: %+v, %v", after, w.front.Calls())
	}
	before, after := told(watch.SubscriptionRemoved)
	if before.ClientState == after.ClientState || !w.atGraph(after.Subscription) || w.looked() != "meeting" {
		t.Errorf("removed: %+v", after)
	}

	// What is told twice, late, or of none, changes nothing.
	for _, event := range []string{watch.SubscriptionRemoved, watch.ReauthorizationRequired, watch.Missed, "expired", ""} {
		ok(t, w.Lifecycle(t.Context(), []watch.LifecycleNotification{{Sender: watch.Sender{SubscriptionID: before.Subscription, ClientState: before.ClientState}, Event: event}}))
	}
	ok(t, w.Lifecycle(t.Context(), []watch.LifecycleNotification{{Sender: w.by(), Event: "expired"}}))
	w.settle()
	if w.known(ada) != after || w.looked() != "" {
		t.Errorf("after late news: %+v", w.known(ada))
	}

	// To be authorized again, but gone.
	w.must("DELETE", "/subscriptions/"+after.Subscription, "")
	both := watch.LifecycleNotification{Sender: w.by(), Event: watch.ReauthorizationRequired}
	removed := both
	removed.Event = watch.SubscriptionRemoved
	w.front.Record()
	ok(t, w.Lifecycle(t.Context(), []watch.LifecycleNotification{both, removed, both, removed}))
	w.settle()
	if n := w.calls("POST /v1.0/subscriptions"); !w.atGraph(w.known(ada).Subscription) || w.looked() != "meeting" || n > 2 {
		t.Errorf("gone: %+v, %v", w.known(ada), w.front.Calls())
	}

	// Removed when it is not needed any more.
	w.clock.Move(30 * day)
	ok(t, w.Lifecycle(t.Context(), []watch.LifecycleNotification{{Sender: w.by(), Event: watch.SubscriptionRemoved}}))
	w.settle()
	if n := len(w.documents("subscription")); n > 0 || w.waiting() > 0 {
		t.Errorf("%d subscriptions, %d entries are left", n, w.waiting())
	}
}

// A removed subscription whose replacement fails is replaced by the next Renew.
func TestAReplacementThatFails(t *testing.T) {
	w := watched(t)
	w.front.Add(faults.Rule{Method: "POST", Contains: "/subscriptions", Status: http.StatusForbidden})
	ok(t, w.tenant.Lifecycle(w.known(ada).Subscription, watch.SubscriptionRemoved))
	w.delivered(1)
	w.settle()
	w.clock.Move(5 * time.Minute)
	ok(t, w.Renew(t.Context()))
	w.settle()
	if !w.atGraph(w.known(ada).Subscription) || w.looked() != "meeting" {
		t.Errorf("%+v", w.known(ada))
	}
}

// A meeting that cannot be looked at holds up none of the others, and is tried on its own.
func TestAMeetingThatFails(t *testing.T) {
	w := watched(t)
	all := []watch.Notification{}
	for i := range 50 {
		name := fmt.Sprint("event ", i)
		ok(t, w.Follow(t.Context(), ada, name, fmt.Sprintf("m%02d", i), w.clock.Now().Add(day)))
		all = append(all, watch.Notification{Sender: w.by(), Resource: "Users/" + ada + "/Events/" + name})
	}
	w.fails["m07"] = errors.New("cannot be done")
	ok(t, w.Notify(t.Context(), all))
	w.settle()
	if got := strings.Fields(w.looked()); len(got) != 50 || w.waiting() != 1 {
		t.Errorf("%d were looked at, %d entries are left", len(got), w.waiting())
	}
	if left := string(w.documents("outbox")[0]); strings.Count(left, "event:") != 1 || !strings.Contains(left, `"attempts":1`) {
		t.Errorf("left is %s", left)
	}
	w.fails = nil
	w.clock.Move(time.Minute)
	w.settle()
	if got := w.looked(); got != "m07" || w.waiting() > 0 {
		t.Errorf("%q was looked at, %d left", got, w.waiting())
	}
}

// However many have brought one event here, all their meetings are looked at, a piece at a
// time: the host gives less than what all together take.
func TestAnEventThatManyFollow(t *testing.T) {
	w := watched(t)
	for i := range 120 {
		ok(t, w.Follow(t.Context(), ada, "event", fmt.Sprint("meeting", i), w.clock.Now().Add(day)))
	}
	w.settle()
	w.looked()
	slow := w.registry()
	slow.Sync = func(ctx context.Context, meeting string) error {
		select {
		case <-time.After(5 * time.Millisecond):
			return w.sync(ctx, meeting)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	ok(t, w.Notify(t.Context(), []watch.Notification{{Sender: w.by(), Resource: "Users/" + ada + "/Events/event"}}))
	c := outbox.Consumer{Store: w.store, Handlers: slow.Handlers(), Now: w.clock.Now, Log: slog.New(slog.DiscardHandler)}
	for drains := 0; w.waiting() > 0 && drains < 20; drains++ {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		c.Drain(ctx)
		cancel()
		w.clock.Move(10 * time.Second)
	}
	if looked := strings.Fields(w.looked()); len(looked) != 121 || w.waiting() > 0 {
		t.Errorf("%d were looked at, and %d entries wait", len(looked), w.waiting())
	}
}

// Nothing of a notification but the clientState opens anything.
func FuzzNotify(f *testing.F) {
	w := watched(f)
	good := w.by()
	f.Add(good.SubscriptionID, ada+".secret", "Users/"+ada+"/Events/event", watch.Missed)
	f.Add("", "", "", "")
	f.Add("x", strings.Repeat(".", 200), "users//events/", "expired")
	f.Fuzz(func(t *testing.T, subscription, state, resource, event string) {
		w.t = t
		stranger := watch.Sender{SubscriptionID: subscription, ClientState: state}
		ok(t, w.Notify(t.Context(), []watch.Notification{{Sender: stranger, Resource: resource}, {Sender: good, Resource: "/" + resource}}))
		ok(t, w.Lifecycle(t.Context(), []watch.LifecycleNotification{{Sender: stranger, Event: event}}))
		w.settle()
		if got := w.looked(); got != "" && !strings.HasSuffix(resource, "/event") {
			t.Errorf("%q has %q looked at", resource, got)
		}
	})
}
