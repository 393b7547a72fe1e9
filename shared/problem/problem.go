// Package problem is Switchboard's one vocabulary of failure: a few kinds, each
// with one HTTP status, carried by one error type.
//
// An Error speaks to two readers. Code and Detail are for the client: what is
// wrong and what to do about it. Cause is for the log and never leaves the
// process. Any error that is not an *Error is internal by definition.
//
// The package does not write responses; package api renders errors as
// application/problem+json (RFC 9457).
package problem

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Kind says what went wrong, in the few ways that a client can tell apart.
type Kind int

// The kinds, each with the HTTP status it is answered with.
const (
	Internal         Kind = iota // 500: a defect or an unforeseen failure of ours
	Invalid                      // 400: malformed or invalid request
	Unauthenticated              // 401: no caller, or one that cannot be believed
	Forbidden                    // 403: a known caller who may not
	NotFound                     // 404: does not exist, or the caller may not know
	MethodNotAllowed             // 405: the path exists, the method does not
	Conflict                     // 409: the state of things does not allow it
	Stale                        // 412: If-Match names a version that is gone
	TooLarge                     // 413: the body exceeds the limit
	UnsupportedMedia             // 415: a content type that is not understood
	Throttled                    // 429: this caller asks too often
	Upstream                     // 502: a service behind us broke or talked nonsense
	Unavailable                  // 503: a service behind us is away or throttles us
	UpstreamTimeout              // 504: a service behind us was too slow
)

// Status is the HTTP status code the kind is answered with.
func (k Kind) Status() int {
	switch k {
	case Invalid:
		return http.StatusBadRequest
	case Unauthenticated:
		return http.StatusUnauthorized
	case Forbidden:
		return http.StatusForbidden
	case NotFound:
		return http.StatusNotFound
	case MethodNotAllowed:
		return http.StatusMethodNotAllowed
	case Conflict:
		return http.StatusConflict
	case Stale:
		return http.StatusPreconditionFailed
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case UnsupportedMedia:
		return http.StatusUnsupportedMediaType
	case Throttled:
		return http.StatusTooManyRequests
	case Upstream:
		return http.StatusBadGateway
	case Unavailable:
		return http.StatusServiceUnavailable
	case UpstreamTimeout:
		return http.StatusGatewayTimeout
	default:
		return http.StatusInternalServerError
	}
}

// Field is one fault of a request: where it is and what is wrong with it. The
// faulty value itself is never repeated.
type Field struct {
	Location string `json:"location" doc:"Where the fault is, such as body.expiresInMinutes or query.scope"`
	Message  string `json:"message" doc:"What is wrong and what would be right"`
}

// Error is a failure with a stable code for programs and a detail for people.
type Error struct {
	Kind       Kind
	Code       string        // stable, snake_case: "scope_unknown"
	Detail     string        // a sentence a person can act on; no secrets, no upstream text
	Fields     []Field       // every fault found, for Invalid
	RetryAfter time.Duration // when it is worth trying again, where known; rounded up to seconds
	GroupID    string        // of the live call, where another cannot be begun: clients join that one
	Challenge  string        // WWW-Authenticate value, for Unauthenticated and Forbidden
	Cause      error         // for the log only
}

// New returns an Error of the given kind; detail is formatted as by fmt.Sprintf.
func New(kind Kind, code, detail string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Detail: fmt.Sprintf(detail, args...)}
}

// Error returns the code, the detail and the cause: text for the log.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Detail, e.Cause)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Detail)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Because returns a copy of e with its cause set.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// After returns a copy of e that tells the client when to try again.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// From returns err as an *Error. What is not one already becomes
// UpstreamTimeout if a deadline ended it, else Internal, with err as its cause.
// From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return New(UpstreamTimeout, "too_slow", "The answer was not ready in time. Try again.").Because(err)
	}
	return New(Internal, "internal", "Something went wrong here. Try again; if it stays, report the request id.").Because(err)
}

// Is reports whether err is an *Error of the given kind.
func Is(err error, kind Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == kind
}
