package space_test

import (
	"context"
	"errors"
	"sync"

	"switchboard/shared/storage"
)

// line is a process's way to the store. The process may be killed before or after one
// of its writes, which ends everything that it does, and something else may happen
// between two of its requests.
type line struct {
	*storage.Container

	mu      sync.Mutex
	kill    int  // at this write; 0 = never
	landed  bool // the write
	dead    bool
	pause   int    // before this request; 0 = never
	between func() // then
}

var errKilled = errors.New("killed")

// ask is what a request goes through.
func (l *line) ask() error {
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		return errKilled
	}
	l.pause--
	now := l.pause == 0
	l.mu.Unlock()
	if now {
		l.between()
	}
	return nil
}

// write is what a request goes through that changes something.
func (l *line) write(do func() error) error {
	if err := l.ask(); err != nil {
		return err
	}
	l.mu.Lock()
	l.kill--
	l.dead = l.dead || l.kill == 0
	killed, land := l.kill == 0, l.landed
	l.mu.Unlock()
	if killed && !land {
		return errKilled
	}
	if err := do(); err != nil || !killed {
		return err
	}
	return errKilled
}

func (l *line) Read(ctx context.Context, pk, id string, d storage.Document) error {
	if err := l.ask(); err != nil {
		return err
	}
	return l.Container.Read(ctx, pk, id, d)
}

func (l *line) Snapshot(ctx context.Context, docs ...storage.Document) error {
	if err := l.ask(); err != nil {
		return err
	}
	return l.Container.Snapshot(ctx, docs...)
}

func (l *line) Query(ctx context.Context, q storage.Query) (storage.Page, error) {
	if err := l.ask(); err != nil {
		return storage.Page{}, err
	}
	return l.Container.Query(ctx, q)
}

func (l *line) Create(ctx context.Context, d storage.Document) error {
	return l.write(func() error { return l.Container.Create(ctx, d) })
}

func (l *line) Replace(ctx context.Context, d storage.Document) error {
	return l.write(func() error { return l.Container.Replace(ctx, d) })
}

func (l *line) Delete(ctx context.Context, d storage.Document) error {
	return l.write(func() error { return l.Container.Delete(ctx, d) })
}

func (l *line) Write(ctx context.Context, b storage.Batch) error {
	return l.write(func() error { return l.Container.Write(ctx, b) })
}
