package localgraph

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// bucket is a kind of documents, and the name of its bucket in the file.
type bucket string

const (
	keyBucket          bucket = "keys"
	meetingBucket      bucket = "meetings"
	eventBucket        bucket = "events"
	appointmentBucket  bucket = "appointments"
	subscriptionBucket bucket = "subscriptions"
)

// reference names a document.
type reference struct {
	bucket bucket
	key    string
}

// store keeps documents as JSON text: in memory, and in a file too if there is
// one. A change is in the file before anybody sees it.
type store struct {
	db *bbolt.DB // nil: memory only

	mu   sync.Mutex
	docs map[reference]json.RawMessage
}

func openStore(path string) (*store, error) {
	st := &store{docs: map[reference]json.RawMessage{}}
	if path == "" {
		return st, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("localgraph: %w", err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 200 * time.Millisecond})
	if err != nil {
		return nil, fmt.Errorf("localgraph: %s cannot be opened; does another process use it? %w", path, err)
	}
	st.db = db
	if err := db.View(st.load); err != nil {
		return nil, errors.Join(fmt.Errorf("localgraph: %s: %w", path, err), db.Close())
	}
	return st, nil
}

// load reads the whole file. bbolt's slices end with the transaction.
func (st *store) load(file *bbolt.Tx) error {
	return file.ForEach(func(name []byte, b *bbolt.Bucket) error {
		return b.ForEach(func(key, doc []byte) error {
			if !json.Valid(doc) {
				return fmt.Errorf("%s %s is damaged", name, key)
			}
			st.docs[reference{bucket(name), string(key)}] = slices.Clone(doc)
			return nil
		})
	})
}

func (st *store) close() error {
	if st.db == nil {
		return nil
	}
	return st.db.Close()
}

// update runs fn alone and keeps what it changed, all or nothing: nothing if
// it returns an error, which update returns as it is.
func (st *store) update(fn func(*tx) error) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	t := &tx{docs: st.docs, changes: map[reference]json.RawMessage{}}
	if err := errors.Join(fn(t), t.err); err != nil {
		return err
	}
	if st.db != nil && len(t.changes) > 0 {
		if err := st.db.Update(t.write); err != nil {
			return err
		}
	}
	for ref, doc := range t.changes {
		if doc == nil {
			delete(st.docs, ref)
		} else {
			st.docs[ref] = doc
		}
	}
	return nil
}

// tx is the documents as one operation sees and changes them. The first fault
// of a document is kept in err and fails the operation.
type tx struct {
	docs    map[reference]json.RawMessage
	changes map[reference]json.RawMessage // nil: removed
	news    []change                      // of calendars, to be told
	err     error
}

func (t *tx) write(file *bbolt.Tx) error {
	for ref, doc := range t.changes {
		b, err := file.CreateBucketIfNotExists([]byte(ref.bucket))
		if err == nil && doc == nil {
			err = b.Delete([]byte(ref.key))
		} else if err == nil {
			err = b.Put([]byte(ref.key), doc)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// put adds or replaces a document.
func (t *tx) put(b bucket, key string, doc any) {
	text, err := json.Marshal(doc)
	t.err = errors.Join(t.err, err)
	t.changes[reference{b, key}] = text
}

func (t *tx) remove(b bucket, key string) { t.changes[reference{b, key}] = nil }

// get reads a document into a new T, which is the caller's to change.
func get[T any](t *tx, b bucket, key string) (doc T, ok bool) {
	ref := reference{b, key}
	text, changed := t.changes[ref]
	if !changed {
		text = t.docs[ref]
	}
	if text == nil {
		return doc, false
	}
	t.err = errors.Join(t.err, json.Unmarshal(text, &doc))
	return doc, true
}

// all goes through a bucket in the order of its keys.
func all[T any](t *tx, b bucket) iter.Seq[T] {
	keys := map[string]bool{}
	for _, docs := range []map[reference]json.RawMessage{t.docs, t.changes} {
		for ref := range docs {
			if ref.bucket == b {
				keys[ref.key] = true
			}
		}
	}
	return func(yield func(T) bool) {
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			if doc, ok := get[T](t, b, key); ok && !yield(doc) {
				return
			}
		}
	}
}

// signingKey is the key that is given or kept, or a new one.
func (st *store) signingKey(given *rsa.PrivateKey) (key *rsa.PrivateKey, err error) {
	if given != nil {
		return given, nil
	}
	err = st.update(func(t *tx) error {
		if der, ok := get[[]byte](t, keyBucket, "signing"); ok {
			key, err = x509.ParsePKCS1PrivateKey(der)
			return err
		}
		if key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			return err
		}
		t.put(keyBucket, "signing", x509.MarshalPKCS1PrivateKey(key))
		return nil
	})
	return key, err
}
