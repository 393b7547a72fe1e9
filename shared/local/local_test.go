package local_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchboard/shared/local"
	"switchboard/shared/testbed"
)

func options(data string) local.Options { return local.Options{Data: data, Issuer: testbed.Issuer} }

// TestWhatCannotBeOpenedSaysSo: a damaged or used directory ends in a message,
// and is as it was.
func TestWhatCannotBeOpenedSaysSo(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, data string){
		"sealing.key": func(t *testing.T, data string) { write(t, data, "sealing.key", "") },
		"oidc.key":    func(t *testing.T, data string) { write(t, data, "oidc.key", "") },
		"acs.db":      func(t *testing.T, data string) { write(t, data, "acs.db", "not a database") },
		"cosmos.db":   func(t *testing.T, data string) { write(t, data, "cosmos.db", "not a database") },
		"another process": func(t *testing.T, data string) {
			other, err := local.Open(t.Context(), options(data))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { other.Close() })
		},
		"a file": nil,
	} {
		t.Run(name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			wanted := name
			if spoil == nil {
				wanted = "directory"
				write(t, filepath.Dir(data), "data", "")
			} else {
				spoil(t, data)
			}
			if _, err := local.Open(t.Context(), options(data)); err == nil || !strings.Contains(err.Error(), wanted) {
				t.Errorf("%v, want it to speak of %q", err, wanted)
			}
		})
	}
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestADirectoryKeepsItsKeys(t *testing.T) {
	data := t.TempDir()
	var first map[string]string
	for range 2 {
		c, err := local.Open(t.Context(), options(data))
		if err != nil {
			t.Fatal(err)
		}
		settings := c.Settings()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = settings
		}
		// The provider makes its key beside the start: Close has to wait for it.
		if _, err := os.Stat(filepath.Join(data, "oidc.key")); err != nil {
			t.Errorf("after Close: %v", err)
		}
		for name, value := range first {
			if settings[name] != value {
				t.Errorf("%s is another after a restart", name)
			}
		}
	}
}
