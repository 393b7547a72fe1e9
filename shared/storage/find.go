package storage

import (
	"context"
	"errors"
)

// Querier asks one partition; a Container is one.
type Querier interface {
	Query(ctx context.Context, q Query) (Page, error)
}

// maxPages is how many pages Find reads. A page of the store has 100 documents, or fewer
// if they are large, so what needs more is nothing to find while somebody waits.
const maxPages = 100

// Find runs a query until enough documents are found, which may be a few more, or all
// there are: the store may cut a page short and go on in another. It costs a request a
// page. Upstream if there is no end to the pages, or a document is not readable.
func Find[T any](ctx context.Context, s Querier, q Query, enough int) ([]*T, error) {
	var all []*T
	for range maxPages {
		page, err := s.Query(ctx, q)
		if err != nil {
			return nil, err
		}
		found, err := Decode[T](page)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
		if q.Continuation = page.Continuation; q.Continuation == "" || len(all) >= enough {
			return all, nil
		}
	}
	return nil, failed().Because(errors.New("storage: a query has too many pages"))
}

// Decode reads the documents of a page. Upstream if one is not readable.
func Decode[T any](p Page) ([]*T, error) {
	all := make([]*T, len(p.Documents))
	for i, text := range p.Documents {
		all[i] = new(T)
		if err := decode(text, all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}
