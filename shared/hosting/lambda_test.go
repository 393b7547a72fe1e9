package hosting_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/shared/hosting/hostingtest"
)

// through sends a GET through the HTTP API in front of a function.
func through(t *testing.T, l *hostingtest.Lambda, path string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := l.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// invoke runs the function and returns its failure, or nil.
func invoke(t *testing.T, l *hostingtest.Lambda, payload string) *hostingtest.FunctionError {
	t.Helper()
	_, err := l.Invoke(t.Context(), json.RawMessage(payload))
	failure, failed := errors.AsType[*hostingtest.FunctionError](err)
	if err != nil && !failed {
		t.Fatal(err)
	}
	return failure
}

func TestTheHandlerSettingNamesTheEventFunction(t *testing.T) {
	t.Parallel()
	const sqs = `{"Records":[{"messageId":"m1","body":"{\"id\":\"e1\"}","eventSource":"aws:sqs"}]}`
	for _, c := range []struct{ handler, failure string }{
		{"record", ""},
		{"fail", "the event was not handled; the cause is in the log"},
		{"crash", "the event was not handled; the cause is in the log"},
		{"bootstrap", "this program has 3 event functions: name one in the Handler setting"},
		{"token", `the Handler setting "token" names no event function of this program`},
	} {
		t.Run(c.handler, func(t *testing.T) {
			l := startLambda(t, hostingtest.LambdaOptions{Handler: c.handler})
			failure := invoke(t, l, sqs)
			if c.failure == "" {
				if failure != nil {
					t.Fatal(failure)
				}
				if _, got := through(t, l, "/api/events"); strings.TrimSpace(got) != "["+sqs+"]" {
					t.Errorf("the function saw %s", got)
				}
				return
			}
			if failure == nil || failure.Message != c.failure {
				t.Errorf("failure %v, want %q", failure, c.failure)
			}
			checkLog(t, l.Stdout())
		})
	}
}

// The process is kept after a panic: the next invocation is warm.
func TestAPanicDoesNotEndTheInstance(t *testing.T) {
	t.Parallel()
	l := startLambda(t, hostingtest.LambdaOptions{Handler: "record"})
	invoke(t, l, `{"first":1}`)
	if resp, _ := through(t, l, "/api/panic"); resp.StatusCode != http.StatusInternalServerError {
		t.Errorf("status %d", resp.StatusCode)
	}
	if resp, body := through(t, l, "/api/panic?late=1"); resp.StatusCode != http.StatusInternalServerError || strings.HasPrefix(body, "x") {
		t.Errorf("status %d, body %.40s: half an answer", resp.StatusCode, body)
	}
	if _, got := through(t, l, "/api/events"); strings.TrimSpace(got) != `[{"first":1}]` {
		t.Errorf("the instance is another: %s", got)
	}
}

func TestPayloadFormat1IsRefusedClearly(t *testing.T) {
	t.Parallel()
	l := startLambda(t, hostingtest.LambdaOptions{Handler: "record"})
	for _, payload := range []string{
		`{"version":"1.0","resource":"/api/echo","path":"/api/echo","httpMethod":"GET","requestContext":{"stage":"$default"}}`,
		`{"resource":"/api/echo","path":"/api/echo","httpMethod":"GET","requestContext":{"resourcePath":"/api/echo"}}`,
		`{"requestContext":{"elb":{"targetGroupArn":"arn"}},"httpMethod":"GET","path":"/"}`,
	} {
		failure := invoke(t, l, payload)
		if failure == nil || !strings.Contains(failure.Message, "payload format version to 2.0") {
			t.Errorf("%s: %v", payload, failure)
		}
	}
	if _, got := through(t, l, "/api/events"); strings.TrimSpace(got) != "null" {
		t.Errorf("a request passed for an event: %s", got)
	}
}

func TestTheAppCanAnswerBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	l := startLambda(t, hostingtest.LambdaOptions{Timeout: time.Second})
	start := time.Now()
	if resp, body := through(t, l, "/api/slow"); resp.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("status %d: %s; after %s", resp.StatusCode, body, time.Since(start))
	}
}

func TestAnAnswerThatLambdaCannotCarry(t *testing.T) {
	t.Parallel()
	l := startLambda(t, hostingtest.LambdaOptions{})
	for _, path := range []string{"/api/large?bytes=6291456", "/api/large?bytes=20000000"} {
		resp, body := through(t, l, path)
		if resp.StatusCode != http.StatusInternalServerError || !strings.Contains(body, "answer_too_large") {
			t.Errorf("%s: %d %.200s", path, resp.StatusCode, body)
		}
	}
	if resp, body := through(t, l, "/api/large?bytes=6000000"); resp.StatusCode != 200 || len(body) != 6_000_000 {
		t.Errorf("6 MB: %d with %d bytes", resp.StatusCode, len(body))
	}
}

func TestARefusedStartIsReportedToLambda(t *testing.T) {
	t.Parallel()
	l := startLambda(t, hostingtest.LambdaOptions{Handler: "record", Env: []string{"TESTAPP_REFUSES=set SWITCHBOARD_THIS"}})
	if failure := invoke(t, l, `{}`); failure == nil || failure.Message != "set SWITCHBOARD_THIS" {
		t.Errorf("failure %v", failure)
	}
}

func TestLambdaRequestDetails(t *testing.T) {
	t.Parallel()
	l := startLambda(t, hostingtest.LambdaOptions{})
	_, body := through(t, l, "/api/echo/8%3Aacs%3Ax?a=%2F")
	var saw struct{ RemoteAddr, RequestURI, Invocation string }
	if err := json.Unmarshal([]byte(body), &saw); err != nil {
		t.Fatal(err)
	}
	if saw.RemoteAddr != "203.0.113.7:0" || saw.RequestURI != "/api/echo/8:acs:x?a=%2F" || len(saw.Invocation) != 36 {
		t.Errorf("%+v", saw)
	}
}

// A Function URL keeps a path as it was sent; an HTTP API has decoded it already, so
// that a percent sign in it is one.
func TestAPathIsDecodedOnce(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]hostingtest.LambdaOptions{"HTTP API": {}, "Function URL": {FunctionURL: true}} {
		_, body := through(t, startLambda(t, o), "/api/echo/100%2541")
		var saw struct{ Path string }
		if err := json.Unmarshal([]byte(body), &saw); err != nil || saw.Path != "/api/echo/100%41" {
			t.Errorf("%s: path %q, %v", name, saw.Path, err)
		}
	}
}

func TestABrokenBodyIsNotServed(t *testing.T) {
	t.Parallel()
	l := startLambda(t, hostingtest.LambdaOptions{})
	failure := invoke(t, l, `{"version":"2.0","rawPath":"/api/echo","headers":{},"body":"%%%","isBase64Encoded":true,"requestContext":{"http":{"method":"POST"}}}`)
	// The log takes a way of its own, and may come after the answer.
	eventually(t, "the cause is logged", func() bool { return strings.Contains(l.Stdout(), "base64") })
	if failure == nil {
		t.Error("the request was served")
	}
}

// An instance that is killed is replaced by the next invocation, which no poll of the
// dead process takes away.
func TestAKilledInstanceIsReplaced(t *testing.T) {
	t.Parallel()
	l := startLambda(t, hostingtest.LambdaOptions{Handler: "record", Timeout: 5 * time.Second})
	for range 30 {
		if failure := invoke(t, l, `{"Records":[]}`); failure != nil {
			t.Fatal(failure)
		}
		l.Kill()
	}
}
