package acs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"switchboard/shared/calling"
	"switchboard/shared/problem"
	"switchboard/shared/upstream"
)

// refused turns an answer that is no success into an error.
func (call operation) refused(resp *http.Response) error {
	cause := refusal{call.name, resp.StatusCode, errorCode(resp)}
	wait, _ := upstream.RetryAfter(resp, time.Now())
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
	cause := fmt.Errorf("acs: %s: %s", call.name, upstream.Fault(err))
	switch {
	case upstream.IsTimeout(err):
		return problem.New(problem.UpstreamTimeout, "calling_timeout",
			"The calling service did not answer in time. Try again.").Because(cause)
	case upstream.IsDial(err): // also that of the token service behind a credential
		return unavailable().Because(cause)
	case upstream.IsCredential(err):
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

// errorCode reads the code of an error body, {"error":{"code":…}}, or gives "".
func errorCode(resp *http.Response) string {
	var body struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	payload, err := runtime.Payload(resp)
	if err != nil || json.Unmarshal(payload, &body) != nil {
		return ""
	}
	return upstream.Word(body.Error.Code)
}
