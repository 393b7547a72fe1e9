package storage

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"switchboard/shared/problem"
)

// translate turns an error of azcosmos into one of this package or a
// *problem.Error. It branches on the status alone: messages vary, and
// ResponseError.ErrorCode is only the HTTP status line.
func translate(err error) error {
	switch code := status(err); {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return problem.New(problem.UpstreamTimeout, "storage_timeout", "The storage did not answer in time. Try again.").Because(err)
	case errors.Is(err, context.Canceled):
		return err
	case code == 0:
		return problem.New(problem.Unavailable, "storage_unavailable", "The storage cannot be reached. Try again.").After(time.Second).Because(err)
	case code == http.StatusNotFound && substatus(err) == "":
		return ErrNotFound
	case code == http.StatusNotFound && substatus(err) == "1002": // this replica has not caught up
		return problem.New(problem.Unavailable, "storage_throttled", "The storage is busy. Try again.").After(time.Second).Because(short(err))
	case code == http.StatusConflict:
		return ErrExists
	case code == http.StatusPreconditionFailed:
		return ErrStale
	case code == http.StatusTooManyRequests, code == statusRetryWith, code == http.StatusServiceUnavailable:
		return problem.New(problem.Unavailable, "storage_throttled", "The storage is busy. Try again.").After(retryAfter(err)).Because(short(err))
	case code == http.StatusRequestTimeout, code == http.StatusGatewayTimeout:
		return problem.New(problem.UpstreamTimeout, "storage_timeout", "The storage did not answer in time. Try again.").Because(short(err))
	default:
		return failed().Because(short(err))
	}
}

// unnamed is translate for requests that name no document, batches and queries: a 404 is
// no answer to them.
func unnamed(err error) error {
	if translated := translate(err); !errors.Is(translated, ErrNotFound) {
		return translated
	}
	return failed().Because(short(err))
}

func failed() *problem.Error {
	return problem.New(problem.Upstream, "storage_failed", "The storage failed. Try again; if it stays, report the request id.")
}

// status is the HTTP status of an answer, 0 where there was none.
func status(err error) int {
	if re, ok := errors.AsType[*azcore.ResponseError](err); ok {
		return re.StatusCode
	}
	return 0
}

// substatus tells answers of one status apart: a missing document has none, or
// 0; a missing container has 1003.
func substatus(err error) string {
	if code := header(err, "x-ms-substatus"); code != "0" {
		return code
	}
	return ""
}

func header(err error, name string) string {
	if re, ok := errors.AsType[*azcore.ResponseError](err); ok && re.RawResponse != nil {
		return re.RawResponse.Header.Get(name)
	}
	return ""
}

// retryAfter is when the store wants to be asked again, a second if it does not
// say.
func retryAfter(err error) time.Duration {
	if ms, err := strconv.ParseFloat(header(err, "x-ms-retry-after-ms"), 64); err == nil && ms > 0 {
		return time.Duration(ms * float64(time.Millisecond))
	}
	if seconds, err := strconv.Atoi(header(err, "Retry-After")); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	return time.Second
}

// answerError is what is kept of a failed answer: its status line and
// sub-status, without the body, which may repeat what was stored.
type answerError struct{ status, substatus string }

func (e answerError) Error() string { return "answer " + e.status + " sub-status " + e.substatus }

func short(err error) error {
	re, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		return err
	}
	return answerError{status: strconv.Itoa(re.StatusCode), substatus: header(err, "x-ms-substatus")}
}
