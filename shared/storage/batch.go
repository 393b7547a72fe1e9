package storage

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"
)

// MaxBatch is how many writes a Batch may hold ("Azure Cosmos DB service
// quotas", transactional batch).
const MaxBatch = 100

// Batch is a list of conditional writes to one partition that are done all or
// none. The zero value is empty.
type Batch struct{ steps []step }

type step struct {
	do       func(*azcosmos.TransactionalBatch, []byte)
	document Document
	stores   bool // create or replace, not delete
}

// Put creates a document, if it was not read or written before, or else
// replaces it at the version that was.
func (b *Batch) Put(d Document) {
	h := d.Header()
	was := h.ETag
	b.steps = append(b.steps, step{document: d, stores: true, do: func(batch *azcosmos.TransactionalBatch, body []byte) {
		if was == "" {
			batch.CreateItem(body, nil)
		} else {
			batch.ReplaceItem(h.ID, body, &azcosmos.TransactionalBatchItemOptions{IfMatchETag: &was})
		}
	}})
}

// Delete removes a document that was read or written before.
func (b *Batch) Delete(d Document) {
	h := d.Header()
	was := h.ETag
	b.steps = append(b.steps, step{document: d, do: func(batch *azcosmos.TransactionalBatch, _ []byte) {
		batch.DeleteItem(h.ID, &azcosmos.TransactionalBatchItemOptions{IfMatchETag: &was})
	}})
}

// Len is the number of writes.
func (b *Batch) Len() int { return len(b.steps) }

// Write does a batch in one request and sets the ETags of what it stored.
// ErrExists if a document to be created is there, ErrStale if one to be replaced
// or deleted is not at its version any more, or gone. An empty batch does
// nothing.
func (c *Container) Write(ctx context.Context, b Batch) error {
	if len(b.steps) == 0 {
		return nil
	}
	pk, op := b.steps[0].document.Header().PK, c.newID()
	batch := c.items.NewTransactionalBatch(azcosmos.NewPartitionKeyString(pk))
	if len(b.steps) > MaxBatch {
		return fmt.Errorf("storage: a batch of %d writes", len(b.steps))
	}
	for _, s := range b.steps {
		if s.document.Header().PK != pk {
			return errors.New("storage: a batch with writes to two partitions")
		}
		body, err := encode(s.document, op)
		if err != nil {
			return err
		}
		s.do(&batch, body)
	}
	err := again(ctx, func() error {
		resp, err := c.items.ExecuteTransactionalBatch(ctx, batch, nil)
		if err != nil {
			return err
		}
		return b.results(resp)
	})
	if err = translate(err); errors.Is(err, ErrExists) || errors.Is(err, ErrStale) {
		return c.settleBatch(ctx, b, op, err)
	}
	return err
}

// results takes the new ETags, or gives the answer to the write that undid the
// others as if it had been alone.
func (b *Batch) results(resp azcosmos.TransactionalBatchResponse) error {
	for _, result := range resp.OperationResults {
		switch code := int(result.StatusCode); {
		case code == http.StatusFailedDependency || code < http.StatusBadRequest:
		case code == http.StatusNotFound: // what was to be replaced or deleted is gone
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
			b.steps[i].document.Header().ETag = result.ETag
		}
	}
	return nil
}

// settleBatch decides whether a refused batch had in fact succeeded, its answer
// lost: then documents carry its operation id, all that it stored but those that
// others have changed since. One query finds them.
func (c *Container) settleBatch(ctx context.Context, b Batch, op string, refused error) error {
	q := Query{
		PK:         b.steps[0].document.Header().PK,
		Text:       "SELECT c.id, c._etag FROM c WHERE c.op = @op",
		Parameters: map[string]any{"@op": op},
		Limit:      MaxBatch,
	}
	stored := map[string]azcore.ETag{} // by id
	for more := true; more; more = q.Continuation != "" {
		page, err := c.Query(ctx, q)
		if err != nil {
			return err
		}
		for _, document := range page.Documents {
			var h Head
			if err := decode(document, &h); err != nil {
				return err
			}
			stored[h.ID] = h.ETag
		}
		q.Continuation = page.Continuation
	}
	if len(stored) == 0 {
		return refused
	}
	for _, s := range b.steps {
		if h := s.document.Header(); stored[h.ID] != "" {
			h.ETag = stored[h.ID]
		}
	}
	return nil
}
