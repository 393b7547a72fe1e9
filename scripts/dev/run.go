package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"switchboard/functions"
	"switchboard/shared/app"
	"switchboard/shared/hosting"
	"switchboard/shared/local"
)

// endpoints say what is running where, for people and for programs.
type endpoints struct {
	Functions           string `json:"functions"`
	OIDC                string `json:"oidc"`
	Cosmos              string `json:"cosmos"`
	CosmosKey           string `json:"cosmosKey"`
	ACS                 string `json:"acs"`
	ACSConnectionString string `json:"acsConnectionString"`
	Graph               string `json:"graph"`
	Hubs                string `json:"hubs"` // empty: not served yet
}

// tick is how often timers fire: often enough for a person who waits to see it.
const tick = 10 * time.Second

// run serves until ctx ends.
func run(ctx context.Context, f flags, stdout, stderr io.Writer) (err error) {
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: f.log}))
	l, err := listen(f)
	if err != nil {
		return err
	}
	cloud, err := local.Open(ctx, local.Options{
		Data:      f.data,
		Issuer:    l.functions.url + "/oidc",
		Log:       log,
		Functions: l.functions.url,
		Tick:      tick,
	})
	if err != nil {
		return err
	}
	defer func() {
		if closed := cloud.Close(); err == nil {
			err = closed
		}
	}()
	at := endpoints{
		Functions:           l.functions.url,
		OIDC:                cloud.OIDC.Issuer(),
		Cosmos:              l.cosmos.url,
		CosmosKey:           cloud.Cosmos.Key(),
		ACS:                 l.acs.url,
		ACSConnectionString: cloud.ACS.ConnectionString(l.acs.url),
		Graph:               l.graph.url,
	}
	settings := cloud.Settings()
	program, err := app.New(ctx, cloud.Options(), func(name string) string { return settings[name] }, log, functions.All()...)
	if err != nil {
		return err
	}
	handler, err := handler(f, cloud, program.HTTP)
	if err != nil {
		return err
	}
	serving, ctx := errgroup.WithContext(ctx)
	serving.Go(func() error { return hosting.Serve(ctx, l.functions, handler, log) })
	serving.Go(func() error { return hosting.Serve(ctx, l.cosmos, cloud.CosmosFaults, log) })
	serving.Go(func() error { return hosting.Serve(ctx, l.acs, cloud.ACSFaults, log) })
	serving.Go(func() error { return hosting.Serve(ctx, l.graph, cloud.GraphFaults, log) })
	serving.Go(func() error { cloud.Trigger(ctx, program, log, functions.All()...); return nil })
	serving.Go(func() error { return announce(f, at, cloud, stdout) })
	return serving.Wait()
}

// handler is what answers at the functions' address: the OpenID provider under
// /oidc, and beside it exactly what is deployed.
func handler(f flags, cloud *local.Cloud, deployed http.Handler) (http.Handler, error) {
	if f.as != "" {
		if _, err := cloud.OIDC.Token(f.as); err != nil {
			return nil, fmt.Errorf("-as: %w", err)
		}
		deployed = signedInAs(cloud, f.as, deployed)
	}
	// No ServeMux: it would answer in its own words before the program does.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/oidc/"):
			cloud.OIDCFaults.ServeHTTP(w, r)
		case r.URL.Path == "/":
			http.Redirect(w, r, "/api/docs", http.StatusFound)
		default:
			deployed.ServeHTTP(w, r)
		}
	}), nil
}

// signedInAs gives requests without a token one of the user's, as a front end
// with built-in sign-in would. Sample apps that cannot sign in work with it.
func signedInAs(cloud *local.Cloud, user string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			if token, err := cloud.OIDC.Token(user); err == nil {
				r.Header.Set("Authorization", "Bearer "+token)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// listener is an open port and the address that clients use for it.
type listener struct {
	net.Listener
	url string
}

type listeners struct{ functions, cosmos, acs, graph listener }

// listen opens every port, before anything else is done, so that a second dev
// on the same ports says so at once.
func listen(f flags) (l listeners, err error) {
	f.addr = lastAddress(f)
	var authority *authority
	scheme := "http"
	if f.tls {
		scheme = "https"
		if authority, err = newAuthority(f.data); err != nil {
			return l, err
		}
	}
	for _, open := range []struct {
		at     *listener
		addr   string
		scheme string
	}{{&l.functions, f.addr, "http"}, {&l.cosmos, f.cosmos, scheme}, {&l.acs, f.acs, scheme}, {&l.graph, f.graph, scheme}} {
		open.at.Listener, err = net.Listen("tcp", open.addr)
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			return l, fmt.Errorf("%w; is another dev running? -addr, -cosmos, -acs and -graph choose other ports", err)
		case err != nil:
			return l, err
		}
		open.at.url = open.scheme + "://" + reachable(open.at.Addr())
		if open.scheme == "https" {
			open.at.Listener = authority.secure(open.at.Listener)
		}
	}
	return l, nil
}

// lastAddress is the address of the functions. With port 0 it is the one that the
// data directory was last served at, if that is free: the users are those of the
// OpenID provider there.
func lastAddress(f flags) string {
	host, port, err := net.SplitHostPort(f.addr)
	if err != nil || port != "0" || f.data == "" {
		return f.addr
	}
	var last endpoints
	text, err := os.ReadFile(filepath.Join(f.data, "endpoints.json"))
	if err != nil || json.Unmarshal(text, &last) != nil {
		return f.addr
	}
	at, err := url.Parse(last.Functions)
	if err != nil {
		return f.addr
	}
	wanted := net.JoinHostPort(host, at.Port())
	free, err := net.Listen("tcp", wanted)
	if err != nil {
		return f.addr
	}
	free.Close()
	return wanted
}

// reachable is where this machine reaches a listener: a wildcard address is on
// loopback too.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr.String()
}

// announce says that all is ready, and where.
func announce(f flags, at endpoints, cloud *local.Cloud, stdout io.Writer) error {
	line, err := json.Marshal(at)
	if err != nil {
		return err
	}
	if f.data != "" {
		if err := os.WriteFile(filepath.Join(f.data, "endpoints.json"), append(line, '\n'), 0o600); err != nil {
			return err
		}
	}
	if f.json {
		_, err = fmt.Fprintf(stdout, "%s\n", line)
		return err
	}
	return greet(stdout, f, at, cloud)
}
