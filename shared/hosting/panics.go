package hosting

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"switchboard/shared/problem"
)

// answerPanics turns a panic of next into a 500, so that the client has an
// answer and the process goes on. When the answer has begun already, the
// connection is cut instead: half an answer must not look like a whole one.
func answerPanics(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := &beginning{ResponseWriter: w}
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p != http.ErrAbortHandler {
				logPanic(log, p, "method", r.Method, "invocationId", InvocationID(r.Context())) // no path: it may hold a secret
			}
			if p == http.ErrAbortHandler || begun.wrote {
				panic(http.ErrAbortHandler)
			}
			clear(w.Header())
			writeProblem(w, problem.From(errors.New("panic")))
		}()
		next.ServeHTTP(begun, r)
	})
}

func logPanic(log *slog.Logger, p any, attrs ...any) {
	log.With(attrs...).Error("panic", "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
}

// beginning is a ResponseWriter that knows whether its answer has begun.
type beginning struct {
	http.ResponseWriter
	wrote bool
}

func (b *beginning) WriteHeader(status int) {
	b.wrote = b.wrote || status >= 200
	b.ResponseWriter.WriteHeader(status)
}

func (b *beginning) Write(p []byte) (int, error) {
	b.wrote = true
	return b.ResponseWriter.Write(p)
}

// Unwrap gives http.ResponseController what the server's writer can do.
func (b *beginning) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// writeProblem answers in the form of RFC 9457 where the App could not.
func writeProblem(w http.ResponseWriter, e *problem.Error) {
	status := e.Kind.Status()
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{
		"title": http.StatusText(status), "status": status, "code": e.Code, "detail": e.Detail,
	})
}
