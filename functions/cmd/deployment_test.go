// Package cmd_test runs what is deployed, as it is packaged: the real
// executables under the hosts that hostingtest plays, over the local cloud.
package cmd_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/hosting/hostingtest"
	"switchboard/shared/local"
	"switchboard/shared/testbed"
)

const root = "../.."

// largest is the most that an executable may weigh, in bytes.
const largest = 20_000_000

// cloud is a local cloud on the network, for processes of their own.
type cloud struct {
	*local.Cloud
	env []string
}

func startCloud(t testing.TB) cloud {
	t.Helper()
	front := httptest.NewUnstartedServer(nil)
	c, err := local.Open(t.Context(), local.Options{Issuer: "http://" + front.Listener.Addr().String() + "/oidc"})
	if err != nil {
		t.Fatal(err)
	}
	front.Config.Handler = c.OIDCFaults
	front.Start()
	acs, cosmos := httptest.NewServer(c.ACSFaults), httptest.NewServer(c.CosmosFaults)
	t.Cleanup(func() {
		front.Close()
		acs.Close()
		cosmos.Close()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	var env []string
	for name, value := range c.SettingsAt(acs.URL, cosmos.URL) {
		env = append(env, name+"="+value)
	}
	return cloud{Cloud: c, env: env}
}

// packaged runs scripts/package and returns the folder that it made.
func packaged(t testing.TB, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	args = append(append([]string{"run", "./scripts/package"}, args[0], "-o", out), args[1:]...)
	build := exec.CommandContext(t.Context(), "go", args...)
	build.Dir = root
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, text)
	}
	return out
}

// plain runs an executable as a plain HTTP server and returns its address.
func plain(t testing.TB, executable string, env []string) (url string, process *exec.Cmd) {
	t.Helper()
	port, err := hostingtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	process = exec.Command(executable)
	process.Env = append(env, "SWITCHBOARD_ADDR=127.0.0.1:"+port)
	process.Stderr = os.Stderr
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Process.Kill()
		process.Wait()
	})
	url = "http://127.0.0.1:" + port
	answers(t, url)
	return url, process
}

// answers waits until a server does.
func answers(t testing.TB, url string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		resp, err := http.Get(url + "/api/health")
		if err == nil {
			resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// TestEveryHostGivesTheSame runs the packaged functions on every host: one
// mapping, one warm token, the same answers.
func TestEveryHostGivesTheSame(t *testing.T) {
	c := startCloud(t)
	azure := packaged(t, "azure", "-arch", runtime.GOARCH)
	lambda := packaged(t, "lambda", "-arch", runtime.GOARCH, "token", "user")
	for _, executable := range []string{filepath.Join(azure, "handler"), filepath.Join(lambda, "token", "bootstrap")} {
		info, err := os.Stat(executable)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > largest {
			t.Errorf("%s has %d bytes", executable, info.Size())
		}
	}

	host, err := hostingtest.StartFunctionsHost(t.Context(), hostingtest.FunctionsOptions{Root: azure, Env: c.env})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	old, err := hostingtest.StartFunctionsHost(t.Context(), hostingtest.FunctionsOptions{Root: azure, Env: c.env, Old: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(old.Close)
	server, _ := plain(t, filepath.Join(azure, "handler"), c.env)

	ada, err := c.OIDC.Token("ada")
	if err != nil {
		t.Fatal(err)
	}
	hosts := map[string]testbed.Client{
		"Azure Functions, proxying":   {T: t, URL: host.URL, Token: ada},
		"Azure Functions, forwarding": {T: t, URL: old.URL, Token: ada},
		"plain HTTP":                  {T: t, URL: server, Token: ada},
		"Lambda":                      {T: t, URL: onLambda(t, lambda, c.env), Token: ada},
	}
	id, token := "", ""
	for name, client := range hosts {
		t.Run(name, func(t *testing.T) {
			client.T = t
			answer := client.Get("/api/token?scope=voip").Want(http.StatusOK)
			user := answer.JSON()["user"].(map[string]any)["communicationUserId"].(string)
			if id == "" {
				id, token = user, answer.Text("token")
			}
			if user != id || answer.Text("token") != token {
				t.Errorf("another identity or token than on the other hosts: %s", answer.Body)
			}
			if answer.Header.Get("Cache-Control") != "no-store" || answer.Header.Get("X-Request-Id") == "" {
				t.Errorf("headers got lost: %v", answer.Header)
			}
			client.Do("POST", "/api/refreshToken/"+strings.ReplaceAll(id, ":", "%3A"), "").Want(http.StatusOK)
			client.Get("/api/token?scope=pstn").Problem(http.StatusBadRequest, "scope_unknown")
			client.Do("POST", "/api/token", `{"expiresInMinutes":1}`).Problem(http.StatusBadRequest, "request_invalid")
			client.Do("PUT", "/api/token", "").Problem(http.StatusMethodNotAllowed, "method_not_allowed")
			client.Get("/api/nothing").Problem(http.StatusNotFound, "path_unknown")
			client.Get("/api/openapi.json").Want(http.StatusOK)
			client.Do("PATCH", "/api/user", `{"displayName":"Ada"}`, "Content-Type: application/merge-patch+json").Want(http.StatusOK)
			stranger := client
			stranger.Token = ""
			if got := stranger.Get("/api/token").Problem(http.StatusUnauthorized, "token_missing").Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer") {
				t.Errorf("WWW-Authenticate %q", got)
			}
			preflight := stranger.Do("OPTIONS", "/api/token/teams", "", "Origin: https://app.example.com",
				"Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization, teams-user-aad-token").Want(http.StatusNoContent)
			if allowed := preflight.Header.Get("Access-Control-Allow-Headers"); !strings.Contains(allowed, "teams-user-aad-token") || !strings.Contains(allowed, "authorization") {
				t.Errorf("the preflight allows %q", allowed)
			}
		})
	}
	if n := len(c.ACS.Identities()); n != 1 {
		t.Errorf("%d identities at ACS", n)
	}
}

// TestBuiltInSignInOfAzure: the samples for the web send no token; the platform's
// session does, and only for the site's own pages.
func TestBuiltInSignInOfAzure(t *testing.T) {
	c := startCloud(t)
	host, err := hostingtest.StartFunctionsHost(t.Context(), hostingtest.FunctionsOptions{Root: packaged(t, "azure", "-arch", runtime.GOARCH), Env: c.env})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	token, err := c.OIDC.Token("ada")
	if err != nil {
		t.Fatal(err)
	}
	client, session := testbed.Client{T: t, URL: host.URL}, "X-MS-TOKEN-AAD-ACCESS-TOKEN: "+token
	client.Get("/api/token?scope=voip", session, "Sec-Fetch-Site: same-origin").Want(http.StatusOK)
	client.Get("/api/token?scope=voip", session, "Sec-Fetch-Site: cross-site").Problem(http.StatusUnauthorized, "token_missing")
	client.Get("/api/token?scope=voip", session+"x").Problem(http.StatusUnauthorized, "token_invalid")
	client.Token = "mine"
	client.Get("/api/token?scope=voip", session).Problem(http.StatusUnauthorized, "token_invalid")
}

// onLambda puts an HTTP API in front of the functions of a user: what is one
// address to clients is a Lambda function for each prefix.
func onLambda(t *testing.T, folder string, env []string) string {
	t.Helper()
	functions := map[string]*hostingtest.Lambda{}
	for _, name := range []string{"token", "user"} {
		executable, err := filepath.Abs(filepath.Join(folder, name, "bootstrap"))
		if err != nil {
			t.Fatal(err)
		}
		functions[name] = hostingtest.StartLambda(hostingtest.LambdaOptions{Bootstrap: executable, Env: env})
		t.Cleanup(functions[name].Close)
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "token"
		if strings.HasPrefix(r.URL.Path, "/api/user") {
			name = "user"
		}
		forward(w, r, functions[name])
	}))
	t.Cleanup(front.Close)
	return front.URL
}

func forward(w http.ResponseWriter, r *http.Request, function *hostingtest.Lambda) {
	resp, err := function.RoundTrip(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	io.Copy(w, resp.Body)
}

// TestFirstRequestsRaceAcrossProcesses: one identity, whoever comes first.
func TestFirstRequestsRaceAcrossProcesses(t *testing.T) {
	c := startCloud(t)
	executable := filepath.Join(t.TempDir(), "all")
	if err := hostingtest.Build("./all", executable); err != nil {
		t.Fatal(err)
	}
	var urls []string
	for range 4 {
		url, _ := plain(t, executable, c.env)
		urls = append(urls, url)
	}
	for _, user := range []string{"ada", "grace", "linus"} {
		token, err := c.OIDC.Token(user)
		if err != nil {
			t.Fatal(err)
		}
		before := len(c.ACS.Identities())
		var all sync.WaitGroup
		ids := make([]string, 60)
		for i := range ids {
			client := testbed.Client{T: t, URL: urls[i%len(urls)], Token: token}
			all.Go(func() {
				answer := client.Get("/api/token")
				if answer.Status != http.StatusOK {
					t.Errorf("%d %s", answer.Status, answer.Body)
					return
				}
				ids[i], _ = answer.JSON()["user"].(map[string]any)["communicationUserId"].(string)
			})
		}
		all.Wait()
		for _, id := range ids {
			if id != ids[0] || id == "" {
				t.Fatalf("%s got several identities: %v", user, ids)
			}
		}
		if got := len(c.ACS.Identities()) - before; got != 1 {
			t.Errorf("%d identities were made for %s", got, user)
		}
	}
}

// TestAKilledAllocationIsTakenOver kills a process between its claim and the
// provider's answer.
func TestAKilledAllocationIsTakenOver(t *testing.T) {
	c := startCloud(t)
	executable := filepath.Join(t.TempDir(), "all")
	if err := hostingtest.Build("./all", executable); err != nil {
		t.Fatal(err)
	}
	token, err := c.OIDC.Token("ada")
	if err != nil {
		t.Fatal(err)
	}
	c.ACSFaults.Add(stuck)
	c.CosmosFaults.Record()
	first, process := plain(t, executable, c.env)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go get(ctx, first+"/api/token", token)
	for deadline := time.Now().Add(10 * time.Second); !claimed(c.CosmosFaults.Calls()); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never claimed: %v", c.CosmosFaults.Calls())
		}
	}
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}

	second, _ := plain(t, executable, c.env)
	client := testbed.Client{T: t, URL: second, Token: token}
	for deadline := time.Now().Add(30 * time.Second); client.Get("/api/token").Status != http.StatusOK; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the claim of a killed process was never taken over")
		}
	}
	if got := c.ACS.Identities(); len(got) != 1 {
		t.Errorf("at ACS there are %v", got)
	}
}

// stuck makes ACS take the first create and never answer it.
var stuck = faults.Rule{Method: http.MethodPost, Contains: "/identities", Delay: faults.Duration(time.Minute)}

// claimed reports whether a document was written.
func claimed(calls []string) bool {
	return slices.ContainsFunc(calls, func(call string) bool { return strings.HasPrefix(call, "POST ") && strings.HasSuffix(call, "/docs") })
}

// get sends a request whose answer nobody waits for.
func get(ctx context.Context, url, token string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if resp, err := http.DefaultClient.Do(r); err == nil {
		resp.Body.Close()
	}
}

// TestStartSaysEverythingThatIsMissing at once, by name and by function.
func TestStartSaysEverythingThatIsMissing(t *testing.T) {
	executable := filepath.Join(t.TempDir(), "all")
	if err := hostingtest.Build("./all", executable); err != nil {
		t.Fatal(err)
	}
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
		}, []string{
			"SWITCHBOARD_ISSUERS", "SWITCHBOARD_ACS_CONNECTION_STRING", "SWITCHBOARD_COSMOS_CONNECTION_STRING", "SWITCHBOARD_SEALING_KEYS",
			"SWITCHBOARD_TOKEN_LIFE", "SWITCHBOARD_REQUEST_TIMEOUT", "SWITCHBOARD_CORS_ORIGINS",
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
	executable := filepath.Join(b.TempDir(), "all")
	if err := hostingtest.Build("./all", executable); err != nil {
		b.Fatal(err)
	}
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
	}
}
