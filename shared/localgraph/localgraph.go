// Package localgraph is Microsoft Graph on this machine, for tests and the
// laptop: Teams meetings, calendars, Bookings appointments and change
// notifications, with the token endpoint of Entra ID beside them, as one
// http.Handler.
//
// It is as strict as the services: bearer tokens with the permissions of each
// operation, the application access policy of Teams, idempotency by externalId
// and transactionId, filters that only an organizer may use, members that
// cannot be set, the handshake of a subscription, four requests at once per
// mailbox, and the error bodies of Graph (v1.0, Microsoft Graph REST reference)
// and Entra ID (OAuth 2.0, Microsoft identity platform). Settings change what a
// tenant would have configured, while the server runs. Faults, throttling among
// them, are added from outside, by package faults. No production package
// imports it.
//
// # Where things are
//
// /v1.0 and /beta are Graph; /{tenant}/v2.0/.well-known/openid-configuration,
// /{tenant}/discovery/v2.0/keys and /{tenant}/oauth2/v2.0/token are Entra ID;
// /msi/token is the managed identity endpoint of App Service; /_settings (GET,
// PATCH), /_lifecycle (POST) and /_token (GET: a user's) belong to the laptop.
//
// # Limits
//
// One tenant. There is no sign-in page: users' tokens come from UserToken and
// /_token, or are somebody else's that Options.VerifyUser knows. Names in paths are
// case-sensitive. There is no $batch, no delta query, no $expand, no list of a
// mailbox's events other than calendarView, no recurrence, no shared mailbox
// and no sending of SMS; $filter knows JoinWebUrl and joinMeetingId only. All-day
// events are treated as others are, and an attendee's copy of an event is never
// answered. Meetings do not expire, and neither requests per minute nor meetings
// per month are counted. Subscriptions are to the events of calendars only, not
// to calls of meetings; a delivery holds one notification, without resource
// data, and is lost if the server ends before it is taken; an expiry is not
// announced unless /_lifecycle says so. Bookings appointments are on no mailbox's
// calendar, and their meetings are nobody's. Of the Windows time zones the usual
// ones are known.
//
// Where nothing is published, these are assumptions: most messages, and the
// codes for unknown users, unknown members, wrong values and missing
// permissions; that createOrGet refuses members that it does not document, and
// makes a new meeting once the old one is deleted; the lobby of a new meeting
// (organization); that a filter by joinMeetingId is the organizer's alone, as
// the one by JoinWebUrl is; that a repeated transactionId is answered 201 even
// if the rest of the body differs; that only its organizer changes an event, and
// that cancelling it ends its meeting; that 429 for a mailbox tells no
// Retry-After; the pauses between deliveries.
package localgraph

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// DefaultTenant is the tenant of a server that was given none.
const DefaultTenant = "b7d1c9a4-52f0-4e7d-9a3c-1f6e8d2b4a70"

// Options are the settings of a Server. The zero value is a fresh tenant in
// memory with SeedUsers and no application.
type Options struct {
	Path       string           // a file that keeps everything but settings; empty: memory only
	Tenant     string           // a GUID; DefaultTenant by default
	Users      []User           // SeedUsers by default
	Apps       []App            // who can get tokens
	Businesses []string         // ids of Bookings businesses, such as "consultations@contoso.example"
	Settings   Settings         // what the tenant starts with
	SigningKey *rsa.PrivateKey  // signs tokens; made, and kept in the file, by default
	Now        func() time.Time // time.Now by default
	IDs        func() string    // makes GUIDs; random by default
	Log        *slog.Logger     // told of deliveries that fail; nothing by default

	// IdentityHeader is the secret of the managed identity endpoint
	// (IDENTITY_HEADER); generated when empty.
	IdentityHeader string
	// VerifyUser accepts assertions of the on-behalf-of flow that Entra ID here
	// did not issue, and returns the object id of their user.
	VerifyUser func(assertion string) (userID string, err error)
	// Transport carries handshakes and notifications; http.DefaultTransport by
	// default.
	Transport http.RoundTripper
}

// Server is one tenant. It is safe for concurrent use.
type Server struct {
	directory
	tenant         string
	identityHeader string
	verifyUser     func(string) (string, error)
	store          *store
	signer         func() (*rsa.PrivateKey, error)
	settings       atomic.Pointer[Settings]
	mailboxes      mailboxes
	webhooks       *webhooks
	now            func() time.Time
	ids            func() string
	graph, entra   http.Handler
}

// New opens a tenant. With Options.Path it goes on with what it finds there; it
// refuses a file that another process holds open.
func New(o Options) (*Server, error) {
	o = o.withDefaults()
	if uuid.Validate(o.Tenant) != nil {
		return nil, fmt.Errorf("localgraph: the tenant %q is no GUID", o.Tenant)
	}
	people, err := newDirectory(o.Users, o.Apps, o.Businesses)
	if err != nil {
		return nil, err
	}
	st, err := openStore(o.Path)
	if err != nil {
		return nil, err
	}
	s := &Server{
		directory:      people,
		tenant:         o.Tenant,
		identityHeader: o.IdentityHeader,
		verifyUser:     o.VerifyUser,
		store:          st,
		mailboxes:      mailboxes{open: map[string]int{}},
		webhooks:       newWebhooks(o.Transport, o.Log),
		now:            func() time.Time { return o.Now().UTC() },
		ids:            o.IDs,
	}
	if err := s.Configure(o.Settings); err != nil {
		return nil, errors.Join(err, st.close())
	}
	s.signer = sync.OnceValues(func() (*rsa.PrivateKey, error) { return st.signingKey(o.SigningKey) })
	s.graph, s.entra = s.graphRoutes(), s.entraRoutes()
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.Tenant == "" {
		o.Tenant = DefaultTenant
	}
	if o.Users == nil {
		o.Users = SeedUsers()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.IDs == nil {
		o.IDs = uuid.NewString
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.IdentityHeader == "" {
		o.IdentityHeader = rand.Text()
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	return o
}

// Close ends deliveries, waits for those on their way, and releases the file.
func (s *Server) Close() error {
	s.webhooks.close()
	return s.store.close()
}

// Tenant is the id of the tenant.
func (s *Server) Tenant() string { return s.tenant }

// IdentityHeader is what IDENTITY_HEADER must be for the managed identity
// endpoint at /msi/token.
func (s *Server) IdentityHeader() string { return s.identityHeader }

// ServeHTTP serves Graph below its versions, and Entra ID elsewhere.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch first {
	case "v1.0", "beta":
		http.StripPrefix("/"+first, s.graph).ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), rootKey{}, origin(r)+"/"+first)))
	default:
		s.entra.ServeHTTP(w, r)
	}
}

// rootKey is the context key of Graph's root, "https://host/v1.0", as the
// client wrote it.
type rootKey struct{}

// origin is the scheme and host that a request was sent to. A request that
// comes without a network still says its scheme.
func origin(r *http.Request) string {
	scheme := r.URL.Scheme
	switch {
	case scheme != "":
	case r.TLS != nil:
		scheme = "https"
	default:
		scheme = "http"
	}
	return fmt.Sprintf("%s://%s", scheme, r.Host)
}
