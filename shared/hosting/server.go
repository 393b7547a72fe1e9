package hosting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// drainTime is how long a server that was told to stop waits for the requests
// that it has begun.
const drainTime = 10 * time.Second

// plainHost serves App.HTTP on an address of its own: a laptop, a container, a
// virtual machine. Event functions have no trigger here.
//
// The address is SWITCHBOARD_ADDR and nothing else. PORT is not honoured: it
// is set in many shells for other programs, and would have to mean every
// interface; a container that wants that says SWITCHBOARD_ADDR=:8080.
type plainHost struct{ addr string }

func (h *plainHost) startFailed(context.Context, error) {}

func (h *plainHost) serve(ctx context.Context, app *App, log *slog.Logger) error {
	ln, err := net.Listen("tcp", h.addr)
	if err != nil {
		return fmt.Errorf("SWITCHBOARD_ADDR: %w", err)
	}
	return Serve(ctx, ln, app.HTTP, log)
}

// Serve answers HTTP on ln until ctx ends, then lets begun requests finish, for
// at most ten seconds. It closes ln. The error is nil after a clean stop.
//
// Every phase of a connection has a bound, so that slow clients cannot hold
// it: 10 s for the header, 30 s for the whole request, 60 s for the answer,
// 2 min of idleness, 64 KiB of header.
func Serve(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger) error {
	srv := newServer(h, log)
	srv.ReadTimeout = 30 * time.Second
	srv.WriteTimeout = 60 * time.Second
	srv.IdleTimeout = 2 * time.Minute
	return serve(ctx, srv, ln, log)
}

// newServer returns a server with the bounds that every host shares.
func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           answerPanics(h, log),
		ReadHeaderTimeout: 10 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

func serve(ctx context.Context, srv *http.Server, ln net.Listener, log *slog.Logger) error {
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	log.Info("listening", "addr", ln.Addr().String())
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	err := srv.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		log.Warn("requests were cut off at the stop", "after", drainTime.String())
		return srv.Close()
	}
	return err
}
