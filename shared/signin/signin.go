// Package signin decides who calls: it verifies the bearer tokens (JWT, RFC
// 7519 and RFC 9068) of the identity providers that a deployment trusts and
// turns each into a Caller.
//
// Several issuers are trusted at once; Issuer describes one of them and says
// how Microsoft Entra ID, External ID, Auth0, Firebase, Google and Apple are
// set up. Nothing in a token chooses what it is checked against: issuer,
// audience, algorithm and the place of the keys come from the settings, and
// whether an issuer is Entra ID is decided by its host, never by claims.
//
// Keys are fetched when a token first needs them, so a start needs no network,
// and are looked after as keySource says: a flood of bad tokens causes no flood
// of fetches, and an issuer that is down does not take sign-in down while its
// keys are known.
//
// The package signs nobody in, issues no tokens and keeps no sessions. It does
// not see a token withdrawn before it expires; short-lived tokens are the
// issuer's part of the bargain.
package signin

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/hashicorp/golang-lru/v2"

	"switchboard/shared/problem"
)

const (
	maxToken  = 16 << 10         // bytes; tokens with every optional claim stay under 8 KB
	leeway    = 60 * time.Second // clock difference allowed for exp, nbf, iat and auth_time
	cacheLife = 5 * time.Minute  // how long a verified token is believed unasked
)

// Options are what a Verifier takes from its surroundings. The zero value is
// ready for production.
type Options struct {
	Transport http.RoundTripper // to the issuers; default http.DefaultTransport
	Now       func() time.Time  // default time.Now
	Log       *slog.Logger      // failed key fetches; default slog.Default()
	CacheSize int               // verified tokens remembered; default 10,000 (some 10 MB)
}

// Verifier verifies bearer tokens. It is safe for concurrent use.
//
// A verified token is remembered by its SHA-256 for five minutes and never
// beyond its expiry, so most requests cost one hash. For those minutes a
// withdrawn key is still believed. What failed is not remembered.
type Verifier struct {
	entries []*entry
	cache   *lru.Cache[[sha256.Size]byte, verified]
	now     func() time.Time
}

// verified is a caller and the time until which the token needs no second look.
type verified struct {
	caller Caller
	until  time.Time
}

// New returns a Verifier that trusts the issuers, each with the defaults of
// its provider filled in. Faults of the settings are reported all at once. It
// does not touch the network.
func New(issuers []Issuer, opts Options) (*Verifier, error) {
	if err := validateAll(issuers); err != nil {
		return nil, err
	}
	if opts.Transport == nil {
		opts.Transport = http.DefaultTransport
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.CacheSize == 0 {
		opts.CacheSize = 10_000
	}
	cache, err := lru.New[[sha256.Size]byte, verified](opts.CacheSize)
	if err != nil {
		return nil, fmt.Errorf("signin: cache size %d: %w", opts.CacheSize, err)
	}
	return &Verifier{entries: newEntries(issuers, opts), cache: cache, now: opts.Now}, nil
}

// Verify returns the caller that a bearer token speaks for. The slices of the
// Caller are shared and must not be changed.
//
// Every error is a *problem.Error: Unauthenticated with code token_missing,
// token_invalid, token_expired, issuer_unknown or audience_wrong; Forbidden
// with scope_missing or tenant_not_allowed; Unavailable with
// signin_unavailable and RetryAfter when the issuer's keys are not known and
// cannot be had. The first two carry the WWW-Authenticate value of RFC 6750.
func (v *Verifier) Verify(ctx context.Context, bearer string) (Caller, error) {
	if bearer == "" {
		return Caller{}, tokenMissing()
	}
	if len(bearer) > maxToken {
		return Caller{}, tokenInvalid("The bearer token is larger than 16 KB.")
	}
	key, now := digest(bearer), v.now()
	if hit, ok := v.cache.Get(key); ok && now.Before(hit.until) {
		return hit.caller, nil
	}
	caller, err := v.verify(ctx, bearer)
	if err != nil {
		return Caller{}, err
	}
	until := now.Add(cacheLife)
	if caller.ExpiresAt.Before(until) {
		until = caller.ExpiresAt
	}
	if now.Before(until) { // not one that only the leeway lets through
		v.cache.Add(key, verified{caller, until})
	}
	return caller, nil
}

// digest is the SHA-256 of a token. Most fit the buffer, which stays on the
// stack and spares an allocation for every request.
func digest(bearer string) [sha256.Size]byte {
	var buf [2 << 10]byte
	return sha256.Sum256(append(buf[:0], bearer...))
}

// verify tries the entries that the token claims to be meant for. Claims are
// read unverified only to find these entries and to refuse early, before a key
// is looked for; each entry then checks the signature and all claims itself.
func (v *Verifier) verify(ctx context.Context, bearer string) (Caller, error) {
	token, err := peek(bearer)
	if err != nil {
		return Caller{}, err
	}
	meant, err := v.meant(token)
	if err != nil {
		return Caller{}, err
	}
	var refusal error
	for _, e := range meant {
		caller, err := e.verify(ctx, bearer, token)
		if err == nil {
			return caller, nil
		}
		// Entries may share issuer and audience and differ in what they
		// require. The refusal that came furthest tells the client most, and one
		// whose keys are away has not refused at all.
		if refusal == nil || problem.Is(err, problem.Forbidden) ||
			problem.Is(err, problem.Unavailable) && !problem.Is(refusal, problem.Forbidden) {
			refusal = err
		}
	}
	return Caller{}, refusal
}

// meant returns the entries whose issuer and audience the token names.
func (v *Verifier) meant(token *unverified) ([]*entry, error) {
	var meant []*entry
	var audiences []string
	for _, e := range v.entries {
		if token.issuer == "" || e.issuerOf(token.claims) != token.issuer {
			continue
		}
		if e.hasAudience(token.audience) {
			meant = append(meant, e)
		}
		audiences = append(audiences, e.Audiences...)
	}
	switch {
	case len(audiences) == 0:
		return nil, issuerUnknown(fmt.Errorf("iss %.200q", token.issuer))
	case len(meant) == 0:
		return nil, audienceWrong(audiences, fmt.Errorf("aud %.200q", token.audience))
	}
	return meant, nil
}

// validateAll reports the faults of all issuers in one error.
func validateAll(issuers []Issuer) error {
	if len(issuers) == 0 {
		return errors.New("signin: at least one issuer is needed")
	}
	var faults []error
	for i, is := range issuers {
		if err := is.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("issuer %d (%s): %w", i+1, is.Issuer, err))
		}
	}
	return errors.Join(faults...)
}
