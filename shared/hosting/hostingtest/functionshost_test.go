package hostingtest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/shared/hosting/hostingtest"
)

// TestMain lets this executable stand in for a custom handler: how it behaves is said
// in the app settings, and what the real host makes of that is known from host 4.1045.
func TestMain(m *testing.M) {
	if behaviour := os.Getenv("HANDLER_BEHAVIOUR"); behaviour != "" {
		os.Exit(handler(behaviour))
	}
	os.Exit(m.Run())
}

func handler(behaviour string) int {
	count := len(glob("started-*"))
	if err := os.WriteFile(fmt.Sprintf("started-%d", count), nil, 0o600); err != nil {
		return 1
	}
	switch {
	case behaviour == "exit 0":
		return 0
	case behaviour == "exit 1":
		return 1
	case behaviour == "exit 200 five times" && count < 5:
		return 200
	case behaviour == "deaf":
		select {}
	}
	answer := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet:
			io.WriteString(w, r.RequestURI)
		case behaviour == "text":
			io.WriteString(w, "done")
		case behaviour == "broken":
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, "{")
		case behaviour == "202":
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.WriteHeader(http.StatusAccepted)
			io.WriteString(w, "{}")
		}
	}
	http.ListenAndServe("127.0.0.1:"+os.Getenv("FUNCTIONS_CUSTOMHANDLER_PORT"), http.HandlerFunc(answer))
	return 1
}

func glob(pattern string) []string {
	found, _ := filepath.Glob(pattern) // the pattern is a constant
	return found
}

const (
	hostJSON  = `{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"handler"},"enableProxyingHttpRequest":true,"enableForwardingHttpRequest":true,"initializationTimeout":"00:00:20"}}`
	httpJSON  = `{"bindings":[{"type":"httpTrigger","direction":"in","name":"req","methods":["get","post"],"route":"x/{*rest}"},{"type":"http","direction":"out","name":"res"}]}`
	eventJSON = `{"bindings":[{"type":"manualTrigger","direction":"in","name":"payload"}]}`
)

// root stages this executable as the handler. Files override or add to the usual.
func root(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "handler")); err != nil {
		t.Fatal(err)
	}
	staged := map[string]string{"host.json": hostJSON, "x/function.json": httpJSON, "event/function.json": eventJSON}
	for name, content := range files {
		staged[name] = content
	}
	for name, content := range staged {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func start(t *testing.T, dir, behaviour string, old bool) (*hostingtest.FunctionsHost, error) {
	t.Helper()
	host, err := hostingtest.StartFunctionsHost(t.Context(), hostingtest.FunctionsOptions{Root: dir, Env: []string{"HANDLER_BEHAVIOUR=" + behaviour}, Old: old})
	if err == nil {
		t.Cleanup(host.Close)
	}
	return host, err
}

// Request targets as they arrived at a handler behind host 4.1045.
func TestTargetsArriveAsObserved(t *testing.T) {
	t.Parallel()
	dir := root(t, nil)
	proxying, err := start(t, dir, "serve", false)
	if err != nil {
		t.Fatal(err)
	}
	forwarding, err := start(t, dir, "serve", true)
	if err != nil {
		t.Fatal(err)
	}
	const none = "404"
	for _, c := range []struct{ sent, proxied, forwarded string }{
		{"/api/x", "/api/x", "/api/x"},
		{"/api/x/", "/api/x/", "/api/x/"},
		{"/api/X/Case", "/api/X/Case", "/api/X/Case"},
		{"/api/x/8%3Aacs%3Aab_1?x=1&x=2&y=a+b%20c&z=%2F", "/api/x/8:acs:ab_1?x=1&x=2&y=a+b%20c&z=%2F", "/api/x/8:acs:ab_1?x=1,2&y=a%20b%20c&z=%2F"},
		{"/api/x/a%2Fb/c%25d/e%20f/g+h/%C3%A9", "/api/x/a%252Fb/c%25d/e%20f/g+h/%C3%A9", "/api/x/a%2Fb/c%25d/e%20f/g+h/%C3%A9"},
		{"/api/x/;=,@!$&'()*/%7E%5B%22%5D%3F%23%2B%3B", "/api/x/;=,@!$&'()*/~%5B%22%5D%3F%23+;", "/api/x/;=,@!$&'()*/~[%22]"},
		{"/api/x/..%5C..%5Cevent", "/api/x/..%5C..%5Cevent", "/event"},
		{"/api/x/%252e%252e/%252e%252e/event", "/api/x/%252e%252e/%252e%252e/event", "/event"},
		{"/api/x/..%2F..%2Fevent", "/api/x/..%252F..%252Fevent", "/api/x/..%2F..%2Fevent"},
		{"/api/x/../event", none, none},
		{"/api/x/%2e%2e/event", none, none},
		{"/api/x//a", none, none},
		{"/api/y", none, none},
		{"/x", none, none},
		{"/event", none, none},
	} {
		if got := target(t, proxying, c.sent); got != c.proxied {
			t.Errorf("%s proxied: %s, want %s", c.sent, got, c.proxied)
		}
		if got := target(t, forwarding, c.sent); got != c.forwarded {
			t.Errorf("%s forwarded: %s, want %s", c.sent, got, c.forwarded)
		}
	}
}

// target sends a GET as it is written and returns what the handler saw, or the status.
func target(t *testing.T, host *hostingtest.FunctionsHost, sent string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(host.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET "+sent+" HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Sprint(resp.StatusCode)
	}
	return string(body)
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	function := func(route, methods string) string {
		return strings.NewReplacer("x/{*rest}", route, `["get","post"]`, methods).Replace(httpJSON)
	}
	host, err := start(t, root(t, map[string]string{
		"a/function.json": function("friends/{id}", `["get"]`),
		"b/function.json": function("friends/{id}/block", `["PUT"]`),
		"c/function.json": strings.Replace(function("", "[]"), `,"route":""`, "", 1),
	}), "serve", false)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/api/friends/u1": "/api/friends/u1", "/api/Friends/u1/": "/api/Friends/u1/", "/api/c": "/api/c",
		"/api/friends": "404", "/api/friends/u1/other": "404", "/api/friends/u1/block": "404",
		"/api/c/more": "404", "/friends/u1": "404", "/": "Your Functions app is up and running.",
	} {
		if got := target(t, host, path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestEventAnswersThatTheHostCannotUse(t *testing.T) {
	t.Parallel()
	for behaviour, want := range map[string]string{
		"empty":  "never complete",
		"text":   "invalid HttpResponseMessage",
		"broken": "invalid HttpResponseMessage",
		"202":    "",
	} {
		host, err := start(t, root(t, nil), behaviour, false)
		if err != nil {
			t.Fatal(err)
		}
		err = host.Fire(t.Context(), "event", json.RawMessage(`{}`))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", behaviour, err, want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for behaviour, c := range map[string]struct {
		starts int
		err    string
	}{
		"exit 0":              {1, "code 0"},
		"exit 1":              {3, "exceeded http worker restart retry count"},
		"exit 200 five times": {6, ""},
	} {
		dir := root(t, nil)
		_, err := start(t, dir, behaviour, false)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", behaviour, err, c.err)
		}
		if starts := len(glob(filepath.Join(dir, "started-*"))); starts != c.starts {
			t.Errorf("%s: %d starts, want %d", behaviour, starts, c.starts)
		}
	}
}

func TestAHandlerThatNeverListens(t *testing.T) {
	t.Parallel()
	dir := root(t, map[string]string{"host.json": strings.Replace(hostJSON, "00:00:20", "00:00:00.1", 1)})
	begun := time.Now()
	if _, err := start(t, dir, "deaf", false); err == nil || !strings.Contains(err.Error(), "did not answer GET / within 100ms") && !strings.Contains(err.Error(), "deadline") {
		t.Errorf("%v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("that took %s", took)
	}
}

// What the real host logs and skips, or stumbles over, stops a test at once.
func TestStagingFaults(t *testing.T) {
	t.Parallel()
	for want, files := range map[string]map[string]string{
		"version":                         {"host.json": strings.Replace(hostJSON, "2.0", "1.0", 1)},
		"neither proxying nor forwarding": {"host.json": strings.NewReplacer(`"enableProxyingHttpRequest":true,`, "", `"enableForwardingHttpRequest":true,`, "").Replace(hostJSON)},
		"no such file":                    {"host.json": strings.Replace(hostJSON, `"handler"`, `"hander"`, 1)},
		"cannot be executed":              {"host.json": strings.Replace(hostJSON, `"handler"`, `"x/function.json"`, 1)},
		"HTTP route configuration":        {"host.json": strings.Replace(hostJSON, `"description"`, `"http":{"routes":[{"route":"{*r}"}]},"description"`, 1)},
		"no function name":                {"1st/function.json": eventJSON},
		"my_payload":                      {"event/function.json": strings.Replace(eventJSON, "payload", "my_payload", 1)},
		"has 0 triggers":                  {"event/function.json": `{"bindings":[]}`},
		"one http output":                 {"x/function.json": strings.Replace(httpJSON, `,{"type":"http","direction":"out","name":"res"}`, "", 1)},
		"invalid character":               {"x/function.json": "nonsense"},
	} {
		if _, err := start(t, root(t, files), "serve", false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
