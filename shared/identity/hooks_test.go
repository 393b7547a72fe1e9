package identity_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"switchboard/shared/calling"
	"switchboard/shared/identity"
)

var chatOnly = identity.Want{Scopes: []calling.Scope{calling.Chat}, Life: calling.MinLife}

// hooked is a way to the store that a test may step into.
type hooked struct {
	policy.Transporter
	mu sync.Mutex
	on intervention
}

// intervention sends a request on with next, or does something else.
type intervention func(r *http.Request, next func() (*http.Response, error)) (*http.Response, error)

func (h *hooked) Do(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	on := h.on
	h.mu.Unlock()
	next := func() (*http.Response, error) { return h.Transporter.Do(r) }
	if on == nil {
		return next()
	}
	return on(r, next)
}

func (h *hooked) set(on intervention) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.on = on
}

// provider runs something once a token is issued, before anybody hears of it.
type provider struct {
	identity.Provider
	afterIssue func()
	once       sync.Once
}

func (p *provider) Issue(ctx context.Context, id string, scopes []calling.Scope, life time.Duration) (calling.Token, error) {
	token, err := p.Provider.Issue(ctx, id, scopes, life)
	p.once.Do(p.afterIssue)
	return token, err
}

// special is one more registry, whose way to the store a test may step into.
func (w *world) special(t *testing.T, edit func(*identity.Config)) (*identity.Registry, *hooked) {
	t.Helper()
	h := &hooked{Transporter: w.cloud.Options().Cosmos}
	cfg := w.config(t, h)
	if edit != nil {
		edit(&cfg)
	}
	return identity.New(cfg), h
}
