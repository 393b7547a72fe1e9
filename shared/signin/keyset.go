package signin

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

const (
	maxKeys = 100
	minRSA  = 2048 // bits (RFC 7518, 3.3)
	maxRSA  = 8192 // bits; verifying costs with the square of the size
)

// keySet is what one fetch brought; it never changes. keyfunc chooses the key
// and holds it against the token's algorithm.
type keySet struct {
	fetched time.Time
	due     time.Time // when to fetch again
	chooser keyfunc.Keyfunc
	issuers map[string]string // key id → the JWK's member issuer
}

// knows reports whether the set can tell the key of a token with that id, or
// with none if kid is empty.
func (s *keySet) knows(kid string) bool {
	_, ok := s.issuers[kid]
	return ok || kid == ""
}

// pick returns the key that a token names and that key's issuer. A token need
// not name the key where there is only one (RFC 7515, 4.1.4).
func (s *keySet) pick(token *jwt.Token, kid string) (key any, issuer string, err error) {
	if kid == "" && len(s.issuers) == 1 {
		for only := range s.issuers {
			kid = only
		}
	}
	issuer, ok := s.issuers[kid]
	if !ok {
		return nil, "", errors.New("no key of that id")
	}
	// Without an id keyfunc would try every key, whosever it is.
	token.Header[jwkset.HeaderKID] = kid
	key, err = s.chooser.Keyfunc(token)
	return key, issuer, err
}

// parseKeySet reads a JWK set (RFC 7517, 5). Keys that cannot verify a
// signature here are left out, as RFC 7517 asks; what is left must not be
// nothing, so that an issuer's accident does not replace good keys. Of two
// keys with one id the first counts.
func parseKeySet(body []byte) (*keySet, error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, err
	}
	if len(doc.Keys) > maxKeys {
		return nil, fmt.Errorf("%d keys are more than %d", len(doc.Keys), maxKeys)
	}
	store, issuers := jwkset.NewMemoryStorage(), map[string]string{}
	for _, raw := range doc.Keys {
		key, issuer, ok := parseKey(raw)
		if _, seen := issuers[key.Marshal().KID]; !ok || seen {
			continue
		}
		issuers[key.Marshal().KID] = issuer
		if err := store.KeyWrite(context.Background(), key); err != nil {
			return nil, err
		}
	}
	if len(issuers) == 0 {
		return nil, errors.New("there is no key for signatures in it")
	}
	chooser, err := keyfunc.New(keyfunc.Options{Storage: store})
	if err != nil {
		return nil, err
	}
	return &keySet{chooser: chooser, issuers: issuers}, nil
}

// parseKey reads one JWK and reports whether it is fit to verify signatures:
// public, asymmetric, strong enough and not kept for something else.
//
// jwkset's own validation is left off: on a certificate that does not match
// it gives up, and on oversized coordinates it panics. Certificates are not looked
// at; TLS vouches for the keys.
func parseKey(raw json.RawMessage) (key jwkset.JWK, issuer string, ok bool) {
	var doc struct {
		jwkset.JWKMarshal
		Issuer string `json:"issuer"` // Entra ID's extension
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return key, "", false
	}
	m := doc.JWKMarshal
	forSignatures := (m.USE == "" || m.USE == jwkset.UseSig) &&
		(len(m.KEYOPS) == 0 || slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify))
	secret := m.D != "" || m.K != "" // a published secret is none: nobody may sign with it
	if !forSignatures || secret {
		return key, "", false
	}
	m.X5C, m.X5U, m.X5T, m.X5TS256 = nil, "", "", ""
	key, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{SkipAll: true})
	return key, doc.Issuer, err == nil && strong(key.Key())
}

// strong reports whether a public key is of a kind and size to be trusted.
func strong(key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= minRSA && k.N.BitLen() <= maxRSA && k.E >= 3 && k.E%2 == 1
	case *ecdsa.PublicKey:
		_, err := k.ECDH() // reports points that are not on the curve
		return err == nil
	case ed25519.PublicKey:
		return true
	}
	return false
}
