package hosting

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// lambdaHost runs under the Lambda Runtime API
// (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
//
// An invocation whose payload is an HTTP request (an HTTP API with payload format
// 2.0, or a Function URL) goes to App.HTTP. Any other payload is an event: SQS,
// EventBridge, a schedule. The function's Handler setting, which Lambda ignores for
// Go, names the event function, so that one executable serves several Lambda
// functions; "bootstrap", the usual value, stands for the only one there is.
type lambdaHost struct {
	api      string // host:port of the Runtime API
	selector string // the Handler setting
}

// serve polls for invocations until the process is killed, or told to stop while an
// extension is registered. The process is frozen between invocations, so nothing can
// be in flight then.
func (h *lambdaHost) serve(ctx context.Context, app *App, log *slog.Logger) error {
	f := &lambdaFunction{app: app, selector: h.selector, log: log, web: answerPanics(app.HTTP, log)}
	go lambda.StartWithOptions(f.invoke, lambda.WithContext(context.WithoutCancel(ctx))) // ends the process when it fails
	<-ctx.Done()
	return nil
}

// startFailed reports the reason to the platform, which shows it to whoever invokes the
// function.
func (h *lambdaHost) startFailed(ctx context.Context, cause error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	body, _ := json.Marshal(map[string]string{"errorType": "StartFailed", "errorMessage": cause.Error()}) // strings always marshal
	url := "http://" + h.api + "/2018-06-01/runtime/init/error"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Lambda-Runtime-Function-Error-Type", "StartFailed")
	direct := &http.Client{Transport: &http.Transport{}} // the Runtime API is never behind a proxy
	if resp, err := direct.Do(req); err == nil {
		resp.Body.Close()
	}
}

// lambdaFunction answers invocations. It is safe for concurrent ones, which Lambda
// Managed Instances make.
type lambdaFunction struct {
	app      *App
	web      http.Handler
	selector string
	log      *slog.Logger
}

// The errors of an invocation reach the invoker. What caused them is in the log only.
var (
	errPayloadV1 = errors.New("the HTTP request has payload format 1.0; set the integration's payload format version to 2.0")
	errRequest   = errors.New("the HTTP request could not be read; the cause is in the log")
	errEvent     = errors.New("the event was not handled; the cause is in the log")
)

// invoke handles one payload. A nil result without error is the answer to an event.
func (f *lambdaFunction) invoke(ctx context.Context, payload json.RawMessage) (any, error) {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		ctx = withInvocationID(ctx, lc.AwsRequestID)
	}
	switch kindOf(payload) {
	case httpV2:
		ctx, cancel := beforeDeadline(ctx)
		defer cancel()
		answer, err := f.answer(ctx, payload)
		if err != nil {
			f.log.Error("an HTTP request could not be read", "invocationId", InvocationID(ctx), "error", err.Error())
			return nil, errRequest
		}
		return answer, nil
	case httpV1:
		f.log.Error("an invocation was refused", "error", errPayloadV1.Error())
		return nil, errPayloadV1
	default:
		return nil, f.handleEvent(ctx, payload)
	}
}

// beforeDeadline leaves the App some time to say that it was too slow: a fifth of a
// second, or a tenth of what is left where that is less.
func beforeDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	margin := min(200*time.Millisecond, time.Until(deadline)/10)
	return context.WithDeadline(ctx, deadline.Add(-margin))
}

func (f *lambdaFunction) handleEvent(ctx context.Context, payload json.RawMessage) error {
	name, err := f.eventName()
	if err != nil {
		f.log.Error("an event came that nothing handles", "error", err.Error())
		return err
	}
	log := f.log.With("function", name, "invocationId", InvocationID(ctx))
	if err := Deliver(ctx, f.app.Events[name], payload, log); err != nil {
		return errEvent
	}
	return nil
}

func (f *lambdaFunction) eventName() (string, error) {
	if f.selector != "" && f.selector != "bootstrap" {
		if _, ok := f.app.Events[f.selector]; ok {
			return f.selector, nil
		}
		return "", fmt.Errorf("the Handler setting %q names no event function of this program", f.selector)
	}
	if len(f.app.Events) != 1 {
		return "", fmt.Errorf("this program has %d event functions: name one in the Handler setting", len(f.app.Events))
	}
	for name := range f.app.Events {
		return name, nil
	}
	panic("unreachable: the map has one member")
}

// payloadKind is what an invocation carries.
type payloadKind int

const (
	event payloadKind = iota
	httpV1
	httpV2
)

// kindOf tells an HTTP request by the members that its format always has. REST APIs
// and load balancers send the older format as well.
func kindOf(payload json.RawMessage) payloadKind {
	var probe struct {
		Version        string
		HTTPMethod     *string
		RequestContext *struct {
			HTTP *struct{ Method string }
		}
	}
	if json.Unmarshal(payload, &probe) != nil || probe.RequestContext == nil {
		return event
	}
	switch {
	case probe.Version == "2.0" && probe.RequestContext.HTTP != nil && probe.RequestContext.HTTP.Method != "":
		return httpV2
	case probe.HTTPMethod != nil:
		return httpV1
	}
	return event
}
