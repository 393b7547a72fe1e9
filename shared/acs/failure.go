package acs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"switchboard/shared/calling"
	"switchboard/shared/problem"
)

// refused turns an answer that is no success into an error.
func (call operation) refused(resp *http.Response) error {
	cause := refusal{call.name, resp.StatusCode, errorCode(resp)}
	wait, _ := retryAfter(resp, time.Now())
	status := resp.StatusCode
	switch {
	case cause.code == "IdentityNotOwned":
		return fmt.Errorf("acs: %s: %w", call.name, calling.ErrNotOwned)
	case cause.code == "InvalidAccessToken" && call.path == exchangePath:
		return problem.New(problem.Invalid, "teams_token_invalid",
			"The calling service does not accept this Teams user's token. Acquire a new one for the scopes "+
				"https://auth.msft.communication.azure.com/Teams.ManageCalls and "+
				"https://auth.msft.communication.azure.com/Teams.ManageChats, and send it before it expires.").Because(cause)
	case status == http.StatusTooManyRequests:
		return problem.New(problem.Unavailable, "calling_throttled",
			"The calling service takes no more requests for the moment. Try again later.").After(wait).Because(cause)
	case status == http.StatusServiceUnavailable:
		return unavailable().After(wait).Because(cause)
	case cause.isMisconfiguration():
		return misconfigured().Because(cause)
	case status >= 400 && status < 500 && status != http.StatusRequestTimeout:
		return problem.New(problem.Internal, "calling_rejected",
			"The calling service found this service's request at fault. Report the request id.").Because(cause)
	default:
		return failed().Because(cause)
	}
}

// unanswered turns an error of the pipeline into one of ours. The deadline of
// ctx, or of the last try, makes it a timeout.
func (call operation) unanswered(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("acs: %s: %w", call.name, context.Canceled)
	}
	cause := fmt.Errorf("acs: %s: %s", call.name, connectionFault(err))
	switch {
	case isTimeout(err):
		return problem.New(problem.UpstreamTimeout, "calling_timeout",
			"The calling service did not answer in time. Try again.").Because(cause)
	case isDial(err): // also that of the token service behind a credential
		return unavailable().Because(cause)
	case isCredential(err):
		return misconfigured().Because(cause)
	default:
		return failed().Because(cause)
	}
}

// nonsense is the error for an answer that has the right status and not the
// content that belongs to it.
func (call operation) nonsense(what string) error {
	return failed().Because(fmt.Errorf("acs: %s: %s", call.name, what))
}

func failed() *problem.Error {
	return problem.New(problem.Upstream, "calling_failed",
		"The calling service failed or gave an answer that makes no sense. Try again.")
}

func unavailable() *problem.Error {
	return problem.New(problem.Unavailable, "calling_unavailable",
		"The calling service cannot be reached at the moment. Try again later.")
}

func misconfigured() *problem.Error {
	return problem.New(problem.Upstream, "calling_misconfigured",
		"The calling service refuses this service. Its operator should check the connection string of Azure "+
			"Communication Services (endpoint and access key), or the role of its Entra identity, and the api-version.")
}

// refusal is what the log learns of an answer: never its message or body.
type refusal struct {
	operation string
	status    int
	code      string // the error code of ACS, or ""
}

func (r refusal) Error() string {
	return fmt.Sprintf("acs: %s: %d %s", r.operation, r.status, r.code)
}

// isMisconfiguration tells answers to a wrong key, endpoint or api-version.
// Not to own an identity, and a bad Teams token, are 401 too but have codes
// of their own.
func (r refusal) isMisconfiguration() bool {
	switch r.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return true
	}
	return r.code == "UnsupportedApiVersion"
}

// errorCode reads the code of an error body, {"error":{"code":…}}. It gives ""
// for whatever is not a plain word, so that no foreign text reaches the log.
func errorCode(resp *http.Response) string {
	var body struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	payload, err := runtime.Payload(resp)
	if err != nil || json.Unmarshal(payload, &body) != nil || len(body.Error.Code) > 64 {
		return ""
	}
	for _, r := range body.Error.Code {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return ""
		}
	}
	return body.Error.Code
}

// connectionFault describes a transport error without the text of errors that
// may quote the request or the answer.
func connectionFault(err error) string {
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

func isTimeout(err error) bool {
	network, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && network.Timeout()
}

// isDial reports whether no connection came about, so that nothing was sent.
func isDial(err error) bool {
	if network, ok := errors.AsType[*net.OpError](err); ok {
		return network.Op == "dial" || network.Op == "proxyconnect"
	}
	_, ok := errors.AsType[*net.DNSError](err)
	return ok
}

func isCredential(err error) bool {
	_, ok := errors.AsType[credentialError](err)
	return ok
}

// credential marks the failures of an Entra credential, which would otherwise
// look like those of the network.
type credential struct{ azcore.TokenCredential }

func (c credential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := c.TokenCredential.GetToken(ctx, o)
	if err != nil {
		return token, credentialError{err}
	}
	return token, nil
}

type credentialError struct{ err error }

func (e credentialError) Error() string { return "no Entra token: " + e.err.Error() }
func (e credentialError) Unwrap() error { return e.err }
