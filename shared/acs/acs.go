// Package acs is the client of the Azure Communication Services (ACS) Identity
// API: it creates identities, issues and revokes their access tokens, deletes
// them, and exchanges the Entra tokens of Teams users.
//
// It is the only package that knows the ACS wire. The wire is REST API version
// 2023-10-01 (Azure/azure-rest-api-specs, specification/communication/
// data-plane/Identity); any later stable version answers the same operations.
//
// It keeps nothing: no tokens, no mapping of users to identities. A repeated
// Create makes another identity, because the API has no idempotency key.
//
// # Errors
//
// An identity that ACS does not know is calling.ErrNotOwned. A context that
// was cancelled is context.Canceled. To name no identity is a defect of the
// caller, and a plain error. Every other failure is a *problem.Error:
//
//	calling_throttled      Unavailable      ACS asks for fewer requests; RetryAfter where ACS says
//	calling_unavailable    Unavailable      ACS is down or cannot be reached
//	calling_timeout        UpstreamTimeout  no answer within the deadline or the tries
//	calling_failed         Upstream         a broken connection, a 5xx, an answer that makes no sense
//	calling_misconfigured  Upstream         ACS refuses the key, the credential, the endpoint or the api-version
//	calling_rejected       Internal         ACS finds the request itself at fault
//	teams_token_invalid    Invalid          the Entra token of a Teams user cannot be exchanged
//
// Causes name the status and the error code of ACS, never its message, and
// no error holds a token or a key.
package acs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"switchboard/shared/upstream"
)

// DefaultAPIVersion is asked for when Options.APIVersion is empty.
const DefaultAPIVersion = "2023-10-01"

// maxAnswer is how much of an answer is read, in bytes, unpacked. The largest
// that the API gives is a token of two kilobytes.
const maxAnswer = 64 << 10

// entraScope is the scope of an Entra token for ACS. Its double slash is part
// of the name (Azure SDKs, package communication-common).
const entraScope = "https://communication.azure.com//.default"

// Options are the optional settings of a Client. The zero value is good for
// production.
//
// In ClientOptions, Transport is the seam for tests and APIVersion replaces
// DefaultAPIVersion. Retry has defaults of its own, made for a caller who
// waits two seconds: three retries, 900 ms for a try, 100 ms before the first
// retry and no wait of more than 2 s; ShouldRetry is the client's own, which
// also looks at the deadline. Bodies are never logged, whatever Logging says,
// because they hold tokens.
type Options struct {
	azcore.ClientOptions
	Now func() time.Time // dates the signatures and judges expiry; time.Now by default
}

// Client calls the Identity API of one ACS resource. It is safe for concurrent
// use.
type Client struct {
	endpoint string // scheme and host, no slash at the end
	resource string
	pipeline runtime.Pipeline
	retry    policy.RetryOptions
	now      func() time.Time
}

// NewClientFromConnectionString returns a client that signs its requests with
// the access key of a connection string, as the Azure portal gives it:
// endpoint=https://<name>.<region>.communication.azure.com/;accesskey=<base64>.
// The endpoint may be http only on a loopback host.
func NewClientFromConnectionString(connectionString string, opts *Options) (*Client, error) {
	endpoint, key, err := parseConnectionString(connectionString)
	if err != nil {
		return nil, err
	}
	o := opts.withDefaults()
	return newClient(endpoint, &signer{key: key, now: o.Now}, key, o)
}

// NewClient returns a client that authorizes its requests with Entra tokens of
// cred, such as a managed identity with a role on the ACS resource. The
// endpoint may be http only on a loopback host.
func NewClient(endpoint string, cred azcore.TokenCredential, opts *Options) (*Client, error) {
	if cred == nil {
		return nil, errors.New("acs: a credential is needed")
	}
	bearer := runtime.NewBearerTokenPolicy(upstream.Credential{TokenCredential: cred}, []string{entraScope}, &policy.BearerTokenOptions{
		InsecureAllowCredentialWithHTTP: true, // newClient admits http on loopback only
	})
	return newClient(endpoint, bearer, nil, opts.withDefaults())
}

// newClient makes a client. Tokens made under an access key end with it, so the
// key is part of the resource's name.
func newClient(endpoint string, authorize policy.Policy, key []byte, o Options) (*Client, error) {
	base, err := upstream.ParseEndpoint(endpoint)
	if err != nil {
		return nil, fmt.Errorf("acs: %w", err)
	}
	pipeline := runtime.NewPipeline("switchboard/acs", "v1", runtime.PipelineOptions{
		APIVersion: runtime.APIVersionOptions{Name: "api-version", Location: runtime.APIVersionLocationQueryParam},
		PerCall:    []policy.Policy{runtime.NewRequestIDPolicy()},
		PerRetry:   []policy.Policy{authorize},
	}, &o.ClientOptions)
	name := hmac.New(sha256.New, key)
	name.Write([]byte(base))
	return &Client{
		endpoint: base, resource: hex.EncodeToString(name.Sum(nil)[:6]),
		pipeline: pipeline, retry: o.Retry, now: o.Now,
	}, nil
}

// Resource names the ACS resource and the access key that the client was made
// for, telling nothing of the key: tokens issued under another name may not work.
func (c *Client) Resource() string { return c.resource }

// withDefaults returns a copy of o with every setting filled in; o may be nil.
func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.APIVersion == "" {
		c.APIVersion = DefaultAPIVersion
	}
	c.Transport = upstream.Bounded(c.Transport, maxAnswer)
	c.Logging.IncludeBody = false
	c.Retry = upstream.WithDefaults(c.Retry, policy.RetryOptions{
		MaxRetries: 3, TryTimeout: 900 * time.Millisecond,
		RetryDelay: 100 * time.Millisecond, MaxRetryDelay: 2 * time.Second,
	})
	return c
}
