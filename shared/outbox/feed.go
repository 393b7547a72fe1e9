package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"switchboard/shared/storage"
)

// Feed handles the entries among documents, a JSON array of all kinds of documents as
// a change feed delivers it. They are only a hint: each entry is read again, for one
// request unit, so that a batch that comes twice, late or after an erasure does no
// harm. Those that failed before come last.
//
// The error asks for another delivery of the same documents. It is a *problem.Error
// where the store or another service is away.
func (c *Consumer) Feed(ctx context.Context, documents json.RawMessage) error {
	var all []json.RawMessage
	if json.Unmarshal(documents, &all) != nil {
		return errors.New("outbox: the change feed delivered no list")
	}
	var entries []*Entry
	for _, document := range all {
		e := c.entry(document)
		switch {
		case e == nil || e.Parked:
		case c.Handlers[e.Kind] == nil:
			c.Log.Warn("an outbox entry of an unknown kind was left alone", "kind", e.Kind, "id", e.ID)
		default:
			entries = append(entries, e)
		}
	}
	slices.SortStableFunc(entries, func(a, b *Entry) int { return a.NotBefore.Compare(b.NotBefore) })
	_, _, err := c.each(ctx, entries, func() bool { return false })
	return err
}

// entry reads a document that is an entry, and gives nil for any other.
func (c *Consumer) entry(document json.RawMessage) *Entry {
	var head storage.Head
	if json.Unmarshal(document, &head) != nil || head.Type != documentType {
		return nil
	}
	e := &Entry{}
	if json.Unmarshal(document, e) != nil {
		c.Log.Error("an outbox entry cannot be read", "id", head.ID)
		return nil
	}
	return e
}
