package localcosmos

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// EmulatorKey is the account key that every installation of Microsoft's
// emulator shares. It is public and protects nothing.
const EmulatorKey = "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=="

// openTimeout is how long Open waits for another process to let go of the
// file: long enough for one that is just closing.
const openTimeout = 2 * time.Second

// Options set a store up. The zero value is a store in memory with the
// emulator's key.
type Options struct {
	// Path is the file that holds everything; it is made if need be. Empty
	// means memory only: what is written is gone on Close.
	Path string
	// Key is the account key in base64; empty means EmulatorKey.
	Key string
	// Now gives _ts and decides what has expired; nil means time.Now. It is
	// called from several goroutines.
	Now func() time.Time
	// Lenient accepts ids that the service accepts but then cannot read
	// back. By default they are refused when they are written.
	Lenient bool
	// Throttle answers with 429 where more is asked of a database or container
	// than the RU/s it was made with. What was made without any has no limit.
	Throttle bool
	// Fault is asked before each request what shall go wrong with it, but not
	// before what a pump does itself. It is called from several goroutines.
	Fault func(*http.Request) Fault
	// VerifyBearer judges a Microsoft Entra token. Without it, such tokens
	// are answered with 401.
	VerifyBearer func(token string) error
}

// Store is an account: databases, containers and items. Its methods may be
// called from many goroutines.
type Store struct {
	options Options
	secret  []byte
	db      *bolt.DB
	catalog atomic.Pointer[catalog]
	parsed  *lru.Cache[version, any] // items, as queries look at them
	feeds   *lru.Cache[feedID, feed] // change feeds, as they were read last

	writer   writer
	throttle throttle
	pumps    sync.Map // leases that are pumped -> true

	closing chan struct{} // closed by Close
	closed  sync.Once
	loops   sync.WaitGroup
	cleanup func() error
}

// Open opens the store or makes it. A file serves one process at a time: a
// second one gets an error that says so.
func Open(options Options) (*Store, error) {
	options.Key = cmp.Or(options.Key, EmulatorKey)
	if options.Now == nil {
		options.Now = time.Now
	}
	secret, err := base64.StdEncoding.DecodeString(options.Key)
	if err != nil {
		return nil, errors.New("localcosmos: the key is not base64")
	}
	parsed, errParsed := lru.New[version, any](keptItems)
	feeds, errFeeds := lru.New[feedID, feed](keptFeeds)
	db, cleanup, err := openFile(options.Path)
	if err := errors.Join(errParsed, errFeeds, err); err != nil {
		return nil, err
	}
	s := &Store{
		options: options, secret: secret, db: db, parsed: parsed, feeds: feeds, cleanup: cleanup,
		writer:   writer{unique: map[uint32]uniqueIndex{}},
		throttle: throttle{paid: map[string]time.Time{}},
		closing:  make(chan struct{}),
	}
	commit := make(chan struct{})
	s.writer.changed.Store(&commit)
	if err := s.load(); err != nil {
		return nil, errors.Join(err, db.Close(), cleanup())
	}
	s.loops.Go(s.purge)
	return s, nil
}

func openFile(path string) (*bolt.DB, func() error, error) {
	if path == "" {
		return openMemory()
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: openTimeout, FreelistType: bolt.FreelistMapType})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, nil, fmt.Errorf("localcosmos: %s is open in another process: stop that process or talk to its listener", path)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("localcosmos: open %s: %w", path, err)
	}
	return db, func() error { return nil }, nil
}

// openMemory makes a file that nobody else can open and that is never synced.
// Where the system allows it the file loses its name at once, so that not even
// a crash leaves it behind.
func openMemory() (*bolt.DB, func() error, error) {
	file, err := os.CreateTemp("", "localcosmos-*")
	if err != nil {
		return nil, nil, fmt.Errorf("localcosmos: memory only: %w", err)
	}
	path, errClose := file.Name(), file.Close()
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		NoSync: true, NoGrowSync: true, NoFreelistSync: true, FreelistType: bolt.FreelistMapType,
	})
	if err := errors.Join(errClose, err); err != nil {
		return nil, nil, fmt.Errorf("localcosmos: memory only: %w", errors.Join(err, os.Remove(path)))
	}
	if os.Remove(path) == nil {
		return db, func() error { return nil }, nil
	}
	return db, func() error { return os.Remove(path) }, nil
}

// Key returns the account key in base64.
func (s *Store) Key() string { return s.options.Key }

// Close finishes the writes that have begun and closes the file. Requests
// after it are answered with 503.
func (s *Store) Close() error {
	var err error
	s.closed.Do(func() {
		close(s.closing)
		s.loops.Wait()
		s.writer.committing.Lock()
		defer s.writer.committing.Unlock()
		s.writer.closed = true
		err = errors.Join(s.db.Close(), s.cleanup())
	})
	return err
}
