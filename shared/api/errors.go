package api

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"switchboard/shared/problem"
)

const problemType = "application/problem+json"

// unknownWait is the Retry-After, in seconds, where nobody has said when to try
// again: these answers always have one.
const unknownWait = "2"

// document is the body of an error answer (RFC 9457). It never has a member
// called token: clients take any such string for one.
type document struct {
	Title     string          `json:"title" doc:"The status in words"`
	Status    int             `json:"status" doc:"The HTTP status"`
	Code      string          `json:"code" doc:"What went wrong, stable, for programs" example:"request_invalid"`
	Detail    string          `json:"detail" doc:"What went wrong and what to do, for people"`
	RequestID string          `json:"requestId" doc:"Names this request in the service's log"`
	Errors    []problem.Field `json:"errors,omitempty" nullable:"false" doc:"Every fault of the request"`
	GroupID   string          `json:"groupId,omitempty" doc:"The ID of the live call, where code is call_live: join that one"`

	header http.Header
}

// Error, GetStatus, GetHeaders and ContentType make it an answer for huma.
func (d *document) Error() string           { return d.Code }
func (d *document) GetStatus() int          { return d.Status }
func (d *document) GetHeaders() http.Header { return d.header }

// ContentType is the type of an error body, whatever the client asked for.
func (d *document) ContentType(string) string { return problemType }

// document renders an error for the client and logs its cause.
func (a *API) document(ctx context.Context, err error) *document {
	p := problem.From(err)
	d := &document{
		Title:     http.StatusText(p.Kind.Status()),
		Status:    p.Kind.Status(),
		Code:      p.Code,
		Detail:    p.Detail,
		RequestID: RequestID(ctx),
		Errors:    p.Fields,
		GroupID:   p.GroupID,
		header:    http.Header{},
	}
	if p.RetryAfter > 0 {
		d.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	} else if p.Kind == problem.Unavailable || p.Kind == problem.Throttled {
		d.header.Set("Retry-After", unknownWait)
	}
	if p.Challenge != "" {
		d.header.Set("WWW-Authenticate", p.Challenge)
	}
	noteProblem(ctx, p)
	return d
}

// fail writes an error answer outside of an operation.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	d := a.document(r.Context(), err)
	for name, values := range d.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(d.Status)
	if err := huma.DefaultJSONFormat.Marshal(w, d); err != nil {
		a.cfg.Log.DebugContext(r.Context(), "the client left", slog.Any("error", err))
	}
}

// rendered turns the errors that huma finds itself (malformed, invalid, too
// large) into ours. The faulty values, which huma would repeat, are left out.
func (a *API) rendered(ctx huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := invalid()
	switch model.Status {
	case http.StatusRequestEntityTooLarge:
		p = problem.New(problem.TooLarge, "body_too_large", "The body may have %d bytes at most.", ctx.Operation().MaxBodyBytes-1)
	case http.StatusRequestTimeout:
		p = problem.New(problem.Invalid, "body_incomplete", "The body did not arrive in time.")
	case http.StatusInternalServerError:
		p = problem.From(errors.New(model.Detail))
		if model.Detail == "cannot read request body" {
			p = problem.New(problem.Invalid, "body_incomplete", "The body could not be read to its end.")
		}
	default:
		if len(model.Errors) == 0 {
			p.Fields = []problem.Field{{Location: "body", Message: model.Detail}}
		}
		for _, e := range model.Errors {
			p.Fields = append(p.Fields, problem.Field{Location: e.Location, Message: plainWords(e.Message)})
		}
	}
	return a.document(ctx.Context(), p), nil
}

// invalid refuses a request for its faults.
func invalid(faults ...problem.Field) *problem.Error {
	p := problem.New(problem.Invalid, "request_invalid", "The request is not valid; errors lists what to mend.")
	p.Fields = faults
	return p
}

// plainWords replaces what encoding/json says of our types.
func plainWords(message string) string {
	if strings.HasPrefix(message, "json: ") {
		return "is not of the form that the description gives"
	}
	return message
}
