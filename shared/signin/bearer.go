package signin

import "strings"

// BearerToken returns the token of an Authorization header (RFC 6750, 2.1).
// The scheme is matched without regard to case. A header that is empty or of
// another scheme is token_missing; one that is not one token is token_invalid.
func BearerToken(header string) (string, error) {
	scheme, token, _ := strings.Cut(strings.TrimSpace(header), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", tokenMissing()
	}
	token = strings.TrimLeft(token, " ")
	switch {
	case token == "":
		return "", tokenMissing()
	case strings.ContainsFunc(token, notToken68):
		return "", tokenInvalid("The Authorization header must hold one bearer token and nothing else.")
	}
	return token, nil
}

// notToken68 reports characters that RFC 6750's b64token does not allow.
func notToken68(r rune) bool {
	return notBase64URL(r) && !strings.ContainsRune(".~+/=", r)
}

func notBase64URL(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
}
