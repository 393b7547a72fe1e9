package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"switchboard/shared/problem"
)

// exchange is what the middleware learns of a request on its way, for the log.
type exchange struct {
	requestID string
	route     string // the pattern, not the path: paths hold ids
	userID    string
	problem   *problem.Error
}

type exchangeKey struct{}

func noted(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

func noteCaller(ctx context.Context, userID string)     { noted(ctx).userID = userID }
func noteProblem(ctx context.Context, p *problem.Error) { noted(ctx).problem = p }

// RequestID names the request in answers and logs.
func RequestID(ctx context.Context) string { return noted(ctx).requestID }

// acceptable is a request id that a client may choose itself.
var acceptable = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// identified gives the request an id and every answer the headers that all
// have. No answer may be kept: one client keeps bodies, with their tokens, on
// disk unless told not to.
func (a *API) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{requestID: r.Header.Get("X-Request-Id")}
		if !acceptable.MatchString(x.requestID) {
			x.requestID = a.cfg.NewID()
		}
		h := w.Header()
		h.Set("X-Request-Id", x.requestID)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x)))
	})
}

// logged writes a line for every request: those that failed at a level that
// asks for attention, the others only when debugging, because hosts count
// requests themselves and bill for lines.
func (a *API) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := a.cfg.Now()
		answer := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		level, x := slog.LevelDebug, noted(r.Context())
		switch {
		case errors.Is(r.Context().Err(), context.Canceled):
			level = slog.LevelInfo // the client left; nobody reads the answer
		case answer.status >= 500:
			level = slog.LevelError
		case answer.status >= 400:
			level = slog.LevelInfo
		}
		if !a.cfg.Log.Enabled(r.Context(), level) {
			return
		}
		attrs := []slog.Attr{
			slog.String("requestId", x.requestID),
			slog.String("method", r.Method),
			slog.String("route", x.route),
			slog.Int("status", answer.status),
			slog.Duration("took", a.cfg.Now().Sub(began)),
		}
		if x.userID != "" {
			attrs = append(attrs, slog.String("userId", x.userID))
		}
		if trace := traceID(r.Header.Get("Traceparent")); trace != "" {
			attrs = append(attrs, slog.String("traceId", trace))
		}
		if x.problem != nil {
			attrs = append(attrs, slog.String("code", x.problem.Code))
			if x.problem.Cause != nil {
				attrs = append(attrs, slog.String("cause", x.problem.Cause.Error()))
			}
		}
		a.cfg.Log.LogAttrs(r.Context(), level, "request", attrs...)
	})
}

// traceparent is W3C Trace Context, level 1, version 00.
var traceparent = regexp.MustCompile(`^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$`)

func traceID(header string) string {
	if m := traceparent.FindStringSubmatch(header); m != nil {
		return m[1]
	}
	return ""
}

// recovered answers 500 where a handler panics; the stack goes to the log.
func (a *API) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				a.cfg.Log.ErrorContext(r.Context(), "panic", "requestId", RequestID(r.Context()), "stack", string(debug.Stack()))
				if begun(w) {
					panic(http.ErrAbortHandler) // half an answer must not look whole
				}
				a.fail(w, r, fmt.Errorf("panic: %v", p))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// corsHeaders are the request headers that web clients send.
const corsHeaders = "authorization, content-type, if-match, idempotency-key, teams-user-aad-token, x-request-id"

// cors lets pages of the configured origins call, and answers preflights. On
// Azure the platform may do both before a request gets here.
func (a *API) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if origin != "" && len(a.cfg.Origins) > 0 {
			w.Header().Add("Vary", "Origin")
		}
		if origin != "" && (slices.Contains(a.cfg.Origins, origin) || slices.Contains(a.cfg.Origins, "*")) {
			w.Header().Set("Access-Control-Allow-Origin", origin)
			w.Header().Set("Access-Control-Expose-Headers", "ETag, Location, Retry-After, WWW-Authenticate, X-Request-Id")
		}
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			if w.Header().Get("Access-Control-Allow-Origin") != "" {
				w.Header().Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
				w.Header().Set("Access-Control-Allow-Headers", corsHeaders)
				w.Header().Set("Access-Control-Max-Age", "600")
			}
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// route serves the operation of the path, or says in the contract's own form
// that there is none. It looks before the mux does, which would redirect what is
// not clean and answer in its own words.
//
// The time that a request may take begins here, where its operation is known: an
// answer comes before the client or the host gives up.
func (a *API) route(w http.ResponseWriter, r *http.Request) {
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
		a.fail(w, r, invalid(problem.Field{Location: "query", Message: "is not a query: a % is not followed by two hexadecimal digits, or a semicolon separates"}))
		return
	}
	if !strings.HasPrefix(r.URL.Path, "/") || path.Clean(r.URL.Path) != strings.TrimSuffix(r.URL.Path, "/") {
		a.fail(w, r, nothingHere())
		return
	}
	if _, pattern := a.mux.Handler(r); pattern != "" {
		noted(r.Context()).route = pattern
		ctx, cancel := context.WithTimeout(r.Context(), cmp.Or(a.deadlines[pattern], a.cfg.Deadline))
		defer cancel()
		a.mux.ServeHTTP(w, r.WithContext(ctx))
		return
	}
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.WithContext(r.Context())
		other.Method = method
		if _, pattern := a.mux.Handler(other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		a.fail(w, r, nothingHere())
		return
	}
	if allowed[0] == http.MethodGet {
		allowed = append(allowed, http.MethodHead)
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	a.fail(w, r, problem.New(problem.MethodNotAllowed, "method_not_allowed", "This path takes %s.", strings.Join(allowed, ", ")))
}

func nothingHere() error {
	return problem.New(problem.NotFound, "path_unknown", "There is nothing at this path. %s/docs lists what there is.", Prefix)
}

// begun reports whether an answer is on its way.
func begun(w http.ResponseWriter) bool {
	answer, ok := w.(*statusWriter)
	return ok && answer.status != 0
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap gives http.ResponseController the writer behind.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
