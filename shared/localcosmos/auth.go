package localcosmos

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxSkew is how far x-ms-date may lie from the clock.
const maxSkew = 15 * time.Minute

// authorize checks the Authorization header:
// type=master|aad & ver=1.0 & sig=..., escaped as a whole ("Access control on
// Azure Cosmos DB resources").
func (s *Store) authorize(r *request) error {
	header, err := url.QueryUnescape(r.header.Get("Authorization"))
	if header == "" || err != nil {
		return unauthorized("Required Header authorization is missing. Ensure a valid Authorization token is passed.")
	}
	switch scheme, signature, _ := strings.Cut(header, "&sig="); scheme {
	case "type=master&ver=1.0":
		return s.checkSignature(r, signature)
	case "type=aad&ver=1.0":
		return s.checkBearer(r, signature)
	}
	return unauthorized("Authorization header doesn't confirm to the required format. Please verify and try again.")
}

// checkSignature measures x-ms-date by the machine's clock and not by
// Options.Now: clients sign with the machine's, also where a test moves the
// store's.
func (s *Store) checkSignature(r *request, signature string) error {
	date := r.header.Get("X-Ms-Date")
	at, err := http.ParseTime(date)
	if err != nil {
		return unauthorized("The header x-ms-date is missing or not a date of RFC 7231.")
	}
	if time.Since(at).Abs() > maxSkew {
		return unauthorized("The authorization token is not valid at the current time. Please create another token and retry (token date: %s).", date)
	}
	verb, resourceType := strings.ToLower(r.method), strings.ToLower(r.resourceType)
	lines := []string{verb, resourceType, r.link, strings.ToLower(date), "", ""}
	mac := hmac.New(sha256.New, s.secret)
	mac.Write([]byte(strings.Join(lines, "\n")))
	given, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
		return unauthorized("The input authorization token can't serve the request. Please check that the expected payload is built as per the protocol, and check the key being used. Server used the following payload to sign: '%s'",
			strings.Join(lines, `\n`))
	}
	return nil
}

// checkBearer has the configured verifier judge an Entra token. Entra's data
// plane roles "do not cover any kind of management operations".
func (s *Store) checkBearer(r *request, token string) error {
	if s.options.VerifyBearer == nil {
		return unauthorized("The local store is not set up to verify Microsoft Entra tokens.")
	}
	if err := s.options.VerifyBearer(token); err != nil {
		return unauthorized("The Microsoft Entra token is not valid.")
	}
	management := r.resourceType == "dbs" || r.resourceType == "colls" || r.resourceType == "offers"
	if management && r.method != http.MethodGet {
		return refuse(http.StatusForbidden, 5300, "The given request cannot be authorized by AAD token in data plane.")
	}
	return nil
}
