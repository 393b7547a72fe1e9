package localgraph_test

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"switchboard/shared/faults"
	"switchboard/shared/localgraph"
)

// TestJavaScript runs Microsoft's client for JavaScript against the server over
// TLS, without which the client sends no token: testdata/client.cjs says what
// it does and expects. Node has to find @microsoft/microsoft-graph-client from
// there, or in a folder that NODE_PATH names.
func TestJavaScript(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("Node is not installed")
	}
	n := meetingTenant(t)
	throttled := faults.Wrap(n.Server)
	throttled.Add(faults.Rule{Contains: "createOrGet", Status: 429, Header: map[string]string{"Retry-After": "0"}})
	server := httptest.NewTLSServer(throttled)
	defer server.Close()
	webhook := httptest.NewServer(newReceiver(t))
	defer webhook.Close()

	authority := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(authority, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(arguments ...string) (string, error) {
		command := exec.CommandContext(t.Context(), "node", arguments...)
		command.Dir = "testdata"
		command.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+authority)
		output, err := command.CombinedOutput()
		return string(output), err
	}
	version, err := run("-p", `require("@microsoft/microsoft-graph-client/package.json").version`)
	if err != nil {
		t.Skipf("Node does not find @microsoft/microsoft-graph-client (NODE_PATH is %q): install it and name its node_modules there", os.Getenv("NODE_PATH"))
	}
	t.Log("@microsoft/microsoft-graph-client " + strings.TrimSpace(version))
	throttled.Record()
	output, err := run("client.cjs", server.URL, n.token, localgraph.SeedUserID("ada"), localgraph.SeedUserID("grace"), webhook.URL)
	if err != nil || !strings.HasSuffix(output, "done\n") {
		t.Errorf("%v\n%s", err, output)
	}
	if calls := throttled.Calls(); len(calls) < 3 || calls[0] != calls[1] {
		t.Errorf("the throttled request was not repeated: %v", calls)
	}
}
