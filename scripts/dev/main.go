// Command dev runs everything on a laptop: all functions, an OpenID provider to
// sign in with, and the services behind the functions, in one process that
// needs nothing but Go. Data stays in a directory and is there on the next
// start.
//
//	go run ./scripts/dev
//
// It is for development only: whoever reaches it can sign in as anybody.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"switchboard/shared/hosting"
)

// flags are the command line. Port 0 picks a free port.
type flags struct {
	addr, cosmos, acs, graph, hubs string
	data                           string
	tls, json                      bool
	log                            slog.Level
	as                             string
}

func parse(args []string) (flags, error) {
	f := flags{log: slog.LevelWarn}
	set := flag.NewFlagSet("dev", flag.ContinueOnError)
	set.StringVar(&f.addr, "addr", "127.0.0.1:7071", "`address` of the functions and the OpenID provider; port 0 takes the data's last port, or a free one.\nUsers belong to their provider's address: at another one they are others")
	set.StringVar(&f.cosmos, "cosmos", "127.0.0.1:8081", "`address` of the Cosmos DB-compatible store")
	set.StringVar(&f.acs, "acs", "127.0.0.1:8082", "`address` of the ACS identity service")
	set.StringVar(&f.graph, "graph", "127.0.0.1:8083", "`address` of Microsoft Graph, with the token endpoint of its tenant")
	set.StringVar(&f.hubs, "hubs", "127.0.0.1:8084", "`address` of the Notification Hubs service (comes with the notifications; not served yet)")
	set.StringVar(&f.data, "data", ".switchboard", "`directory` of the data; empty keeps it in memory")
	set.BoolVar(&f.tls, "tls", false, "serve the local cloud services over TLS, with a CA made anew at every start, <data>/ca.pem")
	set.BoolVar(&f.json, "json", false, "print one line of JSON when ready instead of text")
	set.TextVar(&f.log, "log", f.log, "what to log on stderr: `level` debug, info, warn or error")
	set.StringVar(&f.as, "as", "", "sign requests without a token in as this `user`, to try clients that cannot sign in")
	if err := set.Parse(args); err != nil {
		return f, err
	}
	if set.NArg() > 0 {
		return f, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	if f.tls && f.data == "" {
		return f, fmt.Errorf("-tls needs -data: the CA's certificate has to be where clients can read it")
	}
	return f, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second interrupt does not wait
	f, err := parse(os.Args[1:])
	switch err {
	case nil:
	case flag.ErrHelp:
		return
	default:
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(2)
	}
	hosting.Tune(os.Getenv)
	if err := run(ctx, f, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(1)
	}
}
