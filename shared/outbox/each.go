package outbox

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"
)

// atOnce is how many of a Handler's many are worked on at once.
const atOnce = 8

// Each does something for each of many, up to eight at once. The first error ends it.
func Each[T any](ctx context.Context, many []T, do func(context.Context, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, one := range many {
		g.Go(func() error { return do(ctx, one) })
	}
	return g.Wait()
}

// All does something for each of many, up to eight at once, whatever fails for some. When
// ctx ends the rest is left. The error joins all there were.
func All[T any](ctx context.Context, many []T, do func(context.Context, T) error) error {
	var (
		mu       sync.Mutex
		failures []error
		g        errgroup.Group
	)
	g.SetLimit(atOnce)
	for _, one := range many {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if err := do(ctx, one); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failures = append(failures, err)
			}
			return nil
		})
	}
	g.Wait()
	return errors.Join(append(failures, ctx.Err())...)
}
