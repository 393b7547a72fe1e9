package signin_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/shared/problem"
)

// TestDocumentsThatAreRefused break one fetch each; the answer is always that
// sign-in is not available, never that the caller is wrong or right.
func TestDocumentsThatAreRefused(t *testing.T) {
	k := newSigner("k1")
	many := make([]map[string]any, 101)
	for i := range many {
		many[i] = k.jwk(map[string]any{"kid": fmt.Sprint("k", i)})
	}
	redirect := func(to string) document {
		return document{status: http.StatusFound, header: http.Header{"Location": {to}}}
	}
	tests := map[string]func(w *world){
		"discovery of another issuer":     func(w *world) { w.provide(issuer+"/", discovery, jwks, k.jwk()) },
		"keys without https":              func(w *world) { w.provide(issuer, discovery, "http://keys.example.com/jwks", k.jwk()) },
		"keys on this machine":            func(w *world) { w.provide(issuer, discovery, "http://127.0.0.1/jwks", k.jwk()) },
		"keys in a file":                  func(w *world) { w.provide(issuer, discovery, "file:///etc/jwks", k.jwk()) },
		"no address of keys":              func(w *world) { w.provide(issuer, discovery, "", k.jwk()) },
		"discovery that is elsewhere":     func(w *world) { w.docs[discovery] = redirect("https://elsewhere.example/d") },
		"keys that are elsewhere":         func(w *world) { w.docs[jwks] = redirect("https://elsewhere.example/jwks") },
		"keys that are no longer secured": func(w *world) { w.docs[jwks] = redirect("http://keys.example.com/jwks2") },
		"a circle":                        func(w *world) { w.docs[jwks] = redirect(jwks) },
		"more than a megabyte": func(w *world) {
			w.publish(jwks, map[string]any{"keys": []any{k.jwk()}, "x": strings.Repeat("x", 1<<20)})
		},
		"more than a megabyte of space": func(w *world) {
			doc := w.docs[jwks]
			doc.body += strings.Repeat(" ", 1<<20)
			w.docs[jwks] = doc
		},
		"more than a hundred keys": func(w *world) { w.publish(jwks, map[string]any{"keys": many}) },
		"no keys":                  func(w *world) { w.publish(jwks, map[string]any{"keys": []any{}}) },
		"only keys of no use":      func(w *world) { w.publish(jwks, map[string]any{"keys": []any{k.jwk(map[string]any{"use": "enc"})}}) },
		"no JSON":                  func(w *world) { w.docs[jwks] = document{status: 200, body: "<html>"} },
		"an error":                 func(w *world) { w.docs[jwks] = document{status: 500} },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, address := range []string{"https://elsewhere.example/d", "https://elsewhere.example/jwks", "http://keys.example.com/jwks2"} {
				w.provide(issuer, address, address, k.jwk())
			}
			w.provide(issuer, discovery, jwks, k.jwk())
			spoil(w)
			_, err := w.verifier(plainIssuer()).Verify(t.Context(), k.sign(t, w.plainClaims(nil)))
			if code(err) != "signin_unavailable" {
				t.Errorf("got %v", err)
			}
			if p := problem.From(err); strings.Contains(p.Detail, "example") {
				t.Errorf("the client reads %q", p.Detail)
			}
		})
	}
}

func TestARedirectWithinTheHostIsFollowed(t *testing.T) {
	w, k := newWorld(t), newSigner("k1")
	w.provide(issuer, discovery, jwks, k.jwk())
	moved := "https://keys.example.com/new/jwks"
	w.publish(moved, map[string]any{"keys": []any{k.jwk()}})
	w.docs[jwks] = document{status: http.StatusFound, header: http.Header{"Location": {moved}}}
	if _, err := w.verifier(plainIssuer()).Verify(t.Context(), k.sign(t, w.plainClaims(nil))); err != nil {
		t.Error(err)
	}
}

func TestKeysThatMoveAreFoundInADay(t *testing.T) {
	w, k1, k2 := newWorld(t), newSigner("k1"), newSigner("k2")
	w.provide(issuer, discovery, jwks, k1.jwk())
	v := w.verifier(plainIssuer())
	if _, err := v.Verify(t.Context(), k1.sign(t, w.plainClaims(nil))); err != nil {
		t.Fatal(err)
	}
	w.provide(issuer, discovery, "https://elsewhere.example/jwks", k2.jwk())
	w.pass(24 * time.Hour)
	if _, err := v.Verify(t.Context(), k2.sign(t, w.plainClaims(nil))); err != nil {
		t.Error(err)
	}
}

func TestASingleKeyNeedsNoID(t *testing.T) {
	w, k := newWorld(t), newSigner("k1")
	w.provide(issuer, discovery, jwks, k.jwk())
	v := w.verifier(plainIssuer())
	if _, err := v.Verify(t.Context(), k.sign(t, w.plainClaims(nil), map[string]any{"kid": nil})); err != nil {
		t.Error(err)
	}
	w.provide(issuer, discovery, jwks, k.jwk(map[string]any{"alg": "PS256"}))
	if _, err := w.verifier(plainIssuer()).Verify(t.Context(), k.sign(t, w.plainClaims(nil), map[string]any{"kid": nil})); code(err) != "token_invalid" {
		t.Errorf("a key for another algorithm: %v", err)
	}
}

func TestAmongSeveralKeysTheTokenMustNameOne(t *testing.T) {
	w, k1, k2 := newWorld(t), newSigner("k1"), newSigner("k2")
	w.provide(issuer, discovery, jwks, k1.jwk(), k2.jwk())
	v := w.verifier(plainIssuer())
	for i := range 40 {
		token := []signer{k1, k2}[i%2].sign(t, w.plainClaims(nil), map[string]any{"kid": nil})
		if _, err := v.Verify(t.Context(), token); code(err) != "token_invalid" {
			t.Fatal(err)
		}
	}
}
