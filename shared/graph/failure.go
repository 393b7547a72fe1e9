package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"switchboard/shared/problem"
	"switchboard/shared/upstream"
)

// refused turns an answer that is no success into an error.
func (call operation) refused(resp *http.Response) error {
	said := readFault(resp)
	cause := refusal{call.name, resp.StatusCode, upstream.Word(said.Code), upstream.Word(resp.Header.Get("request-id"))}
	if cause.requestID == "" {
		cause.requestID = upstream.Word(said.InnerError.RequestID)
	}
	wait, _ := upstream.RetryAfter(resp, time.Now())
	switch status := resp.StatusCode; {
	case status == http.StatusTooManyRequests:
		return problem.New(problem.Unavailable, "graph_throttled",
			"Microsoft Graph takes no more requests for the moment. Try again later.").After(wait).Because(cause)
	case status == http.StatusServiceUnavailable:
		return unavailable().After(wait).Because(cause)
	case status == http.StatusRequestTimeout, status == http.StatusGatewayTimeout:
		return slow().Because(cause)
	case status < 400 || status >= 500:
		return failed().Because(cause)
	default:
		return call.denied(said, cause)
	}
}

// denied is refused for the statuses that speak of the request.
func (call operation) denied(said fault, cause refusal) error {
	switch {
	case said.isAccessPolicy():
		return noAccessPolicy().Because(cause)
	case call.lookup && said.isNotOrganizer():
		return fmt.Errorf("%w (%w)", ErrNotOrganizer, cause)
	case call.object && (cause.status == http.StatusNotFound || said.isOtherOrganizer()):
		return fmt.Errorf("%w (%w)", ErrNotFound, cause)
	case cause.status == http.StatusUnauthorized, cause.status == http.StatusForbidden:
		return problem.New(problem.Upstream, "graph_forbidden",
			"Microsoft Graph does not let this service do that. Its app registration needs the application permission %s "+
				"(delegated: %s) with an administrator's consent, and the user a licence for it.",
			call.permission, strings.TrimSuffix(call.permission, ".All")).Because(cause)
	default:
		return problem.New(problem.Upstream, "graph_refused",
			"Microsoft Graph finds the request at fault, or does not know the user or the resource that it names. "+
				"The operator should check the object ids in the settings and report the request id.").Because(cause)
	}
}

// unanswered turns an error of the pipeline into one of ours. The deadline of
// ctx, or of the last try, makes it a timeout.
func (call operation) unanswered(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("graph: %s: %w", call.name, context.Canceled)
	}
	if p, ok := errors.AsType[*problem.Error](err); ok {
		return p
	}
	cause := fmt.Errorf("graph: %s: %s", call.name, upstream.Fault(err))
	switch {
	case upstream.IsTimeout(err):
		return slow().Because(cause)
	case upstream.IsDial(err): // also that of the token service behind a credential
		return unavailable().Because(cause)
	case upstream.IsCredential(err):
		return problem.New(problem.Upstream, "graph_credential",
			"This service gets no token for Microsoft Graph. Its operator should check the credential: tenant, client id, and secret, "+
				"certificate or managed identity.").Because(cause)
	default:
		return failed().Because(cause)
	}
}

// nonsense is the error for an answer that has the right status and not the
// content that belongs to it.
func (call operation) nonsense(what string) error {
	return failed().Because(fmt.Errorf("graph: %s: %s", call.name, what))
}

func failed() *problem.Error {
	return problem.New(problem.Upstream, "graph_failed",
		"Microsoft Graph failed or gave an answer that makes no sense. Try again.")
}

func unavailable() *problem.Error {
	return problem.New(problem.Unavailable, "graph_unavailable",
		"Microsoft Graph cannot be reached at the moment. Try again later.")
}

func slow() *problem.Error {
	return problem.New(problem.UpstreamTimeout, "graph_timeout", "Microsoft Graph did not answer in time. Try again.")
}

func noAccessPolicy() *problem.Error {
	return problem.New(problem.Upstream, "graph_access_policy_missing",
		"Microsoft Teams has no application access policy that lets this service act for the organizer. A Teams administrator runs: "+
			`New-CsApplicationAccessPolicy -Identity Switchboard-Meetings -AppIds "<client id of this service>", then `+
			`Grant-CsApplicationAccessPolicy -PolicyName Switchboard-Meetings -Identity "<object id of the organizer>" (or -Global). `+
			"It takes up to 30 minutes to have effect.")
}

// refusal is what the log learns of an answer: never its message or body.
type refusal struct {
	operation string
	status    int
	code      string // Graph's error code, or ""
	requestID string // Graph's name of the request, or ""
}

func (r refusal) Error() string {
	return fmt.Sprintf("graph: %s: %d %s, request-id %s", r.operation, r.status, r.code, r.requestID)
}

// fault is the error in an answer. Its message is matched and goes nowhere.
type fault struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	InnerError struct {
		RequestID string `json:"request-id"`
	} `json:"innerError"` // or innererror: encoding/json takes either
}

func readFault(resp *http.Response) fault {
	var body struct {
		Error fault `json:"error"`
	}
	payload, err := runtime.Payload(resp)
	if err != nil || json.Unmarshal(payload, &body) != nil {
		return fault{}
	}
	return body.Error
}

func (f fault) says(part string) bool {
	return strings.Contains(strings.ToLower(f.Message), part)
}

// isAccessPolicy: the same condition is told in several ways.
func (f fault) isAccessPolicy() bool {
	return f.says("application access policy") || f.says("is not authorized to") && f.says("on behalf of user")
}

func (f fault) isNotOrganizer() bool {
	return f.Code == "Forbidden" && f.says("an error has occurred") || f.says("user does not have access to lookup meeting")
}

func (f fault) isOtherOrganizer() bool {
	return f.says("organizer id mismatch") || f.says("invalid meeting id")
}
