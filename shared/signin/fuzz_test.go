package signin_test

import (
	"encoding/json"
	"strings"
	"testing"

	"switchboard/shared/problem"
	"switchboard/shared/signin"
)

func FuzzVerify(f *testing.F) {
	w, k := newWorld(nil), newSigner("k1")
	keys, err := json.Marshal(map[string]any{"keys": []any{k.jwk()}})
	if err != nil {
		f.Fatal(err)
	}
	w.docs[jwks] = document{status: 200, body: string(keys)}
	is := plainIssuer()
	is.JWKSURL = jwks
	v, err := signin.New([]signin.Issuer{is}, signin.Options{Transport: w, Now: w.clock})
	if err != nil {
		f.Fatal(err)
	}
	good := k.sign(f, w.plainClaims(nil))
	payload := strings.Split(good, ".")[1]
	for _, seed := range []string{good, "", "..", "a.b.c", b64(`{"alg":"none"}`) + "." + payload + ".", b64(`null`) + "." + b64(`null`) + ".",
		b64(`{"alg":"RS256","kid":"k1","kid":"k2"}`) + "." + payload + ".AAAA", b64(`{"alg":"RS256"}`) + "." + b64(`{"iss":"`+issuer+`","aud":[]}`) + ".AA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		caller, err := v.Verify(t.Context(), token)
		if err == nil && token != good {
			t.Errorf("a token that was never issued speaks for %+v", caller)
		}
		if err != nil && problem.Is(err, problem.Internal) {
			t.Errorf("not a refusal: %v", err)
		}
	})
}

// FuzzKeySet lets an issuer publish anything.
func FuzzKeySet(f *testing.F) {
	k := newSigner("k1")
	for _, set := range []any{map[string]any{"keys": []any{k.jwk()}}, map[string]any{}, []any{}, map[string]any{"keys": []any{map[string]any{"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}}}} {
		text, err := json.Marshal(set)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, set []byte) {
		w := newWorld(t)
		w.docs[jwks] = document{status: 200, body: string(set)}
		is := plainIssuer()
		is.JWKSURL, is.Algorithms = jwks, []string{"RS256", "ES256", "ES512", "EdDSA"}
		_, err := w.verifier(is).Verify(t.Context(), k.sign(t, w.plainClaims(nil)))
		if c := code(err); c != "" && c != "token_invalid" && c != "signin_unavailable" {
			t.Error(err)
		}
	})
}
