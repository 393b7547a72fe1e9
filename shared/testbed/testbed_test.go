package testbed_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"switchboard/shared/function"
	"switchboard/shared/hosting"
	"switchboard/shared/testbed"
)

// TestTimersFireWhenTheTestSaysSo, and not before.
func TestTimersFireWhenTheTestSaysSo(t *testing.T) {
	fired, broken := 0, errors.New("broken")
	row := function.Function{Name: "upkeep", Event: &function.Event{
		Trigger: map[string]any{"type": hosting.TimerTrigger},
		Handler: func(function.Services) hosting.EventHandler {
			return func(context.Context, json.RawMessage) error {
				fired++
				return broken
			}
		},
	}}
	b := testbed.New(t, []function.Function{row}, nil)
	if err := b.Fire("upkeep"); fired != 1 || !errors.Is(err, broken) {
		t.Errorf("fired %d times: %v", fired, err)
	}
}
