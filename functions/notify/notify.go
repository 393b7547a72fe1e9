// Package notify is the function that works off the outbox: what changes in one
// document owe to others, which requests leave to it (package outbox). No client calls
// it. On Azure the container's change feed fires it, on a laptop the local store's;
// where there is no feed, as on AWS Lambda, a schedule does.
package notify

import (
	"bytes"
	"context"
	"encoding/json"

	"switchboard/shared/function"
	"switchboard/shared/hosting"
)

// Function is the row of the table. It can stand beside functions that write to the
// outbox, in one program with them, and then works off the whole outbox all the same.
func Function() function.Function {
	return function.Function{
		Name:    "notify",
		Summary: "Works off the outbox: what a change leaves to do in other places",
		Needs:   []function.Need{function.Storage},
		Event: &function.Event{
			Source:  "the container's change feed; on Lambda, a schedule",
			Trigger: trigger(),
			Retry: &hosting.Retry{
				Strategy:        "exponentialBackoff",
				MaxRetryCount:   -1, // the feed goes on only after a batch that was handled
				MinimumInterval: "00:00:01",
				MaximumInterval: "00:01:00",
			},
			Handler: handler,
		},
	}
}

// trigger is the binding ("Azure Cosmos DB trigger for Azure Functions", extension
// 4.x). Its names are those of the settings, which have no defaults here: an unset one
// keeps the function from loading, where a wrong default would watch another container
// in silence.
func trigger() map[string]any {
	return map[string]any{
		"type":          hosting.CosmosDBTrigger,
		"name":          "documents",
		"connection":    "SWITCHBOARD_COSMOS_CONNECTION_STRING", // or, without a key, the prefix of …__accountEndpoint
		"databaseName":  "%SWITCHBOARD_COSMOS_DATABASE%",
		"containerName": "%SWITCHBOARD_COSMOS_CONTAINER%",
		// The leases, too, are made where the container is: the process's own identity
		// may read and write documents, but not make containers.
		"leaseContainerName":              "leases",
		"createLeaseContainerIfNotExists": false,
		// Entries may be older than the first lease. The price is one reading of the container.
		"startFromBeginning": true,
		"feedPollDelay":      1000, // ms; the default of 5 s is long for a friend who waits
	}
}

// handler takes a change feed's batch, a JSON array, for what it is, and anything else
// for a tick of a schedule.
func handler(s function.Services) hosting.EventHandler {
	return func(ctx context.Context, payload json.RawMessage) error {
		if bytes.HasPrefix(bytes.TrimSpace(payload), []byte("[")) {
			return s.Outbox.Feed(ctx, payload)
		}
		_, err := s.Outbox.Drain(ctx)
		return err
	}
}
