package storage

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// Digest names a list of texts by 256 bits, in a-z 2-7: for ids that are the same
// whenever the same is meant. No two lists are encoded alike.
func Digest(texts ...string) string {
	sum := sha256.New()
	for _, t := range texts {
		size := [4]byte{byte(len(t) >> 24), byte(len(t) >> 16), byte(len(t) >> 8), byte(len(t))}
		sum.Write(size[:])
		sum.Write([]byte(t))
	}
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum.Sum(nil)))
}
