package graph

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// turns lets a few calls at once to each mailbox; the rest queue in order of
// arrival. A call keeps its place while it waits to be repeated: then it is the
// mailbox that is throttled, and no other call to it would fare better.
type turns struct {
	limit int

	mu     sync.Mutex
	queues map[string]*queue // of the mailboxes that are being called
}

// queue is of one mailbox. It is dropped with its last call.
type queue struct {
	places *semaphore.Weighted
	calls  int // under way or waiting
}

func newTurns(limit int) *turns {
	return &turns{limit: limit, queues: map[string]*queue{}}
}

// wait returns when it is the caller's turn, with what ends the turn, or when
// ctx ends. No mailbox is no limit.
func (t *turns) wait(ctx context.Context, mailbox string) (leave func(), err error) {
	if mailbox == "" {
		return func() {}, nil
	}
	q := t.enter(mailbox)
	if err := q.places.Acquire(ctx, 1); err != nil {
		t.exit(mailbox, q)
		return nil, err
	}
	return func() {
		q.places.Release(1)
		t.exit(mailbox, q)
	}, nil
}

func (t *turns) enter(mailbox string) *queue {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.queues[mailbox]
	if q == nil {
		q = &queue{places: semaphore.NewWeighted(int64(t.limit))}
		t.queues[mailbox] = q
	}
	q.calls++
	return q
}

func (t *turns) exit(mailbox string, q *queue) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if q.calls--; q.calls == 0 {
		delete(t.queues, mailbox)
	}
}
