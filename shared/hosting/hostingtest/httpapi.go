package hostingtest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/uuid"
)

// RoundTrip sends a request through the HTTP API, or the Function URL, in front of the
// function. A failed invocation is answered as there: 500.
func (l *Lambda) RoundTrip(r *http.Request) (*http.Response, error) {
	event, err := l.httpEvent(r)
	if err != nil {
		return nil, err
	}
	payload, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	if len(payload) > maxPayload {
		return newResponse(r, http.StatusRequestEntityTooLarge, http.Header{}, []byte(`{"message":"Request Too Long"}`)), nil
	}
	answer, err := l.Invoke(r.Context(), payload)
	if _, failed := errors.AsType[*FunctionError](err); failed {
		return newResponse(r, http.StatusInternalServerError, http.Header{}, []byte(`{"message":"Internal Server Error"}`)), nil
	}
	if err != nil {
		return nil, err
	}
	return httpAnswer(r, answer)
}

// httpEvent is the request in payload format 2.0. An HTTP API gives the path decoded
// and cut at a question mark that was encoded, with the stage in front; a Function URL
// gives it as the client sent it.
func (l *Lambda) httpEvent(r *http.Request) (*events.APIGatewayV2HTTPRequest, error) {
	event := &events.APIGatewayV2HTTPRequest{Version: "2.0", RouteKey: "$default", RawQueryString: r.URL.RawQuery, Headers: map[string]string{}}
	domain := "a1b2c3.execute-api.eu-central-1.amazonaws.com"
	event.RawPath, _, _ = strings.Cut(r.URL.Path, "?")
	switch {
	case l.o.FunctionURL:
		domain = "a1b2c3.lambda-url.eu-central-1.on.aws"
		event.RawPath = r.URL.EscapedPath()
	case l.o.Stage != "$default":
		event.RawPath = "/" + l.o.Stage + event.RawPath
	case r.Host != "":
		domain = r.Host // a custom domain
	}
	for name, values := range r.Header {
		if name == "Cookie" {
			event.Cookies = strings.Split(strings.Join(values, "; "), "; ")
			continue
		}
		event.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	event.Headers["host"] = domain
	event.Headers["x-forwarded-for"] = "203.0.113.7"
	event.Headers["x-forwarded-proto"] = "https"
	now := time.Now().UTC()
	event.RequestContext = events.APIGatewayV2HTTPRequestContext{
		RouteKey: "$default", AccountID: "123456789012", Stage: l.o.Stage, RequestID: uuid.NewString(), APIID: "a1b2c3",
		DomainName: domain, Time: now.Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: now.UnixMilli(),
		HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
			Method: r.Method, Path: event.RawPath, Protocol: "HTTP/1.1", SourceIP: "203.0.113.7", UserAgent: r.UserAgent()},
	}
	return event, setBody(event, r.Body)
}

// setBody sends text as text and anything else in base64.
func setBody(event *events.APIGatewayV2HTTPRequest, from io.ReadCloser) error {
	if from == nil {
		return nil
	}
	defer from.Close()
	body, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	if event.Body = string(body); !utf8.Valid(body) {
		event.Body, event.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return nil
}

// httpAnswer makes a response of an answer in payload format 2.0. What the service
// would ignore or guess at is an error here.
func httpAnswer(r *http.Request, payload json.RawMessage) (*http.Response, error) {
	var answer events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(payload, &answer); err != nil {
		return nil, fmt.Errorf("the answer is not in payload format 2.0: %w", err)
	}
	if answer.StatusCode == 0 || len(answer.MultiValueHeaders) > 0 {
		return nil, errors.New("the answer has no statusCode, or has multiValueHeaders, which format 2.0 ignores")
	}
	header := http.Header{}
	for _, name := range slices.Sorted(maps.Keys(answer.Headers)) {
		header.Set(name, answer.Headers[name])
	}
	for _, cookie := range answer.Cookies {
		header.Add("Set-Cookie", cookie)
	}
	body := []byte(answer.Body)
	if answer.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(answer.Body); err != nil {
			return nil, fmt.Errorf("the answer's body is not base64: %w", err)
		}
	}
	return newResponse(r, answer.StatusCode, header, body), nil
}

func newResponse(r *http.Request, status int, header http.Header, body []byte) *http.Response {
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}
