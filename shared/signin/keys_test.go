package signin_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/shared/problem"
)

// eventually waits for work that goes on behind a request.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 1000 {
		if done() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%s did not happen", what)
}

func TestStartNeedsNoNetwork(t *testing.T) {
	w := newWorld(t)
	w.setDown(true)
	w.verifier(plainIssuer())
	if len(w.fetches) != 0 {
		t.Errorf("fetched %v", w.fetches)
	}
}

// TestRotationWorksAtOnce has many arrive with a new key at the same moment:
// one fetches, the others wait for it, and none is refused.
func TestRotationWorksAtOnce(t *testing.T) {
	k1, k2 := newSigner("k1"), newSigner("k2")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.provide(issuer, discovery, jwks, k1.jwk())
		v := w.verifier(plainIssuer())
		if _, err := v.Verify(t.Context(), k1.sign(t, w.plainClaims(nil))); err != nil {
			t.Fatal(err)
		}
		w.provide(issuer, discovery, jwks, k2.jwk())
		w.hold = make(chan struct{})
		for i := range 50 {
			token := k2.sign(t, w.plainClaims(map[string]any{"sub": fmt.Sprint("user", i)}))
			go func() {
				if _, err := v.Verify(t.Context(), token); err != nil {
					t.Error(err)
				}
			}()
		}
		synctest.Wait() // until all wait for the keys
		close(w.hold)
		synctest.Wait()
		if _, err := v.Verify(t.Context(), k1.sign(t, w.plainClaims(map[string]any{"sub": "late"}))); code(err) != "token_invalid" {
			t.Errorf("the withdrawn key: %v", err)
		}
		if n := w.fetched(jwks); n != 2 {
			t.Errorf("%d fetches, want the first and one for the new key", n)
		}
	})
}

func TestUnknownKeyIDsFetchOnceInHalfAMinute(t *testing.T) {
	w, k, stranger := newWorld(t), newSigner("k1"), newSigner("stranger")
	w.provide(issuer, discovery, jwks, k.jwk())
	v := w.verifier(plainIssuer())
	flood := func() {
		var arrivals sync.WaitGroup
		for i := range 200 {
			token := stranger.sign(t, w.plainClaims(nil), map[string]any{"kid": fmt.Sprint("unknown", i)})
			arrivals.Go(func() {
				if _, err := v.Verify(t.Context(), token); code(err) != "token_invalid" {
					t.Error(err)
				}
			})
		}
		arrivals.Wait()
	}
	flood()
	if n := w.fetched(jwks); n > 2 {
		t.Errorf("%d fetches after 200 unknown ids", n)
	}
	w.pass(31 * time.Second)
	flood()
	if n := w.fetched(jwks); n > 3 {
		t.Errorf("%d fetches after another 200, half a minute later", n)
	}
	if n := w.fetched(discovery); n != 1 {
		t.Errorf("%d fetches of the discovery document", n)
	}
}

func TestBadSignaturesFetchNothing(t *testing.T) {
	w, k, imposter := newWorld(t), newSigner("k1"), newSigner("stranger")
	imposter.kid = "k1"
	w.provide(issuer, discovery, jwks, k.jwk())
	v := w.verifier(plainIssuer())
	for i := range 200 {
		_, err := v.Verify(t.Context(), imposter.sign(t, w.plainClaims(map[string]any{"sub": fmt.Sprint(i)})))
		if code(err) != "token_invalid" {
			t.Fatal(err)
		}
	}
	if n := w.fetched(jwks); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

func TestTokensForOthersFetchNothing(t *testing.T) {
	w, k := newWorld(t), newSigner("k1")
	v := w.verifier(plainIssuer())
	for _, claims := range []map[string]any{{"iss": "https://evil.example"}, {"aud": "other"}} {
		if _, err := v.Verify(t.Context(), k.sign(t, w.plainClaims(claims))); err == nil {
			t.Error("accepted")
		}
	}
	if len(w.fetches) != 0 {
		t.Errorf("fetched %v", w.fetches)
	}
}

func TestFirstUseIsOneFetchForAll(t *testing.T) {
	w, k := newWorld(t), newSigner("k1")
	w.provide(issuer, discovery, jwks, k.jwk())
	w.hold = make(chan struct{})
	v := w.verifier(plainIssuer())
	var arrivals sync.WaitGroup
	for i := range 50 {
		token := k.sign(t, w.plainClaims(map[string]any{"sub": fmt.Sprint(i)}))
		arrivals.Go(func() {
			if _, err := v.Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "a fetch", func() bool { return w.fetched(discovery) > 0 })
	hasty, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Verify(hasty, k.sign(t, w.plainClaims(nil))); code(err) != "signin_unavailable" {
		t.Errorf("a request that ends: %v", err)
	}
	close(w.hold)
	arrivals.Wait()
	if w.fetched(jwks) != 1 || w.fetched(discovery) != 1 {
		t.Errorf("fetches: %v", w.fetches)
	}
}

// TestASlowIssuerHoldsNobodyUp uses the fake clock of synctest: a request gives
// up in time for its client, and the fetch still serves the next one.
func TestASlowIssuerHoldsNobodyUp(t *testing.T) {
	k := newSigner("k1")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.provide(issuer, discovery, jwks, k.jwk())
		w.hold = make(chan struct{})
		v := w.verifier(plainIssuer())
		token, start := k.sign(t, w.plainClaims(nil)), time.Now()
		_, err := v.Verify(t.Context(), token)
		p := problem.From(err)
		if p.Code != "signin_unavailable" || p.Kind != problem.Unavailable || p.RetryAfter <= 0 {
			t.Errorf("%v, again after %v", err, p.RetryAfter)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		close(w.hold)
		synctest.Wait()
		if _, err := v.Verify(t.Context(), token); err != nil || w.fetched(jwks) != 1 {
			t.Errorf("once the answer is there: %v, %d fetches", err, w.fetched(jwks))
		}
	})
}

func TestAnIssuerThatIsDownIsNotHammered(t *testing.T) {
	w, k := newWorld(t), newSigner("k1")
	w.setDown(true)
	v := w.verifier(plainIssuer())
	for range 100 {
		_, err := v.Verify(t.Context(), k.sign(t, w.plainClaims(nil)))
		if p := problem.From(err); p.Code != "signin_unavailable" || p.RetryAfter <= 0 || p.RetryAfter > 30*time.Second {
			t.Fatalf("%v, again after %v", err, p.RetryAfter)
		}
	}
	if n := w.fetched(discovery); n != 1 {
		t.Errorf("%d attempts at one moment", n)
	}
	for range 600 { // ten minutes
		w.pass(time.Second)
		v.Verify(t.Context(), k.sign(t, w.plainClaims(nil)))
	}
	if n := w.fetched(discovery); n < 20 || n > 40 {
		t.Errorf("%d attempts in ten minutes", n)
	}
	w.setDown(false)
	w.provide(issuer, discovery, jwks, k.jwk())
	w.pass(31 * time.Second)
	if _, err := v.Verify(t.Context(), k.sign(t, w.plainClaims(nil))); err != nil {
		t.Errorf("back again: %v", err)
	}
}

func TestKnownKeysServeWhileTheIssuerIsDown(t *testing.T) {
	w, k, fresh := newWorld(t), newSigner("k1"), newSigner("k2")
	w.provide(issuer, discovery, jwks, k.jwk())
	v := w.verifier(plainIssuer())
	verify := func(s signer) error {
		_, err := v.Verify(t.Context(), s.sign(t, w.plainClaims(nil)))
		return err
	}
	if err := verify(k); err != nil {
		t.Fatal(err)
	}
	w.setDown(true)
	for range 71 {
		w.pass(time.Hour)
		if err := verify(k); err != nil {
			t.Fatal(err)
		}
		for range 2 { // once with an attempt to fetch it, once without
			if err := verify(fresh); code(err) != "signin_unavailable" {
				t.Fatalf("a key that may be new: %v", err)
			}
		}
	}
	w.pass(time.Hour)
	if err := verify(k); code(err) != "signin_unavailable" {
		t.Errorf("after three days: %v", err)
	}
}

func TestKeysAreRefreshedBehindTheRequest(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"":                          time.Hour,
		"no-store":                  time.Hour,
		"public, max-age=60":        time.Hour,
		"public, Max-Age=21600":     6 * time.Hour,
		"max-age=31536000":          24*time.Hour - time.Second,
		"max-age=99999999999999999": time.Hour,
	} {
		t.Run(header, func(t *testing.T) {
			w, k := newWorld(t), newSigner("k1")
			w.provide(issuer, discovery, jwks, k.jwk())
			w.publish(jwks, map[string]any{"keys": []any{k.jwk()}}, "Cache-Control", header)
			v := w.verifier(plainIssuer())
			verify := func() {
				t.Helper()
				if _, err := v.Verify(t.Context(), k.sign(t, w.plainClaims(nil))); err != nil {
					t.Fatal(err)
				}
			}
			verify()
			w.pass(want - time.Minute)
			verify()
			if w.fetched(jwks) != 1 {
				t.Fatal("fetched too early")
			}
			w.pass(2 * time.Minute)
			verify()
			eventually(t, "a refresh", func() bool { return w.fetched(jwks) == 2 })
		})
	}
}

func TestAWithdrawnKeyIsNotBelievedAfterALongSilence(t *testing.T) {
	w, k1, k2 := newWorld(t), newSigner("k1"), newSigner("k2")
	w.provide(issuer, discovery, jwks, k1.jwk(), k2.jwk())
	v := w.verifier(plainIssuer())
	if _, err := v.Verify(t.Context(), k1.sign(t, w.plainClaims(nil))); err != nil {
		t.Fatal(err)
	}
	w.provide(issuer, discovery, jwks, k2.jwk())
	w.pass(25 * time.Hour)
	if _, err := v.Verify(t.Context(), k1.sign(t, w.plainClaims(nil))); code(err) != "token_invalid" {
		t.Errorf("got %v", err)
	}
}
