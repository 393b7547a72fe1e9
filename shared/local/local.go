// Package local is the cloud on one machine: the OpenID provider, the Cosmos
// DB-compatible store and the ACS identity service, opened together and wired
// to the functions as a deployment would be, by settings; and the triggers that fire
// event functions.
//
// The program on the laptop (scripts/dev) and the tests use it; nothing that is
// deployed imports it. What each service does and does not do is said in
// packages localoidc, localcosmos and localacs.
package local

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"switchboard/shared/app"
	"switchboard/shared/faults"
	"switchboard/shared/localacs"
	"switchboard/shared/localcosmos"
	"switchboard/shared/localoidc"
	"switchboard/shared/seal"
	"switchboard/shared/signin"
	"switchboard/shared/storage"
)

// Options say where the cloud keeps its data and what time it is.
type Options struct {
	Data   string           // directory; empty = memory only
	Issuer string           // of the OpenID provider; its path is where OIDC is mounted
	Now    func() time.Time // nil = time.Now
	Log    *slog.Logger     // nil = nothing is logged

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

	ACSFaults    *faults.Injector
	CosmosFaults *faults.Injector
	OIDCFaults   *faults.Injector

	sealingKey string
	now        func() time.Time
}

// Addresses of the services for clients in this process: names, not places,
// because Options gives the clients their transports.
const (
	cosmosName = "https://cosmos.localhost"
	acsName    = "https://acs.localhost"
)

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
	c := &Cloud{now: o.Now}
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
	if c.sealingKey, err = sealingKey(o.file("sealing.key")); err != nil {
		return err
	}
	if c.OIDC, err = localoidc.New(localoidc.Options{Issuer: o.Issuer, KeyFile: o.file("oidc.key"), SigningKey: o.SigningKey, Now: o.Now, Log: o.Log}); err != nil {
		return err
	}
	c.OIDCFaults, c.ACSFaults, c.CosmosFaults = faults.Wrap(c.OIDC), faults.Wrap(c.ACS), faults.Wrap(c.Cosmos)
	return c.provision(ctx)
}

func (o Options) file(name string) string {
	if o.Data == "" {
		return ""
	}
	return filepath.Join(o.Data, name)
}

// sealingKey is made once and kept beside the data that it opens; an empty file
// name keeps it in memory.
func sealingKey(file string) (string, error) {
	if file != "" {
		kept, err := os.ReadFile(file)
		if err == nil {
			if _, err := seal.ParseKeys(string(kept)); err != nil {
				return "", fmt.Errorf("%s is damaged: %w; delete it to have a new key made", file, err)
			}
			return string(kept), nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	key := "local:" + base64.StdEncoding.EncodeToString(secret)
	if file == "" {
		return key, nil
	}
	if err := os.WriteFile(file+".new", []byte(key), 0o600); err != nil {
		return "", err
	}
	return key, os.Rename(file+".new", file)
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

// Options make a program use the services of this process without a network.
func (c *Cloud) Options() app.Options {
	return app.Options{
		Cosmos:  faults.Transport{Handler: c.CosmosFaults},
		ACS:     faults.Transport{Handler: c.ACSFaults},
		Issuers: faults.Transport{Handler: c.OIDCFaults},
		Now:     c.now,
	}
}

// Settings are the settings of a program in this process.
func (c *Cloud) Settings() map[string]string { return c.SettingsAt(acsName, cosmosName) }

// SettingsAt are the settings of a program that reaches the services over the
// network, at the given addresses.
func (c *Cloud) SettingsAt(acs, cosmos string) map[string]string {
	issuers, err := json.Marshal([]signin.Issuer{{
		Issuer:         c.OIDC.Issuer(),
		Audiences:      []string{c.OIDC.Audience()},
		RequiredScopes: []string{"access_as_user"},
		RequiredRoles:  []string{signin.RoleService, signin.RoleAdmin},
	}})
	if err != nil {
		panic(err) // strings only
	}
	return map[string]string{
		"SWITCHBOARD_ISSUERS":                  string(issuers),
		"SWITCHBOARD_ACS_CONNECTION_STRING":    c.ACS.ConnectionString(acs),
		"SWITCHBOARD_COSMOS_CONNECTION_STRING": fmt.Sprintf("AccountEndpoint=%s;AccountKey=%s;", cosmos, c.Cosmos.Key()),
		"SWITCHBOARD_SEALING_KEYS":             c.sealingKey,
		"SWITCHBOARD_CORS_ORIGINS":             "*",
		"SWITCHBOARD_VERSION":                  "local",
	}
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
	if c.OIDC != nil {
		faults = append(faults, c.OIDC.Close())
	}
	return errors.Join(faults...)
}
