package graph_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/golang-jwt/jwt/v5"

	"switchboard/shared/graph"
	"switchboard/shared/problem"
)

// assertion is a user's access token as far as this package reads it; that it
// is genuine was found out before.
func assertion(t *testing.T, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("nobody here checks it"))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func userToken(t *testing.T, oid string, expires time.Time) string {
	t.Helper()
	return assertion(t, jwt.MapClaims{"oid": oid, "scp": "access_as_user", "exp": expires.Unix()})
}

// exchange is a factory of credentials that counts what it made.
type exchange struct {
	mu   sync.Mutex
	made []*entra
	err  error
}

func (e *exchange) credential(assertion string) (azcore.TokenCredential, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return nil, e.err
	}
	e.made = append(e.made, &entra{token: fmt.Sprint("user-", len(e.made))})
	return e.made[len(e.made)-1], nil
}

const myMeeting = "GET /v1.0/me/onlineMeetings/1"

// TestOnBehalfOf: a user's token is exchanged once, however many calls are made
// at once, and the calls are to /me with what it was exchanged for.
func TestOnBehalfOf(t *testing.T) {
	var x exchange
	client, service, injector := behindWith(t, answers{myMeeting: `200 {"id":"1","joinWebUrl":"u"}`}, graph.Options{OnBehalfOf: x.credential})
	token := userToken(t, organizer, time.Now().Add(time.Hour))
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			user, err := client.OnBehalfOf(token)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := user.Meeting(t.Context(), "1"); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if len(x.made) != 1 || len(x.made[0].scopes) != 1 || len(injector.Calls()) != 8 {
		t.Errorf("8 calls took %d requests, %d credentials", len(injector.Calls()), len(x.made))
	}
	if got := service.last(t).header.Get("Authorization"); got != "Bearer user-0" {
		t.Errorf("the call was made with %q", got)
	}
	grace, err := client.OnBehalfOf(userToken(t, "grace", time.Now().Add(time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := grace.Meeting(t.Context(), "1"); err != nil || service.last(t).header.Get("Authorization") != "Bearer user-1" {
		t.Errorf("another user's call: %v, %q", err, service.last(t).header.Get("Authorization"))
	}
}

func TestAssertions(t *testing.T) {
	var x exchange
	client, _, _ := behindWith(t, nil, graph.Options{OnBehalfOf: x.credential})
	soon := time.Now().Add(time.Hour).Unix()
	for name, token := range map[string]string{
		"nothing":             "",
		"no token":            leak,
		"expired":             userToken(t, organizer, time.Now().Add(-time.Second)),
		"endless":             assertion(t, jwt.MapClaims{"oid": organizer, "scp": "s"}),
		"an application's":    assertion(t, jwt.MapClaims{"oid": organizer, "exp": soon, "roles": []string{"x"}}),
		"another provider's":  assertion(t, jwt.MapClaims{"sub": "auth0|1", "exp": soon, "scope": "s"}),
		"scopes of no format": assertion(t, jwt.MapClaims{"oid": organizer, "exp": soon, "scp": []string{"s"}}),
	} {
		_, err := client.OnBehalfOf(token)
		wantProblem(t, name, err, problem.Unauthenticated, "graph_user_token")
	}
	if len(x.made) > 0 {
		t.Errorf("%d credentials were made", len(x.made))
	}
	x.err = errors.New("no such tenant")
	if _, err := client.OnBehalfOf(userToken(t, organizer, time.Now().Add(time.Hour))); !errors.Is(err, x.err) {
		t.Errorf("a credential that cannot be made gives %v", err)
	}
	without, _, _ := behind(t, nil)
	if _, err := without.OnBehalfOf(userToken(t, organizer, time.Now().Add(time.Hour))); err == nil {
		t.Error("a client without a factory acts on behalf of users")
	}
}

// TestCredentialsAreBounded: by number, and by the life of the users' tokens.
func TestCredentialsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var x exchange
		client, _, _ := behindWith(t, nil, graph.Options{OnBehalfOf: x.credential, MaxDelegates: 2})
		as := func(name string, expires time.Time) error {
			_, err := client.OnBehalfOf(userToken(t, name, expires))
			return err
		}
		end := time.Now().Add(time.Hour)
		for _, step := range []struct {
			name string
			made int
		}{{"ada", 1}, {"grace", 2}, {"ada", 2}, {"joe", 3}, {"ada", 3}, {"grace", 4}, {"ada", 4}, {"joe", 5}} {
			if err := as(step.name, end); err != nil || len(x.made) != step.made {
				t.Errorf("%s: %v, %d credentials were made, want %d", step.name, err, len(x.made), step.made)
			}
		}
		time.Sleep(time.Hour)
		wantProblem(t, "at the end", as("ada", end), problem.Unauthenticated, "graph_user_token")
	})
}

// TestOneMailboxHoweverItIsCalled: the limit is the mailbox's, for the
// application and the user alike.
func TestOneMailboxHoweverItIsCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var x exchange
		g := newGate()
		client := gated(t, g, graph.Options{OnBehalfOf: x.credential, MaxPerMailbox: 2})
		me, err := client.OnBehalfOf(userToken(t, "Ada", time.Now().Add(time.Hour)))
		if err != nil {
			t.Fatal(err)
		}
		var calls sync.WaitGroup
		for _, user := range []*graph.User{me, client.User("ada"), me, client.User("ada")} {
			calls.Go(func() {
				if _, err := user.Meeting(t.Context(), "1"); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if n := g.at("ada") + g.at("onlineMeetings"); n != 2 { // /me has its path one segment earlier
			t.Errorf("%d calls are at the mailbox", n)
		}
		close(g.open)
		calls.Wait()
	})
}
