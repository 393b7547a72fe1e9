// Package localacs is the Identity service of Azure Communication Services
// (ACS) on this machine, for tests and the laptop: identities, their access
// tokens, and the exchange of Teams users' tokens, as an http.Handler.
//
// It is as strict as the service: the HMAC signature over method, escaped path
// and query, date, host and body; api-versions; bodies, statuses, headers and
// error bodies as recorded from the service (REST API 2023-10-01, recordings
// published with the Azure SDKs). Faults are added from outside, by package
// faults. No production package imports it.
//
// # Limits
//
// The preview's customId and the access/teamsExtension operations of 2025-06-30
// are missing. A token works or not at once, where ACS takes up to 15 minutes to
// enforce a revocation; a second access key and key rotation do not exist. Every
// token names the United States as its resource's location.
//
// Where nothing is recorded of the service, these are assumptions: the window of
// 15 minutes around x-ms-date; the message for a wrong signature, date or bearer
// (code Denied); the answers to a missing api-version, an unknown scope, broken
// JSON, other content types, large bodies and throttled requests; the claims of
// an exchanged token. The signature of a Teams user's Entra token is checked only
// where Options.VerifyTeams says how, its audience and scopes not at all.
package localacs

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// maxBody is more than any request of the API needs.
const maxBody = 64 << 10

// Options are the settings of a Service. The zero value is a fresh resource
// that lives in memory.
type Options struct {
	AccessKey  string           // base64; generated when empty
	ResourceID string           // the GUID that all identities begin with; generated when empty
	Path       string           // a file that keeps identities and keys; empty: memory only
	SigningKey *rsa.PrivateKey  // signs user tokens; generated when first needed
	Now        func() time.Time // time.Now by default
	IDs        func() string    // makes the GUID of each identity; random by default
	Throttle   *Throttle        // nil: no request is too many

	// VerifyBearer checks an Entra access token sent instead of a signature.
	// Without it, bearers are refused.
	VerifyBearer func(token string) error
	// VerifyTeams checks the signature of a Teams user's Entra token, whose
	// claims are checked in any case. Without it, any signature will do.
	VerifyTeams func(token string) error
}

// Service is one ACS resource. It is safe for concurrent use.
type Service struct {
	resourceID   string
	accessKey    []byte
	state        *state
	signer       func() (*signer, error)
	now          func() time.Time
	ids          func() string
	verifyBearer func(string) error
	verifyTeams  func(string) error
	throttle     *throttle
	mux          *http.ServeMux
}

// New opens a resource. With Options.Path it goes on with the identities and
// keys found there; it refuses a file that another process holds open, or that
// belongs to a resource other than Options.ResourceID.
func New(o Options) (*Service, error) {
	st, err := openState(o.Path)
	if err != nil {
		return nil, err
	}
	s := &Service{state: st, now: o.Now, ids: o.IDs, verifyBearer: o.VerifyBearer, verifyTeams: o.VerifyTeams}
	if s.now == nil {
		s.now = time.Now
	}
	if s.ids == nil {
		s.ids = uuid.NewString
	}
	if err := s.identify(o); err != nil {
		st.close()
		return nil, err
	}
	s.signer = sync.OnceValues(func() (*signer, error) { return loadSigner(st, o.SigningKey) })
	s.throttle = newThrottle(o.Throttle, s.now)
	s.mux = s.routes()
	return s, nil
}

// identify settles the resource's id and access key: given, kept or new.
func (s *Service) identify(o Options) error {
	id, err := s.state.setting("resourceId", func() (string, error) {
		if o.ResourceID != "" {
			return o.ResourceID, nil
		}
		return uuid.NewString(), nil
	})
	if err != nil {
		return err
	}
	if o.ResourceID != "" && o.ResourceID != id {
		return fmt.Errorf("localacs: %s belongs to resource %s, not to %s", o.Path, id, o.ResourceID)
	}
	key := o.AccessKey
	if key == "" {
		key, err = s.state.setting("accessKey", func() (string, error) {
			b := make([]byte, 64)
			rand.Read(b) // never fails
			return base64.StdEncoding.EncodeToString(b), nil
		})
		if err != nil {
			return err
		}
	}
	if s.accessKey, err = base64.StdEncoding.DecodeString(key); err != nil || len(s.accessKey) == 0 {
		return fmt.Errorf("localacs: the access key is not base64")
	}
	s.resourceID = id
	return nil
}

// Close releases the file of Options.Path.
func (s *Service) Close() error { return s.state.close() }

// ConnectionString is how clients reach the service at endpoint, such as
// http://127.0.0.1:8082. It holds the access key.
func (s *Service) ConnectionString(endpoint string) string {
	return "endpoint=" + strings.TrimSuffix(endpoint, "/") + "/;accesskey=" + base64.StdEncoding.EncodeToString(s.accessKey)
}

// Identities returns the identities that exist, in alphabetical order.
func (s *Service) Identities() []string {
	return s.state.ids()
}

// Owns reports whether an identity exists.
func (s *Service) Owns(id string) bool {
	_, ok := s.state.revoked(id)
	return ok
}

// ServeHTTP authenticates a request and serves it.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	stamp(w.Header(), r)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		fail(http.StatusRequestEntityTooLarge, "ValidationError", "", "The request body cannot be read or is too large.").write(w)
		return
	}
	if refusal, ok := s.authenticate(r, body); !ok {
		refusal.write(w)
		return
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	s.mux.ServeHTTP(w, r)
}
