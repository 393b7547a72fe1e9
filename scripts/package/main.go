// Package builds what the clouds deploy.
//
//	go run ./scripts/package azure  [-o dist/azure]  [-arch amd64] [function…]
//	go run ./scripts/package lambda [-o dist/lambda] [-arch arm64] [command…]
//
// azure stages the script root of a function app, and zips it beside: host.json, the
// executable "handler", and one folder per function with its function.json. Without names
// it takes every function with a function.json; about and notify go along in any case.
// The executable is functions/cmd/all, or the command of one function that is named.
//
// lambda makes one folder and one zip per command in functions/cmd, each with an
// executable called "bootstrap". Without names it takes every command.
//
// The same sources give the same bytes: files are sorted, times are fixed, and
// executables say nothing of where and at which commit they were built. Executables have mode 0755 in the zips,
// without which neither cloud starts them.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "package:", err)
		os.Exit(1)
	}
}

// target is one cloud.
type target struct {
	out, arch string // defaults
	build     func(job) error
}

// job is one run of the command.
type job struct {
	root  string   // the module
	out   string   // the folder to make
	arch  string   // GOARCH
	names []string // what was asked for; none = everything
	log   io.Writer
}

func run(args []string, stdout io.Writer) error {
	targets := map[string]target{
		"azure":  {"dist/azure", "amd64", azure},
		"lambda": {"dist/lambda", "arm64", lambda},
	}
	if len(args) == 0 || targets[args[0]].build == nil {
		return errors.New("say which: azure or lambda")
	}
	t := targets[args[0]]
	flags := flag.NewFlagSet("package "+args[0], flag.ContinueOnError)
	j := job{log: stdout}
	flags.StringVar(&j.root, "root", ".", "the module's folder")
	flags.StringVar(&j.out, "o", t.out, "the folder to make; the zips go beside or into it")
	flags.StringVar(&j.arch, "arch", t.arch, "amd64 or arm64")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	j.names = flags.Args()
	if !slices.Contains([]string{"amd64", "arm64"}, j.arch) {
		return fmt.Errorf("-arch %s: amd64 or arm64", j.arch)
	}
	if !filepath.IsAbs(j.out) {
		j.out = filepath.Join(j.root, j.out)
	}
	return t.build(j)
}

// choose returns the names that were asked for, or all of them.
func (j job) choose(all []string, what string) ([]string, error) {
	if len(all) == 0 {
		return nil, fmt.Errorf("the module has no %s", what)
	}
	if len(j.names) == 0 {
		return all, nil
	}
	for _, name := range j.names {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("no %s %q; there are: %s", what, name, strings.Join(all, ", "))
		}
	}
	return j.names, nil
}

// compile builds a command of the module for Linux.
func (j job) compile(command, out string, tags string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-tags", tags, "-o", out, "./functions/cmd/"+command)
	cmd.Dir = j.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+j.arch)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./functions/cmd/%s: %w\n%s", command, err, output)
	}
	return nil
}

// made prints a file and its size.
func (j job) made(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	shown := file
	if relative, err := filepath.Rel(j.root, file); err == nil && filepath.IsLocal(relative) {
		shown = relative
	}
	fmt.Fprintf(j.log, "%9.2f MB  %s\n", float64(info.Size())/1e6, shown)
	return nil
}
