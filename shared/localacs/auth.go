package localacs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxSkew is how far x-ms-date may be from now. ACS publishes no figure; its
// sibling App Configuration allows 15 minutes with the same scheme.
const maxSkew = 15 * time.Minute

const hmacPrefix = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="

// authenticate accepts a request that is signed with the access key
// ("Authentication with access keys" of ACS) or carries an Entra bearer.
func (s *Service) authenticate(r *http.Request, body []byte) (refusal answer, ok bool) {
	authorization := r.Header.Get("Authorization")
	if signature, found := strings.CutPrefix(authorization, hmacPrefix); found {
		return s.checkSignature(r, body, signature)
	}
	token, found := strings.CutPrefix(authorization, "Bearer ")
	switch {
	case !found:
		return denied("The Authorization header is missing or not understood."), false
	case s.verifyBearer == nil:
		return denied("This resource accepts no bearer tokens."), false
	case s.verifyBearer(token) != nil:
		return denied("The bearer token is not valid."), false
	}
	return answer{}, true
}

func (s *Service) checkSignature(r *http.Request, body []byte, signature string) (refusal answer, ok bool) {
	sum := sha256.Sum256(body)
	hash := base64.StdEncoding.EncodeToString(sum[:])
	if r.Header.Get("x-ms-content-sha256") != hash {
		return denied("Request 'x-ms-content-sha256' differs from generated content hash."), false // recorded
	}
	date := r.Header.Get("x-ms-date")
	sent, err := time.Parse(http.TimeFormat, date)
	if err != nil || s.now().Sub(sent).Abs() > maxSkew {
		return denied(fmt.Sprintf("Request 'x-ms-date' is missing or more than %v away from the time.", maxSkew)), false
	}
	given, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return denied("The signature is not base64."), false
	}
	for _, target := range signedTargets(r.URL) {
		mac := hmac.New(sha256.New, s.accessKey)
		fmt.Fprintf(mac, "%s\n%s\n%s;%s;%s", r.Method, target, date, r.Host, hash)
		if hmac.Equal(given, mac.Sum(nil)) {
			return answer{}, true
		}
	}
	return denied("The signature does not match the request."), false
}

// signedTargets returns the forms of path and query that a client may have
// signed: as sent, and with the query written anew as a form, which is what
// the JavaScript SDK signs.
func signedTargets(u *url.URL) []string {
	path := u.EscapedPath()
	if u.RawQuery == "" {
		return []string{path}
	}
	return []string{path + "?" + u.RawQuery, path + "?" + formEncoded(u.RawQuery)}
}

// formEncoded writes a query as URLSearchParams does: pairs in their order,
// application/x-www-form-urlencoded (URL Standard, section 5.2).
func formEncoded(query string) string {
	var pairs []string
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		pairs = append(pairs, formEscape(name)+"="+formEscape(value))
	}
	return strings.Join(pairs, "&")
}

// formEscape decodes one name or value and encodes it anew. Go's QueryEscape
// differs from the standard in two characters only: it keeps ~ and not *.
func formEscape(s string) string {
	plain, err := url.QueryUnescape(s)
	if err != nil { // a stray %, which the standard takes literally
		plain = strings.ReplaceAll(s, "+", " ")
	}
	return strings.NewReplacer("~", "%7E", "%2A", "*").Replace(url.QueryEscape(plain))
}
