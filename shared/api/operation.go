package api

import (
	"cmp"
	"context"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"switchboard/shared/problem"
	"switchboard/shared/signin"
)

// bearer names the security scheme in the description.
const bearer = "bearer"

// Access says who may call an operation, as far as the token alone tells.
type Access int

// The kinds of access.
const (
	SignedIn Access = iota // any caller with a valid token
	Admin                  // a caller with the role Switchboard.Admin
	Anyone                 // no token needed
)

// Operation describes one operation: a method and a path below Prefix.
type Operation struct {
	ID          string // unique, kebab-case
	Method      string
	Path        string // net/http pattern, such as "/identities/{name}"
	Summary     string // a few words
	Description string // what a client needs to know
	Tag         string // the function
	Access      Access
	Status      int            // of success; 0 = 200, or 204 without a body
	Also        map[int]string // further answers of success, by status, with the body and headers of the first
	Errors      []int          // statuses of failure besides those that any operation may have
	Deadline    time.Duration  // for one request; 0 = Config.Deadline. For operations that wait for a slow service
	MaxBody     int64          // of a request, in bytes; 0 = 64 KiB
	Handshake   string         // query parameter by which a sender of webhooks asks whether there is one
}

// Register adds an operation. I and O are huma input and output structs; h's
// error is a *problem.Error, or internal.
func Register[I, O any](a *API, op Operation, h func(context.Context, *I) (*O, error)) {
	described := a.operation(op)
	if op.Deadline > 0 {
		a.deadlines[op.Method+" "+Prefix+op.Path] = op.Deadline
	}
	huma.Register(a.huma, described, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, a.document(ctx, err)
		}
		return out, nil
	})
	first := described.Responses[strconv.Itoa(cmp.Or(op.Status, http.StatusOK))] // as huma has described it by now
	for status, text := range op.Also {
		described.Responses[strconv.Itoa(status)] = &huma.Response{Description: text, Headers: first.Headers, Content: first.Content}
	}
}

func (a *API) operation(op Operation) huma.Operation {
	described := huma.Operation{
		OperationID:     op.ID,
		Method:          op.Method,
		Path:            op.Path,
		Summary:         op.Summary,
		Description:     op.Description,
		Tags:            []string{op.Tag},
		DefaultStatus:   op.Status,
		MaxBodyBytes:    cmp.Or(op.MaxBody, maxBody),
		BodyReadTimeout: cmp.Or(op.Deadline, a.cfg.Deadline) + time.Second, // after the handler's end: net/http takes an end of reading for a client that left
		Responses:       a.failures(op),
	}
	if op.Access != Anyone {
		described.Security = []map[string][]string{{bearer: {}}}
		described.Middlewares = huma.Middlewares{a.signedIn(op.Access)}
	}
	if op.Handshake != "" {
		describeHandshake(&described, op.Handshake)
		described.Middlewares = append(described.Middlewares, a.handshake(op.Handshake))
	}
	described.Middlewares = append(described.Middlewares, a.typed)
	return described
}

// failures describes the error answers: those of the operation and those that
// every operation may give.
func (a *API) failures(op Operation) map[string]*huma.Response {
	statuses := map[int]bool{400: true, 500: true}
	if op.Access != Anyone {
		maps.Insert(statuses, maps.All(map[int]bool{401: true, 403: true, 502: true, 503: true, 504: true}))
	}
	for _, s := range op.Errors {
		statuses[s] = true
	}
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[document](), true, "")
	answers := map[string]*huma.Response{}
	for _, status := range slices.Sorted(maps.Keys(statuses)) {
		answer := &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{problemType: {Schema: schema}},
			Headers:     map[string]*huma.Header{},
		}
		switch status {
		case http.StatusUnauthorized:
			answer.Headers["WWW-Authenticate"] = &huma.Header{Description: "What a token must be like (RFC 6750)", Schema: &huma.Schema{Type: huma.TypeString}}
		case http.StatusConflict:
			answer.Headers["Retry-After"] = &huma.Header{Description: "When to try again, in seconds, where time alone will do", Schema: &huma.Schema{Type: huma.TypeInteger}}
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			answer.Headers["Retry-After"] = &huma.Header{Description: "When to try again, in seconds", Schema: &huma.Schema{Type: huma.TypeInteger}}
		}
		answers[strconv.Itoa(status)] = answer
	}
	return answers
}

// senderKey is the context key of the sender.
type senderKey struct{}

// sender is who sends a request, and the token that proved it.
type sender struct {
	caller signin.Caller
	token  string
}

func sentBy(ctx context.Context) sender {
	from, _ := ctx.Value(senderKey{}).(sender)
	return from
}

// Caller returns who sends the request. It is there in every operation but
// those for Anyone.
func Caller(ctx context.Context) signin.Caller { return sentBy(ctx).caller }

// Bearer returns the verified token of the caller, for what is done on their
// behalf elsewhere. It is a secret: it goes to no log, error or store. In
// operations for Anyone it is "", whatever was sent.
func Bearer(ctx context.Context) string { return sentBy(ctx).token }

// signedIn lets a request pass if its token is good and opens the operation. It
// runs before the body is read.
func (a *API) signedIn(access Access) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		from, err := a.sender(ctx)
		if err == nil && access == Admin && !from.caller.HasRole(signin.RoleAdmin) {
			err = problem.New(problem.Forbidden, "role_missing", "This operation is for administrators: the token must carry the role %s.", signin.RoleAdmin)
		}
		if err != nil {
			r, w := humago.Unwrap(ctx)
			a.fail(w, r, err)
			return
		}
		noteCaller(ctx.Context(), from.caller.UserID)
		next(huma.WithValue(ctx, senderKey{}, from))
	}
}

func (a *API) sender(ctx huma.Context) (sender, error) {
	token, err := signin.BearerToken(ctx.Header("Authorization"))
	if err != nil {
		return sender{}, err
	}
	caller, err := a.cfg.Verifier.Verify(ctx.Context(), token)
	return sender{caller, token}, err
}

// typed lets a request pass whose body, if the operation takes one, is JSON in
// UTF-8. Media types ignore case (RFC 9110, 8.3.1); huma does not.
func (a *API) typed(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	body := ctx.Operation().RequestBody
	if body == nil || r.ContentLength == 0 || r.Header.Get("Content-Type") == "" {
		next(ctx)
		return
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	_, takes := body.Content[media]
	charset, packed := params["charset"], r.Header.Get("Content-Encoding")
	if err != nil || !takes && media != jsonType || charset != "" && !strings.EqualFold(charset, "utf-8") || packed != "" {
		a.fail(w, r, problem.New(problem.UnsupportedMedia, "content_type_unsupported", "Send the body as application/json in UTF-8, unpacked."))
		return
	}
	r.Header.Set("Content-Type", media)
	next(ctx)
}

const jsonType = "application/json"

// Context is what a check of an input sees of its request. An input, or a type
// within it, has a check if it has a method Resolve(Context) []error; its faults
// are reported together with those that the schema finds.
type Context = huma.Context

// Fault is what a check finds: where it is, such as "body.handle", and what
// would be right.
func Fault(location, message string) error {
	return &huma.ErrorDetail{Location: location, Message: message}
}

// plainStatus answers with the status of the contract where huma has one of its
// own, such as 422: see rendered.
func plainStatus(ctx huma.Context, next func(huma.Context)) { next(plainContext{ctx}) }

// inner is huma.Context under a name that can be embedded: it has a method Context.
type inner huma.Context

type plainContext struct{ inner }

func (c plainContext) Unwrap() huma.Context { return c.inner }

func (c plainContext) SetStatus(status int) {
	if p := noted(c.Context()).problem; p != nil {
		status = p.Kind.Status()
	}
	c.inner.SetStatus(status)
}
