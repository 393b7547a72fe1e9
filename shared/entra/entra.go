// Package entra makes credentials of Microsoft Entra ID from settings: for the
// application itself, and for the application on behalf of a user. They are
// azidentity's, with failures that this service's clients understand.
//
// It issues nothing and checks no tokens: sign-in is package signin's.
//
// # Errors
//
// A credential that gives no token returns a *problem.Error:
//
//	entra_consent_needed    Forbidden        nobody has allowed the application to act for the user; says where to
//	entra_sign_in_needed    Unauthenticated  the user must do something first, such as a second factor; Challenge has the claims
//	entra_assertion_refused Unauthenticated  the user's token is expired, of another application, or none to act on behalf of
//	entra_misconfigured     Upstream         the application's own secret, certificate, identity or tenant is wrong
//	entra_unavailable       Unavailable      the token service cannot be reached, or asks to wait; RetryAfter where it says
//
// or the error of the context that ended the wait. Causes hold the numbers of
// Entra's errors (AADSTS…), never its text.
package entra

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"switchboard/shared/upstream"
)

// Settings say who the application is and how it proves that. It is an app
// registration with one of Secret, Certificate and Federated, or, with neither
// Tenant nor ClientID, the managed identity of the machine.
type Settings struct {
	Tenant   string // of the app registration: GUID or domain name
	ClientID string

	Secret              string // a client secret
	Certificate         []byte // with its private key, PEM or PKCS #12 (DER)
	CertificatePassword string // of a PKCS #12 file
	Federated           bool   // the managed identity is a federated credential of the app registration: no secret

	ManagedIdentity string // client id of a user-assigned managed identity; "" = the system-assigned one
}

// Options are the optional settings of an App. The zero value is good for
// production; Cloud chooses a national cloud.
type Options struct {
	azcore.ClientOptions

	// DisableInstanceDiscovery trusts an authority that Microsoft does not
	// know, such as a local one.
	DisableInstanceDiscovery bool

	// ExchangeAudience is of the managed identity's token where it is
	// Federated; api://AzureADTokenExchange by default. National clouds differ.
	ExchangeAudience string
}

// App is the application: an azcore.TokenCredential, safe for concurrent use.
type App struct {
	settings Settings
	options  Options
	own      azcore.TokenCredential
	certs    []*x509.Certificate
	key      crypto.PrivateKey
	identity azcore.TokenCredential // the managed identity, where one is used
}

// New returns the application of the settings. It makes no request. Its errors
// say which setting is wrong, and repeat none.
func New(s Settings, opts *Options) (*App, error) {
	a := &App{settings: s, options: opts.withDefaults()}
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.Certificate != nil {
		certs, key, err := azidentity.ParseCertificates(s.Certificate, []byte(s.CertificatePassword))
		if err != nil { // its text may quote the file
			return nil, errors.New("entra: the certificate must be PEM or PKCS #12, with an RSA private key, and its password right")
		}
		a.certs, a.key = certs, key
	}
	if s.Federated || s.isManagedIdentity() {
		if err := a.useManagedIdentity(opts); err != nil {
			return nil, err
		}
	}
	own, err := a.credential()
	if err != nil {
		return nil, fmt.Errorf("entra: the tenant, the client id or the authority is not well-formed (%T)", err)
	}
	a.own = credential{own, a, s.Tenant, false}
	return a, nil
}

// GetToken returns a token of the application's own.
func (a *App) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return a.own.GetToken(ctx, o)
}

func (s Settings) isManagedIdentity() bool { return s.Tenant == "" && s.ClientID == "" }

func (s Settings) check() error {
	proofs := 0
	for _, given := range []bool{s.Secret != "", len(s.Certificate) > 0, s.Federated} {
		if given {
			proofs++
		}
	}
	switch {
	case s.isManagedIdentity() && proofs > 0:
		return errors.New("entra: a secret, certificate or federated identity needs the tenant and the client id of an app registration")
	case s.isManagedIdentity():
		return nil
	case s.Tenant == "" || s.ClientID == "":
		return errors.New("entra: an app registration has a tenant and a client id; one is missing")
	case proofs != 1:
		return errors.New("entra: an app registration needs one of secret, certificate and federated managed identity")
	default:
		return nil
	}
}

// useManagedIdentity takes the retries of opts, if any, and else azidentity's,
// which know the ways of the machine's own endpoint.
func (a *App) useManagedIdentity(opts *Options) error {
	o := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: a.options.ClientOptions}
	o.Retry = policy.RetryOptions{}
	if opts != nil {
		o.Retry = opts.Retry
	}
	if id := a.settings.ManagedIdentity; id != "" {
		o.ID = azidentity.ClientID(id)
	}
	identity, err := azidentity.NewManagedIdentityCredential(o)
	if err != nil {
		return fmt.Errorf("entra: no managed identity can be used here (%T)", err)
	}
	a.identity = identity
	return nil
}

// credential is azidentity's for the application itself.
func (a *App) credential() (azcore.TokenCredential, error) {
	s, o := a.settings, a.options
	switch {
	case s.isManagedIdentity():
		return a.identity, nil
	case s.Secret != "":
		return azidentity.NewClientSecretCredential(s.Tenant, s.ClientID, s.Secret, &azidentity.ClientSecretCredentialOptions{
			ClientOptions: o.ClientOptions, DisableInstanceDiscovery: o.DisableInstanceDiscovery})
	case s.Federated:
		return azidentity.NewClientAssertionCredential(s.Tenant, s.ClientID, a.clientAssertion, &azidentity.ClientAssertionCredentialOptions{
			ClientOptions: o.ClientOptions, DisableInstanceDiscovery: o.DisableInstanceDiscovery})
	default:
		return azidentity.NewClientCertificateCredential(s.Tenant, s.ClientID, a.certs, a.key, &azidentity.ClientCertificateCredentialOptions{
			ClientOptions: o.ClientOptions, DisableInstanceDiscovery: o.DisableInstanceDiscovery})
	}
}

// clientAssertion is the managed identity's token, which proves the application.
func (a *App) clientAssertion(ctx context.Context) (string, error) {
	token, err := a.identity.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{a.options.ExchangeAudience + "/.default"}})
	return token.Token, err
}

// withDefaults returns a copy of o with every setting filled in; o may be nil.
func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.ExchangeAudience == "" {
		c.ExchangeAudience = "api://AzureADTokenExchange"
	}
	c.Transport = upstream.Bounded(c.Transport, 1<<20)
	c.Logging.IncludeBody = false
	c.Retry = upstream.WithDefaults(c.Retry, policy.RetryOptions{
		MaxRetries: 2, TryTimeout: 4 * time.Second, RetryDelay: 200 * time.Millisecond, MaxRetryDelay: 2 * time.Second,
	})
	return c
}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
