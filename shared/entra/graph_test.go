package entra_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/problem"
)

// TestThroughGraph: a user's calls to Graph take one exchange, and one that is
// refused reaches the caller with its reason, before any call to Graph.
func TestThroughGraph(t *testing.T) {
	a, authority, injector := app(t, withSecret())
	calls := 0
	opts := &graph.Options{OnBehalfOf: a.OnBehalfOf}
	opts.Transport = faults.Transport{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		if r.Header.Get("Authorization") != "Bearer token-1" {
			t.Errorf("Graph was called with %q", r.Header.Get("Authorization"))
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"id":"1","joinWebUrl":"u"}`)
	})}
	client, err := graph.New(graph.DefaultEndpoint, a, opts)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(oid string) error {
		user, err := client.OnBehalfOf(userToken(t, jwt.MapClaims{"tid": tenant, "oid": oid, "scp": "s", "exp": time.Now().Add(time.Hour).Unix()}))
		if err != nil {
			return err
		}
		_, err = user.Meeting(t.Context(), "1")
		return err
	}
	for range 3 {
		if err := ask("ada"); err != nil {
			t.Fatal(err)
		}
	}
	if calls != 3 || len(authority.forms) != 1 {
		t.Errorf("%d calls took %d exchanges", calls, len(authority.forms))
	}
	injector.Add(answer(400, map[string]any{"error": "invalid_grant", "suberror": "consent_required"}))
	if err := ask("grace"); !problem.Is(err, problem.Forbidden) || calls != 3 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// TestAUserIsChallenged: Graph wants to know more of the user than the token
// tells (continuous access evaluation); so does Entra, and the user is told.
func TestAUserIsChallenged(t *testing.T) {
	const claims = `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`
	a, authority, injector := app(t, withSecret())
	opts := &graph.Options{OnBehalfOf: a.OnBehalfOf}
	opts.Transport = faults.Transport{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		injector.Add(answer(400, map[string]any{"error": "interaction_required", "claims": claims}))
		w.Header().Set("WWW-Authenticate", `Bearer realm="", error="insufficient_claims", claims="`+base64.StdEncoding.EncodeToString([]byte(claims))+`"`)
		w.WriteHeader(http.StatusUnauthorized)
	})}
	client, err := graph.New(graph.DefaultEndpoint, a, opts)
	if err != nil {
		t.Fatal(err)
	}
	user, err := client.OnBehalfOf(userToken(t, jwt.MapClaims{"tid": tenant, "oid": "ada", "scp": "s", "exp": time.Now().Add(time.Hour).Unix()}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = user.Meeting(t.Context(), "1")
	if p := problem.From(err); p.Code != "entra_sign_in_needed" || p.Challenge == "" || len(authority.forms) != 1 {
		t.Errorf("%v after %d tokens", err, len(authority.forms))
	}
}
