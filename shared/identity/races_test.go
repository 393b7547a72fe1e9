package identity_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/identity"
)

// The end of an allocation lands, its answer is lost, and another request writes to the
// document before the end is sent again.
func TestAnIdentityThatOthersBuiltUponIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a, hook := w.special(t, nil)
	done := false
	hook.set(func(r *http.Request, next func() (*http.Response, error)) (*http.Response, error) {
		if r.Method != "PUT" || done {
			return next()
		}
		done = true
		if _, err := next(); err != nil {
			t.Error(err)
		}
		if _, err := w.registries[0].Token(t.Context(), ada, chatOnly); err != nil { // another first request, other scopes
			t.Error(err)
		}
		return nil, errors.New("connection reset")
	})
	g, err := a.Token(t.Context(), ada, want)
	if err != nil {
		t.Fatal(err)
	}
	if !w.cloud.ACS.Owns(g.CallingID) {
		t.Errorf("the mapping's identity was deleted at ACS; there are %v, log %s", w.cloud.ACS.Identities(), w.log)
	}
	again, err := w.registries[0].Token(t.Context(), ada, want)
	if err != nil || !w.cloud.ACS.TokenValid(again.Token.Value) {
		t.Errorf("a token that does not work is given: %v", err)
	}
}

// The end of an allocation lands, and no answer ever says so.
func TestAnEndThatNobodyHearsOfCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a, hook := w.special(t, nil)
	puts := 0
	hook.set(func(r *http.Request, next func() (*http.Response, error)) (*http.Response, error) {
		if r.Method != "PUT" {
			return next()
		}
		if puts++; puts == 1 {
			if _, err := next(); err != nil {
				t.Error(err)
			}
		}
		return nil, errors.New("connection reset")
	})
	g, err := a.Token(t.Context(), ada, want)
	if err != nil || !w.cloud.ACS.Owns(g.CallingID) || len(w.cloud.ACS.Identities()) != 1 {
		t.Errorf("%v, at ACS %v", err, w.cloud.ACS.Identities())
	}
}

// The claim is taken over while its end does not get through.
func TestALostClaimIsNotOverwritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a, hook := w.special(t, nil)
	var winner identity.Grant
	puts := 0
	hook.set(func(r *http.Request, next func() (*http.Response, error)) (*http.Response, error) {
		if r.Method == "PUT" {
			if puts++; puts <= 3 {
				if puts == 3 {
					w.clock.Move(time.Minute)
					var err error
					if winner, err = w.registries[0].Token(t.Context(), ada, want); err != nil {
						t.Error(err)
					}
				}
				return nil, errors.New("refused")
			}
		}
		return next()
	})
	g, err := a.Token(t.Context(), ada, want)
	if err != nil || g.CallingID != winner.CallingID {
		t.Errorf("%v: %s, %s", err, g.CallingID, winner.CallingID)
	}
	if ids := w.cloud.ACS.Identities(); len(ids) != 1 || ids[0] != winner.CallingID {
		t.Errorf("at ACS there are %v", ids)
	}
}

// A profile is changed while the end of a new allocation does not get through.
func TestTheEndOfAnAllocationKeepsAChangeOfProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a, hook := w.special(t, nil)
	if _, err := a.Token(t.Context(), ada, want); err != nil {
		t.Fatal(err)
	}
	w.cloud.ACSFaults.Add(faults.Rule{Method: "POST", Contains: "issueAccessToken", Status: 401, Header: map[string]string{"Content-Type": "application/json"},
		Body: `{"error":{"code":"IdentityNotOwned","message":"x"}}`})
	puts := 0
	hook.set(func(r *http.Request, next func() (*http.Response, error)) (*http.Response, error) {
		if r.Method != "PUT" {
			return next()
		}
		if puts++; puts >= 2 && puts <= 4 { // the end of the allocation does not get through
			if puts == 4 {
				if _, err := w.registries[0].Update(t.Context(), ada.Key, func(r *identity.Record) error { r.Profile.DisplayName = "Countess"; return nil }); err != nil {
					t.Error(err)
				}
			}
			return nil, errors.New("connection refused")
		}
		return next()
	})
	if _, err := a.Token(t.Context(), ada, chatOnly); err != nil {
		t.Fatal(err)
	}
	rec, err := a.Get(t.Context(), ada.Key)
	if err != nil || rec.Profile.DisplayName != "Countess" {
		t.Errorf("a change of the profile that was acknowledged is lost: %q %v", rec.Profile.DisplayName, err)
	}
}

// A token is given between the end of one revocation and the beginning of another.
func TestARevocationEndsWhatWasIssuedBeforeIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a, hook := w.special(t, nil)
	if _, err := a.Token(t.Context(), ada, want); err != nil {
		t.Fatal(err)
	}
	landed, goOn := make(chan bool), make(chan bool)
	puts := 0
	hook.set(func(r *http.Request, next func() (*http.Response, error)) (*http.Response, error) {
		resp, err := next()
		if r.Method == "PUT" {
			if puts++; puts == 2 { // the end of the revocation: its answer is slow
				close(landed)
				<-goOn
			}
		}
		return resp, err
	})
	var all sync.WaitGroup
	all.Go(func() { a.RevokeTokens(t.Context(), ada.Key) })
	<-landed
	w.clock.Move(3 * time.Second)
	fresh, err := w.registries[0].Token(t.Context(), ada, want) // another device
	if err != nil {
		t.Fatal(err)
	}
	w.clock.Move(3 * time.Second)
	var err2 error
	all.Go(func() { err2 = a.RevokeTokens(t.Context(), ada.Key) }) // arrives after the token was given
	time.Sleep(50 * time.Millisecond)
	close(goOn)
	all.Wait()
	if err2 != nil {
		t.Fatal(err2)
	}
	if w.cloud.ACS.TokenValid(fresh.Token.Value) {
		t.Error("DELETE /token was answered 204, and the token given before it still works")
	}
}

// Without a ring nothing is stored that would tell of the revocation.
func TestWorkFromBeforeARevocationIsNotJoined(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	issued, goOn := make(chan bool), make(chan bool)
	a, _ := w.special(t, func(c *identity.Config) {
		c.Ring = nil
		c.Provider = &provider{Provider: c.Provider, afterIssue: func() { close(issued); <-goOn }}
	})
	if _, err := a.Token(t.Context(), ada, want); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() { a.Token(t.Context(), ada, chatOnly) })
	<-issued
	w.clock.Move(3 * time.Second)
	if err := w.registries[0].RevokeTokens(t.Context(), ada.Key); err != nil {
		t.Fatal(err)
	}
	w.clock.Move(3 * time.Second)
	var late identity.Grant
	var err error
	all.Go(func() { late, err = a.Token(t.Context(), ada, chatOnly) })
	time.Sleep(50 * time.Millisecond)
	close(goOn)
	all.Wait()
	if err != nil || !w.cloud.ACS.TokenValid(late.Token.Value) {
		t.Errorf("a request that came after the revocation got a revoked token (%v)", err)
	}
}

// The answer to the write that keeps a token is slow, and meanwhile tokens are ended.
func TestWorkFromBeforeAnEndIsNotJoined(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"revoke", "erase"} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, 1)
			a, hook := w.special(t, nil)
			if _, err := a.Token(t.Context(), ada, want); err != nil {
				t.Fatal(err)
			}
			landed, goOn := make(chan bool), make(chan bool)
			var once sync.Once
			hook.set(func(r *http.Request, next func() (*http.Response, error)) (*http.Response, error) {
				resp, err := next()
				if r.Method == "PUT" {
					once.Do(func() { close(landed); <-goOn })
				}
				return resp, err
			})
			var all sync.WaitGroup
			all.Go(func() { a.Token(t.Context(), ada, chatOnly) })
			<-landed
			w.clock.Move(3 * time.Second)
			var err error
			if what == "revoke" {
				err = w.registries[0].RevokeTokens(t.Context(), ada.Key)
			} else {
				err = w.registries[0].Erase(t.Context(), ada.Key, always)
			}
			if err != nil {
				t.Fatal(err)
			}
			w.clock.Move(3 * time.Second)
			var late identity.Grant
			all.Go(func() { late, err = a.Token(t.Context(), ada, chatOnly) })
			time.Sleep(50 * time.Millisecond)
			close(goOn)
			all.Wait()
			if err != nil || !w.cloud.ACS.TokenValid(late.Token.Value) {
				t.Errorf("a request that came after it got a token that it ended (%v)", err)
			}
		})
	}
}

// Ensure comes after an erasure that ended work it would have joined.
func TestEnsureAfterAnErasureStartsAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a, _ := w.special(t, nil)
	w.cloud.ACSFaults.Add(faults.Rule{Method: "POST", Contains: "/identities", Delay: faults.Duration(300 * time.Millisecond)})
	var all sync.WaitGroup
	all.Go(func() { a.Ensure(t.Context(), ada) })
	time.Sleep(80 * time.Millisecond)
	if err := w.registries[0].Erase(t.Context(), ada.Key, always); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Ensure(t.Context(), ada); err != nil {
		t.Errorf("POST /user after the erasure: %v", err)
	}
	all.Wait()
}

// As TestEnsureAfterAnErasureStartsAnew, for a token.
func TestATokenAfterAnErasureStartsAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	if _, err := w.registries[0].Token(t.Context(), ada, want); err != nil {
		t.Fatal(err)
	}
	w.cloud.ACSFaults.Add(faults.Rule{Contains: "issueAccessToken", Delay: faults.Duration(300 * time.Millisecond)})
	var all sync.WaitGroup
	all.Go(func() { w.registries[0].Token(t.Context(), ada, chatOnly) })
	time.Sleep(60 * time.Millisecond)
	if err := w.registries[1].Erase(t.Context(), ada.Key, always); err != nil {
		t.Fatal(err)
	}
	if _, err := w.registries[0].Token(t.Context(), ada, chatOnly); err != nil {
		t.Error(err)
	}
	all.Wait()
}

// The mark of an erasure outlives all work that was under way.
func TestAnErasureIsRememberedWhileWorkGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	if _, err := w.registries[0].Token(t.Context(), ada, want); err != nil {
		t.Fatal(err)
	}
	w.cloud.ACSFaults.Add(faults.Rule{Contains: "issueAccessToken", Delay: faults.Duration(200 * time.Millisecond)})
	var err error
	var all sync.WaitGroup
	all.Go(func() { _, err = w.registries[0].Token(t.Context(), ada, chatOnly) })
	time.Sleep(60 * time.Millisecond)
	if err := w.registries[1].Erase(t.Context(), ada.Key, always); err != nil {
		t.Fatal(err)
	}
	w.clock.Move(9 * time.Second)
	all.Wait()
	if err == nil {
		t.Error("the user is back")
	}
}

// Claims are waited for.
func TestOneCreateHoweverManyRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	w.cloud.ACSFaults.Add(faults.Rule{Method: "POST", Contains: "/identities", Delay: faults.Duration(200 * time.Millisecond)})
	w.cloud.ACSFaults.Record()
	var all sync.WaitGroup
	for _, r := range w.registries {
		all.Go(func() {
			if _, err := r.Token(t.Context(), ada, want); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if calls := w.cloud.ACSFaults.Calls(); len(calls) != 1 {
		t.Errorf("%v", calls)
	}
}
