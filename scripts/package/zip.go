package main

import (
	"archive/zip"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// executables are what a cloud starts. Modes go by the name, because not every system
// that packs has modes.
var executables = []string{"handler", "bootstrap"}

// writeZip packs the files below dir, in order of their names, with fixed times and
// either mode 0755 or 0644, so that the zip depends on their content only.
func writeZip(file, dir string) (err error) {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() {
		if closing := out.Close(); err == nil {
			err = closing
		}
	}()
	z := zip.NewWriter(out)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return addFile(z, dir, path, d)
	})
	if err != nil {
		return err
	}
	return z.Close()
}

func addFile(z *zip.Writer, dir, path string, d fs.DirEntry) error {
	name, err := filepath.Rel(dir, path)
	if err != nil {
		return err
	}
	header := &zip.FileHeader{
		Name:     filepath.ToSlash(name),
		Method:   zip.Deflate,
		Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), // the first that a zip can tell
	}
	header.SetMode(0o644)
	if slices.Contains(executables, d.Name()) {
		header.SetMode(0o755)
	}
	w, err := z.CreateHeader(header)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}
