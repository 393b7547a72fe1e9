package acs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// signer is the HMAC-SHA256 authentication of ACS ("Authentication with access
// keys"). It stands behind the retry policy, so that every try is signed anew
// with a date of its own.
type signer struct {
	key []byte
	now func() time.Time
}

// Do signs the method, the escaped path and query, the date, the host and the
// hash of the body, and sends the request on.
func (s *signer) Do(req *policy.Request) (*http.Response, error) {
	hash, err := bodyHash(req)
	if err != nil {
		return nil, err
	}
	r := req.Raw()
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	date := s.now().UTC().Format(http.TimeFormat)
	mac := hmac.New(sha256.New, s.key)
	io.WriteString(mac, r.Method+"\n"+r.URL.RequestURI()+"\n"+date+";"+host+";"+hash)

	r.Header.Set("x-ms-date", date)
	r.Header.Set("x-ms-content-sha256", hash)
	r.Header.Set("Authorization", "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="+
		base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return req.Next()
}

// bodyHash is the base64 SHA-256 of the body, which is left at its beginning.
func bodyHash(req *policy.Request) (string, error) {
	hash := sha256.New()
	if body := req.Body(); body != nil {
		if _, err := io.Copy(hash, body); err != nil {
			return "", err
		}
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return "", err
		}
	}
	return base64.StdEncoding.EncodeToString(hash.Sum(nil)), nil
}
