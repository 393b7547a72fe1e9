package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// azure stages a script root: the host finds functions only in direct children of it.
func azure(j job) error {
	names, err := functions(j.root)
	if err != nil {
		return err
	}
	all := names
	if names, err = j.choose(all, "function with a function.json"); err != nil {
		return err
	}
	for _, name := range along() {
		if slices.Contains(all, name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if err := empty(j.out, staged); err != nil {
		return err
	}
	copies := map[string]string{"host.json": filepath.Join(j.root, "host.json")}
	for _, name := range names {
		copies[filepath.Join(name, "function.json")] = filepath.Join(j.root, "functions", name, "function.json")
	}
	for to, from := range copies {
		if err := copyFile(from, filepath.Join(j.out, to)); err != nil {
			return err
		}
	}
	handler := filepath.Join(j.out, "handler")
	command, err := j.handler()
	if err != nil {
		return err
	}
	if err := j.compile(command, handler, "lambda.norpc"); err != nil {
		return err
	}
	zipped := j.out + ".zip"
	if err := writeZip(zipped, j.out); err != nil {
		return err
	}
	for _, file := range []string{handler, zipped} {
		if err := j.made(file); err != nil {
			return err
		}
	}
	fmt.Fprintf(j.log, "%d functions: %v\n", len(names), names)
	return nil
}

// handler is the command that is the executable. One function alone has its own: that
// of all would serve every path that about takes, and want everybody's settings.
func (j job) handler() (string, error) {
	names, err := commands(j.root)
	if len(j.names) == 1 && slices.Contains(names, j.names[0]) {
		return j.names[0], err
	}
	return "all", err
}

// along are the functions that go with every other: about takes the paths that no
// other function has, a function's own further paths among them, and notify does what
// others leave in the outbox.
func along() []string { return []string{"about", "notify"} }

// functions returns the folders of functions/ that hold a function.json, sorted.
func functions(root string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, "functions", "*", "function.json"))
	var names []string
	for _, file := range files {
		names = append(names, filepath.Base(filepath.Dir(file)))
	}
	return names, err
}

// empty makes an empty folder. It removes only what an earlier run has made, so that a
// mistyped -o costs nothing.
func empty(dir string, made func(dir string, f fs.DirEntry) bool) error {
	found, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range found {
		if !made(dir, f) {
			return fmt.Errorf("%s holds %s, which this command has not made: choose an empty folder", dir, f.Name())
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o755)
}

// staged reports whether a run of azure may have made something, or a person who tried
// the staged folder: a file of the script root, or a folder with a function.json alone.
func staged(dir string, f fs.DirEntry) bool {
	if !f.IsDir() {
		return slices.Contains([]string{"host.json", "handler", "local.settings.json"}, f.Name())
	}
	inside, err := os.ReadDir(filepath.Join(dir, f.Name()))
	return err == nil && (len(inside) == 0 || len(inside) == 1 && inside[0].Name() == "function.json")
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}
