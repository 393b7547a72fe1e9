package storage

import (
	"context"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"
)

// Snapshot fetches documents of one partition as they are at one moment. The caller
// sets the partition key and the id of each, 1 to 100. What is found is decoded as Read
// does it. A document that is not there has an empty ETag then and is otherwise left as
// it is.
//
// It costs one request and, because a batch with a failing read fails as a whole, one
// more for each document that is missing, unless nothing is left to ask for. So what is
// missing was so a moment before the others were read: somebody may have made it in
// between. A write that relies on its absence finds out (ErrExists).
//
// Its errors are those of Read, but that a missing document is none.
func (c *Container) Snapshot(ctx context.Context, docs ...Document) error {
	heads := make([]*Head, len(docs))
	for i, d := range docs {
		heads[i] = d.Header()
	}
	pk, err := onePartition(heads)
	for left := docs; err == nil && len(left) > 0; {
		left, err = c.readBatch(ctx, pk, left)
	}
	return err
}

// readBatch reads all documents of one batch, or, if some are missing, none, and
// returns those that are left to ask for.
func (c *Container) readBatch(ctx context.Context, pk string, docs []Document) (left []Document, err error) {
	batch := c.items.NewTransactionalBatch(azcosmos.NewPartitionKeyString(pk))
	for _, d := range docs {
		batch.ReadItem(d.Header().ID, nil)
	}
	// Without the option the answer is without the documents where the client says so.
	resp, err := c.items.ExecuteTransactionalBatch(ctx, batch, &azcosmos.TransactionalBatchOptions{EnableContentResponseOnWrite: true})
	if err != nil {
		return nil, unnamed(err)
	}
	if len(resp.OperationResults) != len(docs) {
		return nil, nonsense()
	}
	if !resp.Success {
		return missing(docs, resp.OperationResults)
	}
	for i, result := range resp.OperationResults {
		if result.StatusCode != http.StatusOK {
			return nil, nonsense()
		}
		if err := decode(result.ResourceBody, docs[i]); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// missing marks the documents over which a batch of reads failed and returns the others.
// What is said of a read is the store's own word, unlike a 404 of a replica that is
// behind: batches go to the replica that takes the writes.
func missing(docs []Document, results []azcosmos.TransactionalBatchResult) (others []Document, err error) {
	for i, result := range results {
		switch code := int(result.StatusCode); code {
		case http.StatusFailedDependency:
			others = append(others, docs[i])
		case http.StatusNotFound:
			docs[i].Header().ETag = ""
		case http.StatusRequestTimeout, http.StatusTooManyRequests, statusRetryWith, http.StatusServiceUnavailable:
			return nil, translate(&azcore.ResponseError{StatusCode: code}) // azcosmos does not look inside a batch
		default:
			return nil, nonsense()
		}
	}
	if len(others) == len(docs) {
		return nil, nonsense()
	}
	return others, nil
}

// nonsense is the failure of a store that says what it cannot mean.
func nonsense() error { return translate(&azcore.ResponseError{StatusCode: http.StatusBadGateway}) }
