package hostingtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
)

// hostVersion is the version whose behaviour is played.
const hostVersion = "4.1045.200.25556"

// FunctionsOptions say which app runs on which host.
type FunctionsOptions struct {
	Root string   // the staged script root: host.json, the executable, a folder per function
	Env  []string // app settings, "NAME=value"
	Old  bool     // a host before 4.1041: it knows forwarding only
}

// FunctionsHost is a running Azure Functions host with one function app.
type FunctionsHost struct {
	URL    string // where clients send requests, without a slash at the end
	script *script
	worker *worker
	server *httptest.Server
	proxy  *httputil.ReverseProxy
}

// StartFunctionsHost reads the script root, starts the handler and returns when it is
// ready. The error says what the real host would have logged.
func StartFunctionsHost(ctx context.Context, o FunctionsOptions) (*FunctionsHost, error) {
	root, err := filepath.Abs(o.Root)
	if err != nil {
		return nil, err
	}
	s, err := readScript(root, o.Old)
	if err != nil {
		return nil, err
	}
	w, err := startWorker(s, root, o.Env)
	if err != nil {
		return nil, err
	}
	if err := w.await(ctx); err != nil {
		w.close()
		return nil, fmt.Errorf("%w\nstdout: %s\nstderr: %s", err, w.stdout.String(), w.stderr.String())
	}
	h := &FunctionsHost{script: s, worker: w}
	h.proxy = &httputil.ReverseProxy{
		Rewrite:       h.rewrite,
		Transport:     &retrying{base: &http.Transport{MaxIdleConnsPerHost: 64}},
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusInternalServerError) },
	}
	h.server = httptest.NewServer(http.HandlerFunc(h.serve))
	h.URL = h.server.URL
	return h, nil
}

// Close stops the handler with SIGKILL, then the host.
func (h *FunctionsHost) Close() {
	h.worker.close()
	h.server.CloseClientConnections()
	h.server.Close()
}

// Kill ends the handler's process as a crash would. The host starts another.
func (h *FunctionsHost) Kill() { h.worker.kill() }

// Stdout and Stderr return what the handler has written.
func (h *FunctionsHost) Stdout() string { return h.worker.stdout.String() }
func (h *FunctionsHost) Stderr() string { return h.worker.stderr.String() }

// Starts returns how many processes of the handler were started.
func (h *FunctionsHost) Starts() int {
	h.worker.mu.Lock()
	defer h.worker.mu.Unlock()
	return h.worker.starts
}

// Err returns why the handler is not started any more, or nil.
func (h *FunctionsHost) Err() error { return h.worker.state() }

// Handler returns the address of the handler itself, behind the host's back.
func (h *FunctionsHost) Handler() string { return h.worker.addr }

func (h *FunctionsHost) serve(w http.ResponseWriter, r *http.Request) {
	path := hostPath(r.URL)
	switch routed := h.script.routed(r.Method, path); {
	case path == "/" && r.Method == http.MethodGet && !routed:
		io.WriteString(w, "Your Functions app is up and running.")
	case !routed:
		w.WriteHeader(http.StatusNotFound)
	case h.worker.await(r.Context()) != nil && h.Err() == nil:
		w.WriteHeader(http.StatusInternalServerError)
	case h.script.proxying:
		h.proxy.ServeHTTP(w, r)
	default:
		h.forward(w, r, path)
	}
}

// rewrite makes the proxied request: path decoded and encoded again, query verbatim,
// Host that of the handler, X-Forwarded-* and the invocation's ids set anew.
func (h *FunctionsHost) rewrite(p *httputil.ProxyRequest) {
	path := hostPath(p.In.URL)
	p.Out.URL = &url.URL{Scheme: "http", Host: h.worker.addr, Path: path, RawPath: encodePath(path), RawQuery: p.In.URL.RawQuery}
	p.Out.Host = h.worker.addr
	p.SetXForwarded()
	joinValues(p.Out.Header)
	id := uuid.NewString()
	p.Out.Header.Set("X-Azure-Functions-InvocationId", id)
	p.Out.Header.Set("X-Ms-Invocation-Id", id)
	setHostHeaders(p.Out.Header)
}

// forward rebuilds the request and buffers its answer, as hosts before 4.1041 do.
func (h *FunctionsHost) forward(w http.ResponseWriter, r *http.Request, path string) {
	if r.ContentLength < 0 { // chunked, which that code cannot send on
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	target := "http://" + h.worker.addr + forwardPath(path)
	if query := forwardQuery(r.URL.RawQuery); query != "" {
		target += "?" + query
	}
	out, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, target, r.Body)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	out.Host, out.ContentLength = r.Host, r.ContentLength
	for name, values := range r.Header {
		content := strings.HasPrefix(name, "Content-")
		if !content || name == "Content-Type" && r.ContentLength > 0 {
			out.Header[name] = values
		}
	}
	joinValues(out.Header)
	out.Header.Set("User-Agent", strings.TrimSpace(r.UserAgent()+" Azure-Functions-Host/"+hostVersion))
	id := uuid.NewString()
	if client := out.Header.Get("X-Azure-Functions-InvocationId"); client != "" {
		id = client + ", " + id
	}
	out.Header.Set("X-Azure-Functions-InvocationId", id)
	setHostHeaders(out.Header)
	resp, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	w.Write(body)
}

func setHostHeaders(header http.Header) {
	header.Set("X-Azure-Functions-HostVersion", hostVersion)
	header.Set("Traceparent", "00-"+strings.ReplaceAll(uuid.NewString(), "-", "")+"-0123456789abcdef-00")
}

// joinValues makes one line of each header, as the host's client sends it.
func joinValues(header http.Header) {
	for name, values := range header {
		separator := ", "
		if name == "Cookie" {
			separator = "; "
		}
		header[name] = []string{strings.Join(values, separator)}
	}
}

// retrying repeats a request that found no handler, or whose handler died: ten times,
// after 50 to 250 ms. A handler may so see a request twice.
type retrying struct{ base http.RoundTripper }

func (t *retrying) RoundTrip(r *http.Request) (*http.Response, error) {
	delays := []time.Duration{50, 100, 200, 250, 250, 250, 250, 250, 250}
	for _, delay := range delays {
		resp, err := t.base.RoundTrip(r)
		if err == nil || r.Body != nil && r.Body != http.NoBody {
			return resp, err
		}
		select {
		case <-time.After(delay * time.Millisecond):
		case <-r.Context().Done():
			return nil, errors.Join(err, r.Context().Err())
		}
	}
	return t.base.RoundTrip(r)
}
