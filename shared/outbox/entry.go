// Package outbox finishes what one request cannot: changes that a write in one
// partition causes in others. An Entry says what is left to do. It is stored in the
// same batch as its cause, so that there is never one without the other, and a
// Consumer does it afterwards ("Transactional outbox pattern with Azure Cosmos DB").
//
// Two ways lead to the Consumer. Feed takes what the container's change feed
// delivers: Azure's trigger, and the pump on a laptop. Drain looks for entries by
// itself, by a schedule, where there is no feed.
//
// What can be relied on:
//
//   - Every entry is handled until its Handler says that it is done, at least once,
//     however many consumers there are and wherever they are killed. The same entry
//     may be handled several times, and by several consumers at once.
//   - Entries of one partition are first handled in the order in which they were
//     stored; by Drain in the order of At. One that fails or is not done yet goes
//     behind the others, so what depends on an order must not rely on this one.
//   - An entry that fails again and again is parked, with an error in the log, and
//     kept for 30 days. It holds the others up by some twenty seconds at most. To have
//     it handled again, set its member parked to false and remove ttl.
//   - While a service is away nothing is counted: the host delivers again.
//
// An entry whose kind no Handler knows stays as it is, with a warning in the log. The
// feed does not bring it again, so a new kind's Handler is deployed before what
// writes it; a Drain finds the ones that came too early.
package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"switchboard/shared/storage"
)

const documentType = "outbox"

// Entry is a document that says what is left to do.
type Entry struct {
	storage.Head
	Kind      string          `json:"kind"`               // what is to be done: names a Handler
	Data      json.RawMessage `json:"data"`               // to what; its form is the Handler's
	At        time.Time       `json:"at"`                 // when it was written, or got on last
	Attempts  int             `json:"attempts"`           // that failed since then
	NotBefore time.Time       `json:"notBefore,omitzero"` // the next one, after a failure
	Parked    bool            `json:"parked"`             // given up
}

// since is when an entry began to wait: one that failed goes behind those that have not.
func (e *Entry) since() time.Time {
	if e.NotBefore.After(e.At) {
		return e.NotBefore
	}
	return e.At
}

// New returns an entry for the partition of its cause, to be put into the cause's
// batch. The id is random and so unique; data has to be something that JSON can tell.
func New(pk, kind string, data any, id string, now time.Time) (*Entry, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("outbox: an entry of kind %q: %w", kind, err)
	}
	return &Entry{
		Head: storage.Head{PK: pk, ID: documentType + ":" + id, Type: documentType},
		Kind: kind, Data: text, At: now.UTC(),
	}, nil
}

// Reading is a Handler that is given what an entry's data says, in the form that New was
// given it.
func Reading[T any](handle func(ctx context.Context, data T) (next any, err error)) Handler {
	return func(ctx context.Context, e *Entry) (any, error) {
		var data T
		if err := json.Unmarshal(e.Data, &data); err != nil {
			return nil, err
		}
		return handle(ctx, data)
	}
}
