package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// Fault describes an error of the transport for the log, without the text of
// errors that may quote the request or the answer.
func Fault(err error) string {
	if network, ok := errors.AsType[*net.OpError](err); ok {
		return network.Error()
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.Error()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed"
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return fmt.Sprintf("no answer (%T)", err)
}

// IsTimeout reports whether a deadline or the network's patience ended a call.
func IsTimeout(err error) bool {
	network, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && network.Timeout()
}

// IsDial reports whether no connection came about, so that nothing was sent.
func IsDial(err error) bool {
	if network, ok := errors.AsType[*net.OpError](err); ok {
		return network.Op == "dial" || network.Op == "proxyconnect"
	}
	_, ok := errors.AsType[*net.DNSError](err)
	return ok
}

// Credential marks the failures of an Entra credential, which would otherwise
// look like those of the network; IsCredential tells them.
type Credential struct{ azcore.TokenCredential }

// GetToken returns the token of the credential.
func (c Credential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := c.TokenCredential.GetToken(ctx, o)
	if err != nil {
		return token, credentialError{err}
	}
	return token, nil
}

// IsCredential reports whether a Credential gave no token.
func IsCredential(err error) bool {
	_, ok := errors.AsType[credentialError](err)
	return ok
}

type credentialError struct{ err error }

func (e credentialError) Error() string { return "no Entra token: " + e.err.Error() }
func (e credentialError) Unwrap() error { return e.err }
