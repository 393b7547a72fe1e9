// Package storage is the project's view of Cosmos DB: one container of JSON
// documents, each in the partition of the entity it belongs to. It is the only
// package that imports azcosmos; on a laptop the same client talks to the
// embedded store.
//
// Every write is conditional: Create refuses an existing id, Replace and Delete
// refuse a version that is not the one that was read. Only Adjust writes over
// what was not read, in a batch with one of the others. Every write carries an
// operation id, because the SDK repeats a write whose answer was lost and then
// reports a conflict with itself; storage reads such a document back and, when
// the operation id is its own, reports the success that it was.
//
// The package knows no document types. Only QueryAll crosses partitions, and no
// request waits for it.
package storage

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"
)

// Errors of the operations. Everything else is a *problem.Error: Unavailable
// (throttled, out of reach), UpstreamTimeout or Upstream.
var (
	ErrNotFound = errors.New("storage: no such document")
	ErrExists   = errors.New("storage: the document exists already")
	ErrStale    = errors.New("storage: the document was changed or removed meanwhile")
)

// Head is what every document begins with; document types embed it.
type Head struct {
	PK   string      `json:"pk"`              // partition key, such as "u:usr_…"; printable ASCII
	ID   string      `json:"id"`              // unique in its partition; ASCII, none of / \ # ? %
	Type string      `json:"type"`            // what the document is
	Op   string      `json:"op"`              // operation id of the last write, set by storage
	TTL  int         `json:"ttl,omitempty"`   // seconds from the last write to expiry; 0 = never
	ETag azcore.ETag `json:"_etag,omitempty"` // version that was read or written; empty = not stored yet
}

// Header returns the head itself, so that storage reaches it in any document.
func (h *Head) Header() *Head { return h }

// Document is a pointer to a struct that embeds Head.
type Document interface{ Header() *Head }

// Container is the project's container. It is safe for concurrent use; a
// process needs one.
type Container struct {
	client *azcosmos.Client
	items  *azcosmos.ContainerClient
	schema Schema
	newID  func() string
}

// Read fetches one document into d: one point read. ErrNotFound if there is
// none, or it has expired.
func (c *Container) Read(ctx context.Context, pk, id string, d Document) error {
	resp, err := c.items.ReadItem(ctx, azcosmos.NewPartitionKeyString(pk), id, nil)
	if err != nil {
		return translate(err)
	}
	return decode(resp.Value, d)
}

// Create stores a document that must not exist yet and sets its ETag.
// ErrExists if it does.
func (c *Container) Create(ctx context.Context, d Document) error {
	return c.write(ctx, d, func(body []byte, pk azcosmos.PartitionKey) (azcosmos.ItemResponse, error) {
		return c.items.CreateItem(ctx, pk, body, nil)
	})
}

// Replace stores a new version of a document that was read before and sets its
// ETag. ErrStale if it is not at that version any more.
func (c *Container) Replace(ctx context.Context, d Document) error {
	h := d.Header()
	was := h.ETag
	return c.write(ctx, d, func(body []byte, pk azcosmos.PartitionKey) (azcosmos.ItemResponse, error) {
		return c.items.ReplaceItem(ctx, pk, h.ID, body, &azcosmos.ItemOptions{IfMatchEtag: &was})
	})
}

// Delete removes a document that was read before. ErrStale if it is not at
// that version any more; a document that is gone already is no error.
func (c *Container) Delete(ctx context.Context, d Document) error {
	h := d.Header()
	_, err := c.items.DeleteItem(ctx, azcosmos.NewPartitionKeyString(h.PK), h.ID, &azcosmos.ItemOptions{IfMatchEtag: &h.ETag})
	if err = translate(err); errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// write runs one conditional write under a new operation id.
func (c *Container) write(ctx context.Context, d Document, do func([]byte, azcosmos.PartitionKey) (azcosmos.ItemResponse, error)) error {
	h, op := d.Header(), c.newID()
	body, err := encode(d, op)
	if err != nil {
		return err
	}
	pk := azcosmos.NewPartitionKeyString(h.PK)
	var resp azcosmos.ItemResponse
	err = again(ctx, func() error {
		resp, err = do(body, pk)
		return err
	})
	switch err = translate(err); {
	case err == nil:
		h.ETag = resp.ETag
		return nil
	case errors.Is(err, ErrExists), errors.Is(err, ErrStale):
		return c.settle(ctx, h, op, err)
	case errors.Is(err, ErrNotFound):
		return ErrStale // only Replace gets here: what it replaces was removed
	}
	return err
}

// settle decides whether a refused write had in fact succeeded, its answer
// lost: then the stored document carries our operation id.
func (c *Container) settle(ctx context.Context, h *Head, op string, refused error) error {
	var stored struct{ Head }
	err := c.Read(ctx, h.PK, h.ID, &stored)
	switch {
	case err == nil && stored.Op == op:
		h.ETag = stored.ETag
		return nil
	case err == nil, errors.Is(err, ErrNotFound):
		return refused
	}
	return err
}

// Query asks one partition, one page. The zero Limit leaves the page size to
// the store, the empty Continuation starts at the beginning.
type Query struct {
	PK           string
	Text         string // Cosmos SQL with @parameters
	Parameters   map[string]any
	Limit        int
	Continuation string // as Page.Continuation gave it
}

// Page is one page of documents as stored. A page may be short, or empty, and
// still be followed by another.
type Page struct {
	Documents    []json.RawMessage
	Continuation string // empty: there is no more
}

// Query runs q: one request.
func (c *Container) Query(ctx context.Context, q Query) (Page, error) {
	return c.page(ctx, q, azcosmos.NewPartitionKeyString(q.PK))
}

// QueryAll runs q over all partitions, whatever its PK: one request. It is for work
// in the background, since it costs more the larger the container is. The service's
// gateway serves filters and projections this way; it refuses a query that sorts,
// counts, groups or limits ("Queries that cannot be served by gateway").
func (c *Container) QueryAll(ctx context.Context, q Query) (Page, error) {
	return c.page(ctx, q, azcosmos.NewPartitionKey())
}

func (c *Container) page(ctx context.Context, q Query, pk azcosmos.PartitionKey) (Page, error) {
	opts := &azcosmos.QueryOptions{PageSizeHint: int32(q.Limit)}
	for _, name := range slices.Sorted(maps.Keys(q.Parameters)) { // a continuation is for the same request
		opts.QueryParameters = append(opts.QueryParameters, azcosmos.QueryParameter{Name: name, Value: q.Parameters[name]})
	}
	if q.Continuation != "" {
		opts.ContinuationToken = &q.Continuation
	}
	resp, err := c.items.NewQueryItemsPager(q.Text, pk, opts).NextPage(ctx)
	if err != nil {
		return Page{}, unnamed(err)
	}
	page := Page{}
	for _, item := range resp.Items {
		page.Documents = append(page.Documents, item)
	}
	if resp.ContinuationToken != nil {
		page.Continuation = *resp.ContinuationToken
	}
	return page, nil
}

// encode gives a document as it is written by an operation.
func encode(d Document, op string) ([]byte, error) {
	h := d.Header()
	was := h.ETag
	h.Op, h.ETag = op, "" // the store sets the ETag; it is not part of what is written
	body, err := json.Marshal(d)
	h.ETag = was
	return body, err
}

// decode reads a stored document. Its text is not repeated in the error.
func decode(body []byte, d any) error {
	if json.Unmarshal(body, d) != nil {
		return failed().Because(errors.New("storage: a document does not have the expected form"))
	}
	return nil
}
