package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"switchboard/functions"
	"switchboard/shared/api"
	"switchboard/shared/function"
	"switchboard/shared/hosting"
)

// The README's table stands between these lines.
const (
	tableBegin = "<!-- functions: begin -->\n"
	tableEnd   = "<!-- functions: end -->\n"
)

// generate returns the derived files of the tree at root, by path.
func generate(root string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, f := range functions.All() {
		file := hosting.FunctionFile{Name: f.Name, Route: f.Route}
		if f.Event != nil {
			file.Trigger, file.Retry = f.Event.Trigger, f.Event.Retry
		}
		content, err := hosting.FunctionJSON(file)
		if err != nil {
			return nil, err
		}
		files[path.Join("functions", f.Name, "function.json")] = content
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		return nil, err
	}
	before, rest, begun := bytes.Cut(readme, []byte(tableBegin))
	_, after, ended := bytes.Cut(rest, []byte(tableEnd))
	if !begun || !ended {
		return nil, fmt.Errorf("README.md lacks the lines %q and %q", strings.TrimSpace(tableBegin), strings.TrimSpace(tableEnd))
	}
	files["README.md"] = slices.Concat(before, []byte(tableBegin), table(), []byte(tableEnd), after)
	return files, nil
}

// table lists the functions with the operations that each registers, or with what
// fires them.
func table() []byte {
	var out bytes.Buffer
	out.WriteString("| Function | Operations | What it is |\n| --- | --- | --- |\n")
	for _, f := range functions.All() {
		fmt.Fprintf(&out, "| [`%s`](functions/%s) | %s | %s |\n", f.Name, f.Name, strings.Join(operations(f), "<br>"), f.Summary)
	}
	return out.Bytes()
}

// operations are the function's, as `METHOD /api/path`.
func operations(f function.Function) []string {
	if f.Event != nil {
		return []string{"fired by " + f.Event.Source}
	}
	a := api.New(api.Config{})
	f.Mount(a, function.Services{})
	var out []string
	paths := a.Description().Paths
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		item := paths[p]
		for _, op := range []struct {
			method string
			there  bool
		}{{"GET", item.Get != nil}, {"POST", item.Post != nil}, {"PUT", item.Put != nil}, {"PATCH", item.Patch != nil}, {"DELETE", item.Delete != nil}} {
			if op.there {
				out = append(out, fmt.Sprintf("`%s %s%s`", op.method, api.Prefix, p))
			}
		}
	}
	return out
}
