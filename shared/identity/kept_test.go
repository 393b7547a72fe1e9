package identity_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"switchboard/shared/acs"
	"switchboard/shared/calling"
	"switchboard/shared/faults"
	"switchboard/shared/identity"
	"switchboard/shared/localacs"
	"switchboard/shared/problem"
	"switchboard/shared/seal"
)

// ACS denies an identity once, fails to make another, and then knows it again.
func TestAnIdentityThatIsThereAfterAllIsWarmAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	r := w.registries[0]
	if _, err := r.Token(t.Context(), ada, want); err != nil {
		t.Fatal(err)
	}
	w.cloud.ACSFaults.Add(faults.Rule{Method: "POST", Contains: "issueAccessToken", Status: 401, Header: map[string]string{"Content-Type": "application/json"},
		Body: `{"error":{"code":"IdentityNotOwned","message":"x"}}`})
	w.cloud.ACSFaults.Add(faults.Rule{Method: "POST", Contains: "/identities?", Status: 503, Times: -1, Header: map[string]string{"Retry-After": "9"}})
	if _, err := r.Token(t.Context(), ada, chatOnly); err == nil {
		t.Fatal("test does not test")
	}
	w.cloud.ACSFaults.Clear()
	w.clock.Move(time.Minute)
	if _, err := r.Token(t.Context(), ada, chatOnly); err != nil {
		t.Fatal(err)
	}
	w.cloud.ACSFaults.Record()
	for range 3 {
		if _, err := r.Token(t.Context(), ada, chatOnly); err != nil {
			t.Fatal(err)
		}
	}
	if c := w.cloud.ACSFaults.Calls(); len(c) != 0 {
		t.Errorf("three warm requests called ACS: %v", c)
	}
}

// The ACS resource is replaced while tokens of the old one are kept.
func TestTokensOfAReplacedResourceAreNotGiven(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	if _, err := w.registries[0].Token(t.Context(), ada, want); err != nil {
		t.Fatal(err)
	}
	other, err := localacs.New(localacs.Options{Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := w.special(t, func(c *identity.Config) {
		client, err := acs.NewClientFromConnectionString(other.ConnectionString("https://acs2.localhost"), &acs.Options{Now: w.clock.Now, ClientOptions: azcore.ClientOptions{Transport: faults.Transport{Handler: other}}})
		if err != nil {
			t.Fatal(err)
		}
		c.Provider = client
	})
	g, err := a.Token(t.Context(), ada, want)
	if err != nil {
		t.Fatal(err)
	}
	if !other.TokenValid(g.Token.Value) {
		t.Error("after the resource was replaced, a token of the old one is given, for up to a day")
	}
}

// A document does not grow with the wishes of its user.
func TestFewTokensAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	r := w.registries[0]
	for m := range 7 {
		if _, err := r.Token(t.Context(), ada, identity.Want{Scopes: []calling.Scope{calling.Chat}, Life: calling.MinLife + time.Duration(m)*time.Minute}); err != nil {
			t.Fatal(err)
		}
	}
	rec, err := r.Get(t.Context(), ada.Key)
	if err != nil || len(rec.Tokens) != 4 {
		t.Errorf("%d tokens, %v", len(rec.Tokens), err)
	}
}

// A token of one life is not given for another.
func TestATokenHasTheLifeThatWasAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	for _, life := range []time.Duration{calling.MinLife, calling.MaxLife} {
		g, err := w.registries[0].Token(t.Context(), ada, identity.Want{Scopes: chatOnly.Scopes, Life: life})
		if left := g.Token.ExpiresOn.Sub(w.clock.Now()); err != nil || left < life-time.Minute || left > life {
			t.Errorf("%v: asked for %v, got %v", err, life, left)
		}
	}
}

// The mark of an erasure expires; who comes after it does not.
func TestAUserMadeAnewStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	r := w.registries[0]
	if err := r.Erase(t.Context(), ada.Key, always); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Ensure(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	w.clock.Move(time.Hour)
	if _, err := r.Get(t.Context(), ada.Key); err != nil {
		t.Error(err)
	}
}

// An instance whose clock is behind serves a user right after an erasure elsewhere.
func TestClocksOfInstancesMayDiffer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a, _ := w.special(t, func(c *identity.Config) {
		now := c.Now
		c.Now = func() time.Time { return now().Add(-2 * time.Second) }
	})
	if _, err := a.Token(t.Context(), ada, want); err != nil {
		t.Fatal(err)
	}
	if err := w.registries[0].Erase(t.Context(), ada.Key, always); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Token(t.Context(), ada, want); err != nil {
		t.Errorf("after the erasure: %v", err)
	}
}

// An instance whose clock is ahead has work under way when the user is erased elsewhere.
func TestAClockThatIsAheadBringsNobodyBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a, _ := w.special(t, func(c *identity.Config) {
		now := c.Now
		c.Now = func() time.Time { return now().Add(2 * time.Second) }
	})
	if _, err := a.Token(t.Context(), ada, want); err != nil {
		t.Fatal(err)
	}
	w.cloud.ACSFaults.Add(faults.Rule{Contains: "issueAccessToken", Delay: faults.Duration(300 * time.Millisecond)})
	var all sync.WaitGroup
	all.Go(func() { a.Token(t.Context(), ada, chatOnly) })
	time.Sleep(100 * time.Millisecond)
	if err := w.registries[0].Erase(t.Context(), ada.Key, always); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if _, err := w.registries[0].Get(t.Context(), ada.Key); !problem.Is(err, problem.NotFound) {
		t.Errorf("the user is back: %v", err)
	}
}

type source func(ctx context.Context) ([]seal.Key, error)

func (s source) Keys(ctx context.Context) ([]seal.Key, error) { return s(ctx) }

// Tokens that cannot be sealed are given all the same.
func TestAVaultThatHangsHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a, _ := w.special(t, func(c *identity.Config) {
		c.Ring = seal.NewRing(source(func(ctx context.Context) ([]seal.Key, error) { <-ctx.Done(); return nil, ctx.Err() }), c.Now)
	})
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := a.Token(ctx, ada, want); err != nil {
			t.Errorf("ACS and the store are well: %v", err)
		}
	}
}

// ACS makes an identity and gives a token that is of no use.
func TestAnIdentityWithoutATokenIsDiscarded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.cloud.ACSFaults.Add(faults.Rule{Method: "POST", Contains: "/identities", Status: 201, Header: map[string]string{"Content-Type": "application/json"},
		Body: `{"identity":{"id":"8:acs:x_y"},"accessToken":{"token":"","expiresOn":"2030-01-01T00:00:00Z"}}`})
	w.cloud.ACSFaults.Record()
	_, err := w.registries[0].Token(t.Context(), ada, want)
	calls := strings.Join(w.cloud.ACSFaults.Calls(), "\n")
	if err == nil || !strings.Contains(calls, "DELETE /identities/8%3Aacs%3Ax_y") {
		t.Errorf("%v\n%s", err, calls)
	}
}
