package signin

import (
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchboard/shared/problem"
)

// claims are the members of a token's payload. Names are compared exactly, so
// "ISS" is not iss.
type claims = jwt.MapClaims

// text is a claim that is a string; anything else is "".
func text(c claims, name string) string {
	s, _ := c[name].(string)
	return s
}

// words are the values of claims that are either one space-separated string,
// as scp at Entra ID and scope in RFC 9068, or an array of strings.
func words(c claims, names ...string) []string {
	var all []string
	for _, name := range names {
		switch v := c[name].(type) {
		case string:
			all = append(all, strings.Fields(v)...)
		case []any:
			for _, item := range v {
				if s, ok := item.(string); ok {
					all = append(all, s)
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// unixTime is a claim that is a NumericDate (RFC 7519, 2).
func unixTime(c claims, name string) (time.Time, bool) {
	seconds, ok := c[name].(float64)
	return time.Unix(int64(seconds), 0), ok
}

// unverified is what a token says of itself, before anything is believed.
type unverified struct {
	issuer   string
	audience []string
	claims   claims
}

// peek reads a token without verifying it. It refuses what no issuer may send:
// critical extensions, since none is understood here (RFC 7515, 4.1.11), and
// types of token that are no access or id token (RFC 8725, 3.11).
func peek(bearer string) (*unverified, error) {
	if strings.ContainsFunc(bearer, func(r rune) bool { return r != '.' && notBase64URL(r) }) {
		return nil, notAToken()
	}
	c := claims{}
	token, _, err := jwt.NewParser(jwt.WithStrictDecoding()).ParseUnverified(bearer, c)
	if err != nil {
		return nil, notAToken().Because(err)
	}
	if _, critical := token.Header["crit"]; critical {
		return nil, tokenInvalid("The access token has a crit header, and no critical extension is understood here.")
	}
	if kid, given := token.Header["kid"]; given {
		if _, ok := kid.(string); !ok {
			return nil, tokenInvalid("The access token's kid header must be a string.")
		}
	}
	if typ, given := token.Header["typ"]; given && !acceptedType(typ) {
		return nil, tokenInvalid("The access token's typ header must be JWT or at+jwt.")
	}
	audience, err := c.GetAudience()
	if err != nil {
		return nil, tokenInvalid("The access token's audience must be a string or an array of strings.").Because(err)
	}
	return &unverified{issuer: text(c, "iss"), audience: audience, claims: c}, nil
}

func notAToken() *problem.Error {
	return tokenInvalid("The bearer token is not a signed JSON Web Token (header.payload.signature).")
}

func acceptedType(typ any) bool {
	s, _ := typ.(string)
	s = strings.TrimPrefix(strings.ToLower(s), "application/")
	return s == "jwt" || s == "at+jwt"
}
