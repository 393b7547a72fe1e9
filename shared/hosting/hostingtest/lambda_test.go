package hostingtest_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"switchboard/shared/hosting/hostingtest"
)

// What an invoker is told of a function that does not answer, and that the instance is
// replaced.
func TestFunctionsThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	for behaviour, want := range map[string]string{
		"deaf":   "Sandbox.Timedout: Task timed out after 0.30 seconds",
		"exit 1": "Runtime.ExitError: the process ended: exit status 1",
	} {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			dir := root(t, nil)
			l := hostingtest.StartLambda(hostingtest.LambdaOptions{
				Bootstrap: filepath.Join(dir, "handler"), Env: []string{"HANDLER_BEHAVIOUR=" + behaviour}, Timeout: 300 * time.Millisecond})
			t.Cleanup(l.Close)
			for range 2 {
				_, err := l.Invoke(t.Context(), json.RawMessage(`{}`))
				if failure, ok := errors.AsType[*hostingtest.FunctionError](err); !ok || failure.Error() != want {
					t.Errorf("%v, want %s", err, want)
				}
			}
			if n := len(glob(filepath.Join(dir, "started-*"))); n != 2 {
				t.Errorf("%d processes, want one for each invocation", n)
			}
		})
	}
}
