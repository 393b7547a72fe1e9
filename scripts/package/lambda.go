package main

import (
	"io/fs"
	"path/filepath"
)

// lambda makes a folder and a zip per command. The tag leaves out the RPC server of the
// retired go1.x runtime.
func lambda(j job) error {
	names, err := commands(j.root)
	if err != nil {
		return err
	}
	if names, err = j.choose(names, "command in functions/cmd"); err != nil {
		return err
	}
	for _, name := range names {
		dir := filepath.Join(j.out, name)
		if err := empty(dir, func(_ string, f fs.DirEntry) bool { return f.Name() == "bootstrap" && !f.IsDir() }); err != nil {
			return err
		}
		bootstrap, zipped := filepath.Join(dir, "bootstrap"), dir+".zip"
		if err := j.compile(name, bootstrap, "lambda.norpc"); err != nil {
			return err
		}
		if err := writeZip(zipped, dir); err != nil {
			return err
		}
		for _, file := range []string{bootstrap, zipped} {
			if err := j.made(file); err != nil {
				return err
			}
		}
	}
	return nil
}

// commands returns the folders of functions/cmd, sorted.
func commands(root string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, "functions", "cmd", "*", "main.go"))
	var names []string
	for _, file := range files {
		names = append(names, filepath.Base(filepath.Dir(file)))
	}
	return names, err
}
