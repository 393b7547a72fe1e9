// Package upkeep is the function that does by a timer what no request and no event asks
// for: it keeps Graph's subscriptions alive, undoes meetings that were not made to the end,
// tells Graph of those that were cancelled while it was away, ends the identities of guests
// whose meetings are over, and works off what is left in the outbox.
package upkeep

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"switchboard/shared/function"
	"switchboard/shared/hosting"
)

// Function is the row of the table.
func Function() function.Function {
	return function.Function{
		Name:    "upkeep",
		Summary: "Renews what expires, and repairs what was left unfinished",
		Needs:   []function.Need{function.Storage, function.Calling},
		Event: &function.Event{
			Source: "a timer, every five minutes; on Lambda, a schedule",
			Trigger: map[string]any{
				"type":     hosting.TimerTrigger,
				"name":     "timer",
				"schedule": "0 */5 * * * *",
			},
			Handler: handler,
		},
	}
}

// handler does all of it at each tick, whatever that says: each failure is the next tick's.
func handler(s function.Services) hosting.EventHandler {
	tasks := []task{
		s.Watch.Renew,
		s.Meetings.Upkeep,
		func(ctx context.Context) error {
			_, err := s.Outbox.Drain(ctx) // last: it finds what the others leave
			return err
		},
	}
	return func(ctx context.Context, _ json.RawMessage) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return each(ctx, tasks)
	}
}

// patience is with all tasks, where the host has more: the next tick comes soon.
const patience = 4 * time.Minute

type task func(context.Context) error

// each does all tasks, whatever becomes of the others. None gets more than its share of
// the time that is left, so that one that hangs does not keep the others out.
func each(ctx context.Context, tasks []task) error {
	failures := make([]error, len(tasks))
	for i, do := range tasks {
		failures[i] = within(ctx, len(tasks)-i, do)
	}
	return errors.Join(failures...)
}

// within does a task in the nth part of the time that is left until ctx ends.
func within(ctx context.Context, n int, do task) error {
	if deadline, ok := ctx.Deadline(); ok {
		limited, cancel := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(n))
		defer cancel()
		ctx = limited
	}
	return do(ctx)
}
