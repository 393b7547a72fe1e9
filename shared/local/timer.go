package local

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"switchboard/shared/hosting"
)

// firstTick is how soon after the start timers fire, if ticks do not come sooner.
const firstTick = time.Second

// tick is what the Azure host sends a timer's function (TimerInfo, as observed on
// host 4.1045).
const tick = `{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":false}`

// Tick fires a timer's function once. Its error has been logged.
func Tick(ctx context.Context, handle hosting.EventHandler, log *slog.Logger) error {
	return hosting.Deliver(ctx, handle, json.RawMessage(tick), log)
}

// tickOn fires a timer's function until ctx ends. What fails is tried again with the
// next tick, as on Azure.
func (c *Cloud) tickOn(ctx context.Context, handle hosting.EventHandler, log *slog.Logger) {
	if c.tick == 0 {
		return
	}
	for pause := min(firstTick, c.tick); ; pause = c.tick {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		_ = Tick(ctx, handle, log) // logged
	}
}
