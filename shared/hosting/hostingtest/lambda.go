package hostingtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// LambdaOptions describe one Lambda function and what stands in front of it.
type LambdaOptions struct {
	Bootstrap   string        // the absolute path of the executable; its folder is the working directory
	Env         []string      // environment variables, "NAME=value"
	Handler     string        // the Handler setting; "" = bootstrap
	Timeout     time.Duration // of one invocation; 0 = 3 s, Lambda's default
	Stage       string        // of the HTTP API; "" = $default
	FunctionURL bool          // a Function URL in place of an HTTP API
}

// Lambda is one instance of a Lambda function. The process is started by the first
// invocation, and again after it ended or ran into the timeout.
type Lambda struct {
	o      LambdaOptions
	stdout output
	stderr output

	turn sync.Mutex // held during an invocation: an instance has one at a time

	mu        sync.Mutex
	process   *instance // changes only in turn
	current   *invocation
	initError *FunctionError
}

// FunctionError is what a failed invocation gives its invoker.
type FunctionError struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// instance is one process and the Runtime API that it speaks to. Each has its own: a
// poll of a dead process may arrive when the next has begun.
type instance struct {
	cmd    *exec.Cmd
	api    *httptest.Server
	next   chan *invocation
	exited chan struct{}
}

type invocation struct {
	id       string
	payload  json.RawMessage
	deadline time.Time
	result   chan result
}

type result struct {
	payload json.RawMessage
	err     error
}

// StartLambda makes a function. The first invocation starts its process.
func StartLambda(o LambdaOptions) *Lambda {
	if o.Handler == "" {
		o.Handler = "bootstrap"
	}
	if o.Timeout == 0 {
		o.Timeout = 3 * time.Second
	}
	if o.Stage == "" {
		o.Stage = "$default"
	}
	return &Lambda{o: o}
}

// runtimeAPI starts the Runtime API of one process.
func (l *Lambda) runtimeAPI(p *instance) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", p.serveNext)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", l.serveResponse)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", l.serveError)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", l.serveInitError)
	return httptest.NewServer(mux)
}

// Close kills the process, and with it ends the Runtime API.
func (l *Lambda) Close() {
	l.turn.Lock()
	defer l.turn.Unlock()
	l.stop()
}

// Kill ends the function's process as a crash would. The next invocation starts another.
func (l *Lambda) Kill() {
	l.mu.Lock()
	p := l.process
	l.mu.Unlock()
	if p != nil {
		p.cmd.Process.Kill()
		<-p.exited
	}
}

// Stdout and Stderr return what the function has written.
func (l *Lambda) Stdout() string { return l.stdout.String() }
func (l *Lambda) Stderr() string { return l.stderr.String() }

// Invoke runs the function once. The error is a *FunctionError when the function
// failed, ran out of time or ended.
func (l *Lambda) Invoke(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
	l.turn.Lock()
	defer l.turn.Unlock()
	if err := l.start(); err != nil {
		return nil, err
	}
	in := &invocation{id: uuid.NewString(), payload: payload, deadline: time.Now().Add(l.o.Timeout), result: make(chan result, 1)}
	l.mu.Lock()
	l.current = in
	l.mu.Unlock()
	timeout := time.NewTimer(l.o.Timeout)
	defer timeout.Stop()
	for next := l.process.next; ; {
		select {
		case next <- in:
			next = nil // it is with the function now
		case r := <-in.result:
			return r.payload, r.err
		case <-l.process.exited:
			return nil, l.exitError()
		case <-timeout.C:
			l.stop()
			return nil, &FunctionError{"Sandbox.Timedout", fmt.Sprintf("Task timed out after %.2f seconds", l.o.Timeout.Seconds())}
		case <-ctx.Done():
			l.stop()
			return nil, ctx.Err()
		}
	}
}

// start makes sure that there is a process.
func (l *Lambda) start() error {
	if l.process != nil {
		select {
		case <-l.process.exited:
		default:
			return nil
		}
	}
	cmd := exec.Command(l.o.Bootstrap)
	p := &instance{cmd: cmd, next: make(chan *invocation), exited: make(chan struct{})}
	p.api = l.runtimeAPI(p)
	cmd.Dir = filepath.Dir(l.o.Bootstrap)
	cmd.Env = append(machineEnv(),
		"AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(p.api.URL, "http://"), "_HANDLER="+l.o.Handler,
		"AWS_LAMBDA_FUNCTION_NAME=test", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "AWS_REGION=eu-central-1")
	cmd.Env = append(cmd.Env, l.o.Env...)
	cmd.Stdout, cmd.Stderr = &l.stdout, &l.stderr
	if err := cmd.Start(); err != nil {
		p.api.Close()
		return err
	}
	l.mu.Lock()
	l.process = p
	l.mu.Unlock()
	go func() {
		p.cmd.Wait() // ProcessState has the outcome
		p.api.CloseClientConnections()
		p.api.Close()
		close(p.exited)
	}()
	return nil
}

func (l *Lambda) stop() {
	if l.process != nil {
		l.process.cmd.Process.Kill()
		<-l.process.exited
	}
}

// exitError is the failure of an invocation whose process ended.
func (l *Lambda) exitError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.initError; err != nil {
		l.initError = nil
		return err
	}
	return &FunctionError{"Runtime.ExitError", fmt.Sprintf("the process ended: %s", l.process.cmd.ProcessState)}
}

func (p *instance) serveNext(w http.ResponseWriter, r *http.Request) {
	select {
	case in := <-p.next:
		h := w.Header()
		h.Set("Lambda-Runtime-Aws-Request-Id", in.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(in.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:test")
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1")
		h.Set("Content-Type", "application/json")
		w.Write(in.payload)
	case <-r.Context().Done():
	}
}

func (l *Lambda) serveResponse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	switch {
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	case len(body) > maxPayload:
		l.finish(r.PathValue("id"), result{err: &FunctionError{"Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes)."}})
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	case !l.finish(r.PathValue("id"), result{payload: body}):
		w.WriteHeader(http.StatusBadRequest)
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

func (l *Lambda) serveError(w http.ResponseWriter, r *http.Request) {
	if !l.finish(r.PathValue("id"), result{err: readFunctionError(r.Body)}) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (l *Lambda) serveInitError(w http.ResponseWriter, r *http.Request) {
	failure := readFunctionError(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.initError = failure
	w.WriteHeader(http.StatusAccepted)
}

// finish ends the current invocation if it is the one named.
func (l *Lambda) finish(id string, r result) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == nil || l.current.id != id {
		return false
	}
	l.current.result <- r
	l.current = nil
	return true
}

func readFunctionError(body io.Reader) *FunctionError {
	failure := &FunctionError{}
	if err := json.NewDecoder(body).Decode(failure); err != nil {
		return &FunctionError{"Runtime.Unknown", errors.Join(errors.New("the error could not be read"), err).Error()}
	}
	return failure
}

// maxPayload is the limit of a buffered payload, each way.
const maxPayload = 6291556
