package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

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
	Graph               string `json:"graph"` // empty: not served yet
	Hubs                string `json:"hubs"`  // empty: not served yet
}

// run serves until ctx ends.
func run(ctx context.Context, f flags, stdout, stderr io.Writer) (err error) {
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: f.log}))
	l, err := listen(f)
	if err != nil {
		return err
	}
	cloud, err := local.Open(ctx, local.Options{Data: f.data, Issuer: l.functions.url + "/oidc", Log: log})
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
	}
	handler, err := handler(ctx, f, cloud, log)
	if err != nil {
		return err
	}
	serving, ctx := errgroup.WithContext(ctx)
	serving.Go(func() error { return hosting.Serve(ctx, l.functions, handler, log) })
	serving.Go(func() error { return hosting.Serve(ctx, l.cosmos, cloud.CosmosFaults, log) })
	serving.Go(func() error { return hosting.Serve(ctx, l.acs, cloud.ACSFaults, log) })
	if err := announce(f, at, cloud, stdout); err != nil {
		return err
	}
	return serving.Wait()
}

// handler is what answers at the functions' address: the OpenID provider under
// /oidc, and beside it exactly what is deployed.
func handler(ctx context.Context, f flags, cloud *local.Cloud, log *slog.Logger) (http.Handler, error) {
	settings := cloud.Settings()
	program, err := app.New(ctx, cloud.Options(), func(name string) string { return settings[name] }, log, functions.All()...)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/oidc/", cloud.OIDCFaults)
	mux.Handle("GET /{$}", http.RedirectHandler("/api/docs", http.StatusFound))
	mux.Handle("/", program.HTTP)
	if f.as == "" {
		return mux, nil
	}
	if _, err := cloud.OIDC.Token(f.as); err != nil {
		return nil, fmt.Errorf("-as: %w", err)
	}
	return signedInAs(cloud, f.as, mux), nil
}

// signedInAs gives requests without a token one of the user's, as a front end
// with built-in sign-in would. Sample apps that cannot sign in work with it.
func signedInAs(cloud *local.Cloud, user string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" && strings.HasPrefix(r.URL.Path, "/api/") {
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

type listeners struct{ functions, cosmos, acs listener }

// listen opens every port, before anything else is done, so that a second dev
// on the same ports says so at once.
func listen(f flags) (l listeners, err error) {
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
	}{{&l.functions, f.addr, "http"}, {&l.cosmos, f.cosmos, scheme}, {&l.acs, f.acs, scheme}} {
		if open.at.Listener, err = net.Listen("tcp", open.addr); err != nil {
			return l, fmt.Errorf("%w; is another dev running? -addr, -cosmos and -acs choose other ports", err)
		}
		open.at.url = open.scheme + "://" + reachable(open.at.Addr())
		if open.scheme == "https" {
			open.at.Listener = authority.secure(open.at.Listener)
		}
	}
	return l, nil
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
