package localacs

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// The buckets of the file.
const (
	settingsBucket   = "settings"   // name → text
	identitiesBucket = "identities" // id → second of the last revocation
)

// state is what the service remembers: in memory, and in a file too if there is
// one. A change is on disk before it is answered, so that an identity once
// handed out is still owned after a crash.
type state struct {
	db *bbolt.DB // nil: memory only

	mu         sync.Mutex
	identities map[string]int64 // id → second of the last revocation, 0 for none
}

func openState(path string) (*state, error) {
	st := &state{identities: map[string]int64{}}
	if path == "" {
		return st, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("localacs: %w", err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 200 * time.Millisecond})
	if err != nil {
		return nil, fmt.Errorf("localacs: %s cannot be opened; does another process use it? %w", path, err)
	}
	st.db = db
	if err := st.load(); err != nil {
		db.Close()
		return nil, fmt.Errorf("localacs: %s: %w", path, err)
	}
	return st, nil
}

// load makes the buckets and reads the identities.
func (st *state) load() error {
	return st.db.Update(func(tx *bbolt.Tx) error {
		if _, err := tx.CreateBucketIfNotExists([]byte(settingsBucket)); err != nil {
			return err
		}
		b, err := tx.CreateBucketIfNotExists([]byte(identitiesBucket))
		if err != nil {
			return err
		}
		return b.ForEach(func(id, revoked []byte) error {
			if len(revoked) != 8 {
				return fmt.Errorf("the record of %s is damaged", id)
			}
			st.identities[string(id)] = int64(binary.BigEndian.Uint64(revoked))
			return nil
		})
	})
}

func (st *state) close() error {
	if st.db == nil {
		return nil
	}
	return st.db.Close()
}

// setting returns a kept text, or makes and keeps it.
func (st *state) setting(name string, make func() (string, error)) (value string, err error) {
	if st.db == nil {
		return make()
	}
	err = st.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(settingsBucket))
		if kept := b.Get([]byte(name)); kept != nil {
			value = string(kept)
			return nil
		}
		if value, err = make(); err != nil {
			return err
		}
		return b.Put([]byte(name), []byte(value))
	})
	return value, err
}

// ids returns the identities in alphabetical order.
func (st *state) ids() []string {
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.Sorted(maps.Keys(st.identities))
}

// revoked returns the second of an identity's last revocation, and whether the
// identity exists.
func (st *state) revoked(id string) (second int64, ok bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	second, ok = st.identities[id]
	return second, ok
}

func (st *state) add(id string) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.put(id, 0)
}

// revoke dates the revocation after every token issued so far: now, or one
// second after the last revocation, as mint dates tokens.
func (st *state) revoke(id string, now time.Time) (found bool, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	last, ok := st.identities[id]
	if !ok {
		return false, nil
	}
	return true, st.put(id, max(now.Unix(), last+1))
}

func (st *state) remove(id string) (found bool, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if _, ok := st.identities[id]; !ok {
		return false, nil
	}
	if st.db != nil {
		err = st.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(identitiesBucket)).Delete([]byte(id)) })
	}
	if err == nil {
		delete(st.identities, id)
	}
	return true, err
}

// put writes to the file first, so that memory never knows more than it.
func (st *state) put(id string, revoked int64) error {
	if st.db != nil {
		err := st.db.Update(func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte(identitiesBucket)).Put([]byte(id), binary.BigEndian.AppendUint64(nil, uint64(revoked)))
		})
		if err != nil {
			return err
		}
	}
	st.identities[id] = revoked
	return nil
}
