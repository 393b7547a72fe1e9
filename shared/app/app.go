// Package app makes a program of functions: it reads the settings that they
// need, opens what is behind them, and mounts them on one HTTP handler; what
// events fire stands beside it, by name. It chooses nothing else; hosts run what it
// makes.
package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"switchboard/shared/acs"
	"switchboard/shared/api"
	"switchboard/shared/function"
	"switchboard/shared/hosting"
	"switchboard/shared/outbox"
	"switchboard/shared/seal"
	"switchboard/shared/signin"
	"switchboard/shared/storage"
)

// Options replace what a program takes from its surroundings. The zero value is
// for production; tests and the laptop set some.
type Options struct {
	Cosmos     policy.Transporter     // to Cosmos DB; nil = HTTP
	ACS        policy.Transporter     // to ACS; nil = HTTP
	Graph      policy.Transporter     // to Microsoft Graph and to the authority that lets the service in there; nil = HTTP
	Issuers    http.RoundTripper      // to the identity providers; nil = HTTP
	Credential azcore.TokenCredential // the process's identity; nil = azidentity's default chain
	Now        func() time.Time       // nil = time.Now
}

// Builder returns what makes the program of the given functions.
func Builder(rows ...function.Function) hosting.Builder {
	return func(ctx context.Context, env func(string) string, log *slog.Logger) (*hosting.App, error) {
		return New(ctx, Options{}, env, log, rows...)
	}
}

// New makes the program. It makes no request to anywhere.
func New(ctx context.Context, opts Options, env func(string) string, log *slog.Logger, rows ...function.Function) (*hosting.App, error) {
	s, err := readSettings(ctx, env, rows)
	if err != nil {
		return nil, err
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	b := builder{Options: opts, settings: s, log: log}
	services, verifier, err := b.services(rows)
	if err != nil {
		return nil, err
	}
	a := api.New(api.Config{
		Version:  s.version,
		Verifier: verifier,
		Origins:  s.origins,
		Deadline: s.timeout,
		Now:      opts.Now,
		NewID:    rand.Text,
		Log:      log,
	})
	events := map[string]hosting.EventHandler{}
	for _, f := range rows {
		if f.Event != nil {
			events[f.Name] = f.Event.Handler(services)
		} else {
			f.Mount(a, services)
		}
	}
	return &hosting.App{HTTP: a.Handler(), Events: events}, nil
}

// builder opens what is behind the functions.
type builder struct {
	Options
	settings settings
	log      *slog.Logger
}

// services opens what the functions need, and nothing else.
func (b *builder) services(rows []function.Function) (out function.Services, verifier *signin.Verifier, err error) {
	needs := func(n function.Need) bool {
		return slices.ContainsFunc(rows, func(f function.Function) bool { return slices.Contains(f.Needs, n) })
	}
	out = function.Services{TokenLife: b.settings.life, Version: b.settings.version, Now: b.Now}
	if b.Credential == nil && b.settings.needsCredential() {
		if b.Credential, err = azidentity.NewDefaultAzureCredential(nil); err != nil {
			return out, nil, fmt.Errorf("the process's identity: %w", err)
		}
	}
	if needs(function.SignIn) {
		verifier, err = signin.New(b.settings.issuers, signin.Options{Transport: b.Issuers, Now: b.Now, Log: b.log})
		if err != nil {
			return out, nil, named("SWITCHBOARD_ISSUERS", err)
		}
	}
	var client *acs.Client
	if needs(function.Calling) || b.settings.acs.given() {
		if client, err = b.calling(); err != nil {
			return out, nil, err
		}
		out.Teams = client
	}
	if !needs(function.Storage) {
		return out, verifier, nil
	}
	store, err := b.storage()
	if err != nil {
		return out, nil, err
	}
	if needs(function.Calling) || needs(function.Sealing) {
		if out.Ring, err = b.ring(); err != nil {
			return out, nil, err
		}
	}
	b.people(&out, store, client)
	teams, application, err := b.graph()
	if err != nil {
		return out, nil, err
	}
	b.meetings(&out, store, teams)
	out.Doctor = b.doctor(teams, application)
	out.Outbox = &outbox.Consumer{Store: store, Handlers: b.handlers(out, client != nil), Now: b.Now, Log: b.log}
	return out, verifier, nil
}

// handlers are what is done for each kind of outbox entry. A program that has the
// function notify needs all of them, whichever functions are beside it: programs that
// read one change feed share it, so that an entry reaches only one of them. What ends
// calling identities is left, for a drain, to a program that calls.
func (b *builder) handlers(s function.Services, calls bool) map[string]outbox.Handler {
	all := s.Friendships.Handlers()
	maps.Copy(all, s.Spaces.Handlers())
	if calls {
		maps.Copy(all, s.Meetings.Handlers())
		maps.Copy(all, s.Watch.Handlers())
	}
	return all
}

func (b *builder) calling() (*acs.Client, error) {
	opts := &acs.Options{Now: b.Now, ClientOptions: azcore.ClientOptions{Transport: b.ACS, APIVersion: b.settings.acs.version}}
	if c := b.settings.acs.connection; c != "" {
		client, err := acs.NewClientFromConnectionString(c, opts)
		return client, named("SWITCHBOARD_ACS_CONNECTION_STRING", err)
	}
	client, err := acs.NewClient(b.settings.acs.endpoint, b.Credential, opts)
	return client, named("SWITCHBOARD_ACS_ENDPOINT", err)
}

func (b *builder) storage() (*storage.Container, error) {
	cfg := storage.Config{
		Endpoint:  b.settings.cosmos.endpoint,
		Key:       b.settings.cosmos.key,
		Schema:    b.settings.cosmos.schema,
		Transport: b.Cosmos,
		NewID:     rand.Text,
	}
	if cfg.Key == "" {
		cfg.Credential = b.Credential
	}
	store, err := storage.Open(cfg)
	return store, named("SWITCHBOARD_COSMOS_CONNECTION_STRING or _ENDPOINT", err)
}

// ring returns the keys that seal stored tokens, nil where there are none.
func (b *builder) ring() (*seal.Ring, error) {
	switch {
	case b.settings.vault != "":
		vault, err := seal.NewVault(b.settings.vault, b.Credential, nil)
		return seal.NewRing(vault, b.Now), named("SWITCHBOARD_SEALING_VAULT", err)
	case b.settings.keys != nil:
		return seal.NewRing(b.settings.keys, b.Now), nil
	}
	b.log.Info("no sealing key is set: tokens are kept in this process's memory only")
	return nil, nil
}

func named(setting string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", setting, err)
}
