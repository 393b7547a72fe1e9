package hosting_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/shared/hosting"
	"switchboard/shared/hosting/hostingtest"
)

// recorded returns the payloads that reached the function "record".
func recorded(t *testing.T, host *hostingtest.FunctionsHost) string {
	t.Helper()
	status, body := get(t, host.URL+"/api/events")
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	return strings.TrimSpace(body)
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// Every kind of trigger wraps its payload another way; the function sees the payload.
func TestEventsArriveUnwrapped(t *testing.T) {
	t.Parallel()
	object, array := `{"id":"d1","text":"\"quoted\""}`, `[{"id":"d1"},{"id":"d2"}]`
	for _, c := range []struct {
		kind, cardinality, payload string
	}{
		{"timerTrigger", "", `{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":false}`},
		{"manualTrigger", "", object},
		{"queueTrigger", "", object},
		{"queueTrigger", "", `"plain text"`},
		{"queueTrigger", "", `"\"text in quotes\""`},
		{"cosmosDBTrigger", "", array},
		{"eventGridTrigger", "one", object},
		{"eventGridTrigger", "many", array},
	} {
		t.Run(c.kind+c.cardinality, func(t *testing.T) {
			root := stage(t)
			binding := map[string]any{"type": c.kind, "name": "payload"}
			if c.cardinality != "" {
				binding["cardinality"] = c.cardinality
			}
			if c.kind == hosting.TimerTrigger {
				binding["schedule"] = "0 */5 * * * *"
			}
			stageFunction(t, root, hosting.FunctionFile{Name: "record", Trigger: binding, Retry: &hosting.Retry{Strategy: "fixedDelay", MaxRetryCount: 1, DelayInterval: "00:00:01"}})
			host := startFunctionsHost(t, hostingtest.FunctionsOptions{Root: root})
			if err := host.Fire(t.Context(), "record", json.RawMessage(c.payload)); err != nil {
				t.Fatal(err)
			}
			if got := recorded(t, host); got != "["+c.payload+"]" {
				t.Errorf("the function saw %s, want [%s]", got, c.payload)
			}
		})
	}
}

func TestAFailedEventIsAskedForAgain(t *testing.T) {
	t.Parallel()
	root := stage(t)
	for _, name := range []string{"fail", "crash"} {
		stageFunction(t, root, hosting.FunctionFile{Name: name, Trigger: map[string]any{"type": "timerTrigger", "name": "tick", "schedule": "0 */5 * * * *"},
			Retry: &hosting.Retry{Strategy: "fixedDelay", MaxRetryCount: 2, DelayInterval: "00:00:01"}})
	}
	host := startFunctionsHost(t, hostingtest.FunctionsOptions{Root: root})
	for _, name := range []string{"fail", "crash"} {
		err := host.Fire(t.Context(), name, json.RawMessage(`{}`))
		if err == nil || !strings.HasSuffix(err.Error(), "500") {
			t.Errorf("%s: %v, want a failure with 500", name, err)
		}
	}
	eventually(t, "all is logged", func() bool { return strings.Count(host.Stdout(), "hidden cause") >= 3 })
	checkLog(t, host.Stdout())
	if n := strings.Count(host.Stdout(), "hidden cause"); n != 3 {
		t.Errorf("the cause was logged %d times, want 3: one call and two retries", n)
	}
	if host.Starts() != 1 || host.Stderr() != "" {
		t.Errorf("a panic must not end the process: %d starts, stderr %q", host.Starts(), host.Stderr())
	}
}

// What the host cannot use would leave the invocation open, or pass for success.
func TestEventAnswersOnTheWire(t *testing.T) {
	t.Parallel()
	host := startFunctionsHost(t, hostingtest.FunctionsOptions{Root: stage(t)})
	for _, c := range []struct {
		function, body string
		status         int
	}{
		{"record", `{"Data":{"payload":{}},"Metadata":{}}`, 200},
		{"fail", `{"Data":{"payload":{}},"Metadata":{}}`, 500},
		{"crash", `{"Data":{"payload":{}},"Metadata":{}}`, 500},
		{"missing", `{"Data":{"payload":{}},"Metadata":{}}`, 404},
		{"record", `{"Data":{"a":1,"b":2}}`, 400},
		{"record", `{"Data":{}}`, 400},
		{"record", `{"Data":`, 400},
		{"record", ``, 400},
	} {
		resp, err := http.Post("http://"+host.Handler()+"/"+c.function, "application/json; charset=utf-8", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		var object map[string]any
		if err != nil || resp.StatusCode != c.status || resp.Header.Get("Content-Type") != "application/json" || json.Unmarshal(body, &object) != nil {
			t.Errorf("%s %s: %d %s %q (%v), want %d and a JSON object", c.function, c.body, resp.StatusCode, resp.Header, body, err, c.status)
		}
		if strings.Contains(string(body), "hidden") {
			t.Errorf("%s: the answer holds the cause: %s", c.function, body)
		}
	}
}

// A forwarding host resolves what is encoded twice, and backslashes, after its routing.
// The paths are those that reached an event function on host 4.1045.
func TestNobodyOutsideFiresAnEvent(t *testing.T) {
	t.Parallel()
	root := stage(t)
	for name, old := range map[string]bool{"proxying": false, "forwarding": true} {
		t.Run(name, func(t *testing.T) {
			host := startFunctionsHost(t, hostingtest.FunctionsOptions{Root: root, Old: old})
			for _, path := range []string{
				"/record", "//record", "/%72ecord", "/api/record", "/api/../record", "/api/%2e%2e/record",
				"/api/echo/..%5C..%5Crecord", "/api/echo/%5C..%5C..%5C..%5Crecord", "/api/echo/%252e%252e/%252e%252e/%252e%252e/record",
				"/api/echo/..%2F..%2Frecord", "/api/echo/%2e%2e%5C..%5Crecord", "/api/echo/%252e%252e%252f%252e%252e%252frecord",
			} {
				post(t, host, path)
			}
			if got := recorded(t, host); got != "null" {
				t.Errorf("the event function was called: %s", got)
			}
		})
	}
}

// post sends an event's envelope to a path as it is written; http.Client would tidy it.
func post(t *testing.T, host *hostingtest.FunctionsHost, path string) {
	t.Helper()
	addr := strings.TrimPrefix(host.URL, "http://")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: app.example\r\nContent-Type: application/json\r\nContent-Length: 25\r\nConnection: close\r\n\r\n"+`{"Data":{"payload":true}}`)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	resp.Body.Close()
}

func TestTheInvocationIDIsTheHosts(t *testing.T) {
	t.Parallel()
	root := stage(t)
	for name, old := range map[string]bool{"proxying": false, "forwarding": true} {
		t.Run(name, func(t *testing.T) {
			host := startFunctionsHost(t, hostingtest.FunctionsOptions{Root: root, Old: old})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, host.URL+"/api/echo/x", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = "app.example"
			req.Header.Set("X-Azure-Functions-InvocationId", "spoof")
			req.Header.Set("X-Forwarded-Host", "evil.example")
			_, body := do(t, req)
			var saw struct{ Invocation, Host string }
			if err := json.Unmarshal([]byte(body), &saw); err != nil {
				t.Fatal(err)
			}
			if len(saw.Invocation) != 36 || saw.Host != "app.example" {
				t.Errorf("invocation %q, host %q", saw.Invocation, saw.Host)
			}
		})
	}
}

func TestReadinessIsCheap(t *testing.T) {
	t.Parallel()
	host := startFunctionsHost(t, hostingtest.FunctionsOptions{Root: stage(t)})
	if status, _ := get(t, "http://"+host.Handler()+"/"); status != http.StatusOK {
		t.Errorf("GET /: %d", status)
	}
	checkLog(t, host.Stdout())
}

func TestARefusedStartSaysWhyAndIsNotTakenForSuccess(t *testing.T) {
	t.Parallel()
	_, err := hostingtest.StartFunctionsHost(t.Context(), hostingtest.FunctionsOptions{Root: stage(t), Env: []string{"TESTAPP_REFUSES=set SWITCHBOARD_THIS and SWITCHBOARD_THAT"}})
	if err == nil {
		t.Fatal("the host started")
	}
	for _, want := range []string{"exceeded http worker restart retry count", "code 1", "set SWITCHBOARD_THIS and SWITCHBOARD_THAT"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
}

func TestAfterACrashTheHandlerAnswersAgain(t *testing.T) {
	t.Parallel()
	host := startFunctionsHost(t, hostingtest.FunctionsOptions{Root: stage(t)})
	host.Kill()
	if status, body := get(t, host.URL+"/api/status/200"); status != http.StatusOK {
		t.Errorf("status %d: %s; %v", status, body, host.Err())
	}
	eventually(t, "a second process", func() bool { return host.Starts() == 2 })
}

// The proxy passes the end of a client on, so that nothing works for nobody.
func TestAClientThatLeavesEndsItsRequest(t *testing.T) {
	t.Parallel()
	host := startFunctionsHost(t, hostingtest.FunctionsOptions{Root: stage(t)})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, host.URL+"/api/stream?hold=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	first := make([]byte, 6)
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "first\n" {
		t.Fatalf("%q, %v: the answer is not streamed", first, err)
	}
	cancel()
	eventually(t, "the request ends", func() bool { return strings.Contains(host.Stdout(), "the client left") })
}

func TestAStopIsNeverExitCodeZero(t *testing.T) {
	t.Parallel()
	port, err := hostingtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out, errs := &lines{found: make(chan string, 1), want: "listening"}, &strings.Builder{}
	code := make(chan int)
	go func() {
		code <- hosting.Run(ctx, hosting.Process{Env: environment("FUNCTIONS_HTTPWORKER_PORT=" + port), Stdout: out, Stderr: errs}, serving(http.NotFoundHandler()))
	}()
	<-out.found
	cancel()
	select {
	case got := <-code:
		if got != 1 || !strings.Contains(errs.String(), "signal") {
			t.Errorf("exit code %d, stderr %q", got, errs)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("it does not stop")
	}
}
