package graph_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"switchboard/functions/about"
	functiongraph "switchboard/functions/graph"
	"switchboard/shared/faults"
	"switchboard/shared/function"
	"switchboard/shared/localgraph"
	"switchboard/shared/testbed"
)

const (
	notifications = "/api/graph/notifications"
	lifecycle     = "/api/graph/lifecycle"
)

// bed runs the function alone, so that what it leaves in the outbox stays there.
func bed(t *testing.T) *testbed.Bed {
	t.Helper()
	return testbed.New(t, []function.Function{functiongraph.Function()}, nil)
}

// The handshake gives the text back, decoded and as plain text, whatever else the request
// is like, without a token, and without asking anybody.
func TestHandshake(t *testing.T) {
	b := bed(t)
	b.Cloud.CosmosFaults.Add(faults.Rule{Status: http.StatusServiceUnavailable, Times: -1})
	b.Cloud.CosmosFaults.Record()
	const text = "Validation: Testing <b>client</b> application & reachability? Request-Id: 1+1=2 é"
	for _, path := range []string{notifications, lifecycle} {
		for name, request := range map[string]struct {
			query, body string
			headers     []string
			want        string
		}{
			"as Graph asks":        {url.QueryEscape(text), "", []string{"Content-Type: text/plain; charset=utf-8"}, text},
			"spaces as %20":        {strings.ReplaceAll(url.QueryEscape(text), "+", "%20"), "", nil, text},
			"with a body":          {"x", "hello", []string{"Content-Type: text/plain"}, "x"},
			"with a delivery":      {"x", `{"value":[]}`, nil, "x"},
			"asking for html":      {url.QueryEscape(text), "", []string{"Accept: text/html"}, text},
			"for JSON":             {"x", "", []string{"Accept: application/json"}, "x"},
			"with a bad token":     {"x", "", []string{"Authorization: Bearer x"}, "x"},
			"empty":                {"", "", nil, ""},
			"as long as it may":    {strings.Repeat("x", 4096), "", nil, strings.Repeat("x", 4096)},
			"with other members":   {"x&a=b&validationToken=y", "", nil, "x"},
			"with a line in it":    {"a%0d%0aSet-Cookie:%20b", "", nil, "a\r\nSet-Cookie: b"},
			"with what is no text": {"%ff%00", "", nil, "\xff\x00"},
		} {
			answer := b.Nobody().Do("POST", path+"?validationToken="+request.query, request.body, request.headers...).Want(http.StatusOK)
			if string(answer.Body) != request.want || answer.Header.Get("Content-Type") != "text/plain; charset=utf-8" ||
				answer.Header.Get("X-Content-Type-Options") != "nosniff" || answer.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s %s: %q, %v", path, name, answer.Body, answer.Header)
			}
		}
		for _, query := range []string{strings.Repeat("x", 4097), strings.Repeat("x", 100_000), "%zz"} {
			b.Nobody().Do("POST", path+"?validationToken="+query, "", "Content-Type: text/plain").Problem(http.StatusBadRequest, "request_invalid")
		}
		b.Nobody().Get(path+"?validationToken=x").Problem(http.StatusMethodNotAllowed, "method_not_allowed")
		b.Nobody().Do("POST", path, "", "Content-Type: text/plain").Problem(http.StatusBadRequest, "request_invalid")
	}
	if calls := b.Cloud.CosmosFaults.Calls(); len(calls) > 0 {
		t.Errorf("the store was asked: %v", calls)
	}
	if strings.Contains(b.Log.String(), "Testing") || strings.Contains(b.Log.String(), "xxxx") {
		t.Errorf("the log has the text: %s", b.Log)
	}
}

// A handshake comes in pieces of unknown length on some hosts.
func TestAHandshakeOfUnknownLength(t *testing.T) {
	r, err := http.NewRequestWithContext(t.Context(), "POST", bed(t).URL+notifications+"?validationToken=x", struct{ *strings.Reader }{strings.NewReader("")})
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = -1
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("%d", answer.StatusCode)
	}
}

// From the handshake of our own call, which waits for it, to a meeting that is looked at:
// Graph and the function meet over the network.
func TestFromAChangeToTheMeeting(t *testing.T) {
	b := bed(t)
	n := newTenant(t, b)
	event := n.event("lesson")
	if got := n.settle(); got != "[lesson]" {
		t.Errorf("at first %s was looked at", got)
	}
	waiting := func() {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); len(b.Stored("SELECT * FROM c WHERE c.type = 'outbox'")) == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("nothing was delivered")
			}
		}
	}
	n.must("PATCH", event, "application/json", `{"subject":"Later"}`)
	waiting()
	if got := n.settle(); got != "[lesson]" {
		t.Errorf("after a change %s was looked at", got)
	}
	id, _ := n.sender(b)
	if err := n.server.Lifecycle(id, localgraph.Missed); err != nil {
		t.Fatal(err)
	}
	waiting()
	if got := n.settle(); got != "[lesson]" {
		t.Errorf("after missed changes %s was looked at", got)
	}
}

// What is malformed is refused; what is none of ours, or more than we know, is not.
func TestDeliveries(t *testing.T) {
	b := bed(t)
	n := newTenant(t, b)
	n.event("lesson")
	n.settle()
	id, state := n.sender(b)
	item := fmt.Sprintf(`{"id":"1","subscriptionId":%q,"subscriptionExpirationDateTime":"2030-01-01T00:00:00Z","clientState":%q,"changeType":"updated","resource":"Users/%s/Events/AAMk=","tenantId":"t","resourceData":{"@odata.type":"#Microsoft.Graph.Event","id":"AAMk="}}`, id, state, ada)
	many := func(item string, times int) string {
		return `{"value":[` + strings.Repeat(item+",", times-1) + item + `]}`
	}
	entries := 0
	for name, test := range map[string]struct {
		body    string
		headers []string
		status  int
		code    string
		entries int
	}{
		"one":                     {many(item, 1), nil, 202, "", 1},
		"with the charset":        {many(item, 1), []string{"Content-Type: application/json; charset=utf-8"}, 202, "", 1},
		"with validation tokens":  {`{"value":[` + item + `],"validationTokens":["x"]}`, nil, 202, "", 1},
		"a thousand":              {many(item, 1000), nil, 202, "", 1},
		"none":                    {`{"value":[]}`, nil, 202, "", 0},
		"a foreign one":           {many(strings.Replace(item, state, state[:40]+"x", 1), 1), nil, 202, "", 0},
		"a foreign one among":     {`{"value":[` + strings.Replace(item, state, "x", 1) + `,` + item + `]}`, nil, 202, "", 1},
		"another's calendar":      {many(strings.Replace(item, "Users/"+ada, "Users/"+localgraph.SeedUserID("grace"), 1), 1), nil, 202, "", 0},
		"no clientState":          {`{"value":[{"clientState":null,"resource":"x"},{}]}`, nil, 202, "", 0},
		"a clientState of 100 kB": {many(strings.Replace(item, state, state+strings.Repeat("x", 100_000), 1), 1), nil, 202, "", 0},
		"numbers":                 {`{"value":[1]}`, nil, 400, "request_invalid", 0},
		"a number as clientState": {`{"value":[{"clientState":1}]}`, nil, 400, "request_invalid", 0},
		"an object as resource":   {`{"value":[{"resource":{}}]}`, nil, 400, "request_invalid", 0},
		"one that is no list":     {`{"value":` + item + `}`, nil, 400, "request_invalid", 0},
		"no value":                {`{}`, nil, 400, "request_invalid", 0},
		"a list":                  {`[]`, nil, 400, "request_invalid", 0},
		"no JSON":                 {`{"value":[`, nil, 400, "request_invalid", 0},
		"no body":                 {``, nil, 400, "request_invalid", 0},
		"text":                    {many(item, 1), []string{"Content-Type: text/plain"}, 415, "content_type_unsupported", 0},
		"packed":                  {many(item, 1), []string{"Content-Encoding: gzip"}, 415, "content_type_unsupported", 0},
		"over a megabyte":         {many(item, 4000), nil, 413, "body_too_large", 0},
	} {
		answer := b.Nobody().Do("POST", notifications, test.body, test.headers...)
		if test.status == 202 {
			if answer.Want(202); len(answer.Body) > 0 {
				t.Errorf("%s: the answer has a body: %s", name, answer.Body)
			}
		} else {
			answer.Problem(test.status, test.code)
		}
		entries += test.entries
		if got := len(b.Stored("SELECT * FROM c WHERE c.type = 'outbox'")); got != entries {
			t.Errorf("%s: %d entries, want %d", name, got, entries)
			entries = got
		}
	}
	answer := b.Nobody().Do("POST", notifications, many(item, 4000)).Problem(413, "body_too_large")
	if detail := answer.Text("detail"); !strings.Contains(detail, "1048575") {
		t.Errorf("the limit is told as %q", detail)
	}
	b.Nobody().Do("POST", lifecycle, `{"value":[{"lifecycleEvent":1}]}`).Problem(400, "request_invalid")
	b.Nobody().Do("POST", lifecycle, strings.Replace(many(item, 1), `"changeType"`, `"lifecycleEvent":"missed","x"`, 1)).Want(202)
	if got := len(b.Stored("SELECT * FROM c WHERE c.type = 'outbox'")); got != entries+1 {
		t.Errorf("%d entries after a lifecycle notification, want %d", got, entries+1)
	}
	for _, content := range []string{state, "AAMk", ada} {
		if strings.Contains(b.Log.String(), content) {
			t.Errorf("the log has %q", content)
		}
	}

	// While the store is away Graph is asked to deliver again.
	b.Cloud.CosmosFaults.Add(faults.Rule{Contains: "/docs", Status: http.StatusServiceUnavailable, Times: -1})
	b.Nobody().Do("POST", notifications, many(item, 1)).Want(http.StatusServiceUnavailable)
}

// The description tells of both answers.
func TestDescription(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
			Responses  map[string]struct{ Content map[string]any }
			Security   []any
		}
	}
	program := testbed.New(t, []function.Function{functiongraph.Function(), about.Function()}, nil)
	if err := json.Unmarshal(program.Nobody().Get("/api/openapi.json").Want(http.StatusOK).Body, &doc); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/graph/notifications", "/graph/lifecycle"} {
		op := doc.Paths[path]["post"]
		handshake, delivery := op.Responses["200"], op.Responses["202"]
		if len(op.Security) > 0 || len(op.Parameters) != 1 || op.Parameters[0].Name != "validationToken" || op.Parameters[0].In != "query" ||
			handshake.Content["text/plain"] == nil || len(handshake.Content) != 1 || op.Responses["503"].Content == nil || len(delivery.Content) > 0 {
			t.Errorf("%s is described as %+v", path, op)
		}
		if _, ok := op.Responses["202"]; !ok {
			t.Errorf("%s: 202 is not described", path)
		}
	}
}
