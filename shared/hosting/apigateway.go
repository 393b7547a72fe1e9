package hosting

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"switchboard/shared/problem"
)

// maxAnswerBytes is what Lambda takes back from a function, as JSON, base64 included.
const maxAnswerBytes = 6 << 20

// answer serves one request of payload format 2.0
// (docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html).
func (f *lambdaFunction) answer(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
	var event events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, err
	}
	r, err := newRequest(ctx, event)
	if err != nil {
		return nil, err
	}
	w := &answer{header: http.Header{}}
	f.serve(w, r)
	encoded, err := w.encode(r.Method)
	if err == nil && !w.overflow && len(encoded) <= maxAnswerBytes {
		return encoded, nil
	}
	f.log.Error("an answer was too large for Lambda", "method", r.Method, "invocationId", InvocationID(ctx), "limit", maxAnswerBytes)
	w = &answer{header: http.Header{}}
	writeProblem(w, problem.New(problem.Internal, "answer_too_large", "The answer is larger than this host can carry. Ask for less at a time."))
	return w.encode(r.Method)
}

// serve runs the App. An aborted answer has no connection to cut here, so it becomes
// a 500.
func (f *lambdaFunction) serve(w *answer, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			*w = answer{header: http.Header{}}
			writeProblem(w, problem.From(errors.New("aborted")))
		}
	}()
	f.web.ServeHTTP(w, r)
}

// newRequest makes the request that the client sent.
func newRequest(ctx context.Context, event events.APIGatewayV2HTTPRequest) (*http.Request, error) {
	body := []byte(event.Body)
	if event.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(event.Body); err != nil {
			return nil, errors.New("the body is not base64")
		}
	}
	r, err := http.NewRequestWithContext(ctx, event.RequestContext.HTTP.Method, "/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, value := range event.Headers {
		r.Header.Set(name, value)
	}
	if len(event.Cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(event.Cookies, "; "))
	}
	r.URL = requestURL(event)
	r.RequestURI = r.URL.RequestURI()
	r.RemoteAddr = net.JoinHostPort(event.RequestContext.HTTP.SourceIP, "0")
	if r.Host = r.Header.Get("Host"); r.Host == "" {
		r.Host = event.RequestContext.DomainName
	}
	r.Header.Del("Host") // as net/http does
	return r, nil
}

// requestURL is the path without the stage, and the query verbatim. The path of a
// Function URL is percent-encoded as the client sent it; that of an HTTP API is
// decoded already, and decoding it again would open an id that holds a percent sign.
func requestURL(event events.APIGatewayV2HTTPRequest) *url.URL {
	u := &url.URL{Path: withoutStage(event.RawPath, event.RequestContext.Stage), RawQuery: event.RawQueryString}
	if strings.Contains(event.RequestContext.DomainName, ".lambda-url.") {
		if path, err := url.PathUnescape(u.Path); err == nil {
			u.Path, u.RawPath = path, u.Path
		}
	}
	return u
}

// withoutStage cuts the stage off, which is a part of rawPath unless it is $default or
// a custom domain hides it. A stage must not be called "api".
func withoutStage(path, stage string) string {
	path = "/" + strings.TrimPrefix(path, "/")
	rest, found := strings.CutPrefix(path, "/"+stage)
	switch {
	case stage == "" || stage == "$default" || !found:
		return path
	case rest == "":
		return "/"
	case rest[0] == '/':
		return rest
	}
	return path
}

// answer collects what the App writes, as a net/http server would send it.
type answer struct {
	header   http.Header // the App's; frozen in sent by the first write
	sent     http.Header
	status   int
	body     bytes.Buffer
	overflow bool
}

func (a *answer) Header() http.Header { return a.header }

// WriteHeader ignores informational answers: there is nothing to carry them.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status, a.sent = status, a.header.Clone()
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if !bodyAllowed(a.status) {
		return 0, http.ErrBodyNotAllowed
	}
	if a.body.Len()+len(p) > maxAnswerBytes {
		a.overflow = true
		return 0, errors.New("the answer is too large for Lambda")
	}
	return a.body.Write(p)
}

func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// encode returns the answer in payload format 2.0: one value per header name, cookies
// apart, the body as text where it is text.
func (a *answer) encode(method string) (json.RawMessage, error) {
	a.WriteHeader(http.StatusOK)
	a.sniff()
	out := events.APIGatewayV2HTTPResponse{StatusCode: a.status, Headers: map[string]string{}, Cookies: a.sent["Set-Cookie"]}
	for _, name := range slices.Sorted(maps.Keys(a.sent)) {
		if len(a.sent[name]) > 0 && !hopByHop(name) {
			out.Headers[name] = strings.Join(a.sent[name], ", ")
		}
	}
	switch body := a.body.Bytes(); {
	case method == http.MethodHead:
	case utf8.Valid(body):
		out.Body = string(body)
	default:
		out.Body, out.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	var encoded bytes.Buffer
	enc := json.NewEncoder(&encoded)
	enc.SetEscapeHTML(false)
	err := enc.Encode(out)
	return bytes.TrimSpace(encoded.Bytes()), err
}

// sniff gives an answer the type that net/http would find for it.
func (a *answer) sniff() {
	if _, set := a.sent["Content-Type"]; !set && a.body.Len() > 0 {
		a.sent.Set("Content-Type", http.DetectContentType(a.body.Bytes()))
	}
}

// hopByHop reports headers that belong to the connection, or to the list of cookies.
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Content-Length", "Keep-Alive", "Set-Cookie", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}
