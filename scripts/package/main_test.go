package main

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// module lays out a module as small as one can be packaged.
func module(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	program := "package main\n\nfunc main() {}\n"
	for name, content := range map[string]string{
		"go.mod":                        "module fixture\n\ngo 1.26\n",
		"host.json":                     `{"version":"2.0"}`,
		"local.settings.json":           `{"secret":"stays here"}`,
		"functions/cmd/all/main.go":     program,
		"functions/cmd/token/main.go":   program,
		"functions/token/function.json": `{"bindings":[]}`,
		"functions/token/token.go":      "package token\n",
		"functions/user/function.json":  `{"bindings":[]}`,
		"functions/about/function.json": `{"bindings":[]}`,
		"functions/user/user.go":        "package user\n",
		"functions/table.go":            "package functions\n",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// list returns the names and modes of a zip.
func list(t *testing.T, file string) []string {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var names []string
	for _, f := range z.File {
		names = append(names, fmt.Sprintf("%s %s", f.Mode(), f.Name))
	}
	return names
}

func machine(t *testing.T, file string) elf.Machine {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return f.Machine
}

func pack(t *testing.T, root string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(append([]string{args[0], "-root", root, "-arch", runtime.GOARCH}, args[1:]...), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestAzure(t *testing.T) {
	t.Parallel()
	root := module(t)
	out := pack(t, root, "azure")
	want := []string{"-rw-r--r-- about/function.json", "-rwxr-xr-x handler", "-rw-r--r-- host.json", "-rw-r--r-- token/function.json", "-rw-r--r-- user/function.json"}
	if diff := cmp.Diff(want, list(t, filepath.Join(root, "dist/azure.zip"))); diff != "" {
		t.Errorf("the zip (-want +got):\n%s", diff)
	}
	built := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
	if m := machine(t, filepath.Join(root, "dist/azure/handler")); m != built {
		t.Errorf("the handler is built for %s", m)
	}
	if !strings.Contains(out, "dist/azure.zip") || !strings.Contains(out, "3 functions: [about token user]") {
		t.Errorf("printed:\n%s", out)
	}
	first := read(t, filepath.Join(root, "dist/azure.zip"))
	commit(t, root)
	pack(t, root, "azure")
	if !bytes.Equal(first, read(t, filepath.Join(root, "dist/azure.zip"))) {
		t.Error("the same sources gave another zip")
	}
	pack(t, root, "azure", "token")
	want = []string{"-rw-r--r-- about/function.json", "-rwxr-xr-x handler", "-rw-r--r-- host.json", "-rw-r--r-- token/function.json"}
	if diff := cmp.Diff(want, list(t, filepath.Join(root, "dist/azure.zip"))); diff != "" {
		t.Errorf("one function after all of them (-want +got):\n%s", diff)
	}
	pack(t, root, "lambda", "token")
	if !bytes.Equal(read(t, filepath.Join(root, "dist/azure/handler")), read(t, filepath.Join(root, "dist/lambda/token/bootstrap"))) {
		t.Error("one function has not the executable of its own")
	}
}

// commit makes the module a git repository, which go build would stamp into what it
// builds.
func commit(t *testing.T, root string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Log("there is no git here: the stamp is not looked for")
		return
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "x"}} {
		git := exec.Command("git", args...)
		git.Dir = root
		if out, err := git.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
}

func TestLambda(t *testing.T) {
	t.Parallel()
	root := module(t)
	pack(t, root, "lambda")
	for _, name := range []string{"all", "token"} {
		if diff := cmp.Diff([]string{"-rwxr-xr-x bootstrap"}, list(t, filepath.Join(root, "dist/lambda", name+".zip"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	first := read(t, filepath.Join(root, "dist/lambda/token.zip"))
	pack(t, root, "lambda", "token")
	if !bytes.Equal(first, read(t, filepath.Join(root, "dist/lambda/token.zip"))) {
		t.Error("the same sources gave another zip")
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	root := module(t)
	precious := filepath.Join(root, "precious")
	for _, file := range []string{"precious/file", "handler", "token/file"} { // as if it had been built for func start
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "azure or lambda"},
		{[]string{"gcp"}, "azure or lambda"},
		{[]string{"azure", "-root", root, "-arch", "386"}, "-arch"},
		{[]string{"azure", "-root", root, "tokens"}, "there are: about, token, user"},
		{[]string{"lambda", "-root", root, "user"}, "there are: all, token"},
		{[]string{"azure", "-root", root, "-o", precious}, "choose an empty folder"},
		{[]string{"azure", "-root", root, "-o", root}, "choose an empty folder"},
		{[]string{"lambda", "-root", root, "-o", root, "token"}, "choose an empty folder"},
		{[]string{"azure", "-root", t.TempDir()}, "no function"},
	} {
		if err := run(c.args, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		}
	}
	for _, file := range []string{"precious/file", "token/file", "go.mod", "functions/table.go"} {
		if _, err := os.Stat(filepath.Join(root, file)); err != nil {
			t.Error(err)
		}
	}
}
