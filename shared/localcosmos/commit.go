package localcosmos

import (
	"errors"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// maxGroup bounds how many requests share one commit.
const maxGroup = 128

// task is one request's part of a commit. run either changes what it wants in
// the transaction, or returns a *failure and has changed nothing. So requests
// share a transaction, and its fsync, without one undoing another's work; any
// other error undoes them all.
type task struct {
	run  func(*bolt.Tx) error
	then func() // after the commit, before the answer
	err  error
	done chan struct{}
}

// update runs one task and returns when its changes are on disk.
func (s *Store) update(run func(*bolt.Tx) error, then func()) error {
	t := &task{run: run, then: then, done: make(chan struct{})}
	select {
	case s.tasks <- t:
	case <-s.closing:
		return closed()
	}
	select {
	case <-t.done:
	case <-s.stopped:
		// The loop ends the group it is in: either the answer is there, or
		// the task was never begun.
		select {
		case <-t.done:
		default:
			return closed()
		}
	}
	return t.err
}

// view reads a snapshot of what is committed.
func (s *Store) view(read func(*bolt.Tx) error) error {
	err := s.db.View(read)
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return closed()
	}
	return err
}

// commit is the one writer. While a group is being synced, the next gathers in
// the channel: a lone writer never waits, many share.
func (s *Store) commit() {
	defer close(s.stopped)
	for {
		select {
		case first := <-s.tasks:
			s.commitGroup(s.gather(first))
		case <-s.closing:
			return
		}
	}
}

func (s *Store) gather(first *task) []*task {
	group := []*task{first}
	for len(group) < maxGroup {
		select {
		case t := <-s.tasks:
			group = append(group, t)
		default:
			return group
		}
	}
	return group
}

func (s *Store) commitGroup(group []*task) {
	err := s.runGroup(group)
	for _, t := range group {
		if t.err == nil {
			t.err = err
		}
		if t.err == nil && t.then != nil {
			t.then()
		}
		close(t.done)
	}
}

// runGroup returns the error that undid the whole group.
func (s *Store) runGroup(group []*task) error {
	tx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	changed := false
	for _, t := range group {
		var refusal *failure
		t.err = t.run(tx)
		if t.err != nil && !errors.As(t.err, &refusal) {
			return errors.Join(t.err, tx.Rollback())
		}
		changed = changed || t.err == nil
	}
	if !changed {
		return tx.Rollback()
	}
	return tx.Commit()
}
