// Package graph is the client of Microsoft Graph v1.0, of the parts that
// scheduling needs: Teams meetings (onlineMeetings), calendar events and the
// calendar view, Bookings appointments, and change notification subscriptions.
//
// It is the only package that knows Graph's wire (learn.microsoft.com/graph/api,
// v1.0). It keeps nothing but tokens and does nothing on its own: what a
// meeting means, and what is stored of it, is for its callers.
//
// A Client acts as the application. Client.User is a user whom the application
// acts for (/users/{oid}); Client.OnBehalfOf is the user who is signed in, with
// their own rights (/me). At most four calls at once go to one mailbox, which
// is Outlook's limit for an application; more wait their turn. The limit is
// this process's: other instances have their own, and Graph throttles the sum.
//
// # Repeats
//
// Calls are repeated after broken connections, 408, 429 and 5xx, with a growing
// and jittered delay or as Retry-After says, as long as the deadline of the
// context has room for another try. Where a repeat would do the thing twice
// (Bookings appointments, subscriptions) it happens only if Graph did not take
// the call: a 429, or no connection at all. A repeat that is refused, of a try that may
// have made or changed something, is graph_failed and no refusal.
//
// # Errors
//
// ErrNotFound and ErrNotOrganizer are about the object that was asked for. A
// context that was cancelled is context.Canceled. A call without the ids that
// it needs is a defect of the caller, and a plain error. Every other failure is
// a *problem.Error:
//
//	graph_access_policy_missing  Upstream         no application access policy for the organizer
//	graph_forbidden              Upstream         another 401 or 403; the detail names the permission
//	graph_refused                Upstream         another 4xx: Graph finds the request at fault
//	graph_failed                 Upstream         a broken connection, a 5xx, an answer that makes no sense
//	graph_throttled              Unavailable      Graph asks for fewer requests; RetryAfter where it says
//	graph_unavailable            Unavailable      Graph or the token service is down or cannot be reached
//	graph_timeout                UpstreamTimeout  no answer within the deadline or the tries
//	graph_credential             Upstream         the credential gives no token and does not say why
//	graph_user_token             Unauthenticated  the user's token has expired or is none to act on behalf of
//	calendar_too_full            Invalid          a calendar view of more than a thousand entries
//
// A *problem.Error of the credential (package entra has some: consent, a new
// sign-in) is returned as it is. Causes name the operation, the status, Graph's
// error code and request id, never its message; no error holds a token.
package graph

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/google/uuid"

	"switchboard/shared/upstream"
)

// DefaultEndpoint is Graph's in the worldwide cloud. National clouds have
// others, such as https://graph.microsoft.us and
// https://microsoftgraph.chinacloudapi.cn.
const DefaultEndpoint = "https://graph.microsoft.com"

// What may be read of an answer, in bytes, unpacked: a page of fifty events or
// a meeting with a thousand attendees is well below.
const maxAnswer = 2 << 20

// ErrNotFound says that Graph does not know the object, or that it belongs to
// another user than the one that was asked.
var ErrNotFound = errors.New("graph: not found")

// ErrNotOrganizer says that a meeting was asked for by its join URL or join id
// through somebody who did not organize it. Graph looks it up for the organizer only.
var ErrNotOrganizer = errors.New("graph: the user is not the organizer of the meeting")

// Options are the optional settings of a Client. The zero value is good for
// production.
//
// In ClientOptions, Transport is the seam for tests. Retry has defaults of its
// own: three retries, 8 s for a try, 200 ms before the first retry and no wait
// of more than 10 s; ShouldRetry is the client's own. Bodies are never logged,
// whatever Logging says, because they hold passcodes and people's names.
type Options struct {
	azcore.ClientOptions

	// OnBehalfOf makes the credential that exchanges a user's access token for
	// one for Graph. Without it, Client.OnBehalfOf fails.
	OnBehalfOf func(assertion string) (azcore.TokenCredential, error)

	Now           func() time.Time // judges the expiry of users' tokens; time.Now by default
	NewID         func() string    // names requests, for Microsoft's support; random UUIDs by default
	MaxPerMailbox int              // calls at once to one mailbox; 4 by default
	MaxDelegates  int              // users' credentials kept; 500 by default
}

// Client calls Graph as the application. It is safe for concurrent use.
type Client struct {
	endpoint  string // scheme and host, no slash at the end
	options   Options
	pipeline  runtime.Pipeline
	turns     *turns
	delegates *delegates
}

// New returns a client that authorizes its requests with tokens of cred for
// <endpoint>/.default. The endpoint may be http only on a loopback host.
func New(endpoint string, cred azcore.TokenCredential, opts *Options) (*Client, error) {
	base, err := upstream.ParseEndpoint(endpoint)
	if err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	if cred == nil {
		return nil, errors.New("graph: a credential is needed")
	}
	c := &Client{endpoint: base, options: opts.withDefaults()}
	c.pipeline = c.authorized(cred)
	c.turns = newTurns(c.options.MaxPerMailbox)
	c.delegates, err = newDelegates(c.options.MaxDelegates)
	return c, err
}

// authorized returns a pipeline whose requests carry tokens of cred.
func (c *Client) authorized(cred azcore.TokenCredential) runtime.Pipeline {
	bearer := runtime.NewBearerTokenPolicy(upstream.Credential{TokenCredential: cred}, []string{c.endpoint + "/.default"},
		&policy.BearerTokenOptions{InsecureAllowCredentialWithHTTP: true}) // New admits http on loopback only
	return runtime.NewPipeline("switchboard/graph", "v1", runtime.PipelineOptions{
		PerCall:  []policy.Policy{named{c.options.NewID}},
		PerRetry: []policy.Policy{bearer},
	}, &c.options.ClientOptions)
}

// named gives a call the id under which Graph's own logs have it.
type named struct{ newID func() string }

func (n named) Do(r *policy.Request) (*http.Response, error) {
	r.Raw().Header.Set("client-request-id", n.newID())
	return r.Next()
}

// withDefaults returns a copy of o with every setting filled in; o may be nil.
func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		c.NewID = uuid.NewString
	}
	if c.MaxPerMailbox <= 0 {
		c.MaxPerMailbox = 4
	}
	if c.MaxDelegates <= 0 {
		c.MaxDelegates = 500
	}
	c.Transport = upstream.Bounded(c.Transport, maxAnswer)
	c.Logging.IncludeBody = false
	c.Retry = upstream.WithDefaults(c.Retry, policy.RetryOptions{
		MaxRetries: 3, TryTimeout: 8 * time.Second,
		RetryDelay: 200 * time.Millisecond, MaxRetryDelay: 10 * time.Second,
	})
	return c
}
