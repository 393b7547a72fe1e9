package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"switchboard/shared/upstream"
)

// operation is one call of the API.
type operation struct {
	name       string // for the log
	method     string
	path       string // escaped, with its query, after the version
	prefer     string // a preference beside the one that every call has
	body       any    // sent as JSON; nil for none
	want       []int  // the statuses of success
	permission string // what the application needs; delegated ones lack the .All

	object bool // the path names an object, so that 404 means that it is gone
	lookup bool // of a meeting by what it is joined by, which is the organizer's alone
	once   bool // a repeat would do it twice
}

// patience is how long an operation that must not be repeated is waited for:
// if it is given up, nobody knows whether it was done.
const patience = 30 * time.Second

// caller is who calls: the application, or a user whom it acts on behalf of.
type caller struct {
	*Client
	pipeline runtime.Pipeline
	mailbox  string // whose limit the calls count against; "" = nobody's
}

// app is the application itself, at a mailbox.
func (c *Client) app(mailbox string) caller { return caller{c, c.pipeline, mailbox} }

// do calls the API, in the mailbox's turn, and reads its JSON answer into
// answer, which is nil where none is expected. It returns the status.
func (c caller) do(ctx context.Context, call operation, answer any) (int, error) {
	var unsure bool // a try before the last may have done it
	req, err := c.request(ctx, call, &unsure)
	if err != nil {
		return 0, err
	}
	leave, err := c.turns.wait(ctx, c.mailbox)
	if err != nil {
		return 0, call.unanswered(ctx, err)
	}
	defer leave()
	resp, err := c.pipeline.Do(req)
	if err != nil {
		return 0, call.unanswered(ctx, err)
	}
	if unsure && call.deniesWhatIsDone(resp) {
		return resp.StatusCode, call.nonsense("a repeat was refused of what may be done")
	}
	if !slices.Contains(call.want, resp.StatusCode) {
		return resp.StatusCode, call.refused(resp)
	}
	if answer == nil {
		return resp.StatusCode, nil
	}
	body, err := upstream.Payload(resp)
	if err == nil {
		err = json.Unmarshal(body, answer)
	}
	if err != nil { // its text may quote the answer
		return resp.StatusCode, call.nonsense("the answer cannot be read")
	}
	return resp.StatusCode, nil
}

// request makes the request of a call. Once it is being sent, unsure tells whether a try
// failed of which nobody knows what it did.
func (c caller) request(ctx context.Context, call operation, unsure *bool) (*policy.Request, error) {
	if call.path == "" {
		return nil, fmt.Errorf("graph: %s: an id is missing", call.name)
	}
	retry := c.options.Retry
	if call.once {
		retry.TryTimeout = max(retry.TryTimeout, patience)
	}
	retry.ShouldRetry = func(resp *http.Response, err error) bool {
		*unsure = *unsure || err != nil && !upstream.IsDial(err) || err == nil && resp.StatusCode >= 500
		return !call.once || upstream.OnlyIfUnserved(resp, err)
	}
	req, err := runtime.NewRequest(upstream.WithPatience(ctx, retry), call.method, c.endpoint+"/v1.0"+call.path)
	if err != nil { // its text quotes the path, which holds ids
		return nil, fmt.Errorf("graph: %s: no request can be made of it", call.name)
	}
	header := req.Raw().Header
	header.Set("Accept", "application/json")
	preferred := "include-unknown-enum-members" // else values newer than v1.0's first read unknownFutureValue
	if call.prefer != "" {
		preferred += ", " + call.prefer
	}
	header.Set("Prefer", preferred)
	if call.body == nil {
		return req, nil
	}
	if err := runtime.MarshalAsJSON(req, call.body); err != nil {
		return nil, errors.New("graph: " + call.name + ": a time in it is out of range")
	}
	return req, nil
}

// deniesWhatIsDone reports whether an answer refuses to make or change something, where a
// try before may have done so: the caller must not take it that nothing was done. That an
// object is gone is so in any case.
func (call operation) deniesWhatIsDone(resp *http.Response) bool {
	changes := call.method == http.MethodPost || call.method == http.MethodPatch
	gone := call.object && resp.StatusCode == http.StatusNotFound
	return changes && !gone && resp.StatusCode >= 400 && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests
}

// pathf fills the places (%s) of a path with escaped ids. Without one of them
// there is no path.
func pathf(format string, ids ...string) string {
	escaped := make([]any, len(ids))
	for i, id := range ids {
		if id == "" || id == "." || id == ".." {
			return ""
		}
		escaped[i] = url.PathEscape(id)
	}
	return fmt.Sprintf(format, escaped...)
}

// query is a part of a query as encodeURIComponent writes it: blanks as %20,
// because Graph's parser of $filter does not take them as plus signs.
func query(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// literal is a text in a $filter (OData 4.01 URL conventions, 5.1.1.6.1).
func literal(s string) string {
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// join puts paths together; if one is missing there is none.
func join(base, rest string) string {
	if base == "" || rest == "" {
		return ""
	}
	return base + rest
}
