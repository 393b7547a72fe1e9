package signin_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchboard/shared/problem"
	"switchboard/shared/signin"
)

// world is the internet of a test: documents at addresses, and a clock.
type world struct {
	t  *testing.T
	mu sync.Mutex

	now     time.Time
	docs    map[string]document
	fetches map[string]int
	down    bool
	hold    chan struct{} // if set, answers wait for it to be closed
}

type document struct {
	status int
	header http.Header
	body   string
}

func newWorld(t *testing.T) *world {
	return &world{
		t:       t,
		now:     time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
		docs:    map[string]document{},
		fetches: map[string]int{},
	}
}

func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	address := r.URL.String()
	w.fetches[address]++
	doc, ok := w.docs[address]
	down, hold := w.down, w.hold
	w.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if down {
		return nil, errors.New("the network is down")
	}
	if !ok {
		doc = document{status: http.StatusNotFound}
	}
	return &http.Response{StatusCode: doc.status, Header: doc.header, Body: io.NopCloser(strings.NewReader(doc.body)), Request: r}, nil
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) setDown(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
}

// fetched counts the fetches of an address.
func (w *world) fetched(address string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fetches[address]
}

// publish puts a JSON document at an address.
func (w *world) publish(address string, doc any, header ...string) {
	w.t.Helper()
	body, err := json.Marshal(doc)
	if err != nil {
		w.t.Fatal(err)
	}
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.docs[address] = document{http.StatusOK, h, string(body)}
}

// provide publishes discovery and keys of a provider.
func (w *world) provide(issuer, discovery, jwks string, keys ...map[string]any) {
	w.publish(discovery, map[string]any{"issuer": issuer, "jwks_uri": jwks})
	w.publish(jwks, map[string]any{"keys": keys})
}

// verifier trusts the issuers in this world.
func (w *world) verifier(issuers ...signin.Issuer) *signin.Verifier {
	w.t.Helper()
	v, err := signin.New(issuers, signin.Options{Transport: w, Now: w.clock, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// claims are good for an hour from now, with the members added; a nil member
// is left out.
func (w *world) claims(more map[string]any) jwt.MapClaims {
	now := w.clock()
	claims := jwt.MapClaims{"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	maps.Copy(claims, more)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims
}

// signer makes tokens with one key.
type signer struct {
	kid     string
	private crypto.Signer
	method  jwt.SigningMethod
}

// newSigner is an RSA key of the smallest size that is accepted, made once per
// id for the whole run.
func newSigner(kid string) signer {
	key, _ := rsaKeys.LoadOrStore(kid, sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	}))
	return signer{kid, key.(func() *rsa.PrivateKey)(), jwt.SigningMethodRS256}
}

var rsaKeys sync.Map // kid → func() *rsa.PrivateKey

// sign makes a token; header members are added, nil ones removed.
func (s signer) sign(t testing.TB, claims jwt.MapClaims, header ...map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(s.method, claims)
	token.Header["kid"] = s.kid
	for _, h := range header {
		maps.Copy(token.Header, h)
	}
	maps.DeleteFunc(token.Header, func(_ string, v any) bool { return v == nil })
	text, err := token.SignedString(s.private)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// jwk is the public key as RFC 7517 writes it; members may be added.
func (s signer) jwk(more ...map[string]any) map[string]any {
	public := s.private.Public().(*rsa.PublicKey)
	jwk := map[string]any{
		"kty": "RSA", "use": "sig", "kid": s.kid,
		"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
	}
	for _, m := range more {
		maps.Copy(jwk, m)
	}
	return jwk
}

// code is the problem code of an error, "" for none.
func code(err error) string {
	if err == nil {
		return ""
	}
	return problem.From(err).Code
}

// One plain provider, for tests that are not about providers.
const (
	issuer    = "https://id.example.com"
	discovery = issuer + "/.well-known/openid-configuration"
	jwks      = "https://keys.example.com/jwks"
	audience  = "api://switchboard"
)

func plainIssuer() signin.Issuer {
	return signin.Issuer{Issuer: issuer, Audiences: []string{audience}}
}

func (w *world) plainClaims(more map[string]any) jwt.MapClaims {
	claims := map[string]any{"iss": issuer, "aud": audience, "sub": "ada"}
	maps.Copy(claims, more)
	return w.claims(claims)
}
