package hosting_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/hosting"
	"switchboard/shared/hosting/hostingtest"
)

// testapp is the executable that all hosts run, built once.
var testapp string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "testapp")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	testapp = filepath.Join(dir, "testapp")
	if err := hostingtest.Build("hostingtest/testapp", testapp, "lambda.norpc"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// stage makes a script root of the repository's own host.json and the test program.
func stage(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	hostJSON, err := os.ReadFile("../../host.json")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "host.json"), hostJSON, 0o644)
	program, err := os.ReadFile(testapp)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "handler"), program, 0o755)
	for _, name := range []string{"echo", "status", "cookies", "binary", "large", "hints", "panic", "slow", "stream", "exit", "events"} {
		stageFunction(t, root, hosting.FunctionFile{Name: name, Route: name + "/{*rest}"})
	}
	for _, name := range []string{"record", "fail", "crash", "missing"} {
		stageFunction(t, root, hosting.FunctionFile{Name: name, Trigger: map[string]any{"type": "manualTrigger", "name": "payload"}})
	}
	return root
}

func stageFunction(t *testing.T, root string, f hosting.FunctionFile) {
	t.Helper()
	content, err := hosting.FunctionJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, f.Name, "function.json"), content, 0o644)
}

func write(t *testing.T, file string, content []byte, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content, mode); err != nil {
		t.Fatal(err)
	}
}

func startFunctionsHost(t *testing.T, o hostingtest.FunctionsOptions) *hostingtest.FunctionsHost {
	t.Helper()
	host, err := hostingtest.StartFunctionsHost(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	return host
}

func startLambda(t *testing.T, o hostingtest.LambdaOptions) *hostingtest.Lambda {
	t.Helper()
	o.Bootstrap = testapp
	l := hostingtest.StartLambda(o)
	t.Cleanup(l.Close)
	return l
}

// startPlain runs the program as a plain HTTP server and returns its address.
func startPlain(t *testing.T) (addr string, stop func() error) {
	t.Helper()
	cmd := exec.Command(testapp)
	cmd.Env = []string{"SWITCHBOARD_ADDR=127.0.0.1:0"}
	log := &lines{found: make(chan string, 1), want: `"listening","addr":"`}
	cmd.Stdout, cmd.Stderr = log, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	select {
	case line := <-log.found:
		_, rest, _ := strings.Cut(line, log.want)
		addr, _, _ = strings.Cut(rest, `"`)
	case <-time.After(10 * time.Second):
		t.Fatal("the program does not listen")
	}
	return addr, func() error {
		cmd.Process.Signal(os.Interrupt)
		return cmd.Wait()
	}
}

// lines waits for a line of a log.
type lines struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	want  string
	found chan string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Write(p)
	if text := l.buf.String(); strings.Contains(text, l.want) && strings.HasSuffix(text, "\n") {
		select {
		case l.found <- text:
		default:
		}
	}
	return len(p), nil
}

// via sends requests for any host name to one address, as DNS would.
type via string

func (v via) RoundTrip(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.Host, out.URL.Host = r.URL.Host, string(v)
	if r.Host != "" {
		out.Host = r.Host
	}
	return http.DefaultTransport.RoundTrip(out)
}

// eventually waits for a condition that another process brings about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for !ok() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}

// checkLog wants nothing but JSON objects on stdout, and none of the given words.
func checkLog(t *testing.T, stdout string, hidden ...string) {
	t.Helper()
	for line := range strings.Lines(stdout) {
		var record struct{ Time, Level, Msg string }
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.Level == "" || record.Msg == "" {
			t.Errorf("not a log record: %s", line)
		}
	}
	for _, word := range hidden {
		if strings.Contains(stdout, word) {
			t.Errorf("the log holds %q", word)
		}
	}
}
