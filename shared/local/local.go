// Package local is the cloud on one machine: the OpenID provider, the Cosmos
// DB-compatible store, the ACS identity service and Microsoft Graph with the
// tenant behind it, opened together and wired to the functions as a deployment
// would be, by settings; and the triggers that fire event functions.
//
// The program on the laptop (scripts/dev) and the tests use it; nothing that is
// deployed imports it. What each service does and does not do is said in
// packages localoidc, localcosmos, localacs and localgraph.
package local

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/localacs"
	"switchboard/shared/localcosmos"
	"switchboard/shared/localgraph"
	"switchboard/shared/localoidc"
	"switchboard/shared/storage"
)

// Options say where the cloud keeps its data and what time it is.
type Options struct {
	Data   string           // directory; empty = memory only
	Issuer string           // of the OpenID provider; its path is where OIDC is mounted
	Now    func() time.Time // nil = time.Now
	Log    *slog.Logger     // nil = nothing is logged

	// Functions is the address of the functions, where Graph reaches them, such
	// as http://127.0.0.1:7071; empty, or not on loopback: Graph tells them nothing.
	Functions string
	// Tick is how often timers fire, whatever their schedules say; 0 = never.
	Tick time.Duration

	// SigningKey signs all tokens of a cloud in memory; nil = keys are made.
	// Many clouds in one test share one, because making a key takes long.
	SigningKey *rsa.PrivateKey
}

// Cloud is the services. Each stands behind an Injector of faults, in process
// and on the network alike.
type Cloud struct {
	OIDC   *localoidc.Provider
	ACS    *localacs.Service
	Cosmos *localcosmos.Store
	Graph  *localgraph.Server // with Entra ID

	ACSFaults    *faults.Injector
	CosmosFaults *faults.Injector
	GraphFaults  *faults.Injector
	OIDCFaults   *faults.Injector

	sealingKey  string
	graphSecret string
	functions   string
	tick        time.Duration
	now         func() time.Time
}

// schema is the container of the functions, under the names that the settings
// have by default.
func schema() storage.Schema { return storage.Schema{Database: "switchboard", Container: "main"} }

// Open starts the services. With Options.Data they go on with what they kept
// there; a directory serves one process at a time.
func Open(ctx context.Context, o Options) (*Cloud, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Cloud{functions: o.Functions, tick: o.Tick, now: o.Now}
	if err := c.open(ctx, o); err != nil {
		c.Close() // what was opened; why it was not all is what counts
		return nil, err
	}
	return c, nil
}

func (c *Cloud) open(ctx context.Context, o Options) (err error) {
	if o.Data != "" {
		if err := os.MkdirAll(o.Data, 0o700); err != nil {
			return err
		}
	}
	// The stores first: they refuse a directory that another process uses.
	if c.ACS, err = localacs.New(localacs.Options{Path: o.file("acs.db"), SigningKey: o.SigningKey, Now: o.Now}); err != nil {
		return err
	}
	if c.Cosmos, err = localcosmos.Open(localcosmos.Options{Path: o.file("cosmos.db"), Now: o.Now}); err != nil {
		return err
	}
	if err := c.openGraph(o); err != nil {
		return err
	}
	if c.sealingKey, err = kept(o.file("sealing.key"), newSealingKey, checkSealingKey); err != nil {
		return err
	}
	if c.OIDC, err = localoidc.New(localoidc.Options{Issuer: o.Issuer, KeyFile: o.file("oidc.key"), SigningKey: o.SigningKey, Now: o.Now, Log: o.Log}); err != nil {
		return err
	}
	c.OIDCFaults, c.ACSFaults, c.CosmosFaults, c.GraphFaults = faults.Wrap(c.OIDC), faults.Wrap(c.ACS), faults.Wrap(c.Cosmos), faults.Wrap(c.Graph)
	return c.provision(ctx)
}

func (o Options) file(name string) string {
	if o.Data == "" {
		return ""
	}
	return filepath.Join(o.Data, name)
}

// provision makes the container as the templates would.
func (c *Cloud) provision(ctx context.Context) error {
	container, err := storage.Open(storage.Config{
		Endpoint:  cosmosName,
		Key:       c.Cosmos.Key(),
		Schema:    schema(),
		Transport: c.Cosmos,
		NewID:     rand.Text,
	})
	if err != nil {
		return err
	}
	return container.Provision(ctx)
}

// Close ends the services; what they acknowledged is kept.
func (c *Cloud) Close() error {
	var faults []error
	if c.ACS != nil {
		faults = append(faults, c.ACS.Close())
	}
	if c.Cosmos != nil {
		faults = append(faults, c.Cosmos.Close())
	}
	if c.Graph != nil {
		faults = append(faults, c.Graph.Close())
	}
	if c.OIDC != nil {
		faults = append(faults, c.OIDC.Close())
	}
	return errors.Join(faults...)
}
