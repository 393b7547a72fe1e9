// Package seal keeps small secrets, such as access tokens, unreadable where
// they are stored: AES-256-GCM (NIST SP 800-38D) under a ring of keys, of which
// the newest seals and all open, so that keys rotate without an outage.
//
// A sealed value is bound to a context, the place it was sealed for; moved to
// another place it does not open. The package does not store values or make
// keys. Where no key is configured there is no Ring, and callers keep what they
// would have sealed in memory only.
package seal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Errors of Open. Both mean that the value is of no use and must be made anew.
var (
	ErrUnknownKey = errors.New("seal: sealed with a key that is not in the ring")
	ErrBroken     = errors.New("seal: the sealed value does not open")
)

// Key is one key of a ring. The ID is stored with what it seals.
type Key struct {
	ID     string // 1 to 64 of A-Z a-z 0-9 _ -
	Secret []byte // 32 bytes
}

// Source says which keys there are now, the sealing one first.
type Source interface {
	Keys(ctx context.Context) ([]Key, error)
}

// Static is a Source that never changes, as read from settings.
type Static []Key

// Keys returns the keys as they are.
func (s Static) Keys(context.Context) ([]Key, error) { return s, nil }

// ParseKeys reads "id:base64,id:base64,…", newest first, each 32 bytes.
func ParseKeys(text string) (Static, error) {
	var keys Static
	for i, part := range strings.Split(text, ",") {
		id, secret, found := strings.Cut(strings.TrimSpace(part), ":")
		raw, err := base64.StdEncoding.DecodeString(secret)
		if !found || err != nil {
			return nil, fmt.Errorf("key %d is not of the form id:base64", i+1)
		}
		keys = append(keys, Key{ID: id, Secret: raw})
	}
	_, err := open(keys)
	return keys, err
}

const (
	refreshEvery = 10 * time.Minute // how long a ring is used before its source is asked again
	retryEvery   = 15 * time.Second // and how often at most, when asking fails or a key is unknown
	askTimeout   = time.Second      // a token that cannot be sealed is given all the same, so nobody waits for long
)

// Ring seals and opens with the keys of a Source, which it asks on first use
// and then now and again. It is safe for concurrent use.
type Ring struct {
	source Source
	now    func() time.Time

	asking singleflight.Group

	mu     sync.Mutex
	keys   []opened
	asked  time.Time // when the source was last asked
	read   time.Time // when it last answered
	failed error     // why there are no keys
	busy   bool      // it is being asked
}

type opened struct {
	id   string
	aead cipher.AEAD
}

// NewRing returns a Ring over source. It makes no request yet.
func NewRing(source Source, now func() time.Time) *Ring {
	return &Ring{source: source, now: now}
}

// Seal encrypts plain for the given context.
func (r *Ring) Seal(ctx context.Context, plain []byte, place string) (string, error) {
	keys, err := r.ring(ctx, false)
	if err != nil {
		return "", err
	}
	key := keys[0]
	nonce := make([]byte, key.aead.NonceSize(), key.aead.NonceSize()+len(plain)+key.aead.Overhead())
	rand.Read(nonce) // never fails, by its contract
	return key.id + "." + base64.RawURLEncoding.EncodeToString(key.aead.Seal(nonce, nonce, plain, []byte(place))), nil
}

// Open decrypts what Seal made for the same place. It returns ErrUnknownKey,
// ErrBroken, or the error of a source that never answered.
func (r *Ring) Open(ctx context.Context, sealed, place string) ([]byte, error) {
	id, text, _ := strings.Cut(sealed, ".")
	box, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, ErrBroken
	}
	key, err := r.find(ctx, id)
	if err != nil {
		return nil, err
	}
	size := key.aead.NonceSize()
	if len(box) < size {
		return nil, ErrBroken
	}
	plain, err := key.aead.Open(nil, box[:size], box[size:], []byte(place))
	if err != nil {
		return nil, ErrBroken
	}
	return plain, nil
}

// find looks for a key, and once more in a fresh ring: another instance may
// already seal with a key that was added since.
func (r *Ring) find(ctx context.Context, id string) (opened, error) {
	for _, fresh := range []bool{false, true} {
		keys, err := r.ring(ctx, fresh)
		if err != nil {
			return opened{}, err
		}
		if i := slices.IndexFunc(keys, func(k opened) bool { return k.id == id }); i >= 0 {
			return keys[i], nil
		}
	}
	return opened{}, ErrUnknownKey
}

// ring returns the keys. Old ones go on while the source is asked for newer, by
// one caller at a time and behind its back, unless fresh ones are wanted. A
// source that failed is left alone for a while.
func (r *Ring) ring(ctx context.Context, fresh bool) ([]opened, error) {
	r.mu.Lock()
	now := r.now()
	keys, ask := r.keys, now.Sub(r.asked) >= retryEvery && (fresh || now.Sub(r.read) >= refreshEvery)
	if ask {
		r.asked, r.busy = now, true
	}
	join := fresh && r.busy || len(keys) == 0 && r.failed == nil
	failed := r.failed
	r.mu.Unlock()
	if !ask && !join {
		return keys, failed
	}
	asked := r.asking.DoChan("", func() (any, error) {
		// Not this caller's context: others wait for the same answer.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		return r.ask(ctx)
	})
	if len(keys) > 0 && !fresh {
		return keys, nil
	}
	select {
	case answer := <-asked:
		if answer.Err != nil && len(keys) > 0 {
			return keys, nil
		}
		ring, _ := answer.Val.([]opened)
		return ring, answer.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ask asks the source and notes what came of it.
func (r *Ring) ask(ctx context.Context) (ring []opened, err error) {
	listed, err := r.source.Keys(ctx)
	if err == nil {
		ring, err = open(listed)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked, r.busy = r.now(), false
	if err == nil {
		r.keys, r.read, r.failed = ring, r.now(), nil
	} else if len(r.keys) == 0 {
		r.failed = fmt.Errorf("seal: no keys: %w", err)
		return nil, r.failed
	}
	return r.keys, nil
}

// keyID matches what Key.ID allows.
var keyID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func open(keys []Key) ([]opened, error) {
	if len(keys) == 0 {
		return nil, errors.New("the key ring is empty")
	}
	ring := make([]opened, 0, len(keys))
	for i, k := range keys {
		if !keyID.MatchString(k.ID) || len(k.Secret) != 32 {
			return nil, fmt.Errorf("key %d needs an id of A-Z a-z 0-9 _ - and 32 bytes", i+1)
		}
		block, err := aes.NewCipher(k.Secret)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		ring = append(ring, opened{id: k.ID, aead: aead})
	}
	return ring, nil
}
