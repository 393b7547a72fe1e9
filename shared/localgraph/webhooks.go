package localgraph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// How long Graph waits for an answer and goes on trying ("Receive change
// notifications through webhooks").
const (
	webhookTimeout = 10 * time.Second
	webhookRetries = 4 * time.Hour
)

// The pauses between attempts are not published.
const (
	firstPause = 5 * time.Second
	maxPause   = 10 * time.Minute
)

// webhooks posts to the addresses of subscriptions.
type webhooks struct {
	client *http.Client
	log    *slog.Logger
	ctx    context.Context // ends with close
	cancel context.CancelFunc

	mu      sync.Mutex // between send and close
	running sync.WaitGroup
}

func newWebhooks(transport http.RoundTripper, log *slog.Logger) *webhooks {
	ctx, cancel := context.WithCancel(context.Background())
	client := &http.Client{Transport: transport, Timeout: webhookTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &webhooks{client: client, log: log, ctx: ctx, cancel: cancel}
}

func (h *webhooks) close() {
	h.mu.Lock()
	h.cancel()
	h.mu.Unlock()
	h.running.Wait()
}

// validate is the handshake: the address has to give back a text that it could
// not know, within ten seconds, with 200 and as plain text.
func (h *webhooks) validate(ctx context.Context, address string) error {
	token := "Validation: Testing client application reachability for subscription Request-Id: " + uuid.NewString()
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("the address cannot be read")
	}
	query := u.Query()
	query.Set("validationToken", token)
	u.RawQuery = query.Encode()
	got, err := h.post(ctx, u.String(), "text/plain; charset=utf-8", nil)
	switch {
	case err != nil:
		return err
	case got.status != http.StatusOK:
		return fmt.Errorf("the answer is %d", got.status)
	case got.mediaType != "text/plain":
		return errors.New("the answer is not text/plain")
	case strings.TrimSpace(got.text) != token:
		return errors.New("the answer is not the validation token")
	}
	return nil
}

// send delivers a notification in the background.
func (h *webhooks) send(address string, body []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() == nil {
		h.running.Go(func() { h.deliver(address, body) })
	}
}

// deliver tries until a success, for four hours.
func (h *webhooks) deliver(address string, body []byte) {
	ctx, cancel := context.WithTimeout(h.ctx, webhookRetries)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		got, err := h.post(ctx, address, "application/json; charset=utf-8", body)
		if err == nil && got.status/100 == 2 {
			return
		}
		h.log.WarnContext(ctx, "a notification was not taken", "status", got.status, "error", err)
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-ctx.Done():
			return
		}
	}
}

// receipt is what a subscriber answers.
type receipt struct {
	status    int
	mediaType string
	text      string // no more of it than a validation token can be long
}

// post sends once. Its errors do not name the address, which may hold a key.
func (h *webhooks) post(ctx context.Context, address, contentType string, body []byte) (receipt, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return receipt{}, errors.New("the address cannot be read")
	}
	request.Header.Set("Content-Type", contentType)
	response, err := h.client.Do(request)
	if err != nil {
		if named, ok := errors.AsType[*url.Error](err); ok {
			err = named.Err
		}
		return receipt{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	mediaType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")) // "" if there is none to be read
	return receipt{response.StatusCode, mediaType, string(text)}, err
}
