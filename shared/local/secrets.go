package local

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"

	"switchboard/shared/seal"
)

// kept is a secret that is made once and kept beside the data that it opens; an
// empty file name keeps it in memory.
func kept(file string, fresh func() string, check func(string) error) (string, error) {
	if file == "" {
		return fresh(), nil
	}
	text, err := os.ReadFile(file)
	if err == nil {
		if err := check(string(text)); err != nil {
			return "", fmt.Errorf("%s is damaged: %w; delete it to have a new one made", file, err)
		}
		return string(text), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	secret := fresh()
	if err := os.WriteFile(file+".new", []byte(secret), 0o600); err != nil {
		return "", err
	}
	return secret, os.Rename(file+".new", file)
}

func newSealingKey() string {
	secret := make([]byte, 32)
	rand.Read(secret)
	return "local:" + base64.StdEncoding.EncodeToString(secret)
}

func checkSealingKey(key string) error {
	_, err := seal.ParseKeys(key)
	return err
}

func checkClientSecret(secret string) error {
	if len(secret) != len(rand.Text()) {
		return errors.New("it is no client secret of this program's")
	}
	return nil
}
