package graph_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"

	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/problem"
)

// TestFailures breaks Graph in every way, under the deadline of a caller who
// waits six seconds, and counts what the client asked of it. The clock is that
// of a synctest bubble, which starts with the year 2000: waits are exact and
// cost nothing.
func TestFailures(t *testing.T) {
	const (
		errorBody = `{"error":{"code":"UnknownError","message":"` + leak + `","innerError":{"date":"2026-02-20T23:12:03","request-id":"f9e2","client-request-id":"f9e2"}}}`
		all4      = 2900 * time.Millisecond // four tries and the waits between them, with all jitter
	)
	html := says(http.StatusOK, "Content-Type", "text/html")
	html.Body = meetingJSON

	tests := []struct {
		name     string
		rule     faults.Rule
		kind     problem.Kind
		code     string
		requests int
		retry    time.Duration // RetryAfter of the error
		within   time.Duration // how long the caller waits at most
	}{
		{"throttled", saysJSON(429, errorBody), problem.Unavailable, "graph_throttled", 4, 0, all4},
		{"throttled for a second", says(429, "Retry-After", "1"), problem.Unavailable, "graph_throttled", 4, time.Second, 3 * time.Second},
		{"throttled beyond the deadline", says(429, "Retry-After", "9"), problem.Unavailable, "graph_throttled", 1, 9 * time.Second, 0},
		{"throttled beyond azcore's patience", says(429, "Retry-After", "150"), problem.Unavailable, "graph_throttled", 1, 150 * time.Second, 0},
		{"throttled until a date", says(429, "Retry-After", "Sat, 01 Jan 2000 00:01:00 GMT"), problem.Unavailable, "graph_throttled", 1, time.Minute, 0},
		{"throttled for centuries", says(429, "Retry-After", "9223372036854775807"), problem.Unavailable, "graph_throttled", 1, 24 * time.Hour, 0},
		{"throttled without sense", says(429, "Retry-After", "soon"), problem.Unavailable, "graph_throttled", 4, 0, all4},

		{"down", says(503), problem.Unavailable, "graph_unavailable", 4, 0, all4},
		{"down for a while", says(503, "Retry-After", "20"), problem.Unavailable, "graph_unavailable", 1, 20 * time.Second, 0},
		{"broken", saysJSON(500, errorBody), problem.Upstream, "graph_failed", 4, 0, all4},
		{"a proxy in front of it broken", says(502), problem.Upstream, "graph_failed", 4, 0, all4},
		{"its own services slow", saysJSON(504, errorBody), problem.UpstreamTimeout, "graph_timeout", 4, 0, all4},
		{"slow", faults.Rule{Times: -1, Delay: faults.Duration(time.Minute)}, problem.UpstreamTimeout, "graph_timeout", 1, 0, 6 * time.Second},
		{"cut before it serves", faults.Rule{Times: -1, Drop: "before"}, problem.Upstream, "graph_failed", 4, 0, all4},
		{"cut before it answers", faults.Rule{Times: -1, Drop: "after"}, problem.Upstream, "graph_failed", 4, 0, all4},

		{"no access policy", saysJSON(403, `{"error":{"code":"Forbidden","message":"No Application Access Policy found for this app.","innerError":{"request-id":"f9e2"}}}`), problem.Upstream, "graph_access_policy_missing", 1, 0, 0},
		{"no access policy, in general", saysJSON(403, `{"error":{"code":"General","message":"No application access policy found for this app."}}`), problem.Upstream, "graph_access_policy_missing", 1, 0, 0},
		{"no access policy, by name", saysJSON(401, `{"error":{"code":"Unauthorized","message":"App `+leak+` is not authorized to Create meeting on behalf of user `+leak+`"}}`), problem.Upstream, "graph_access_policy_missing", 1, 0, 0},
		{"our token is wrong", saysJSON(401, `{"error":{"code":"InvalidAuthenticationToken","message":"`+leak+`"}}`), problem.Upstream, "graph_forbidden", 1, 0, 0},
		{"our role is missing", saysJSON(403, `{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges to complete the operation."}}`), problem.Upstream, "graph_forbidden", 1, 0, 0},
		{"a request it finds wrong", saysJSON(400, errorBody), problem.Upstream, "graph_refused", 1, 0, 0},
		{"an error that is prose", saysJSON(409, `{"error":{"code":"`+leak+` !","message":7,"innererror":{"request-id":"`+leak+` !"}}}`), problem.Upstream, "graph_refused", 1, 0, 0},
		{"an error that is HTML", says(418, "Content-Type", "text/html"), problem.Upstream, "graph_refused", 1, 0, 0},

		{"a redirect", says(302, "Location", "https://"+leak), problem.Upstream, "graph_failed", 1, 0, 0},
		{"another success", saysJSON(202, meetingJSON), problem.Upstream, "graph_failed", 1, 0, 0},
		{"HTML", html, problem.Upstream, "graph_failed", 1, 0, 0},
		{"no body", saysJSON(200, ""), problem.Upstream, "graph_failed", 1, 0, 0},
		{"broken JSON", saysJSON(200, `{"id":"`+leak), problem.Upstream, "graph_failed", 1, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, _, injector := behind(t, nil)
				injector.Add(tt.rule)
				ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
				defer cancel()

				started := time.Now()
				_, err := client.User(organizer).Meeting(ctx, meetingID)
				waited := time.Since(started)

				wantProblem(t, "get", err, tt.kind, tt.code)
				if got := problem.From(err).RetryAfter; got != tt.retry {
					t.Errorf("RetryAfter is %v, want %v", got, tt.retry)
				}
				if got := len(injector.Calls()); got != tt.requests {
					t.Errorf("%d requests were made, want %d", got, tt.requests)
				}
				if waited > tt.within {
					t.Errorf("the caller waited %v, want at most %v", waited, tt.within)
				}
			})
		})
	}
}

// TestRecovery makes Graph fail once or twice and then work.
func TestRecovery(t *testing.T) {
	for _, rule := range []faults.Rule{
		{Status: 429, Times: 2},
		{Status: 429, Header: map[string]string{"Retry-After": "4"}},
		{Status: 504},
		{Status: 500, Times: 3},
		{Delay: faults.Duration(time.Minute)},
		{Drop: "before"},
	} {
		synctest.Test(t, func(t *testing.T) {
			client, _, injector := behind(t, answers{"GET " + meetingPath: "200 " + meetingJSON})
			injector.Add(rule)
			m, err := client.User(organizer).Meeting(t.Context(), meetingID)
			if err != nil || m.ID != meetingID {
				t.Errorf("%+v: %q, %v", rule, m.ID, err)
			}
			if got, want := len(injector.Calls()), max(rule.Times, 1)+1; got != want {
				t.Errorf("%+v: %d requests were made, want %d", rule, got, want)
			}
		})
	}
}

// TestARefusalAfterALostAnswer: of what a lost try may have made or changed, that it is
// refused now says nothing; of what is only read it does, and so does that it is gone.
func TestARefusalAfterALostAnswer(t *testing.T) {
	refusal := saysJSON(403, `{"error":{"code":"Forbidden","message":"No Application Access Policy found for this app."}}`)
	gone := saysJSON(404, `{"error":{"code":"NotFound","message":"Invalid meeting id."}}`)
	synctest.Test(t, func(t *testing.T) {
		client, _, injector := behind(t, answers{})
		user := client.User(organizer)
		after := func(rule faults.Rule, call func() error) error {
			injector.Clear()
			injector.Add(faults.Rule{Drop: "before"}, rule)
			return call()
		}
		create := func() error {
			_, _, err := user.CreateOrGetMeeting(t.Context(), "m-42", graph.NewMeeting{})
			return err
		}
		change := func() error {
			_, err := user.UpdateMeeting(t.Context(), meetingID, graph.MeetingChange{})
			return err
		}
		read := func() error {
			_, err := user.Meeting(t.Context(), meetingID)
			return err
		}
		for name, code := range map[string][2]string{
			"create": {problem.From(after(refusal, create)).Code, "graph_failed"},
			"change": {problem.From(after(refusal, change)).Code, "graph_failed"},
			"read":   {problem.From(after(refusal, read)).Code, "graph_access_policy_missing"},
		} {
			if code[0] != code[1] {
				t.Errorf("%s: %s, want %s", name, code[0], code[1])
			}
		}
		if err := after(gone, change); !errors.Is(err, graph.ErrNotFound) {
			t.Errorf("gone: %v", err)
		}
	})
}

// TestAPatientClient waits for as long as Graph says, if it was made to.
func TestAPatientClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := graph.Options{}
		opts.Retry.MaxRetryDelay = -1
		client, _, injector := behindWith(t, answers{"GET " + meetingPath: "200 " + meetingJSON}, opts)
		injector.Add(faults.Rule{Status: 429, Header: map[string]string{"Retry-After": "150"}})
		started := time.Now()
		if _, err := client.User(organizer).Meeting(t.Context(), meetingID); err != nil || time.Since(started) != 150*time.Second {
			t.Errorf("%v after %v", err, time.Since(started))
		}
	})
}

// The details are what operators act on.
func TestDetailsSayWhatToDo(t *testing.T) {
	client, _, injector := behind(t, nil)
	injector.Add(faults.Rule{Status: 403, Body: `{"error":{"message":"No application access policy found for this app."}}`}, says(403))
	for _, words := range [][]string{
		{"New-CsApplicationAccessPolicy", "Grant-CsApplicationAccessPolicy", "30 minutes"},
		{"OnlineMeetings.ReadWrite.All", "delegated: OnlineMeetings.ReadWrite)"},
	} {
		_, _, err := client.User(organizer).CreateOrGetMeeting(t.Context(), "m-42", graph.NewMeeting{})
		for _, word := range words {
			if p := problem.From(err); !strings.Contains(p.Detail, word) {
				t.Errorf("%s does not name %s", p.Code, word)
			}
		}
	}
}

// A user who does not exist is not a meeting that does not.
func TestNobodyToCreateFor(t *testing.T) {
	client, _, injector := behind(t, nil)
	injector.Add(saysJSON(404, `{"error":{"code":"ResourceNotFound","message":"User not found."}}`))
	_, _, err := client.User(organizer).CreateOrGetMeeting(t.Context(), "m-42", graph.NewMeeting{})
	wantProblem(t, "create", err, problem.Upstream, "graph_refused")
}

// The log learns under which names Microsoft's support finds a request.
func TestCausesNameTheRequest(t *testing.T) {
	for _, rule := range []faults.Rule{
		saysJSON(400, `{"error":{"code":"UnknownError","innerError":{"request-id":"f9e2"}}}`),
		saysJSON(400, `{"error":{"code":"UnknownError","innererror":{"request-id":"f9e2"}}}`),
		{Status: 400, Header: map[string]string{"request-id": "f9e2"}, Body: `{"error":{"code":"UnknownError"}}`},
	} {
		client, _, injector := behind(t, nil)
		injector.Add(rule)
		_, err := client.User(organizer).Meeting(t.Context(), meetingID)
		if !strings.HasSuffix(err.Error(), "graph: get meeting: 400 UnknownError, request-id f9e2") {
			t.Errorf("the log learns %q", err)
		}
	}
}

func TestACancelledCallerIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _, injector := behind(t, nil)
		injector.Add(faults.Rule{Delay: faults.Duration(time.Minute)})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(300*time.Millisecond, cancel)
		_, err := client.User(organizer).Meeting(ctx, meetingID)
		if _, is := errors.AsType[*problem.Error](err); is || !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled call gives %v, want context.Canceled and no problem", err)
		}
	})
}

// TestCredentialFailures: no token, no request.
func TestCredentialFailures(t *testing.T) {
	consent := problem.New(problem.Forbidden, "entra_consent_needed", "Ask an administrator.")
	for name, tt := range map[string]struct {
		err  error
		kind problem.Kind
		code string
	}{
		"no reason":             {errors.New(leak), problem.Upstream, "graph_credential"},
		"the token service off": {&net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}, problem.Unavailable, "graph_unavailable"},
		"a reason":              {consent, problem.Forbidden, "entra_consent_needed"},
	} {
		service := faults.Wrap(http.NotFoundHandler())
		service.Record()
		opts := &graph.Options{}
		opts.Transport = faults.Transport{Handler: service}
		client, err := graph.New(graph.DefaultEndpoint, &entra{err: tt.err}, opts)
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.User(organizer).Meeting(t.Context(), meetingID)
		wantProblem(t, name, err, tt.kind, tt.code)
		if calls := service.Calls(); len(calls) > 0 {
			t.Errorf("%s: requests were made: %q", name, calls)
		}
	}
}

// TestLogHoldsNoSecrets listens to azcore's log while bodies are asked for.
func TestLogHoldsNoSecrets(t *testing.T) {
	var lines []string
	azlog.SetListener(func(_ azlog.Event, line string) { lines = append(lines, line) })
	defer azlog.SetListener(nil)

	opts := graph.Options{}
	opts.Logging.IncludeBody = true
	client, _, _ := behindWith(t, answers{"PATCH " + meetingPath: "200 " + meetingJSON}, opts)
	if _, err := client.User(organizer).UpdateMeeting(t.Context(), meetingID, graph.MeetingChange{Subject: new(leak)}); err != nil {
		t.Fatal(err)
	}
	client.User(organizer).MeetingByJoinURL(t.Context(), joinURL)
	log := strings.Join(lines, "\n")
	if !strings.Contains(log, "/onlineMeetings") {
		t.Fatal("nothing was logged, so nothing is proved")
	}
	for name, secret := range map[string]string{"token": "Bearer app", "request": leak, "passcode": "123abc", "join URL": "meetup-join"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds the %s", name)
		}
	}
}
