// Package api is the HTTP contract that all functions share: operations
// described once (and so validated and documented by huma), sign-in, limits,
// and errors as application/problem+json.
//
// A function registers its operations with Register and never touches an
// http.ResponseWriter. The package does not know which host it runs on, nor how
// a token is verified.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"path"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"switchboard/shared/signin"
)

// Prefix is what every path begins with. It is the route prefix of Azure
// Functions and is kept on every host.
const Prefix = "/api"

// maxBody is the largest request body in bytes where an operation does not say otherwise.
const maxBody = 64 << 10

// Verifier finds out who sends a request; *signin.Verifier is one. Its errors
// are *problem.Error: Unauthenticated, Forbidden or Unavailable.
type Verifier interface {
	Verify(ctx context.Context, bearer string) (signin.Caller, error)
}

// Config is what an API needs.
type Config struct {
	Version  string // of the deployment, for the description
	Verifier Verifier
	Origins  []string      // web origins that browsers may call from; "*" = any; empty = none
	Deadline time.Duration // for one request, unless its operation has its own; the answer is 504 after it
	Now      func() time.Time
	NewID    func() string // makes request ids
	Log      *slog.Logger
}

// API collects operations and serves them.
type API struct {
	cfg       Config
	mux       *http.ServeMux
	huma      huma.API
	deadlines map[string]time.Duration // by the patterns of the operations that have their own
}

// strictNames makes huma tell members apart by case, as JSON does. It has no
// other place for that than a variable of the package, and by default takes
// {"ExpiresInMinutes":1} for a second expiresInMinutes, which the first hides
// from validation.
var strictNames = sync.OnceFunc(func() { huma.ValidateStrictCasing = true })

// New returns an API without operations.
func New(cfg Config) *API {
	strictNames()
	a := &API{cfg: cfg, mux: http.NewServeMux(), deadlines: map[string]time.Duration{}}
	a.huma = humago.NewWithPrefix(a.mux, Prefix, a.describe())
	a.huma.UseMiddleware(plainStatus)
	return a
}

// describe is the head of the OpenAPI document. huma's own routes are off:
// package about serves the description and a page that needs no internet.
func (a *API) describe() huma.Config {
	cfg := huma.DefaultConfig("Switchboard", a.cfg.Version)
	cfg.Info.Description = "The trusted service behind calling apps. Errors are application/problem+json (RFC 9457) with a stable code and a requestId."
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", ""
	cfg.CreateHooks = nil // no $schema members in bodies
	cfg.Formats = map[string]huma.Format{
		jsonType:                       huma.DefaultJSONFormat,
		"json":                         huma.DefaultJSONFormat,
		"application/merge-patch+json": huma.DefaultJSONFormat,
	}
	cfg.Transformers = []huma.Transformer{a.rendered}
	cfg.Servers = []*huma.Server{{URL: Prefix}}
	cfg.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		bearer: {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "An access token of the app's own identity provider."},
	}
	return cfg
}

// schemaName names a type in the description: functions have types of the same
// name, so the package goes before it.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[document]() {
		return "Problem"
	}
	name := huma.DefaultSchemaNamer(t, hint)
	if t.Name() == "" || t.PkgPath() == "" {
		return name
	}
	pkg := path.Base(t.PkgPath())
	if pkg = strings.ToUpper(pkg[:1]) + pkg[1:]; pkg == name {
		return name
	}
	return pkg + name
}

// Description is the OpenAPI 3.1 document of what has been registered.
func (a *API) Description() *huma.OpenAPI { return a.huma.OpenAPI() }

// Mount serves a path below the prefix, given as a pattern of net/http, without
// describing it. Where h finds nothing, the answer is the contract's. h cannot
// flush.
func (a *API) Mount(method, pattern string, h http.Handler) {
	a.mux.HandleFunc(method+" "+Prefix+pattern, func(w http.ResponseWriter, r *http.Request) {
		found := &finder{ResponseWriter: w}
		h.ServeHTTP(found, r)
		if found.nothing {
			w.Header().Del("Content-Length")
			a.fail(w, r, nothingHere())
		}
	})
}

// finder holds a 404 back, with its body.
type finder struct {
	http.ResponseWriter
	nothing bool
}

func (f *finder) WriteHeader(status int) {
	if f.nothing = status == http.StatusNotFound; !f.nothing {
		f.ResponseWriter.WriteHeader(status)
	}
}

func (f *finder) Write(b []byte) (int, error) {
	if f.nothing {
		return len(b), nil
	}
	return f.ResponseWriter.Write(b)
}

// Handler serves what has been registered, inside the middleware that every
// request passes.
func (a *API) Handler() http.Handler {
	schemas := a.Description().Components.Schemas.Map()
	delete(schemas, schemaName(reflect.TypeFor[huma.ErrorModel](), "")) // what rendered replaces
	delete(schemas, schemaName(reflect.TypeFor[huma.ErrorDetail](), ""))
	var h http.Handler = http.HandlerFunc(a.route)
	for _, wrap := range []func(http.Handler) http.Handler{a.cors, a.recovered, a.logged, a.identified} {
		h = wrap(h) // the last is the outermost
	}
	return h
}
