package localgraph_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/localgraph"
)

// receiver is what a subscription posts to. Its fields say how it misbehaves.
type receiver struct {
	t             testing.TB
	status        int    // of handshakes; 0: 200
	contentType   string // "": text/plain
	prefix        string // before the token
	refuse        int    // that many deliveries first
	handshakes    []string
	notifications chan map[string]any
	last          time.Time // of the latest delivery, taken or not

	mu sync.Mutex
}

func newReceiver(t testing.TB) *receiver {
	return &receiver{t: t, notifications: make(chan map[string]any, 16)}
}

func (h *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if token := r.URL.Query().Get("validationToken"); token != "" {
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			h.t.Errorf("the handshake is %s with %s", r.Method, r.Header.Get("Content-Type"))
		}
		h.handshakes = append(h.handshakes, r.URL.Path)
		w.Header().Set("Content-Type", cmp.Or(h.contentType, "text/plain"))
		if h.status != 0 {
			w.WriteHeader(h.status)
		}
		io.WriteString(w, h.prefix+token)
		return
	}
	var body struct{ Value []map[string]any }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.Value) != 1 {
		h.t.Errorf("the delivery has %d items: %v", len(body.Value), err)
		return
	}
	h.last = time.Now()
	if h.refuse > 0 {
		h.refuse--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	h.notifications <- body.Value[0]
}

// subscribed is a tenant whose notifications reach a receiver.
func subscribed(t *testing.T) (*tenant, *receiver) {
	h := newReceiver(t)
	n := newTenant(t, localgraph.Options{Settings: localgraph.Settings{PolicyGlobal: true}, Transport: faults.Transport{Handler: h}})
	return n, h
}

// subscription is a body for the events of Ada, with the members given.
func subscription(members string) string {
	return `{"changeType":"created,updated,deleted","notificationUrl":"https://api.example.com/notifications","resource":"users/` +
		localgraph.SeedUserID("ada") + `/events","expirationDateTime":"2026-11-27T11:00:00Z","clientState":"state"` + members + `}`
}

// TestSubscription follows one from its handshakes to its end.
func TestSubscription(t *testing.T) {
	n, h := subscribed(t)
	a := n.must(http.StatusCreated, "POST", "/v1.0/subscriptions", subscription(`,"lifecycleNotificationUrl":"https://api.example.com/lifecycle","latestSupportedTlsVersion":"v1_2"`))
	if got := fmt.Sprint(h.handshakes); got != "[/notifications /lifecycle]" {
		t.Errorf("the handshakes are %s", got)
	}
	for member, want := range map[string]string{
		"@odata.context": n.url + "/v1.0/$metadata#subscriptions/$entity", "applicationId": clientID, "creatorId": clientID,
		"clientState": "state", "expirationDateTime": "2026-11-27T11:00:00Z", "changeType": "created,updated,deleted",
	} {
		if a.text(t, member) != want {
			t.Errorf("%s is %s, want %s", member, a.text(t, member), want)
		}
	}
	path := "/v1.0/subscriptions/" + a.text(t, "id")
	made := n.must(http.StatusCreated, "POST", user("ada")+"/events", appointment).text(t, "id")
	created := <-h.notifications
	resource := "Users/" + localgraph.SeedUserID("ada") + "/Events/" + made
	for _, member := range []struct {
		path []any
		want any
	}{
		{[]any{"subscriptionId"}, a.text(t, "id")}, {[]any{"subscriptionExpirationDateTime"}, "2026-11-27T11:00:00Z"},
		{[]any{"clientState"}, "state"}, {[]any{"changeType"}, "created"}, {[]any{"resource"}, resource}, {[]any{"tenantId"}, n.Tenant()},
		{[]any{"resourceData", "@odata.type"}, "#Microsoft.Graph.Event"}, {[]any{"resourceData", "@odata.id"}, resource}, {[]any{"resourceData", "id"}, made},
		{[]any{"lifecycleEvent"}, nil},
	} {
		if got := at(t, created, member.path...); got != member.want {
			t.Errorf("%v is %v, want %v", member.path, got, member.want)
		}
	}
	n.must(http.StatusOK, "PATCH", user("ada")+"/events/"+made, `{"subject":"Later"}`)
	if kind := (<-h.notifications)["changeType"]; kind != "updated" {
		t.Errorf("a change is told as %v", kind)
	}
	n.must(http.StatusNoContent, "DELETE", user("ada")+"/events/"+made, "")
	if kind := (<-h.notifications)["changeType"]; kind != "deleted" {
		t.Errorf("a deletion is told as %v", kind)
	}
	if a := n.must(http.StatusOK, "PATCH", path, `{"expirationDateTime":"2026-11-28T00:00:00Z"}`); a.text(t, "expirationDateTime") != "2026-11-28T00:00:00Z" {
		t.Errorf("the renewed subscription is %s", a.Text)
	}
	n.must(http.StatusNoContent, "POST", path+"/reauthorize", "")
	n.must(http.StatusNoContent, "DELETE", path, "")
	n.must(http.StatusNotFound, "GET", path, "")
}

func TestLifecycle(t *testing.T) {
	n, h := subscribed(t)
	id := n.must(http.StatusCreated, "POST", "/v1.0/subscriptions", subscription(`,"lifecycleNotificationUrl":"https://api.example.com/lifecycle"`)).text(t, "id")
	for _, event := range []string{localgraph.ReauthorizationRequired, localgraph.Missed, localgraph.SubscriptionRemoved} {
		n.must(http.StatusNoContent, "POST", "/_lifecycle", fmt.Sprintf(`{"subscriptionId":%q,"lifecycleEvent":%q}`, id, event))
		got := <-h.notifications
		if got["lifecycleEvent"] != event || got["subscriptionId"] != id || got["clientState"] != "state" || got["resourceData"] != nil {
			t.Errorf("the notification of %s is %v", event, got)
		}
	}
	n.must(http.StatusNotFound, "GET", "/v1.0/subscriptions/"+id, "")
	n.must(http.StatusBadRequest, "POST", "/_lifecycle", `{"subscriptionId":"`+id+`","lifecycleEvent":"missed"}`)
	if err := n.Lifecycle(id, "expired"); err == nil {
		t.Error("an unknown lifecycle event was sent")
	}
}

// TestSubscriptionExpiry: raised to 45 minutes, and gone when it is over.
func TestSubscriptionExpiry(t *testing.T) {
	n, _ := subscribed(t)
	body := strings.Replace(subscription(""), "2026-11-27T11:00:00Z", n.clock().Add(time.Minute).Format(time.RFC3339), 1)
	a := n.must(http.StatusCreated, "POST", "/v1.0/subscriptions", body)
	if want := n.clock().Add(45 * time.Minute).Format(time.RFC3339Nano); a.text(t, "expirationDateTime") != want {
		t.Errorf("it expires at %s, want %s", a.text(t, "expirationDateTime"), want)
	}
	n.advance(45 * time.Minute)
	n.refused("expired", n.call("PATCH", "/v1.0/subscriptions/"+a.text(t, "id"), `{"expirationDateTime":"2026-11-22T11:00:00Z"}`), http.StatusNotFound, "ResourceNotFound", "")
}

func TestSubscriptionRefusals(t *testing.T) {
	n, h := subscribed(t)
	change := func(old, new string) string { return strings.Replace(subscription(""), old, new, 1) }
	for _, c := range []struct{ name, body, message string }{
		{"another resource", change("/events", "/messages"), "cannot be subscribed"},
		{"another change", change("created,updated", "created,moved"), "'moved'"},
		{"plain http", change("https://api", "http://api"), "https"},
		{"a long state", change(`"state"`, `"`+strings.Repeat("s", 129)+`"`), "128"},
		{"rich", subscription(`,"includeResourceData":true`), "resource data"},
	} {
		n.refused(c.name, n.call("POST", "/v1.0/subscriptions", c.body), http.StatusBadRequest, "BadRequest", c.message)
	}
	n.refused("the past", n.call("POST", "/v1.0/subscriptions", change("2026-11-27", "2026-11-20")), http.StatusBadRequest, "ValidationError", "expiration")
	n.refused("over seven days", n.call("POST", "/v1.0/subscriptions", change("2026-11-27T11", "2026-11-28T03")), http.StatusBadRequest, "ValidationError", "expiration")
	if len(h.handshakes) > 0 {
		t.Errorf("there were handshakes for subscriptions that cannot be: %v", h.handshakes)
	}
	for name, broken := range map[string]*receiver{
		"an error":  {t: t, status: http.StatusInternalServerError},
		"202":       {t: t, status: http.StatusAccepted},
		"html":      {t: t, contentType: "text/html"},
		"more text": {t: t, prefix: "token: "},
	} {
		n := newTenant(t, localgraph.Options{Transport: faults.Transport{Handler: broken}})
		n.refused(name, n.call("POST", "/v1.0/subscriptions", subscription("")), http.StatusBadRequest, "ValidationError", "Subscription validation request failed.")
	}
}

// TestSubscriptionsOfOthers: an application sees its own only.
func TestSubscriptionsOfOthers(t *testing.T) {
	other := application()
	other.ClientID = "5c0e1d7a-2f3b-4a6c-8d9e-0f1a2b3c4d5e"
	n := newTenant(t, localgraph.Options{Apps: []localgraph.App{application(), other}, Transport: faults.Transport{Handler: newReceiver(t)}})
	id := n.must(http.StatusCreated, "POST", "/v1.0/subscriptions", subscription("")).text(t, "id")
	n.token = n.appToken(other)
	n.refused("another application's", n.call("DELETE", "/v1.0/subscriptions/"+id, ""), http.StatusNotFound, "ResourceNotFound", "")
}
