package cmd_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/shared/hosting/hostingtest"
	"switchboard/shared/local"
	"switchboard/shared/testbed"
)

// cloud is a local cloud on the network, for processes of their own.
type cloud struct {
	*local.Cloud
	env []string
}

// startCloud starts one that keeps its data in a directory, or, without one, in memory.
func startCloud(t testing.TB, data string) cloud {
	t.Helper()
	front := httptest.NewUnstartedServer(nil)
	c, err := local.Open(t.Context(), local.Options{Data: data, Issuer: "http://" + front.Listener.Addr().String() + "/oidc"})
	if err != nil {
		t.Fatal(err)
	}
	front.Config.Handler = c.OIDCFaults
	front.Start()
	acs, cosmos, graph := httptest.NewServer(c.ACSFaults), httptest.NewServer(c.CosmosFaults), httptest.NewServer(c.GraphFaults)
	t.Cleanup(func() {
		front.Close()
		acs.Close()
		cosmos.Close()
		graph.Close()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	var env []string
	for name, value := range c.SettingsAt(acs.URL, cosmos.URL, graph.URL) {
		env = append(env, name+"="+value)
	}
	return cloud{Cloud: c, env: env}
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
	t.Parallel()
	c := startCloud(t, "")
	azure, lambda := wholeApp(t), lambdas(t)
	host := onAzure(t, azure, c.env)
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
		"Lambda":                      {T: t, URL: httpAPI(t, lambda, c.env), Token: ada},
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
			client.Get("/api/token?scope=pstn").Problem(http.StatusBadRequest, "request_invalid")
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
	if err := host.Fire(t.Context(), "notify", []byte(`[{"id":"x","pk":"x","type":"other"}]`)); err != nil {
		t.Errorf("the change feed: %v\n%s", err, host.Stdout())
	}
	schedule := onLambda(t, lambda, "notify", c.env)
	if _, err := schedule.Invoke(t.Context(), []byte(`{"detail-type":"Scheduled Event","detail":{}}`)); err != nil {
		t.Errorf("the schedule: %v\n%s", err, schedule.Stdout())
	}
}

// TestBuiltInSignInOfAzure: the samples for the web send no token; the platform's
// session does, and only for the site's own pages.
func TestBuiltInSignInOfAzure(t *testing.T) {
	t.Parallel()
	c := startCloud(t, "")
	host := onAzure(t, wholeApp(t), c.env)
	token, err := c.OIDC.Token("ada")
	if err != nil {
		t.Fatal(err)
	}
	client, session := testbed.Client{T: t, URL: host.URL}, "X-MS-TOKEN-AAD-ACCESS-TOKEN: "+token
	client.Get("/api/token?scope=voip", session, "Sec-Fetch-Site: same-origin").Want(http.StatusOK)
	for _, site := range []string{"cross-site", "same-site"} {
		client.Get("/api/token?scope=voip", session, "Sec-Fetch-Site: "+site).Problem(http.StatusUnauthorized, "token_missing")
	}
	client.Do("POST", "/api/user", "", session, "Origin: https://elsewhere.example.com").Problem(http.StatusUnauthorized, "token_missing")
	client.Do("POST", "/api/user", "", session, "Origin: "+host.URL).Want(http.StatusOK)
	client.Get("/api/token?scope=voip", session+"x").Problem(http.StatusUnauthorized, "token_invalid")
	client.Token = "mine"
	client.Get("/api/token?scope=voip", session).Problem(http.StatusUnauthorized, "token_invalid")
}

// onAzure is a function app.
func onAzure(t *testing.T, root string, env []string) *hostingtest.FunctionsHost {
	t.Helper()
	host, err := hostingtest.StartFunctionsHost(t.Context(), hostingtest.FunctionsOptions{Root: root, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	return host
}

// onLambda is one packaged function.
func onLambda(t *testing.T, folder, name string, env []string) *hostingtest.Lambda {
	t.Helper()
	executable, err := filepath.Abs(filepath.Join(folder, name, "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	l := hostingtest.StartLambda(hostingtest.LambdaOptions{Bootstrap: executable, Env: env})
	t.Cleanup(l.Close)
	return l
}

// httpAPI puts an HTTP API in front of the functions of a user: what is one
// address to clients is a Lambda function for each prefix.
func httpAPI(t *testing.T, folder string, env []string) string {
	t.Helper()
	functions := map[string]*hostingtest.Lambda{}
	for _, name := range []string{"token", "user"} {
		functions[name] = onLambda(t, folder, name, env)
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
