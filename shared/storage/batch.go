package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"
)

// MaxBatch is how many writes a Batch may hold, and how many documents a Snapshot ("Azure
// Cosmos DB service quotas", transactional batch).
const MaxBatch = 100

// Batch is a list of conditional writes to one partition that are done all or
// none. The zero value is empty.
type Batch struct {
	steps []step
	once  bool // there is a write that is refused when it is repeated
}

// step is one write of a batch.
type step struct {
	head   *Head // of the document; an adjusted one has no more
	stores bool  // whoever gave the document wants its new ETag
	add    func(batch *azcosmos.TransactionalBatch, op string) error
}

// Put creates a document, if it was not read or written before, or else
// replaces it at the version that was.
func (b *Batch) Put(d Document) {
	h := d.Header()
	was := h.ETag
	b.once = true
	b.steps = append(b.steps, step{head: h, stores: true, add: func(batch *azcosmos.TransactionalBatch, op string) error {
		body, err := encode(d, op)
		if err != nil {
			return err
		}
		if was == "" {
			batch.CreateItem(body, nil)
		} else {
			batch.ReplaceItem(h.ID, body, &azcosmos.TransactionalBatchItemOptions{IfMatchETag: &was})
		}
		return nil
	}})
}

// Delete removes a document that was read or written before.
func (b *Batch) Delete(d Document) {
	h := d.Header()
	was := h.ETag
	b.once = true
	b.steps = append(b.steps, step{head: h, add: func(batch *azcosmos.TransactionalBatch, _ string) error {
		batch.DeleteItem(h.ID, &azcosmos.TransactionalBatchItemOptions{IfMatchETag: &was})
		return nil
	}})
}

// Adjust adds to numbers of a stored document, at most 9 of them by name, whatever they
// are by then; it need not have been read, so others who adjust it are not in the way.
// A number that is not there counts as 0. The condition is Cosmos SQL over the document
// c, such as "c.closed = 0 AND c.members < 10000", and must hold at that moment; "" always
// does. It is a constant of the program, since it takes no parameters.
//
// An adjustment that is repeated because its answer was lost would count twice. A Put or
// Delete in the same batch is refused then, and the adjustment with it; without one
// there is no writing the batch. Beside Deletes alone, only the adjusted documents can
// tell that a refused batch was in fact done: if others have changed them since, it is
// ErrStale, and who reads again finds the deleted gone.
func (b *Batch) Adjust(pk, id string, by map[string]int64, condition string) {
	h := &Head{PK: pk, ID: id}
	b.steps = append(b.steps, step{head: h, add: func(batch *azcosmos.TransactionalBatch, op string) error {
		var patch azcosmos.PatchOperations
		if condition != "" {
			text, err := json.Marshal("FROM c WHERE " + condition)
			if err != nil {
				return err
			}
			patch.SetCondition(string(text[1 : len(text)-1])) // azcosmos puts it between quotes as it is
		}
		for _, name := range slices.Sorted(maps.Keys(by)) {
			patch.AppendIncrement("/"+name, by[name])
		}
		patch.AppendSet("/op", op)
		batch.PatchItem(h.ID, patch, nil)
		return nil
	}})
}

// Len is the number of writes.
func (b *Batch) Len() int { return len(b.steps) }

// Write does a batch in one request and sets the ETags of what it put.
// ErrExists if a document to be created is there, ErrStale if one to be replaced
// or deleted is not at its version any more, one to be adjusted does not meet the
// condition, or one of them is gone. An empty batch does nothing.
func (c *Container) Write(ctx context.Context, b Batch) error {
	if len(b.steps) == 0 {
		return nil
	}
	op := c.newID()
	batch, err := c.transaction(b, op)
	if err != nil {
		return err
	}
	err = again(ctx, func() error {
		resp, err := c.items.ExecuteTransactionalBatch(ctx, batch, nil)
		if err != nil {
			return err
		}
		return b.results(resp)
	})
	if err = unnamed(err); errors.Is(err, ErrExists) || errors.Is(err, ErrStale) {
		return c.settleBatch(ctx, b, op, err)
	}
	return err
}

// transaction gives a batch as it is sent, under an operation id.
func (c *Container) transaction(b Batch, op string) (azcosmos.TransactionalBatch, error) {
	var none azcosmos.TransactionalBatch
	heads := make([]*Head, len(b.steps))
	for i, s := range b.steps {
		heads[i] = s.head
	}
	pk, err := onePartition(heads)
	if err != nil {
		return none, err
	}
	if !b.once {
		return none, errors.New("storage: a batch of adjustments alone, which might count twice")
	}
	batch := c.items.NewTransactionalBatch(azcosmos.NewPartitionKeyString(pk))
	for _, s := range b.steps {
		if err := s.add(&batch, op); err != nil {
			return none, err
		}
	}
	return batch, nil
}

// onePartition is the key that the documents of a batch share.
func onePartition(heads []*Head) (pk string, err error) {
	if len(heads) == 0 || len(heads) > MaxBatch {
		return "", fmt.Errorf("storage: a batch of %d documents", len(heads))
	}
	for _, h := range heads {
		if h.PK != heads[0].PK {
			return "", errors.New("storage: a batch over two partitions")
		}
	}
	return heads[0].PK, nil
}

// results takes the new ETags, or gives the answer to the write that undid the
// others as if it had been alone.
func (b *Batch) results(resp azcosmos.TransactionalBatchResponse) error {
	for _, result := range resp.OperationResults {
		switch code := int(result.StatusCode); {
		case code == http.StatusFailedDependency || code < http.StatusBadRequest:
		case code == http.StatusNotFound: // what was to be replaced, deleted or adjusted is gone
			return &azcore.ResponseError{StatusCode: http.StatusPreconditionFailed}
		default:
			return &azcore.ResponseError{StatusCode: code}
		}
	}
	if !resp.Success || len(resp.OperationResults) != len(b.steps) {
		return &azcore.ResponseError{StatusCode: http.StatusBadGateway} // an answer that makes no sense
	}
	for i, result := range resp.OperationResults {
		if b.steps[i].stores {
			b.steps[i].head.ETag = result.ETag
		}
	}
	return nil
}

// settleBatch decides whether a refused batch had in fact succeeded, its answer
// lost: then documents carry its operation id, all that it stored but those that
// others have changed since. One query finds them.
func (c *Container) settleBatch(ctx context.Context, b Batch, op string, refused error) error {
	found, err := Find[Head](ctx, c, Query{
		PK:         b.steps[0].head.PK,
		Text:       "SELECT c.id, c._etag FROM c WHERE c.op = @op",
		Parameters: map[string]any{"@op": op},
		Limit:      MaxBatch,
	}, MaxBatch)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return refused
	}
	stored := map[string]azcore.ETag{} // by id
	for _, d := range found {
		stored[d.ID] = d.ETag
	}
	for _, s := range b.steps {
		if etag := stored[s.head.ID]; etag != "" {
			s.head.ETag = etag
		}
	}
	return nil
}
