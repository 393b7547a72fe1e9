package hosting

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
)

// maxEventBytes bounds an event's body; the Azure host itself stops at the same.
const maxEventBytes = 100 << 20

// The answers to an event. An empty body would leave the invocation open until the
// function's timeout, so every answer is a JSON object. A cause never leaves: the
// log has it.
const (
	eventDone    = `{"Outputs":{},"Logs":[],"ReturnValue":null}`
	eventFailed  = `{"error":"the event was not handled; the cause is in the log"}`
	eventUnknown = `{"error":"this program has no such event function"}`
	eventUnread  = `{"error":"the event could not be read; the cause is in the log"}`
)

// serveEvent hands one delivery to its function: 200 when it is done, 500 to have
// it redelivered.
func (h *customHandler) serveEvent(w http.ResponseWriter, r *http.Request, name string) {
	log := h.log.With("function", name, "invocationId", InvocationID(r.Context()))
	handle, ok := h.app.Events[name]
	if !ok {
		log.Error("an event came for a function that this program does not have")
		writeJSON(w, http.StatusNotFound, eventUnknown)
		return
	}
	payload, err := readEvent(http.MaxBytesReader(w, r.Body, maxEventBytes))
	if err != nil {
		log.Error("an event could not be read", "error", err.Error())
		writeJSON(w, http.StatusBadRequest, eventUnread)
		return
	}
	if err := Deliver(r.Context(), handle, payload, log); err != nil {
		writeJSON(w, http.StatusInternalServerError, eventFailed)
		return
	}
	writeJSON(w, http.StatusOK, eventDone)
}

// Deliver runs an event handler as every host does: its error, or its panic, which
// becomes one, is logged here.
func Deliver(ctx context.Context, handle EventHandler, payload json.RawMessage, log *slog.Logger) (err error) {
	defer func() {
		if p := recover(); p != nil {
			logPanic(log, p)
			err = errors.New("panic")
		}
	}()
	if err := handle(ctx, payload); err != nil {
		log.Error("an event was not handled", "error", err.Error())
		return err
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// readEvent takes the payload out of the host's envelope
// {"Data":{"<binding>":…},"Metadata":{…}}. Metadata is ignored: the host reformats
// what it copies there.
func readEvent(body io.Reader) (json.RawMessage, error) {
	var envelope struct{ Data map[string]json.RawMessage }
	if err := json.NewDecoder(body).Decode(&envelope); err != nil {
		return nil, fmt.Errorf("the envelope: %w", err)
	}
	if len(envelope.Data) != 1 {
		return nil, fmt.Errorf("the envelope has %d data members, not one", len(envelope.Data))
	}
	for _, payload := range envelope.Data {
		return unwrap(payload), nil
	}
	panic("unreachable: the map has one member")
}

// unwrap undoes the host's encoding. Objects come as they are; all else is put into
// a JSON string, and text, which queues and the change feed deliver, once more. So a
// string that holds JSON is opened, at most twice; a string that holds none is the
// payload.
func unwrap(payload json.RawMessage) json.RawMessage {
	for range 2 {
		var text string
		if !bytes.HasPrefix(payload, []byte(`"`)) || json.Unmarshal(payload, &text) != nil || !json.Valid([]byte(text)) {
			break
		}
		payload = bytes.TrimSpace([]byte(text))
	}
	return payload
}
