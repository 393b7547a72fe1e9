// Package cmd_test runs what is deployed, as it is packaged: the real
// executables under the hosts that hostingtest plays, over the local cloud.
package cmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

const root = "../.."

// largest is the most that an executable may weigh, in bytes.
const largest = 20_000_000

// What the tests run. Each is packaged once, by the first test that wants it: to link
// an executable takes longer than most tests.
var (
	wholeApp   = pack("azure")
	friendsApp = pack("azure", "friends")
	lambdas    = pack("lambda", "token", "user", "notify", "friends")
)

// dist is where it lies, until all tests have ended.
var dist = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "switchboard-dist-") })

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := dist(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// pack returns what runs scripts/package for this machine, the first time, and gives
// the folder that it made.
func pack(target string, names ...string) func(testing.TB) string {
	made := sync.OnceValues(func() (string, error) {
		dir, err := dist()
		if err != nil {
			return "", err
		}
		out := filepath.Join(dir, strings.Join(append([]string{target}, names...), "-"))
		args := append([]string{"run", "./scripts/package", target, "-arch", runtime.GOARCH, "-o", out}, names...)
		build := exec.Command("go", args...)
		build.Dir = root
		if text, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, text)
		}
		return out, nil
	})
	return func(t testing.TB) string {
		t.Helper()
		out, err := made()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// TestExecutablesAreSmall: a cold start loads all of it.
func TestExecutablesAreSmall(t *testing.T) {
	t.Parallel()
	executables := []string{filepath.Join(wholeApp(t), "handler"), filepath.Join(friendsApp(t), "handler")}
	for _, name := range []string{"token", "user", "notify", "friends"} {
		executables = append(executables, filepath.Join(lambdas(t), name, "bootstrap"))
	}
	for _, executable := range executables {
		info, err := os.Stat(executable)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > largest {
			t.Errorf("%s has %d bytes", executable, info.Size())
		}
	}
}
