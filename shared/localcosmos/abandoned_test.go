package localcosmos

import (
	"net/http"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// A commit that ends in a panic acknowledges none of its writes. The panic is made,
// because none is known; net/http would recover it.
func TestAbandonedCommit(t *testing.T) {
	s, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	write := func(run func(*bolt.Tx) error) (err error) {
		defer func() {
			if recover() != nil {
				err = http.ErrAbortHandler
			}
		}()
		return s.update(run, nil)
	}
	s.writer.committing.Lock() // so that both gather
	errs := make([]error, 2)
	var all sync.WaitGroup
	for i, run := range []func(*bolt.Tx) error{
		func(*bolt.Tx) error { return nil },
		func(*bolt.Tx) error { panic("made") },
	} {
		all.Go(func() { errs[i] = write(run) })
		for gathered := 0; gathered <= i; {
			s.writer.gathering.Lock()
			gathered = len(s.writer.waiting)
			s.writer.gathering.Unlock()
		}
	}
	s.writer.committing.Unlock()
	all.Wait()
	if errs[0] == nil || errs[1] == nil {
		t.Errorf("acknowledged: %v", errs)
	}
	if err := write(func(*bolt.Tx) error { return nil }); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
