package hosting_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"switchboard/shared/hosting"
)

// Whatever the payload, wrapping it as the host does must not change what the function
// sees, and what cannot be read is an error, not a panic.
func FuzzReadEvent(f *testing.F) {
	for _, seed := range []string{`{"id":"d1"}`, `[1]`, `"text"`, `""`, `null`, `1`, `"\"1\""`, ` {"a":"\u2028"} `, `{"Data":{}}`, `{`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		hosting.ReadEvent(strings.NewReader(payload)) // as the whole body: anything but a panic
		trimmed := strings.TrimSpace(payload)
		if !json.Valid([]byte(payload)) || !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") {
			return // text is opened as far as it holds JSON, so it has no one right answer
		}
		data := payload
		for range 3 {
			got, err := hosting.ReadEvent(strings.NewReader(`{"Data":{"x":` + data + `},"Metadata":{"sys":{}}}`))
			if err != nil || string(got) != trimmed {
				t.Fatalf("%s: %s, %v", data, got, err)
			}
			wrapped, err := json.Marshal(data)
			if err != nil {
				t.Fatal(err)
			}
			data = string(wrapped)
		}
	})
}

// Whatever an HTTP API gives, the request has an absolute path and an intact query.
func FuzzRequestURL(f *testing.F) {
	for _, path := range []string{"/api/token", "/prod/api/token", "/prod", "/product", "", "/%", "/%2F%3F", "//x", "/a b?c#d"} {
		f.Add(path, "prod", "a=1&a=2", true)
		f.Add(path, "$default", "", false)
	}
	f.Fuzz(func(t *testing.T, path, stage, query string, functionURL bool) {
		event := events.APIGatewayV2HTTPRequest{RawPath: path, RawQueryString: query}
		event.RequestContext.Stage = stage
		if functionURL {
			event.RequestContext.DomainName = "a.lambda-url.eu-central-1.on.aws"
		}
		u := hosting.RequestURL(event)
		if !strings.HasPrefix(u.Path, "/") || u.RawQuery != query {
			t.Fatalf("%q: %#v", path, u)
		}
		if again, err := url.PathUnescape(u.EscapedPath()); err != nil || again != u.Path {
			t.Fatalf("%q: the path %q is encoded as %q", path, u.Path, u.EscapedPath())
		}
	})
}
