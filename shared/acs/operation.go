package acs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"switchboard/shared/upstream"
)

// operation is one call of the API.
type operation struct {
	name   string // for the log
	method string
	path   string // escaped
	body   any    // sent as JSON; nil for none
	want   []int  // the statuses of success

	// leastTry is the time that a try is given at least. A call that is given
	// up may be carried out all the same.
	leastTry time.Duration
}

// do calls the API and reads its JSON answer into answer, which is nil where
// none is expected.
func (c *Client) do(ctx context.Context, call operation, answer any) error {
	retry := c.retry
	retry.TryTimeout = max(retry.TryTimeout, call.leastTry)
	req, err := c.request(upstream.WithPatience(ctx, retry), call)
	if err != nil {
		return err
	}
	resp, err := c.pipeline.Do(req)
	if err != nil {
		return call.unanswered(ctx, err)
	}
	if !slices.Contains(call.want, resp.StatusCode) {
		return call.refused(resp)
	}
	if answer == nil {
		return nil
	}
	body, err := upstream.Payload(resp)
	if err == nil {
		err = json.Unmarshal(body, answer)
	}
	if err != nil { // its text may quote the answer
		return call.nonsense("the answer cannot be read")
	}
	return nil
}

func (c *Client) request(ctx context.Context, call operation) (*policy.Request, error) {
	if call.path == "" {
		return nil, fmt.Errorf("acs: %s: no identity is given", call.name)
	}
	req, err := runtime.NewRequest(ctx, call.method, c.endpoint+call.path)
	if err != nil {
		return nil, err
	}
	req.Raw().Header.Set("Accept", "application/json")
	switch {
	case call.body != nil:
		err = runtime.MarshalAsJSON(req, call.body)
	case call.path == identitiesPath: // takes a body or none, but always as JSON
		req.Raw().Header.Set("Content-Type", "application/json")
	}
	return req, err
}
