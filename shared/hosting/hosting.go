// Package hosting runs Switchboard wherever it is started: as an Azure Functions
// custom handler, as an AWS Lambda function, or as a plain HTTP server. It is
// the only package that knows the first two.
//
// The program gives a Builder; the package finds out from the environment which
// host it is under, builds the App and carries requests and events to it. What
// the App sees does not depend on the host:
//
//   - HTTP requests arrive at App.HTTP with the path the client asked for
//     (/api/…), the host name the client used, and all headers and cookies.
//   - Events arrive at the EventHandler of their function as the plain JSON
//     value, whatever wrapping the host put around it. An error asks for
//     redelivery.
//   - A panic becomes an answer (500), never a dead process.
//
// The host is found in this order:
//
//	AWS_LAMBDA_RUNTIME_API                  AWS Lambda (lambda.go)
//	FUNCTIONS_CUSTOMHANDLER_PORT, or the
//	older FUNCTIONS_HTTPWORKER_PORT         Azure Functions (azure.go)
//	otherwise                               plain HTTP on SWITCHBOARD_ADDR (server.go)
//
// The package has no routes, no sign-in and no error vocabulary of its own; it
// answers by itself only where the App cannot: readiness, a panic, an answer
// too large for Lambda.
package hosting

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

// App is what a host runs, however it was started.
type App struct {
	HTTP   http.Handler            // every HTTP route at its full external path (/api/…)
	Events map[string]EventHandler // event-triggered functions by name (the folder's name)
}

// EventHandler takes one delivery of an event function. The payload is the
// JSON value that the trigger speaks of: an object for a timer or a single
// Event Grid event, an array for a change feed. The error asks the host for
// redelivery, so handlers are idempotent; its text is logged.
type EventHandler func(ctx context.Context, payload json.RawMessage) error

// Builder makes the App from the environment. It must not use the network: a
// cold start waits for it. Its error stops the start; the message is for the
// operator and says what to set.
type Builder func(ctx context.Context, env func(string) string, log *slog.Logger) (*App, error)

// Process is what a program gets from the operating system.
type Process struct {
	Env    func(string) string // looks up one variable; empty = unset
	Stdout io.Writer           // takes the log, one JSON object a line
	Stderr io.Writer           // takes the reason of a failed start, in plain text
}

// Main runs the program and returns its exit code:
//
//	func main() { os.Exit(hosting.Main(build)) }
//
// What libraries log through the standard logger goes the way of all logs,
// because the Azure host reports every line on stderr as an error.
func Main(build Builder) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	slog.SetDefault(newLogger(os.Stdout))
	Tune(os.Getenv)
	return Run(ctx, Process{Env: os.Getenv, Stdout: os.Stdout, Stderr: os.Stderr}, build)
}

// Run is Main without the operating system. It serves until ctx ends and
// returns the exit code: 1 when the start or the server failed, and on Azure
// always 1, because the host takes 0 for a wanted end and never starts the
// handler again; otherwise 0.
func Run(ctx context.Context, p Process, build Builder) int {
	log := newLogger(p.Stdout)
	host := detect(p.Env)
	app, err := build(ctx, p.Env, log)
	if err == nil {
		err = app.check()
	}
	if err != nil {
		log.Error("the start failed", "error", err.Error())
		// The Azure host puts the last lines of stderr into its own report.
		fmt.Fprintf(p.Stderr, "cannot start: %v\n", err)
		host.startFailed(ctx, err)
		return 1
	}
	if err := host.serve(ctx, app, log); err != nil {
		log.Error("the host adapter failed", "error", err.Error())
		fmt.Fprintf(p.Stderr, "stopped: %v\n", err)
		return 1
	}
	return 0
}

// host is one way of being run.
type host interface {
	// serve carries requests and events to the App until ctx ends. A nil error
	// is an end that was wanted.
	serve(ctx context.Context, app *App, log *slog.Logger) error
	// startFailed tells the platform why there will be no serve.
	startFailed(ctx context.Context, cause error)
}

func detect(env func(string) string) host {
	if api := env("AWS_LAMBDA_RUNTIME_API"); api != "" {
		return &lambdaHost{api: api, selector: env("_HANDLER")}
	}
	for _, name := range []string{"FUNCTIONS_CUSTOMHANDLER_PORT", "FUNCTIONS_HTTPWORKER_PORT"} {
		if port := env(name); port != "" {
			return &azureHost{port: port}
		}
	}
	addr := env("SWITCHBOARD_ADDR")
	if addr == "" {
		addr = "127.0.0.1:7071"
	}
	return &plainHost{addr: addr}
}

// check finds the mistakes of a Builder before the first request does.
func (a *App) check() error {
	if a == nil || a.HTTP == nil {
		return fmt.Errorf("the program has no HTTP handler")
	}
	for name, handle := range a.Events {
		if handle == nil {
			return fmt.Errorf("the event function %q has no handler", name)
		}
		if !functionName.MatchString(name) {
			return fmt.Errorf("%q cannot be the name of a function", name)
		}
	}
	return nil
}

func newLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, nil))
}

// invocationKey carries the host's id of the current invocation in a context.
type invocationKey struct{}

// InvocationID returns the id under which the host itself logs this request or
// event, or "" where the host has none (plain HTTP). It never comes from the
// client.
func InvocationID(ctx context.Context) string {
	id, _ := ctx.Value(invocationKey{}).(string)
	return id
}

func withInvocationID(ctx context.Context, id string) context.Context {
	if id == "" {
		return ctx
	}
	return context.WithValue(ctx, invocationKey{}, id)
}
