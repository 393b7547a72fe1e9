package localcosmos

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Fault is what goes wrong with one request; the zero value is nothing.
// Options.Fault gives them, and so decides which request, or which call in a
// row, is hit.
type Fault struct {
	// Delay passes before anything else, or until the request's context ends.
	Delay time.Duration
	// Status is answered instead of serving the request, with Substatus where
	// it is not 0, and RetryAfter as x-ms-retry-after-ms.
	Status, Substatus int
	RetryAfter        time.Duration
	// DropRequest cuts the connection before the request is served, DropAnswer
	// after: then what was asked has been done, and the client cannot know. In
	// process the client gets an error, as of a connection that was cut.
	DropRequest, DropAnswer bool
}

var errDropped = errors.New("localcosmos: the connection was cut, as Options.Fault asked")

// serve answers a request, or fails it as Options.Fault says. An error means
// that there is no answer to send.
func (s *Store) serve(r *http.Request) (*reply, error) {
	if s.options.Fault == nil {
		return s.exchange(r), nil
	}
	fault := s.options.Fault(r)
	if err := wait(r.Context(), fault.Delay); err != nil {
		return nil, err
	}
	if fault.DropRequest {
		return nil, errDropped
	}
	answer := fault.reply()
	if fault.Status == 0 {
		answer = s.exchange(r)
	}
	if fault.DropAnswer {
		return nil, errDropped
	}
	return answer, nil
}

// reply has the form that the service's refusals have.
func (f Fault) reply() *reply {
	answer := failed(refuse(f.Status, f.Substatus, "A fault that Options.Fault asked for."))
	if f.RetryAfter > 0 {
		answer.extra["X-Ms-Retry-After-Ms"] = strconv.FormatInt(f.RetryAfter.Milliseconds(), 10)
	}
	return answer
}

// wait returns the context's error if it ends first.
func wait(ctx context.Context, d time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-waiting.Done()
	return ctx.Err()
}
