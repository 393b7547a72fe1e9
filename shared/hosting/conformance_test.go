package hosting_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchboard/shared/hosting/hostingtest"
)

// The same request has the same answer on every host: that is the contract of the
// package. What the hosts themselves change is listed here and nowhere else.
//
// A real Azure Functions host takes part when there is one. Stage the test program for
// it, start the host on that folder (func start), and say where it answers:
//
//	SWITCHBOARD_TEST_STAGE=/tmp/app go test -run TestStageForARealHost ./shared/hosting
//	SWITCHBOARD_TEST_FUNCTIONS_URL=http://127.0.0.1:7071 go test -run TestEveryHost ./shared/hosting
const (
	forwardingChanges = 1 << iota // a forwarding host rebuilds it
	proxyingChanges               // a proxying host encodes it twice
	httpAPIChanges                // an HTTP API decodes it, or cannot carry it
	functionURLs                  // so does a Function URL
)

type exchange struct {
	name, method, url, body string
	header                  http.Header
	chunked                 bool
	status                  int
	wantHeader              http.Header // these, exactly
	wantBody                string      // exactly; or
	wantSeen                *seen       // what echo must have seen
	except                  int         // hosts that differ
}

// seen is what the test program tells about a request.
type seen struct {
	Method, Path, Query, Host, Body string
	Cookie, Test                    string `json:"-"`
}

func (s *seen) UnmarshalJSON(data []byte) error {
	type plain seen
	var headers struct{ Header map[string]string }
	if err := json.Unmarshal(data, (*plain)(s)); err != nil {
		return err
	}
	err := json.Unmarshal(data, &headers)
	s.Cookie, s.Test = headers.Header["Cookie"], headers.Header["X-Test"]
	return err
}

const site = "http://app.example"

func allBytes() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}

func exchanges() []exchange {
	problemHeader := http.Header{
		"Content-Type": {"application/problem+json"}, "X-Request-Id": {"r-1"}, "Etag": {`"v1"`},
		"Www-Authenticate": {`Bearer realm="a"`}, "Location": {"/api/elsewhere"},
	}
	emptyHeader := problemHeader.Clone()
	emptyHeader["Content-Type"] = nil
	list := []exchange{
		{name: "query", url: "/api/echo/x?scope=voip,chat&a=1&a=2&b=a+b%20c&z=%2F&flag", except: forwardingChanges,
			wantSeen: &seen{Method: "GET", Path: "/api/echo/x", Query: "scope=voip,chat&a=1&a=2&b=a+b%20c&z=%2F&flag"}},
		{name: "encoded colon", url: "/api/echo/8%3Aacs%3Aab_c-d",
			wantSeen: &seen{Method: "GET", Path: "/api/echo/8:acs:ab_c-d"}},
		{name: "encoded text", url: "/api/echo/%C3%A9t%C3%A9/a%20b/c%25d/%2B+/",
			wantSeen: &seen{Method: "GET", Path: "/api/echo/été/a b/c%d/++/"}},
		{name: "encoded slash", url: "/api/echo/a%2Fb", except: proxyingChanges,
			wantSeen: &seen{Method: "GET", Path: "/api/echo/a/b"}},
		{name: "encoded question mark", url: "/api/echo/a%3Fb", except: forwardingChanges | httpAPIChanges,
			wantSeen: &seen{Method: "GET", Path: "/api/echo/a?b"}},
		{name: "body", method: "POST", url: "/api/echo/x", body: `{"scopes":["voip"]}`, header: http.Header{"Content-Type": {"application/json"}},
			wantSeen: &seen{Method: "POST", Path: "/api/echo/x", Body: `{"scopes":["voip"]}`}},
		{name: "merge patch", method: "PATCH", url: "/api/echo/x", body: `{}`, header: http.Header{"Content-Type": {"application/merge-patch+json"}},
			wantSeen: &seen{Method: "PATCH", Path: "/api/echo/x", Body: `{}`}},
		{name: "chunked body", method: "POST", url: "/api/echo/x", body: "piece", chunked: true, except: forwardingChanges,
			wantSeen: &seen{Method: "POST", Path: "/api/echo/x", Body: "piece"}},
		{name: "empty POST", method: "POST", url: "/api/echo/x", wantSeen: &seen{Method: "POST", Path: "/api/echo/x"}},
		{name: "PUT", method: "PUT", url: "/api/echo/x", wantSeen: &seen{Method: "PUT", Path: "/api/echo/x"}},
		{name: "DELETE", method: "DELETE", url: "/api/echo/x", wantSeen: &seen{Method: "DELETE", Path: "/api/echo/x"}},
		{name: "preflight", method: "OPTIONS", url: "/api/echo/x", wantSeen: &seen{Method: "OPTIONS", Path: "/api/echo/x"}},
		{name: "HEAD", method: "HEAD", url: "/api/status/200", status: 200, wantHeader: problemHeader},
		{name: "headers", url: "/api/echo/x", header: http.Header{"X-Test": {"a, b"}, "Cookie": {"a=1; b=2"}},
			wantSeen: &seen{Method: "GET", Path: "/api/echo/x", Test: "a, b", Cookie: "a=1; b=2"}},
		{name: "cookies", url: "/api/cookies", header: http.Header{"Cookie": {"q=1; w=2"}}, status: 200, wantBody: "q=1; w=2",
			wantHeader: http.Header{"Content-Type": {"text/plain; charset=utf-8"},
				"Set-Cookie": {"a=1; Path=/; HttpOnly", "b=2; Path=/; Expires=Tue, 19 Jan 2038 03:14:08 GMT"}}},
		{name: "binary", method: "POST", url: "/api/binary", body: allBytes(), status: 200, wantBody: allBytes() + allBytes(),
			wantHeader: http.Header{"Content-Type": {"application/octet-stream"}}},
		{name: "large", url: "/api/large?bytes=3000000", status: 200, wantBody: strings.Repeat("x", 3_000_000)},
		{name: "stream", url: "/api/stream", status: 200, wantBody: "first\nsecond\n", wantHeader: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}},
		{name: "early hints", url: "/api/hints", status: 202, wantBody: "done"},
		{name: "panic", url: "/api/panic", status: 500, wantHeader: http.Header{"Content-Type": {"application/problem+json"}, "X-Half-Done": nil},
			wantBody: `{"code":"internal","detail":"Something went wrong here. Try again; if it stays, report the request id.","status":500,"title":"Internal Server Error"}` + "\n"},
		{name: "no content", url: "/api/status/204", status: 204, wantHeader: emptyHeader},
		{name: "not modified", url: "/api/status/304", status: 304, wantHeader: emptyHeader},
	}
	for _, status := range []string{"200", "201", "400", "401", "404", "412", "500", "503"} {
		var code int
		json.Unmarshal([]byte(status), &code)
		list = append(list, exchange{name: "status " + status, url: "/api/status/" + status, status: code,
			wantHeader: problemHeader, wantBody: `{"status":` + status + `,"title":"été <b>&"}`})
	}
	return list
}

func TestEveryHostGivesTheSameAnswers(t *testing.T) {
	t.Parallel()
	root := stage(t)
	plain, _ := startPlain(t)
	proxying := startFunctionsHost(t, hostingtest.FunctionsOptions{Root: root})
	forwarding := startFunctionsHost(t, hostingtest.FunctionsOptions{Root: root, Old: true})
	hosts := []struct {
		name    string
		through http.RoundTripper
		changes int
		host    string // what r.Host becomes
	}{
		{"plain HTTP", via(plain), 0, "app.example"},
		{"Azure, proxying", via(strings.TrimPrefix(proxying.URL, "http://")), proxyingChanges, "app.example"},
		{"Azure, forwarding", via(strings.TrimPrefix(forwarding.URL, "http://")), forwardingChanges, "app.example"},
		{"Lambda, HTTP API", startLambda(t, hostingtest.LambdaOptions{}), httpAPIChanges, "app.example"},
		{"Lambda, HTTP API with a stage", startLambda(t, hostingtest.LambdaOptions{Stage: "prod"}), httpAPIChanges, "a1b2c3.execute-api.eu-central-1.amazonaws.com"},
		{"Lambda, Function URL", startLambda(t, hostingtest.LambdaOptions{FunctionURL: true}), functionURLs, "a1b2c3.lambda-url.eu-central-1.on.aws"},
	}
	if real := os.Getenv("SWITCHBOARD_TEST_FUNCTIONS_URL"); real != "" {
		hosts = append(hosts, hosts[1])
		hosts[len(hosts)-1].name, hosts[len(hosts)-1].through = "Azure, real", via(strings.TrimPrefix(real, "http://"))
	}
	for _, h := range hosts {
		t.Run(h.name, func(t *testing.T) {
			for _, x := range exchanges() {
				if x.except&h.changes == 0 {
					t.Run(x.name, func(t *testing.T) { x.check(t, h.through, h.host) })
				}
			}
		})
	}
}

func TestStageForARealHost(t *testing.T) {
	dir := os.Getenv("SWITCHBOARD_TEST_STAGE")
	if dir == "" {
		t.Skip("SWITCHBOARD_TEST_STAGE names no folder to stage in")
	}
	if err := os.CopyFS(dir, os.DirFS(stage(t))); err != nil {
		t.Fatal(err)
	}
}

func (x exchange) check(t *testing.T, through http.RoundTripper, host string) {
	resp, body := x.send(t, through)
	if want := max(x.status, 200); resp.StatusCode != want {
		t.Fatalf("status %d, want %d; body %.200s", resp.StatusCode, want, body)
	}
	for name, want := range x.wantHeader {
		if diff := cmp.Diff(want, http.Header(resp.Header)[name]); diff != "" && len(want)+len(resp.Header[name]) > 0 {
			t.Errorf("header %s (-want +got):\n%s", name, diff)
		}
	}
	if x.wantSeen != nil {
		want, got := *x.wantSeen, seen{}
		want.Host = host
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the App saw (-want +got):\n%s", diff)
		}
	} else if string(body) != x.wantBody {
		t.Errorf("body %.200q, want %.200q", body, x.wantBody)
	}
}

func (x exchange) send(t *testing.T, through http.RoundTripper) (*http.Response, []byte) {
	t.Helper()
	var from io.Reader
	if x.body != "" {
		from = strings.NewReader(x.body)
	}
	if x.chunked {
		from = io.MultiReader(from) // hides the length
	}
	req, err := http.NewRequestWithContext(t.Context(), x.method, site+x.url, from)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range x.header {
		req.Header[name] = values
	}
	resp, err := through.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}
