// Package hostingtest plays the hosts of package hosting in tests: FunctionsHost is
// an Azure Functions host, Lambda is the Lambda Runtime API with an HTTP API in front.
// Both run the real executable as a process of its own and talk to it as the cloud
// does, so that a test sees what a deployment would.
//
// # Limits
//
// FunctionsHost knows HTTP functions with one input and one output (proxied or
// forwarded) and events fired by Fire. It has no trigger listeners, keys, CORS, Easy
// Auth, functionTimeout or admin API, and ignores all of host.json but customHandler
// and extensions.http.routePrefix. Where the real host logs a fault of the staged
// files and skips the function, FunctionsHost refuses to start.
//
// Lambda runs one process and one invocation at a time, as one instance does. It has
// no extensions, streaming or SnapStart.
//
// What they do is what was observed on host 4.1045 and what aws-lambda-go v1.55.1
// asks for.
package hostingtest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// Build compiles the command in folder pkg to out, as the packages for the cloud are
// compiled but for the machine at hand. Tags are optional.
func Build(pkg, out string, tags ...string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-o", out, "-tags", strings.Join(tags, ","), ".")
	cmd.Dir = pkg
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, output)
	}
	return nil
}

// FreePort returns a port of 127.0.0.1 for a process that is told where to listen. It
// is below those that systems give out by themselves, so that nobody else is given it
// before that process asks.
func FreePort() (string, error) {
	for range 100 {
		port := strconv.Itoa(20000 + rand.N(12000))
		if ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
			return port, ln.Close()
		}
	}
	return "", errors.New("no free port was found")
}

// machineEnv is what every process gets from the machine; nothing else is inherited,
// so that a test does not pass because of the shell it was started from.
func machineEnv() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "SYSTEMROOT"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// output is a buffer that a process writes while a test reads.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
