package localcosmos_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"switchboard/shared/localcosmos"
)

// TestJavaScript runs Microsoft's SDK for JavaScript against the listener:
// testdata/sdk.cjs says what it does and expects. Node has to find @azure/cosmos
// from there, or in a folder that NODE_PATH names.
func TestJavaScript(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("Node is not installed")
	}
	run := func(arguments ...string) (string, error) {
		command := exec.CommandContext(t.Context(), "node", arguments...)
		command.Dir = "testdata"
		output, err := command.CombinedOutput()
		return string(output), err
	}
	path := os.Getenv("NODE_PATH")
	version, err := run("-p", `require("@azure/cosmos/package.json").version`)
	if err != nil {
		t.Skipf("Node does not find @azure/cosmos (NODE_PATH is %q): install it and name its node_modules there", path)
	}
	t.Log("@azure/cosmos " + strings.TrimSpace(version))
	store := open(t, localcosmos.Options{})
	server := httptest.NewServer(store)
	defer server.Close()
	if output, err := run("sdk.cjs", server.URL, store.Key()); err != nil || !strings.HasSuffix(output, "done\n") {
		t.Errorf("%v\n%s", err, output)
	}
}
