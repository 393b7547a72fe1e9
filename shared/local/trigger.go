package local

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"switchboard/shared/function"
	"switchboard/shared/hosting"
	"switchboard/shared/localcosmos"
)

// Between two starts of a trigger that ended.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
)

// Trigger fires the event functions of a program as the triggers of Azure would, until
// ctx ends and no handler runs any more. A function with a Cosmos DB trigger gets what
// changes in the container within milliseconds, in batches that come again until they
// are handled. One with a timer is fired soon after the start and then as Options.Tick
// says, one tick after the other. Other triggers are not played here.
//
// Faults are for the handlers: the triggers themselves have none.
func (c *Cloud) Trigger(ctx context.Context, program *hosting.App, log *slog.Logger, rows ...function.Function) {
	var running sync.WaitGroup
	for _, f := range rows {
		if f.Event == nil {
			continue
		}
		handle, log := program.Events[f.Name], log.With("function", f.Name)
		switch f.Event.Trigger["type"] {
		case hosting.CosmosDBTrigger:
			running.Go(func() { c.feed(ctx, f, handle, log) })
		case hosting.TimerTrigger:
			running.Go(func() { c.tickOn(ctx, handle, log) })
		}
	}
	running.Wait()
}

// feed keeps a pump running. It ends with every batch that could not be handled, and
// starts there again after a pause that doubles until a batch is.
func (c *Cloud) feed(ctx context.Context, f function.Function, handle hosting.EventHandler, log *slog.Logger) {
	pause := firstPause
	fromBeginning, _ := f.Event.Trigger["startFromBeginning"].(bool)
	trigger := localcosmos.Trigger{
		Database:      schema().Database,
		Container:     schema().Container,
		Name:          f.Name,
		FromBeginning: fromBeginning,
		Attempts:      1,
		Handle: func(ctx context.Context, documents json.RawMessage) error {
			err := hosting.Deliver(ctx, handle, documents, log)
			if err == nil {
				pause = firstPause
			}
			return err
		},
	}
	for {
		err := c.Cosmos.Pump(ctx, trigger)
		if ctx.Err() != nil {
			return
		}
		log.Warn("the change feed is started again", "after", pause.String(), "error", err)
		select {
		case <-time.After(pause - rand.N(pause/2)):
		case <-ctx.Done():
			return
		}
		pause = min(2*pause, longestPause)
	}
}
