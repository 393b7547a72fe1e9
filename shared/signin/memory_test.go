package signin_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"switchboard/shared/signin"
)

func TestAVerifiedTokenIsRememberedUntilItExpires(t *testing.T) {
	w, k := newWorld(t), newSigner("k1")
	w.provide(issuer, discovery, jwks, k.jwk())
	v := w.verifier(plainIssuer())
	token := k.sign(t, w.plainClaims(map[string]any{"exp": w.clock().Add(3 * time.Minute).Unix()}))
	first, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	w.provide(issuer, discovery, jwks, newSigner("k2").jwk())
	if _, err := v.Verify(t.Context(), newSigner("k2").sign(t, w.plainClaims(nil))); err != nil { // brings the new set in
		t.Fatal(err)
	}
	w.pass(2 * time.Minute)
	if again, err := v.Verify(t.Context(), token); err != nil || again.UserID != first.UserID {
		t.Errorf("remembered: %v", err)
	}
	w.pass(2 * time.Minute)
	if _, err := v.Verify(t.Context(), token); err == nil {
		t.Error("remembered beyond its expiry")
	}
}

func TestAWithdrawnKeyIsForgottenInFiveMinutes(t *testing.T) {
	w, k1, k2 := newWorld(t), newSigner("k1"), newSigner("k2")
	w.provide(issuer, discovery, jwks, k1.jwk())
	v := w.verifier(plainIssuer())
	token := k1.sign(t, w.plainClaims(nil))
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	w.provide(issuer, discovery, jwks, k2.jwk())
	if _, err := v.Verify(t.Context(), k2.sign(t, w.plainClaims(nil))); err != nil {
		t.Fatal(err)
	}
	w.pass(5 * time.Minute)
	if _, err := v.Verify(t.Context(), token); code(err) != "token_invalid" {
		t.Errorf("got %v", err)
	}
}

func BenchmarkVerifyRemembered(b *testing.B) {
	w, k := newWorld(nil), newSigner("k1")
	w.docs[jwks] = document{status: 200, body: fmt.Sprintf(`{"keys":[{"kty":"RSA","kid":"k1","n":"%s","e":"%s"}]}`, k.jwk()["n"], k.jwk()["e"])}
	is := plainIssuer()
	is.JWKSURL = jwks
	v, err := signin.New([]signin.Issuer{is}, signin.Options{Transport: w, Now: w.clock})
	if err != nil {
		b.Fatal(err)
	}
	token := k.sign(b, w.plainClaims(map[string]any{"filler": strings.Repeat("x", 800)}))
	b.SetBytes(int64(len(token)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
