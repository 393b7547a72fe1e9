package localcosmos

import (
	"errors"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// writer lets requests share commits. Whoever holds committing writes for all
// that are waiting: a lone writer never waits, and while one group is being
// synced the next one gathers.
type writer struct {
	committing sync.Mutex
	closed     bool                   // under committing
	unique     map[uint32]uniqueIndex // by container, under committing

	gathering sync.Mutex
	waiting   []*task // under gathering

	changed atomic.Pointer[chan struct{}] // closed, and another put in its place, by every commit
}

// task is one request's part of a commit. run either changes what it wants in
// the transaction, or returns a *failure and has changed nothing. So requests
// share a transaction, and its fsync, without one undoing another's work; any
// other error undoes them all.
type task struct {
	run  func(*bolt.Tx) error
	then func() // after the commit, before the answer; may be nil
	done bool
	err  error
}

// update runs one task and returns when its changes are on disk.
func (s *Store) update(run func(*bolt.Tx) error, then func()) error {
	t := &task{run: run, then: then}
	w := &s.writer
	w.gathering.Lock()
	w.waiting = append(w.waiting, t)
	w.gathering.Unlock()

	w.committing.Lock()
	defer w.committing.Unlock()
	if t.done {
		return t.err
	}
	w.gathering.Lock()
	group := w.waiting
	w.waiting = nil
	w.gathering.Unlock()
	s.commit(group)
	if !t.done { // a panic ended the commit that it was part of
		return errors.New("localcosmos: the write was abandoned")
	}
	return t.err
}

// commit ends every task of a group.
func (s *Store) commit(group []*task) {
	err := s.runGroup(group)
	if err != nil {
		clear(s.writer.unique) // it may know of what was undone
	}
	for _, t := range group {
		if t.err == nil {
			t.err = err
		}
		if t.err == nil && t.then != nil {
			t.then()
		}
		t.done = true
	}
}

// changed gives a channel that the next commit closes.
func (s *Store) changed() <-chan struct{} { return *s.writer.changed.Load() }

// runGroup returns the error that undid the whole group.
func (s *Store) runGroup(group []*task) error {
	if s.writer.closed {
		return closed()
	}
	tx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	// Does nothing after a commit; whatever happens, the next writer gets in.
	defer func() { _ = tx.Rollback() }()
	changed := false
	for _, t := range group {
		var refusal *failure
		t.err = t.run(tx)
		if t.err != nil && !errors.As(t.err, &refusal) {
			return t.err
		}
		changed = changed || t.err == nil
	}
	if !changed {
		return nil
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	next := make(chan struct{})
	close(*s.writer.changed.Swap(&next))
	return nil
}

// view reads a snapshot of what is committed.
func (s *Store) view(read func(*bolt.Tx) error) error {
	err := s.db.View(read)
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return closed()
	}
	return err
}
