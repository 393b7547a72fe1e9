package localgraph_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/localgraph"
)

// bubble runs a test in a synctest bubble, on a tenant without a network, whose
// time is the bubble's. end closes the server.
func bubble(t *testing.T, h *receiver, test func(n *tenant, end func())) {
	synctest.Test(t, func(t *testing.T) {
		key, err := signingKey()
		if err != nil {
			t.Fatal(err)
		}
		server, err := localgraph.New(localgraph.Options{SigningKey: key, Apps: []localgraph.App{application()}, Transport: faults.Transport{Handler: h}})
		if err != nil {
			t.Fatal(err)
		}
		n := &tenant{t: t, Server: server, transport: faults.Transport{Handler: server}, url: "http://graph.localhost"}
		n.token = n.appToken(application())
		test(n, func() {
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		})
	})
}

// subscribe makes a subscription that lives that long.
func (n *tenant) subscribe(life time.Duration, changes string) reply {
	n.t.Helper()
	body := strings.NewReplacer("2026-11-27T11:00:00Z", time.Now().Add(life).UTC().Format(time.RFC3339), "created,updated,deleted", changes).Replace(subscription(""))
	return n.must(http.StatusCreated, "POST", "/v1.0/subscriptions", body)
}

// TestRedelivery: what is not taken comes again, for four hours and no longer.
func TestRedelivery(t *testing.T) {
	for name, c := range map[string]struct {
		refuse int
		want   int
		least  time.Duration // from the change to the last attempt
		most   time.Duration
	}{
		"taken at the third": {2, 1, 5 * time.Second, 15 * time.Second},
		"never taken":        {1 << 20, 0, 3*time.Hour + 49*time.Minute, 4 * time.Hour},
	} {
		h := newReceiver(t)
		h.refuse = c.refuse
		bubble(t, h, func(n *tenant, end func()) {
			h.notifications = make(chan map[string]any, 1)
			n.subscribe(24*time.Hour, "created")
			began := time.Now()
			n.must(http.StatusCreated, "POST", user("ada")+"/events", appointment)
			time.Sleep(5 * time.Hour)
			end()
			if took := h.last.Sub(began); len(h.notifications) != c.want || took < c.least || took > c.most {
				t.Errorf("%s: there are %d notifications, and the last attempt was after %v", name, len(h.notifications), took)
			}
		})
	}
}

// TestWhoIsTold: the subscribers of a calendar whose time is not over, of the
// changes that they asked for.
func TestWhoIsTold(t *testing.T) {
	h := newReceiver(t)
	bubble(t, h, func(n *tenant, end func()) {
		n.subscribe(time.Hour, "created")
		n.subscribe(24*time.Hour, "created")
		n.subscribe(24*time.Hour, "updated,deleted")
		for _, c := range []struct {
			name, of string
			after    time.Duration
			want     int
		}{
			{"while all live", "ada", 0, 2},
			{"in another calendar", "linus", 0, 0},
			{"after the first has expired", "ada", time.Hour, 1},
		} {
			time.Sleep(c.after)
			n.token = n.appToken(application())
			h.notifications = make(chan map[string]any, 8)
			n.must(http.StatusCreated, "POST", user(c.of)+"/events", strings.Replace(appointment, "7E163156", c.name, 1))
			synctest.Wait()
			if len(h.notifications) != c.want {
				t.Errorf("%s: %d are told of a new event, want %d", c.name, len(h.notifications), c.want)
			}
		}
		end()
	})
}

// TestClose: a delivery that waits for its next attempt holds nothing up.
func TestClose(t *testing.T) {
	h := newReceiver(t)
	h.refuse = 1
	n := newTenant(t, localgraph.Options{Transport: faults.Transport{Handler: h}})
	n.must(http.StatusCreated, "POST", "/v1.0/subscriptions", subscription(""))
	n.must(http.StatusCreated, "POST", user("ada")+"/events", appointment)
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

// TestHandshakeOnTheWire: the create call waits while its own address answers.
func TestHandshakeOnTheWire(t *testing.T) {
	h := newReceiver(t)
	listener := httptest.NewServer(h)
	defer listener.Close()
	n := newTenant(t, localgraph.Options{})
	body := strings.Replace(subscription(""), "https://api.example.com/notifications", listener.URL+"/hook?code=1", 1)
	n.must(http.StatusCreated, "POST", "/v1.0/subscriptions", body)
	n.must(http.StatusCreated, "POST", user("ada")+"/events", appointment)
	if got := <-h.notifications; got["clientState"] != "state" {
		t.Errorf("the notification is %v", got)
	}
}
