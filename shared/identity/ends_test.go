package identity_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/shared/calling"
	"switchboard/shared/faults"
	"switchboard/shared/identity"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// A token request finishes an erasure that was given up, while the user asks for it again.
func TestAnErasureThatIsRepeatedHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a, hook := w.special(t, nil)
	if _, err := a.Token(t.Context(), ada, want); err != nil {
		t.Fatal(err)
	}
	w.cloud.ACSFaults.Add(faults.Rule{Method: "DELETE", Status: 503, Times: 4})
	if err := a.Erase(t.Context(), ada.Key, always); err == nil {
		t.Fatal("no fault")
	}
	w.cloud.ACSFaults.Clear()
	w.clock.Move(time.Minute)
	var once sync.Once
	hook.set(func(r *http.Request, next func() (*http.Response, error)) (*http.Response, error) {
		if r.Method == "PUT" { // the token request has looked and takes the erasure over
			once.Do(func() {
				if err := w.registries[0].Erase(t.Context(), ada.Key, always); err != nil {
					t.Error(err)
				}
			})
		}
		return next()
	})
	if _, err := a.Token(t.Context(), ada, want); err == nil {
		t.Error("a token was given")
	}
	if ids := w.cloud.ACS.Identities(); len(ids) != 0 {
		t.Errorf("DELETE was answered 204 while the token request was under way, and the user is back: %v", ids)
	}
}

// slowDelete is a provider whose deletions take a while.
type slowDelete struct {
	identity.Provider
	took  time.Duration
	calls atomic.Int32
}

func (p *slowDelete) Delete(ctx context.Context, id string) error {
	p.calls.Add(1)
	time.Sleep(p.took)
	return p.Provider.Delete(ctx, id)
}

// Each of them finds the others under way.
func TestErasuresAtTheSameTimeAllSucceed(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 4, 8} {
		w := newWorld(t, 1)
		var slow *slowDelete
		a, _ := w.special(t, func(c *identity.Config) {
			slow = &slowDelete{Provider: c.Provider, took: 30 * time.Millisecond}
			c.Provider = slow
		})
		if _, err := a.Token(t.Context(), ada, want); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		var failed atomic.Int32
		for i := range n {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 3 * time.Millisecond)
				if err := a.Erase(t.Context(), ada.Key, always); err != nil {
					failed.Add(1)
					t.Errorf("%d at once: %v", n, err)
				}
			})
		}
		all.Wait()
	}
}

// Each of them finds the others under way.
func TestRevocationsAtTheSameTimeAllSucceed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	if _, err := w.registries[0].Token(t.Context(), ada, want); err != nil {
		t.Fatal(err)
	}
	w.cloud.ACSFaults.Add(faults.Rule{Contains: "revoke", Delay: faults.Duration(30 * time.Millisecond), Times: 100})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := w.registries[0].RevokeTokens(t.Context(), ada.Key); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// The mark of an erasure expires between a request's look and its work.
func TestAMarkMayExpireMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a, hook := w.special(t, nil)
	if _, err := a.Token(t.Context(), ada, want); err != nil {
		t.Fatal(err)
	}
	if err := a.Erase(t.Context(), ada.Key, always); err != nil {
		t.Fatal(err)
	}
	w.clock.Move(599 * time.Second)
	gets := 0
	hook.set(func(r *http.Request, next func() (*http.Response, error)) (*http.Response, error) {
		resp, err := next()
		if r.Method == "GET" {
			if gets++; gets == 1 {
				w.clock.Move(time.Minute)
			}
		}
		return resp, err
	})
	_, created, err := a.Ensure(t.Context(), ada)
	if err != nil || !created {
		t.Errorf("created %v, %v", created, err)
	}
}

// dying is a store that refuses the settling write as stale and then cannot be read.
type dying struct {
	identity.Store
	dead  atomic.Bool
	calls atomic.Int32
}

func (d *dying) Read(ctx context.Context, pk, id string, doc storage.Document) error {
	if d.dead.Load() {
		d.calls.Add(1)
		return problem.New(problem.Unavailable, "store", "away")
	}
	return d.Store.Read(ctx, pk, id, doc)
}

func (d *dying) Replace(ctx context.Context, doc storage.Document) error {
	if d.dead.Load() {
		return storage.ErrStale
	}
	return d.Store.Replace(ctx, doc)
}

type then struct {
	identity.Provider
	do func()
}

func (p then) Create(ctx context.Context, s []calling.Scope, l time.Duration) (string, calling.Token, error) {
	id, token, err := p.Provider.Create(ctx, s, l)
	p.do()
	return id, token, err
}

// The end of an allocation is refused, and then nothing can be read.
func TestAStoreThatIsAwayIsNotHammered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	var d *dying
	a, _ := w.special(t, func(c *identity.Config) {
		d = &dying{Store: c.Store}
		c.Store = d
		c.Provider = then{c.Provider, func() { d.dead.Store(true) }}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := a.Token(ctx, ada, want); err == nil {
		t.Error("a token was given")
	}
	if n := d.calls.Load(); n > 100 {
		t.Errorf("in half a second the store was asked %d times", n)
	}
	d.dead.Store(false)
}

// Without a ring: tokens end while one is issued.
func TestATokenThatEndedMeanwhileIsNotGiven(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"revoke", "erase"} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, 1)
			issued, goOn := make(chan bool), make(chan bool)
			a, _ := w.special(t, func(c *identity.Config) {
				c.Ring = nil
				c.Provider = &provider{Provider: c.Provider, afterIssue: func() { close(issued); <-goOn }}
			})
			if _, err := a.Token(t.Context(), ada, want); err != nil {
				t.Fatal(err)
			}
			var got identity.Grant
			var err error
			var all sync.WaitGroup
			all.Go(func() { got, err = a.Token(t.Context(), ada, chatOnly) })
			<-issued
			w.clock.Move(3 * time.Second)
			if what == "revoke" {
				w.registries[0].RevokeTokens(t.Context(), ada.Key)
			} else {
				w.registries[0].Erase(t.Context(), ada.Key, always)
			}
			w.clock.Move(3 * time.Second)
			close(goOn)
			all.Wait()
			if err == nil && !w.cloud.ACS.TokenValid(got.Token.Value) {
				t.Error("a dead token is given with 200")
			}
		})
	}
}

// An allocation came to nothing, and the identity is there after all.
func TestWithoutARingWarmAgainAfterAFailedAllocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	a, _ := w.special(t, func(c *identity.Config) { c.Ring = nil })
	if _, err := a.Token(t.Context(), ada, want); err != nil {
		t.Fatal(err)
	}
	w.cloud.ACSFaults.Add(faults.Rule{Contains: "issueAccessToken", Status: 401, Header: map[string]string{"Content-Type": "application/json"},
		Body: `{"error":{"code":"IdentityNotOwned","message":"x"}}`})
	w.cloud.ACSFaults.Add(faults.Rule{Method: "POST", Contains: "/identities?", Status: 403})
	_, err := a.Token(t.Context(), ada, chatOnly)
	if err == nil {
		t.Fatal("no fault")
	}
	w.cloud.ACSFaults.Clear()
	w.clock.Move(time.Minute)
	w.cloud.ACSFaults.Record()
	for range 5 {
		if _, err := a.Token(t.Context(), ada, chatOnly); err != nil {
			t.Fatal(err)
		}
	}
	if calls := w.cloud.ACSFaults.Calls(); len(calls) != 1 {
		t.Errorf("5 requests made %d calls to ACS", len(calls))
	}
}

// What is cut off may leave a space at the end.
func TestCleanNamesAreValid(t *testing.T) {
	name := identity.CleanName(strings.Repeat("a", 255) + " b")
	if !identity.ValidName(name) {
		t.Errorf("%q", name[250:])
	}
}

// What others did before a user left does not count for who comes back, however soon.
func TestComingBackCountsFromTheErasure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	r := w.registries[0]
	if _, _, err := r.Ensure(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	w.clock.Move(time.Hour)
	if err := r.Erase(t.Context(), ada.Key, always); err != nil {
		t.Fatal(err)
	}
	erased := w.clock.Now()
	w.clock.Move(time.Second)
	rec, created, err := r.Ensure(t.Context(), ada)
	if err != nil || !created || rec.Since().Before(erased.Add(-500*time.Millisecond)) {
		t.Errorf("erased at %v, back at %v, counts from %v, %v", erased, rec.CreatedAt, rec.Since(), err)
	}
}
