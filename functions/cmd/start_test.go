package cmd_test

import (
	"encoding/base64"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// TestStartSaysEverythingThatIsMissing at once, by name and by function.
func TestStartSaysEverythingThatIsMissing(t *testing.T) {
	t.Parallel()
	executable := filepath.Join(wholeApp(t), "handler")
	for name, test := range map[string]struct {
		env  []string
		says []string
	}{
		"nothing is set": {nil, []string{
			"SWITCHBOARD_ISSUERS", "SWITCHBOARD_ACS_CONNECTION_STRING", "SWITCHBOARD_COSMOS_CONNECTION_STRING", "token, user, identities",
		}},
		"everything is wrong": {[]string{
			`SWITCHBOARD_ISSUERS=[{"issuer":"http://example.com","audiences":[]}]`,
			"SWITCHBOARD_ACS_CONNECTION_STRING=endpoint=https://x.communication.azure.com/;accesskey=top-secret!",
			"SWITCHBOARD_COSMOS_CONNECTION_STRING=AccountEndpoint=https://x;AccountKey=top-secret!",
			"SWITCHBOARD_SEALING_KEYS=top-secret!", "SWITCHBOARD_TOKEN_LIFE=5m", "SWITCHBOARD_REQUEST_TIMEOUT=soon", "SWITCHBOARD_CORS_ORIGINS=example.com",
			"SWITCHBOARD_SPACES_MAX=0", "SWITCHBOARD_SPACES_CALL_LIFE=1s", "SWITCHBOARD_SPACES_OPENS_BEFORE=-1m", "SWITCHBOARD_SPACES_SCOPES=chat",
		}, []string{
			"SWITCHBOARD_ISSUERS", "SWITCHBOARD_ACS_CONNECTION_STRING", "SWITCHBOARD_COSMOS_CONNECTION_STRING", "SWITCHBOARD_SEALING_KEYS",
			"SWITCHBOARD_TOKEN_LIFE", "SWITCHBOARD_REQUEST_TIMEOUT", "SWITCHBOARD_CORS_ORIGINS",
			"SWITCHBOARD_SPACES_MAX", "SWITCHBOARD_SPACES_CALL_LIFE", "SWITCHBOARD_SPACES_OPENS_BEFORE", "SWITCHBOARD_SPACES_SCOPES",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			process := exec.CommandContext(t.Context(), executable)
			process.Env = append(test.env, "FUNCTIONS_CUSTOMHANDLER_PORT=0")
			var out strings.Builder
			process.Stderr = &out
			if err := process.Run(); err == nil || process.ProcessState.ExitCode() != 1 {
				t.Errorf("exit code %d", process.ProcessState.ExitCode())
			}
			for _, text := range test.says {
				if !strings.Contains(out.String(), text) {
					t.Errorf("does not say %q:\n%s", text, out.String())
				}
			}
			if strings.Contains(out.String(), "top-secret") {
				t.Errorf("repeats a secret:\n%s", out.String())
			}
		})
	}
}

// BenchmarkStart measures from the start of the process to its first answer,
// with nothing reachable behind it:
//
//	go test -run '^$' -bench Start ./functions/cmd
func BenchmarkStart(b *testing.B) {
	executable := filepath.Join(wholeApp(b), "handler")
	env := unreachable(b)
	for b.Loop() {
		_, process := plain(b, executable, env)
		b.StopTimer()
		process.Process.Kill()
		process.Wait()
		b.StartTimer()
	}
}

// unreachable are settings whose services are not there.
func unreachable(b *testing.B) []string {
	b.Helper()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	closed.Close()
	at := "http://" + closed.Addr().String()
	return []string{
		fmt.Sprintf(`SWITCHBOARD_ISSUERS=[{"issuer":"%s","audiences":["api://switchboard"]}]`, at),
		"SWITCHBOARD_ACS_CONNECTION_STRING=endpoint=" + at + "/;accesskey=AAAA",
		"SWITCHBOARD_COSMOS_CONNECTION_STRING=AccountEndpoint=" + at + ";AccountKey=AAAA;",
		"SWITCHBOARD_SEALING_KEYS=k:" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
		"SWITCHBOARD_GRAPH_TENANT=" + uuid.NewString(),
		"SWITCHBOARD_GRAPH_ENDPOINT=" + at,
		"SWITCHBOARD_GRAPH_ORGANIZER=" + uuid.NewString(),
	}
}
