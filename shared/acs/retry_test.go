package acs_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"switchboard/shared/acs"
	"switchboard/shared/calling"
	"switchboard/shared/faults"
	"switchboard/shared/localacs"
	"switchboard/shared/problem"
)

// TestNoSleepPastTheEnd gives the caller's deadline, or its absence, the last
// word over the waits of the retries.
func TestNoSleepPastTheEnd(t *testing.T) {
	for _, tt := range []struct {
		name     string
		deadline time.Duration // 0: none
		rule     faults.Rule
		code     string
		requests int
	}{
		{"the first backoff does not fit", 100 * time.Millisecond, says(500), "calling_failed", 1},
		{"the second backoff does not fit", 400 * time.Millisecond, says(500), "calling_failed", 2},
		{"Retry-After just does not fit", time.Second, says(503, "Retry-After", "1"), "calling_unavailable", 1},
		{"Retry-After beyond the longest wait", 0, says(429, "Retry-After", "3"), "calling_throttled", 1},
		{"Retry-After beyond all measure", 0, says(429, "Retry-After", "9223372036854775807"), "calling_throttled", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, client, injector := behindFaults(t, acs.Options{})
				injector.Add(tt.rule)
				ctx := t.Context()
				if tt.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				started := time.Now()
				_, _, err := client.Create(ctx, nil, 0)
				if p := problem.From(err); p == nil || p.Code != tt.code || len(injector.Calls()) != tt.requests {
					t.Errorf("%v after %d requests, want %s after %d", err, len(injector.Calls()), tt.code, tt.requests)
				}
				if waited := time.Since(started); tt.requests == 1 && waited > 0 {
					t.Errorf("the caller waited %v for nothing", waited)
				}
			})
		})
	}
}

// TestRecovery makes the service fail once or twice and then work.
func TestRecovery(t *testing.T) {
	for _, rule := range []faults.Rule{
		{Status: 429, Times: 2},
		{Status: 429, Header: map[string]string{"Retry-After": "1"}},
		{Status: 503},
		{Status: 500, Times: 2},
		{Delay: faults.Duration(time.Minute)},
		{Drop: "before"},
		{Drop: "after", Times: 2},
	} {
		t.Run(fmt.Sprintf("%+v", rule), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service, client, injector := behindFaults(t, acs.Options{})
				injector.Add(rule)
				ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
				defer cancel()
				id, token, err := client.Create(ctx, bothScopes, time.Hour)
				if err != nil {
					t.Fatal(err)
				}
				if access, err := service.Validate(token.Value); err != nil || access.Identity != id {
					t.Errorf("the token gives %+v, %v; want %s", access, err, id)
				}
				if got, want := len(injector.Calls()), max(rule.Times, 1)+1; got != want {
					t.Errorf("%d requests were made, want %d", got, want)
				}
			})
		})
	}
}

// A create that was given up and repeated would leave an identity nobody knows.
func TestASlowCreateIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, client, injector := behindFaults(t, acs.Options{})
		injector.Add(faults.Rule{Delay: faults.Duration(3 * time.Second)})
		if _, _, err := client.Create(t.Context(), bothScopes, time.Hour); err != nil {
			t.Fatal(err)
		}
		if n := len(service.Identities()); n != 1 {
			t.Errorf("%d identities were made", n)
		}
	})
}

// A signature dates from the moment of its try: a service that allows no skew
// would refuse the second try of a request that was signed once.
func TestEveryTryIsSignedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dates []string
		service := newService(t, localacs.Options{})
		transport := faults.Transport{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			dates = append(dates, r.Header.Get("x-ms-date"))
			if len(dates) == 1 {
				w.Header().Set("Retry-After", "2")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			service.ServeHTTP(w, r)
		})}
		client, err := acs.NewClientFromConnectionString(service.ConnectionString("https://contoso.communication.azure.com"),
			&acs.Options{ClientOptions: azcore.ClientOptions{Transport: transport}})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := client.Create(t.Context(), bothScopes, time.Hour); err != nil {
			t.Fatal(err)
		}
		if len(dates) != 2 || dates[0] == dates[1] {
			t.Errorf("the tries were dated %q, want two dates", dates)
		}
	})
}

func TestCancelledCallerIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client, injector := behindFaults(t, acs.Options{})
		injector.Add(faults.Rule{Delay: faults.Duration(time.Minute)})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(300*time.Millisecond, cancel)
		_, _, err := client.Create(ctx, nil, 0)
		if _, is := errors.AsType[*problem.Error](err); is || !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled call gives %v, want context.Canceled and no problem", err)
		}
		if got := len(injector.Calls()); got != 1 {
			t.Errorf("%d requests were made, want 1", got)
		}
	})
}

// TestLostAnswers shows what a lost answer leaves behind: a deletion that is
// tried again finds nothing, a creation makes a second identity.
func TestLostAnswers(t *testing.T) {
	service, client, injector := behindFaults(t, acs.Options{})
	id, _, err := client.Create(t.Context(), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	injector.Add(faults.Rule{Drop: "after"})
	if err := client.Delete(t.Context(), id); !errors.Is(err, calling.ErrNotOwned) || service.Owns(id) {
		t.Errorf("a deletion whose answer was lost gives %v, want ErrNotOwned and no identity", err)
	}
	injector.Add(faults.Rule{Drop: "after"})
	id, _, err = client.Create(t.Context(), nil, 0)
	if err != nil || !service.Owns(id) || len(service.Identities()) != 2 {
		t.Errorf("a creation whose answer was lost leaves %d identities, %v; want 2", len(service.Identities()), err)
	}
}
