package signin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchboard/shared/problem"
)

// entry is a configured issuer at work.
type entry struct {
	Issuer  // with defaults filled in
	isEntra bool
	keys    *keySource
	options []jwt.ParserOption // all checks but the issuer, which may depend on the tenant
	now     func() time.Time
}

// newEntries fills in the defaults. Entries that get their keys from the same
// place share them.
func newEntries(issuers []Issuer, opts Options) []*entry {
	type place struct{ issuer, discovery, jwks string }
	sources := map[place]*keySource{}
	var entries []*entry
	for _, is := range issuers {
		e := &entry{Issuer: is, isEntra: is.entra(), now: opts.Now}
		e.DiscoveryURL = is.discovery()
		if len(e.Algorithms) == 0 {
			e.Algorithms = []string{"RS256"}
		}
		if e.UserIDClaim == "" {
			e.UserIDClaim = "sub"
		}
		from := place{is.Issuer, e.DiscoveryURL, is.JWKSURL}
		if sources[from] == nil {
			sources[from] = newKeySource(e.Issuer, opts)
		}
		e.keys = sources[from]
		e.options = []jwt.ParserOption{
			jwt.WithStrictDecoding(),
			jwt.WithValidMethods(e.Algorithms),
			jwt.WithAudience(e.Audiences...),
			jwt.WithExpirationRequired(),
			jwt.WithIssuedAt(),
			jwt.WithLeeway(leeway),
			jwt.WithTimeFunc(opts.Now),
		}
		entries = append(entries, e)
	}
	return entries
}

// issuerOf is what iss must be in a token with these claims: the configured
// issuer, with the tenant that the token names put in for the placeholder.
func (e *entry) issuerOf(c claims) string {
	if tid := text(c, "tid"); e.template() && isGUID(tid) {
		return strings.Replace(e.Issuer.Issuer, tenantPlaceholder, tid, 1)
	}
	return e.Issuer.Issuer
}

func (e *entry) hasAudience(audience []string) bool {
	return slices.ContainsFunc(audience, func(a string) bool { return slices.Contains(e.Audiences, a) })
}

// verify checks signature and claims, and returns the caller.
func (e *entry) verify(ctx context.Context, bearer string, seen *unverified) (Caller, error) {
	parser := jwt.NewParser(append(slices.Clip(e.options), jwt.WithIssuer(e.issuerOf(seen.claims)))...)
	c := claims{}
	var keyIssuer string
	_, err := parser.ParseWithClaims(bearer, c, func(token *jwt.Token) (any, error) {
		kid, _ := token.Header["kid"].(string)
		keys, err := e.keys.find(ctx, kid)
		if err != nil {
			return nil, err
		}
		var key any
		key, keyIssuer, err = keys.pick(token, kid)
		return key, err
	})
	if err != nil {
		return Caller{}, e.refusal(err)
	}
	if err := e.checkOrigin(c, keyIssuer); err != nil {
		return Caller{}, err
	}
	return e.caller(c)
}

// refusal says what a failure of the parser means to the client. The order
// matters: the parser reports claims only of a token whose signature is right.
func (e *entry) refusal(err error) error {
	if p, ok := errors.AsType[*problem.Error](err); ok {
		return p
	}
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return tokenExpired()
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return issuerUnknown(err)
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return audienceWrong(e.Audiences, err)
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return tokenInvalid("The access token is not valid yet. Check the clocks of the issuer and of this service.").Because(err)
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing), errors.Is(err, jwt.ErrInvalidType):
		return tokenInvalid("The access token lacks a claim that every token must have (iss, aud, exp), or it has the wrong type.").Because(err)
	}
	return tokenInvalid(fmt.Sprintf("The access token's signature cannot be verified with the issuer's keys. "+
		"It must be signed with %s.", strings.Join(e.Algorithms, " or "))).Because(err)
}

// checkOrigin checks that the token's tenant and the signing key belong to the
// token's issuer. At Entra ID one set holds the keys of many tenants, and only
// a key's own issuer says for which it may sign.
func (e *entry) checkOrigin(c claims, keyIssuer string) error {
	iss, tid := text(c, "iss"), text(c, "tid")
	if e.isEntra {
		if !isGUID(tid) || !e.template() && !strings.EqualFold(tid, e.tenant()) {
			return tokenInvalid("The access token's tenant (tid) is not that of its issuer.")
		}
		keyIssuer = strings.Replace(keyIssuer, tenantPlaceholder, tid, 1)
	}
	if keyIssuer != "" && !slices.Contains(e.keyIssuers(iss, tid), keyIssuer) {
		return tokenInvalid("The access token is signed with a key of another issuer.")
	}
	if at, ok := unixTime(c, "auth_time"); ok && at.After(e.now().Add(leeway)) {
		return tokenInvalid("The access token's sign-in (auth_time) lies in the future.")
	}
	if text(c, "sub") == "" {
		return tokenInvalid("The access token names no subject (sub).")
	}
	return nil
}

// caller reads the caller from claims that are verified, and applies what the
// entry requires of it.
func (e *entry) caller(c claims) (Caller, error) {
	exp, err := c.GetExpirationTime()
	if err != nil {
		return Caller{}, e.refusal(err)
	}
	caller := Caller{
		Issuer:    text(c, "iss"),
		Subject:   text(c, "sub"),
		Name:      text(c, "name"),
		Scopes:    words(c, "scp", "scope"),
		Roles:     words(c, "roles"),
		ExpiresAt: exp.UTC(),
	}
	identify := e.identify
	if e.isEntra {
		identify = e.identifyEntra
	}
	if err := identify(&caller, c); err != nil {
		return Caller{}, err
	}
	if !e.permitted(caller) {
		return Caller{}, scopeMissing(e.RequiredScopes, e.RequiredRoles)
	}
	return caller, nil
}

// identify sets the user id from the issuer and the user-id claim.
func (e *entry) identify(caller *Caller, c claims) error {
	id := text(c, e.UserIDClaim)
	if id == "" {
		return tokenInvalid(fmt.Sprintf("The access token lacks the claim %s, which tells this issuer's users apart.", e.UserIDClaim))
	}
	// Both of Google's issuers mean the same people.
	caller.UserID = UserID(e.publishedIssuer(), id)
	return nil
}

// identifyEntra sets the user id from tenant and object id, which version 1
// and version 2 tokens have in common, and applies the tenant allow-list.
func (e *entry) identifyEntra(caller *Caller, c claims) error {
	if looksLikeIDToken(c) {
		return tokenInvalid("This is an ID token. Send an access token for this API instead.")
	}
	caller.TenantID = strings.ToLower(text(c, "tid"))
	caller.ObjectID = strings.ToLower(text(c, "oid"))
	if !isGUID(caller.ObjectID) {
		return tokenInvalid("The access token lacks the caller's object id (oid).")
	}
	enter, rolesCount := e.admits(caller.TenantID)
	if !enter {
		return tenantNotAllowed()
	}
	if !rolesCount {
		caller.Roles = nil
	}
	caller.UserID = UserID(caller.TenantID, caller.ObjectID)
	return nil
}

// permitted reports whether the caller holds one of the required scopes or
// roles. Entra ID gives any application of the tenant a token for any API; a
// token that nobody granted anything has neither scopes nor roles.
func (e *entry) permitted(c Caller) bool {
	if len(e.RequiredScopes) == 0 && len(e.RequiredRoles) == 0 {
		return !e.isEntra || len(c.Scopes) > 0 || len(c.Roles) > 0
	}
	return slices.ContainsFunc(e.RequiredScopes, func(s string) bool { return slices.Contains(c.Scopes, s) }) ||
		slices.ContainsFunc(e.RequiredRoles, c.HasRole)
}
