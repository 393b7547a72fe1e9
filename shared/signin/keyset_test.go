package signin_test

import (
	"testing"
	"time"

	"switchboard/shared/problem"
	"switchboard/shared/signin"
)

const (
	oneTenant     = "11111111-1111-4111-8111-111111111111"
	anotherTenant = "33333333-3333-4333-8333-333333333333"
	manyTenants   = "https://login.microsoftonline.com/{tenantid}/v2.0"
)

// unnamed takes the id from a JWK.
func unnamed(jwk map[string]any) map[string]any {
	delete(jwk, "kid")
	return jwk
}

// A token that names no key is held against the one key that has no name, not
// against whichever key happens to fit its signature.
func TestATokenWithoutAKeyIDGetsNoChoiceOfKeys(t *testing.T) {
	ours, foreign := newSigner("k1"), newSigner("k2")
	w := newWorld(t)
	w.provide(manyTenants, discovery, jwks,
		unnamed(ours.jwk(map[string]any{"issuer": manyTenants})),
		foreign.jwk(map[string]any{"issuer": "https://login.microsoftonline.com/" + anotherTenant + "/v2.0"}))
	v := w.verifier(signin.Issuer{Issuer: manyTenants, Audiences: []string{"api"}, JWKSURL: jwks, TenantAllowList: []string{oneTenant}})
	claims := w.claims(map[string]any{
		"iss": "https://login.microsoftonline.com/" + oneTenant + "/v2.0", "aud": "api", "sub": "s", "tid": oneTenant, "azp": "x",
		"oid": "22222222-2222-4222-8222-222222222222", "scp": "access",
	})
	if _, err := v.Verify(t.Context(), ours.sign(t, claims, map[string]any{"kid": nil})); err != nil {
		t.Errorf("the key without an id is not found: %v", err)
	}
	if _, err := v.Verify(t.Context(), foreign.sign(t, claims, map[string]any{"kid": nil})); code(err) != "token_invalid" {
		t.Errorf("a key of another tenant signed for this one: %v", err)
	}
}

func TestATokenWithoutAKeyIDKeepsTheKeysAlgorithm(t *testing.T) {
	first, second := newSigner("k1"), newSigner("k2")
	w := newWorld(t)
	w.provide(issuer, discovery, jwks, unnamed(first.jwk()), second.jwk(map[string]any{"alg": "PS256"}))
	if _, err := w.verifier(plainIssuer()).Verify(t.Context(), second.sign(t, w.plainClaims(nil), map[string]any{"kid": nil})); code(err) != "token_invalid" {
		t.Errorf("a key for PS256 verified an RS256 token: %v", err)
	}
}

func TestAnOutageDuringARotationEndsWithTheOutage(t *testing.T) {
	before, after := newSigner("k1"), newSigner("k2")
	w := newWorld(t)
	w.provide(issuer, discovery, jwks, before.jwk())
	v := w.verifier(plainIssuer())
	if _, err := v.Verify(t.Context(), before.sign(t, w.plainClaims(nil))); err != nil {
		t.Fatal(err)
	}
	w.provide(issuer, discovery, jwks, after.jwk())
	w.setDown(true)
	_, err := v.Verify(t.Context(), after.sign(t, w.plainClaims(nil)))
	if code(err) != "signin_unavailable" {
		t.Fatalf("%v", err)
	}
	w.setDown(false)
	w.pass(problem.From(err).RetryAfter) // what the client was told
	if _, err := v.Verify(t.Context(), after.sign(t, w.plainClaims(nil))); err != nil {
		t.Errorf("after Retry-After the new key is still unknown: %v", err)
	}
}

func TestKeysThatAreAwayAreNoRefusal(t *testing.T) {
	known, unknown := newSigner("k1"), newSigner("k2")
	w := newWorld(t)
	w.provide(issuer, discovery, jwks, known.jwk())
	here, away := plainIssuer(), plainIssuer()
	here.JWKSURL, away.JWKSURL = jwks, "https://away.example.com/jwks"
	for name, entries := range map[string][]signin.Issuer{"first": {away, here}, "last": {here, away}} {
		if _, err := w.verifier(entries...).Verify(t.Context(), unknown.sign(t, w.plainClaims(nil))); code(err) != "signin_unavailable" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// On Lambda what runs behind a request is frozen with it, so that refreshing in
// the background may never succeed.
func TestAWithdrawnKeyIsNotBelievedForLongOnAFrozenHost(t *testing.T) {
	withdrawn, kept := newSigner("k1"), newSigner("k2")
	w := newWorld(t)
	w.provide(issuer, discovery, jwks, withdrawn.jwk(), kept.jwk())
	v := w.verifier(plainIssuer())
	if _, err := v.Verify(t.Context(), withdrawn.sign(t, w.plainClaims(nil))); err != nil {
		t.Fatal(err)
	}
	w.provide(issuer, discovery, jwks, kept.jwk())
	w.setDown(true)
	w.pass(25 * time.Hour)
	if _, err := v.Verify(t.Context(), withdrawn.sign(t, w.plainClaims(nil))); err != nil {
		t.Fatalf("an issuer that is away took its known keys down: %v", err)
	}
	w.setDown(false)
	w.pass(time.Minute)
	if _, err := v.Verify(t.Context(), withdrawn.sign(t, w.plainClaims(nil))); code(err) != "token_invalid" {
		t.Errorf("a withdrawn key is believed although its issuer is there: %v", err)
	}
}
