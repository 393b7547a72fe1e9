package app

import (
	"context"

	"switchboard/shared/graph"
)

// Graph is the client of Graph that a program with these settings has.
func Graph(ctx context.Context, opts Options, env func(string) string) (*graph.Client, error) {
	s, err := readSettings(ctx, env, nil)
	if err != nil {
		return nil, err
	}
	b := builder{Options: opts, settings: s}
	client, _, err := b.graph()
	return client, err
}
