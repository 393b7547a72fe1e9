package localoidc

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// signingKey is the provider's one key. It is an op.SigningKey.
type signingKey struct {
	private *rsa.PrivateKey
	id      string // of the public key, so that another key never has the same
}

func (k signingKey) ID() string                                  { return k.id }
func (k signingKey) Key() any                                    { return k.private }
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }

// publicKey is the same key as JWKS shows it. It is an op.Key.
type publicKey struct{ signingKey }

func (k publicKey) Key() any                           { return &k.private.PublicKey }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }

// loadOrMakeKey returns a function that gives the key: the one that is set, or
// the file's. One that has to be made is made at once, in the background.
func loadOrMakeKey(set *rsa.PrivateKey, file string) (func() (signingKey, error), error) {
	if set != nil {
		return func() (signingKey, error) { return newSigningKey(set), nil }, nil
	}
	private, err := readKey(file)
	if err != nil {
		return nil, fmt.Errorf("localoidc: %w", err)
	}
	if private != nil {
		return func() (signingKey, error) { return newSigningKey(private), nil }, nil
	}
	key := sync.OnceValues(func() (signingKey, error) {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return signingKey{}, err
		}
		return newSigningKey(private), writeKey(file, private)
	})
	go key()
	return key, nil
}

func newSigningKey(private *rsa.PrivateKey) signingKey {
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(&private.PublicKey))
	return signingKey{private: private, id: hex.EncodeToString(sum[:8])}
}

// readKey reads a PKCS #8 key in PEM; without a file the key is nil.
func readKey(file string) (*rsa.PrivateKey, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block; delete it to have a new key made", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds no RSA key; delete it to have one made", file)
	}
	return private, nil
}

// writeKey writes the whole file or nothing, readable by its owner only.
func writeKey(file string, private *rsa.PrivateKey) error {
	if file == "" {
		return nil
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), ".oidc-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // gone already once renamed
	if err := pem.Encode(temp, &pem.Block{Type: "PRIVATE KEY", Bytes: der}); err != nil {
		return errors.Join(err, temp.Close())
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), file)
}
