package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchboard/shared/outbox"
	"switchboard/shared/storage"
	"switchboard/shared/testbed"
)

// TestMain runs the command itself when the test starts its own executable
// again as dev.
func TestMain(m *testing.M) {
	if os.Getenv("SWITCHBOARD_TEST_DEV") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// dev is a running dev.
type dev struct {
	endpoints
	process *exec.Cmd
}

// start runs dev on free ports until it says that it is ready.
func start(t *testing.T, data string, args ...string) dev {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"-json", "-data", data, "-addr", "127.0.0.1:0", "-cosmos", "127.0.0.1:0", "-acs", "127.0.0.1:0", "-graph", "127.0.0.1:0"}, args...)
	process := exec.Command(self, args...)
	process.Env = append(os.Environ(), "SWITCHBOARD_TEST_DEV=1")
	process.Stderr = os.Stderr
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { process.Process.Kill() })
	d := dev{process: process}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("dev ended before it was ready: %v", err)
	}
	if err := json.Unmarshal(line, &d.endpoints); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return d
}

// as signs in by the shortcut.
func (d dev) as(t *testing.T, user string) testbed.Client {
	t.Helper()
	answer := testbed.Client{T: t, URL: d.OIDC}.Get("/dev-token?user=" + user).Want(http.StatusOK)
	return testbed.Client{T: t, URL: d.Functions, Token: string(answer.Body)}
}

func (d dev) identity(t *testing.T, user string) string {
	t.Helper()
	answer := d.as(t, user).Get("/api/token").Want(http.StatusOK)
	return answer.JSON()["user"].(map[string]any)["communicationUserId"].(string)
}

func TestAdaKeepsHerIdentityThroughKillAndRestart(t *testing.T) {
	data := t.TempDir()
	first := start(t, data)
	id := first.identity(t, "ada")
	signedIn := first.as(t, "ada")
	if err := first.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.process.Wait()

	again := start(t, data)
	if got := again.identity(t, "ada"); got != id {
		t.Errorf("after kill -9 Ada is %s, before she was %s", got, id)
	}
	signedIn.Get("/api/token").Want(http.StatusOK) // a token of before is good still
	if again.ACSConnectionString[strings.Index(again.ACSConnectionString, "accesskey="):] != first.ACSConnectionString[strings.Index(first.ACSConnectionString, "accesskey="):] {
		t.Error("the ACS resource got another key")
	}
}

// TestAKillBeforeTheDeliveryLosesNothing: what Ada's request leaves to do is on disk
// with it, and is done by the dev after.
func TestAKillBeforeTheDeliveryLosesNothing(t *testing.T) {
	data := t.TempDir()
	first := start(t, data)
	ada, grace := first.as(t, "ada"), first.as(t, "grace")
	toAda := "/api/friends/" + ada.Do("POST", "/api/user", "").Text("userId")
	toGrace := "/api/friends/" + grace.Do("POST", "/api/user", "").Text("userId")
	for _, user := range []testbed.Client{ada, grace} {
		user.Do("PATCH", "/api/user", `{"discoverable":true}`).Want(http.StatusOK)
	}
	store := testbed.Client{T: t, URL: first.Cosmos}
	store.Do("POST", "/_faults", `{"method":"GET","contains":"outbox","delay":"1m","times":-1}`)
	ada.Do("PUT", toGrace, "").Want(http.StatusOK)
	if state := grace.Get(toAda).Text("state"); state != "none" {
		t.Errorf("before the delivery Grace's side says %q", state)
	}
	if err := first.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.process.Wait()

	again := start(t, data)
	ada, grace = again.as(t, "ada"), again.as(t, "grace")
	for deadline := time.Now().Add(10 * time.Second); grace.Get(toAda).Text("state") != "invited"; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("Grace was never told: %s", grace.Get(toAda).Body)
		}
	}
	if state := ada.Get(toGrace).Text("state"); state != "requested" {
		t.Errorf("Ada's side says %q", state)
	}
}

func TestInterruptStopsItCleanly(t *testing.T) {
	data := t.TempDir()
	d := start(t, data)
	d.identity(t, "ada")
	if err := d.process.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.process.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("stopped with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("did not stop")
	}
	text, err := os.ReadFile(filepath.Join(data, "endpoints.json"))
	if err != nil {
		t.Fatal(err)
	}
	var written map[string]string // by the names of the contract, not those of our struct
	if err := json.Unmarshal(text, &written); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"functions": d.Functions, "oidc": d.Functions + "/oidc", "cosmos": d.Cosmos, "cosmosKey": d.CosmosKey,
		"acs": d.ACS, "acsConnectionString": d.ACSConnectionString, "graph": d.Graph, "hubs": "",
	} {
		if got, ok := written[name]; !ok || got != want {
			t.Errorf("endpoints.json says %q for %s, want %q", got, name, want)
		}
	}
}

func TestASecondDevIsToldWhatIsWrong(t *testing.T) {
	data := t.TempDir()
	first := start(t, data)
	free := []string{"-addr", "127.0.0.1:0", "-cosmos", "127.0.0.1:0", "-acs", "127.0.0.1:0", "-graph", "127.0.0.1:0"}
	for name, args := range map[string][]string{
		"another process": append([]string{"-data", data}, free...),
		"another dev":     append(slices.Clone(free[2:]), "-data", "", "-addr", strings.TrimPrefix(first.Functions, "http://")),
	} {
		f, err := parse(args)
		if err != nil {
			t.Fatal(err)
		}
		if err := run(t.Context(), f, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v, want it to speak of %q", args, err, name)
		}
	}
}

func TestServicesOverTLSAreTrustedByTheirCA(t *testing.T) {
	data := t.TempDir()
	d := start(t, data, "-tls")
	pem, err := os.ReadFile(filepath.Join(data, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("ca.pem holds no certificate")
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	for _, url := range []string{d.ACS, d.Cosmos, d.Graph} {
		resp, err := client.Get(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		resp.Body.Close()
	}
	d.identity(t, "ada") // the functions are served as ever
}

// TestATeamsUserComesIn by a token that the laptop gives out.
func TestATeamsUserComesIn(t *testing.T) {
	d := start(t, "")
	token := testbed.Client{T: t, URL: d.Graph}.Get("/_token?user=ada").Want(http.StatusOK)
	teams := testbed.Client{T: t, URL: d.Functions, Token: string(token.Body)}
	if id := teams.Do("POST", "/api/user", "").Want(http.StatusCreated).Text("userId"); id == d.as(t, "ada").Do("POST", "/api/user", "").Text("userId") {
		t.Errorf("the user of the OpenID provider is the same: %s", id)
	}
}

func TestRequestsWithoutATokenAreTheUsersWhenAsked(t *testing.T) {
	d := start(t, "", "-as", "grace")
	signedIn := d.identity(t, "grace")
	answer := testbed.Client{T: t, URL: d.Functions}.Get("/api/token").Want(http.StatusOK)
	if got := answer.JSON()["user"].(map[string]any)["communicationUserId"]; got != signedIn {
		t.Errorf("without a token the caller is %s, grace is %s", got, signedIn)
	}
	plain := start(t, "")
	testbed.Client{T: t, URL: plain.Functions}.Get("/api/token").Problem(http.StatusUnauthorized, "token_missing")
}

func TestGreetingIsReadyToPaste(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	done := make(chan error, 1)
	f, err := parse([]string{"-data", "", "-addr", "127.0.0.1:0", "-cosmos", "127.0.0.1:0", "-acs", "127.0.0.1:0", "-graph", "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		done <- run(ctx, f, write, io.Discard)
		write.Close()
	}()
	command := regexp.MustCompile(`^([A-Z]+=|curl |-d )`)
	var script strings.Builder
	for lines := bufio.NewScanner(read); lines.Scan(); {
		if strings.Contains(lines.Text(), "Ctrl-C") {
			break
		}
		if line := strings.TrimSpace(lines.Text()); command.MatchString(line) {
			script.WriteString(line + "\n")
		}
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl here")
	}
	out, err := exec.CommandContext(ctx, "sh", "-ec", script.String()).CombinedOutput()
	for _, answer := range []string{`"communicationUserId"`, `"handle":"ada"`, `"state":"requested"`, `"locator":{"groupId":"6d1f6f5e-`, `"subject":"Review"`, `"locator":{"meetingLink":"https://teams.`, "Retry-After: 7"} {
		if err != nil || !strings.Contains(string(out), answer) {
			t.Fatalf("no %s: %v\n%s\n%s", answer, err, script.String(), out)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestWhatChangesFiresEventFunctions: the outbox's consumer tells that it does not know
// what to do.
func TestWhatChangesFiresEventFunctions(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f, err := parse([]string{"-json", "-data", "", "-addr", "127.0.0.1:0", "-cosmos", "127.0.0.1:0", "-acs", "127.0.0.1:0", "-graph", "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ready, stdout := io.Pipe()
	log := &testbed.Log{}
	done := make(chan error, 1)
	go func() { done <- run(ctx, f, stdout, log) }()
	var at endpoints
	if err := json.NewDecoder(ready).Decode(&at); err != nil {
		t.Fatal(err)
	}
	store, err := storage.Open(storage.Config{
		Endpoint: at.Cosmos, Key: at.CosmosKey, NewID: rand.Text, Schema: storage.Schema{Database: "switchboard", Container: "main"},
	})
	if err != nil {
		t.Fatal(err)
	}
	entry, err := outbox.New("p", "nothing known", nil, "1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Create(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(log.String(), "nothing known"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing was fired; log: %s", log)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestFlags(t *testing.T) {
	for _, bad := range [][]string{{"-nope"}, {"extra"}, {"-tls", "-data", ""}, {"-log", "loud"}} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}
