package hostingtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// Fire delivers one event to the function of that name, encoded as the host encodes
// it for the function's kind of trigger, and returns why the invocation failed. The
// payload is JSON, as the event's source has it. A failed function is called again as
// its retry policy says, but at once; a policy without an end stops with ctx.
func (h *FunctionsHost) Fire(ctx context.Context, name string, payload json.RawMessage) error {
	f, err := h.eventFunction(name)
	if err != nil {
		return err
	}
	for retry := 0; ; retry++ {
		err := h.fireOnce(ctx, f, payload, retry)
		if err == nil || f.retries >= 0 && retry >= f.retries || ctx.Err() != nil {
			return err
		}
	}
}

func (h *FunctionsHost) eventFunction(name string) (*function, error) {
	for _, f := range h.script.functions {
		if f.name == name && !f.isHTTP() {
			return f, nil
		}
	}
	return nil, fmt.Errorf("no event function %q is staged", name)
}

func (h *FunctionsHost) fireOnce(ctx context.Context, f *function, payload json.RawMessage, retry int) error {
	if err := h.worker.await(ctx); err != nil {
		return err
	}
	data, err := encodeEvent(f.trigger, payload)
	if err != nil {
		return err
	}
	metadata := map[string]any{"sys": map[string]any{"MethodName": f.name, "UtcNow": time.Now().UTC(), "RandGuid": uuid.NewString()}}
	if f.retries != 0 {
		metadata["RetryContext"] = map[string]any{"RetryCount": retry, "MaxRetryCount": f.retries}
	}
	body, err := json.Marshal(map[string]any{"Data": map[string]json.RawMessage{f.trigger.Name: data}, "Metadata": metadata})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+h.worker.addr+"/"+f.name, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "Azure-Functions-Host/"+hostVersion)
	req.Header.Set("X-Azure-Functions-HostVersion", hostVersion)
	req.Header.Set("X-Azure-Functions-InvocationId", uuid.NewString())
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return checkEventAnswer(resp)
}

// encodeEvent wraps a payload as its trigger does: objects as they are, a batch of
// Event Grid events as text, everything that reaches the host as text once more.
func encodeEvent(t trigger, payload json.RawMessage) (json.RawMessage, error) {
	if !json.Valid(payload) {
		return nil, errors.New("the payload is not JSON")
	}
	times := 2
	switch {
	case t.Type == "timerTrigger", t.Type == "eventGridTrigger" && t.Cardinality != "many":
		times = 0
	case t.Type == "eventGridTrigger":
		times = 1
	}
	for range times {
		encoded, err := json.Marshal(string(payload))
		if err != nil {
			return nil, err
		}
		payload = encoded
	}
	return payload, nil
}

// checkEventAnswer judges an answer as the host does.
func checkEventAnswer(resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // none is as bad as a wrong one
	var answer struct {
		Outputs map[string]any
		Logs    []string
	}
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return fmt.Errorf("response status code does not indicate success: %d", resp.StatusCode)
	case len(body) == 0:
		return errors.New("the body is empty: the invocation would never complete")
	case mediaType != "application/json" || json.Unmarshal(body, &answer) != nil:
		return errors.New("invalid HttpResponseMessage: application/json is expected")
	}
	return nil
}
