package friendship

import (
	"context"
	"errors"
	"time"

	"switchboard/shared/storage"
)

// Forget erases a user: the edges, the invites and the counts, with news for
// everybody on the other side, who lose theirs. When it returns the user's part
// is gone and a new beginning is clean. Should it be cut short, news of its own go on
// with it; it may run again, too.
//
// For a while a mark stays, without anything personal, so that a request that was under
// way does not begin a head, and with it edges, for who is gone.
func (r *Registry) Forget(ctx context.Context, user string) error {
	var h *head
	err := storage.Retry(ctx, func() (err error) {
		h, err = r.close(ctx, user)
		return err
	})
	for done := false; err == nil && !done; {
		done, err = r.forgetSome(ctx, user)
	}
	if err != nil {
		return err
	}
	return r.mark(ctx, h)
}

// forgetOn is Forget, a piece at a time.
func (r *Registry) forgetOn(ctx context.Context, n leaver) (next any, err error) {
	h := newHead(n.User)
	err = r.Store.Read(ctx, partition(n.User), headType, h)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case !h.Closed || !h.ErasedAt.IsZero(): // it is done, or the user is back
		return nil, nil
	}
	done, err := r.forgetSome(ctx, n.User)
	if err != nil {
		return nil, err
	}
	if !done {
		return n, nil
	}
	return nil, r.mark(ctx, h)
}

// mark makes a closed head the mark.
func (r *Registry) mark(ctx context.Context, h *head) error {
	h.ErasedAt, h.TTL = r.Now().UTC(), int(markLife.Seconds())
	if err := r.Store.Replace(ctx, h); !errors.Is(err, storage.ErrStale) {
		return err
	}
	return nil // somebody else has finished it
}

// markLife is how long the mark stays: longer than any request or delivery takes.
const markLife = 10 * time.Minute

// close has nothing added to a user's edges from now on. A mark, too, is written
// anew: somebody may be about to begin on it.
func (r *Registry) close(ctx context.Context, user string) (*head, error) {
	h := newHead(user)
	err := r.Store.Read(ctx, partition(user), headType, h)
	if err != nil && !errors.Is(err, storage.ErrNotFound) || h.Closed && h.ErasedAt.IsZero() {
		return h, err
	}
	closed := &head{Head: h.Head, Closed: true, Window: h.Window, Counted: h.Counted}
	closed.TTL = 0
	var b storage.Batch
	b.Put(closed)
	if h.ETag != "" && !h.Closed {
		news, err := r.news(user, kindForget, leaver{User: user})
		if err != nil {
			return nil, err
		}
		b.Put(news)
	}
	return closed, r.Store.Write(ctx, b)
}

// forgetSome removes as many edges and invites as one batch may, the edges with
// an entry for each, and reports whether nothing is left.
func (r *Registry) forgetSome(ctx context.Context, user string) (done bool, err error) {
	const some = storage.MaxBatch / 2
	page, err := r.Store.Query(ctx, storage.Query{
		PK:         partition(user),
		Text:       "SELECT * FROM c WHERE c.type IN (@edge, @invite) OFFSET 0 LIMIT @some",
		Parameters: map[string]any{"@edge": edgeType, "@invite": inviteType, "@some": some},
		Limit:      some,
	})
	if err != nil {
		return false, err
	}
	found, err := storage.Decode[edge](page) // of an invite, what both have at their head
	if err != nil {
		return false, err
	}
	var b storage.Batch
	for _, e := range found {
		b.Delete(e)
		if e.Type != edgeType {
			continue
		}
		// The stances may be of a clock ahead of this one.
		news, err := r.news(user, kindGone, gone{From: user, To: e.Other, At: max(e.Mine.At, e.Theirs.At, r.Now().UnixMilli())})
		if err != nil {
			return false, err
		}
		b.Put(news)
	}
	err = r.Store.Write(ctx, b)
	if errors.Is(err, storage.ErrStale) {
		err = nil // a card was renewed meanwhile, or something expired: look again
		page.Continuation = "more"
	}
	return len(page.Documents) == 0 && page.Continuation == "", err
}

// others gives the users to whom a user has a relation that shows, in the order
// of their ids.
func (r *Registry) others(ctx context.Context, user, after string, limit int) (others []string, next string, err error) {
	page, err := r.Store.Query(ctx, storage.Query{
		PK:         partition(user),
		Text:       "SELECT c.id, c.other FROM c WHERE c.type = @edge AND c.id > @after AND c.state IN (@friend, @requested, @invited) ORDER BY c.id OFFSET 0 LIMIT @limit",
		Parameters: map[string]any{"@edge": edgeType, "@after": after, "@friend": Friends, "@requested": Requested, "@invited": Invited, "@limit": limit},
		Limit:      limit,
	})
	if err != nil {
		return nil, "", err
	}
	edges, err := storage.Decode[edge](page)
	if err != nil {
		return nil, "", err
	}
	for _, e := range edges {
		others, next = append(others, e.Other), e.ID
	}
	if len(others) < limit && page.Continuation == "" {
		next = ""
	}
	return others, next, nil
}
