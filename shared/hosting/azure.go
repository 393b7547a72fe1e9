package hosting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// azureHost is the custom handler contract of Azure Functions (host 4.x,
// learn.microsoft.com/azure/azure-functions/functions-custom-handlers; the wire
// as observed on host 4.1045):
//
//   - The host polls GET / every 25 ms and takes any answer for readiness, so
//     the App is built before the port is opened.
//   - HTTP functions arrive proxied (enableProxyingHttpRequest) or rebuilt
//     (enableForwardingHttpRequest, hosts before 4.1041), both at the full path.
//   - Event functions arrive as POST /{function} (event.go), addressed to
//     127.0.0.1:PORT. The address is checked, for the path alone proves nothing: a
//     forwarding host (not a proxying one) resolves "..\" and "%252e%252e/" only
//     after its routing, so that POST /api/token/..%5C..%5Creminders arrives as
//     POST /reminders. It leaves the client's Host on it, though.
//   - The host stops the process with SIGKILL.
type azureHost struct{ port string }

// errStopped is an end by signal. The exit code must not be 0.
var errStopped = errors.New("stopped by a signal")

func (h *azureHost) startFailed(context.Context, error) {}

// serve listens on 127.0.0.1, where the host connects, never on localhost, which may be
// ::1. Reads and writes have no deadline of their own: the only peer is the host, which
// bounds each invocation itself, and a server's ReadTimeout would cut an event off that
// runs longer. Idle connections outlive the host's pool (one minute), so that a request
// never meets a connection that is just being closed.
func (h *azureHost) serve(ctx context.Context, app *App, log *slog.Logger) error {
	if n, err := strconv.ParseUint(h.port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("FUNCTIONS_CUSTOMHANDLER_PORT: %q is not a port", h.port)
	}
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", h.port))
	if err != nil {
		return fmt.Errorf("FUNCTIONS_CUSTOMHANDLER_PORT: %w", err)
	}
	srv := newServer(&customHandler{app: app, addr: ln.Addr().String(), log: log}, log)
	srv.IdleTimeout = 5 * time.Minute
	if err := serve(ctx, srv, ln, log); err != nil {
		return err
	}
	return errStopped
}

// customHandler tells readiness, events and HTTP functions apart.
type customHandler struct {
	app  *App
	addr string // where it listens, the Host of a proxied request
	log  *slog.Logger
}

func (h *customHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = r.WithContext(withInvocationID(r.Context(), invocationID(r.Header)))
	name := strings.TrimPrefix(r.URL.Path, "/")
	fromHost := r.Host == h.addr // addressed by the host itself: not forwarded
	switch {
	case name == "" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		w.WriteHeader(http.StatusOK)
	case r.Method == http.MethodPost && fromHost && name != "" && !strings.Contains(name, "/"):
		h.serveEvent(w, r, name)
	default:
		// A proxied request names the client's host in X-Forwarded-Host, which the
		// host sets; a rebuilt one keeps Host, and its X-Forwarded-Host is anyone's.
		if client := r.Header.Get("X-Forwarded-Host"); client != "" && fromHost {
			r.Host = client
		}
		signInBySession(r)
		h.app.HTTP.ServeHTTP(w, r)
	}
}

// signInBySession takes over the access token of Azure's built-in sign-in ("Easy
// Auth"), which keeps a browser's session in a cookie and hands the token on, where
// its token store is on. The App verifies it like any other, so that a header which
// a client made up is worth nothing. Requests that pages of other origins cause ride
// on the cookie, too, and are not signed in by it.
func signInBySession(r *http.Request) {
	token := r.Header.Get("X-MS-TOKEN-AAD-ACCESS-TOKEN")
	if token == "" || r.Header.Get("Authorization") != "" || foreign(r) {
		return
	}
	r.Header.Set("Authorization", "Bearer "+token)
}

// foreign reports whether a page of another origin caused the request. Browsers say
// so (W3C Fetch Metadata); older ones name the origin of what is not a read.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return true
	}
	return http.NewCrossOriginProtection().Check(r) != nil
}

// invocationID is the last element of the header: a rebuilt request carries what
// the client sent first ("spoof, real").
func invocationID(header http.Header) string {
	values := header.Values("X-Azure-Functions-InvocationId")
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}
