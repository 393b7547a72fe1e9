package signin_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchboard/shared/problem"
)

func TestForgedAndBrokenTokensAreRefused(t *testing.T) {
	w, k1, k2, stranger := newWorld(t), newSigner("k1"), newSigner("k2"), newSigner("stranger")
	w.provide(issuer, discovery, jwks, k1.jwk(), k2.jwk())
	v := w.verifier(plainIssuer())
	good := w.plainClaims(nil)
	parts := strings.Split(k1.sign(t, good), ".")

	der, err := x509.MarshalPKIXPublicKey(k1.private.Public())
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	hmacWith := func(secret []byte) string {
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, good)
		token.Header["kid"] = "k1"
		text, err := token.SignedString(secret)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	unsigned := jwt.NewWithClaims(jwt.SigningMethodNone, good)
	none, err := unsigned.SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	imposter := stranger
	imposter.kid = "k1"
	pss := k1
	pss.method = jwt.SigningMethodPS256

	tests := map[string]struct{ token, want string }{
		"nothing wrong":                      {k1.sign(t, good), ""},
		"nothing":                            {"", "token_missing"},
		"no token":                           {"hello", "token_invalid"},
		"two parts":                          {parts[0] + "." + parts[1], "token_invalid"},
		"four parts":                         {k1.sign(t, good) + ".x", "token_invalid"},
		"five parts, as if encrypted":        {"a.b.c.d.e", "token_invalid"},
		"no signature":                       {parts[0] + "." + parts[1] + ".", "token_invalid"},
		"line breaks in it":                  {parts[0] + ".\n" + parts[1] + "." + parts[2], "token_invalid"},
		"a line break in the signature":      {parts[0] + "." + parts[1] + "." + parts[2] + "\n", "token_invalid"},
		"padding":                            {k1.sign(t, good) + "==", "token_invalid"},
		"17 KB":                              {k1.sign(t, w.plainClaims(map[string]any{"x": strings.Repeat("x", 17<<10)})), "token_invalid"},
		"alg none":                           {none, "token_invalid"},
		"alg none with the signature":        {strings.Split(none, ".")[0] + "." + parts[1] + "." + parts[2], "token_invalid"},
		"alg None":                           {b64(`{"alg":"None","kid":"k1"}`) + "." + parts[1] + ".", "token_invalid"},
		"HS256 with the public key":          {hmacWith(publicPEM), "token_invalid"},
		"HS256 with its DER":                 {hmacWith(der), "token_invalid"},
		"HS256 with nothing":                 {hmacWith([]byte{}), "token_invalid"},
		"an algorithm that is not allowed":   {pss.sign(t, good), "token_invalid"},
		"another key under the id":           {imposter.sign(t, good), "token_invalid"},
		"a key nobody published":             {stranger.sign(t, good), "token_invalid"},
		"the id of another key":              {k1.sign(t, good, map[string]any{"kid": "k2"}), "token_invalid"},
		"no key id where there are several":  {k1.sign(t, good, map[string]any{"kid": nil}), "token_invalid"},
		"an empty key id":                    {k1.sign(t, good, map[string]any{"kid": ""}), "token_invalid"},
		"a key id that is no string":         {k1.sign(t, good, map[string]any{"kid": 1}), "token_invalid"},
		"a key id that is a path":            {k1.sign(t, good, map[string]any{"kid": "../../../dev/null"}), "token_invalid"},
		"a key id that is a query":           {k1.sign(t, good, map[string]any{"kid": "k1' OR '1'='1"}), "token_invalid"},
		"its own key in the header":          {stranger.sign(t, good, map[string]any{"kid": "k1", "jwk": stranger.jwk()}), "token_invalid"},
		"its own key's address":              {stranger.sign(t, good, map[string]any{"jku": "https://evil.example/jwks", "x5u": "https://evil.example/c"}), "token_invalid"},
		"critical extensions":                {k1.sign(t, good, map[string]any{"crit": []string{"exp"}}), "token_invalid"},
		"a logout token":                     {k1.sign(t, good, map[string]any{"typ": "logout+jwt"}), "token_invalid"},
		"a type that is no string":           {k1.sign(t, good, map[string]any{"typ": []string{"JWT"}}), "token_invalid"},
		"an RFC 9068 type":                   {k1.sign(t, good, map[string]any{"typ": "at+jwt"}), ""},
		"the long form of that type":         {k1.sign(t, good, map[string]any{"typ": "application/AT+JWT"}), ""},
		"no type":                            {k1.sign(t, good, map[string]any{"typ": nil}), ""},
		"claims that are changed":            {parts[0] + "." + strings.Split(k1.sign(t, w.plainClaims(map[string]any{"sub": "grace"})), ".")[1] + "." + parts[2], "token_invalid"},
		"a foreign issuer":                   {k1.sign(t, w.plainClaims(map[string]any{"iss": "https://evil.example"})), "issuer_unknown"},
		"the issuer with a slash":            {k1.sign(t, w.plainClaims(map[string]any{"iss": issuer + "/"})), "issuer_unknown"},
		"the issuer in capitals":             {k1.sign(t, w.plainClaims(map[string]any{"iss": strings.ToUpper(issuer)})), "issuer_unknown"},
		"several issuers":                    {k1.sign(t, w.plainClaims(map[string]any{"iss": []string{issuer}})), "issuer_unknown"},
		"no issuer":                          {k1.sign(t, w.plainClaims(map[string]any{"iss": nil})), "issuer_unknown"},
		"the issuer under another name":      {k1.sign(t, w.plainClaims(map[string]any{"iss": nil, "ISS": issuer})), "issuer_unknown"},
		"a foreign audience":                 {k1.sign(t, w.plainClaims(map[string]any{"aud": "https://graph.microsoft.com"})), "audience_wrong"},
		"no audience":                        {k1.sign(t, w.plainClaims(map[string]any{"aud": nil})), "audience_wrong"},
		"an audience that only begins right": {k1.sign(t, w.plainClaims(map[string]any{"aud": audience + ".evil"})), "audience_wrong"},
		"one audience of several":            {k1.sign(t, w.plainClaims(map[string]any{"aud": []string{"x", audience}})), ""},
		"audiences that are no strings":      {k1.sign(t, w.plainClaims(map[string]any{"aud": []any{audience, 1}})), "token_invalid"},
		"expired":                            {k1.sign(t, w.plainClaims(map[string]any{"exp": w.clock().Add(-61 * time.Second).Unix()})), "token_expired"},
		"expired within the leeway":          {k1.sign(t, w.plainClaims(map[string]any{"exp": w.clock().Add(-59 * time.Second).Unix()})), ""},
		"expired and forged":                 {imposter.sign(t, w.plainClaims(map[string]any{"exp": 1})), "token_invalid"},
		"no expiry":                          {k1.sign(t, w.plainClaims(map[string]any{"exp": nil})), "token_invalid"},
		"an expiry of zero":                  {k1.sign(t, w.plainClaims(map[string]any{"exp": 0})), "token_invalid"},
		"an expiry that is text":             {k1.sign(t, w.plainClaims(map[string]any{"exp": "2100-01-01"})), "token_invalid"},
		"not valid yet":                      {k1.sign(t, w.plainClaims(map[string]any{"nbf": w.clock().Add(61 * time.Second).Unix()})), "token_invalid"},
		"issued in the future":               {k1.sign(t, w.plainClaims(map[string]any{"iat": w.clock().Add(61 * time.Second).Unix()})), "token_invalid"},
		"signed in in the future":            {k1.sign(t, w.plainClaims(map[string]any{"auth_time": w.clock().Add(61 * time.Second).Unix()})), "token_invalid"},
		"no subject":                         {k1.sign(t, w.plainClaims(map[string]any{"sub": nil})), "token_invalid"},
		"an empty subject":                   {k1.sign(t, w.plainClaims(map[string]any{"sub": ""})), "token_invalid"},
		"a subject that is a number":         {k1.sign(t, w.plainClaims(map[string]any{"sub": 7})), "token_invalid"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), tt.token)
			if code(err) != tt.want {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err != nil {
				wellChallenged(t, err, tt.token)
			}
		})
	}
	if w.fetched("https://evil.example/jwks") != 0 {
		t.Error("a token chose where its key comes from")
	}
}

// wellChallenged holds a refusal against RFC 6750, 3, and checks that it tells
// nothing of the token.
func wellChallenged(t *testing.T, err error, token string) {
	t.Helper()
	p := problem.From(err)
	if p.Kind != problem.Unauthenticated || !strings.HasPrefix(p.Challenge, `Bearer realm="switchboard"`) {
		t.Errorf("kind %v, challenge %q", p.Kind, p.Challenge)
	}
	if hasError := strings.Contains(p.Challenge, `error="invalid_token"`); hasError != (token != "") {
		t.Errorf("challenge %q", p.Challenge)
	}
	for _, secret := range append(strings.Split(token, "."), "ada", "evil") {
		if len(secret) > 2 && (strings.Contains(p.Detail, secret) || strings.Contains(p.Challenge, secret)) {
			t.Errorf("the refusal repeats the token: %s", p.Detail)
		}
	}
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// TestKeySetsWithBadKeys puts what an issuer may publish by accident or malice
// next to a good key: none of it verifies anything, none of it stops the rest.
func TestKeySetsWithBadKeys(t *testing.T) {
	good, bad := newSigner("good"), newSigner("bad")
	symmetric := map[string]any{"kty": "oct", "kid": "bad", "alg": "HS256", "k": b64("a secret of thirty-two characters")}
	private := map[string]any{"d": b64("x")}
	tests := map[string]map[string]any{
		"a symmetric key":              symmetric,
		"an encryption key":            bad.jwk(map[string]any{"use": "enc"}),
		"a key for other operations":   bad.jwk(map[string]any{"key_ops": []string{"encrypt"}}),
		"a published private key":      bad.jwk(private),
		"a key for another algorithm":  bad.jwk(map[string]any{"alg": "RS512"}),
		"a short RSA key":              bad.jwk(map[string]any{"n": b64(strings.Repeat("\xff", 128))}),
		"a huge RSA key":               bad.jwk(map[string]any{"n": b64(strings.Repeat("\xff", 4096))}),
		"an exponent of one":           bad.jwk(map[string]any{"e": "AQ"}),
		"an unknown type":              {"kty": "PQC", "kid": "bad", "x": "AA"},
		"an unknown curve":             {"kty": "EC", "kid": "bad", "crv": "secp256k1", "x": "AA", "y": "AA"},
		"coordinates that do not fit":  {"kty": "EC", "kid": "bad", "crv": "P-256", "x": b64(strings.Repeat("\xff", 99)), "y": b64("y")},
		"a point that is on no curve":  {"kty": "EC", "kid": "bad", "crv": "P-256", "x": b64(strings.Repeat("x", 32)), "y": b64(strings.Repeat("y", 32))},
		"members of the wrong type":    {"kty": "RSA", "kid": 7, "n": true},
		"no key at all":                {},
		"another key with the good id": bad.jwk(map[string]any{"kid": "good"}),
	}
	for name, jwk := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.provide(issuer, discovery, jwks, good.jwk(), jwk)
			is := plainIssuer()
			is.Algorithms = []string{"RS256", "ES256", "EdDSA"}
			v := w.verifier(is)
			if _, err := v.Verify(t.Context(), good.sign(t, w.plainClaims(nil))); err != nil {
				t.Errorf("the good key: %v", err)
			}
			if _, err := v.Verify(t.Context(), bad.sign(t, w.plainClaims(nil))); code(err) != "token_invalid" {
				t.Errorf("the bad key: %v", err)
			}
			forged := jwt.NewWithClaims(jwt.SigningMethodHS256, w.plainClaims(nil))
			forged.Header["kid"] = "bad"
			text, err := forged.SignedString([]byte("a secret of thirty-two characters"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Verify(t.Context(), text); code(err) != "token_invalid" {
				t.Errorf("signed with the symmetric key: %v", err)
			}
		})
	}
}

// TestWeakKeysVerifyNothing publishes a key that golang-jwt would take.
func TestWeakKeysVerifyNothing(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weak := signer{"weak", private, jwt.SigningMethodRS256}
	w := newWorld(t)
	w.provide(issuer, discovery, jwks, weak.jwk(), newSigner("k1").jwk())
	if _, err := w.verifier(plainIssuer()).Verify(t.Context(), weak.sign(t, w.plainClaims(nil))); code(err) != "token_invalid" {
		t.Errorf("got %v", err)
	}
}

func TestOtherAlgorithms(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	jwk := map[string]any{"kty": "EC", "crv": "P-256", "kid": "ec", "x": b64(string(point[1:33])), "y": b64(string(point[33:]))}
	pss := newSigner("k1")
	pss.method = jwt.SigningMethodPS256
	w := newWorld(t)
	w.provide(issuer, discovery, jwks, jwk, pss.jwk())
	is := plainIssuer()
	is.Algorithms = []string{"ES256", "PS256"}
	v := w.verifier(is)
	for _, s := range []signer{pss, {"ec", crypto.Signer(private), jwt.SigningMethodES256}} {
		if _, err := v.Verify(t.Context(), s.sign(t, w.plainClaims(nil))); err != nil {
			t.Errorf("%s: %v", s.method.Alg(), err)
		}
	}
	if _, err := v.Verify(t.Context(), newSigner("k1").sign(t, w.plainClaims(nil))); code(err) != "token_invalid" {
		t.Errorf("RS256, which is not allowed here: %v", err)
	}
}
