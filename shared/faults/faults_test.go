package faults_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/shared/faults"
)

// behind returns an injector before a service that counts, and the service's
// address.
func behind(t *testing.T) (in *faults.Injector, url string, served *atomic.Int32) {
	t.Helper()
	served = new(atomic.Int32)
	in = faults.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		io.WriteString(w, "served")
	}))
	server := httptest.NewServer(in)
	t.Cleanup(server.Close)
	return in, server.URL, served
}

func send(t *testing.T, method, url, body string) (int, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func TestRulesOverHTTP(t *testing.T) {
	_, url, served := behind(t)
	if status, text, err := send(t, "POST", url+faults.Path, `[{"method":"PUT","contains":"/a","skip":1,"times":2,"status":503,"header":{"Retry-After":"3"},"body":"away"}]`); status != http.StatusNoContent {
		t.Fatalf("%d %s %v", status, text, err)
	}
	for i, want := range []int{200, 503, 503, 200} {
		if status, _, err := send(t, "PUT", url+"/a", ""); status != want {
			t.Errorf("request %d: %d %v, want %d", i, status, err, want)
		}
		if status, _, _ := send(t, "GET", url+"/a", ""); status != 200 {
			t.Errorf("another method was hit")
		}
		if status, _, _ := send(t, "PUT", url+"/b", ""); status != 200 {
			t.Errorf("another path was hit")
		}
	}
	if served.Load() != 10 {
		t.Errorf("the service saw %d requests, want 10", served.Load())
	}
	send(t, "POST", url+faults.Path, `{"times":-1,"status":500}`)
	if _, text, _ := send(t, "GET", url+faults.Path, ""); !strings.Contains(text, `"status":500`) {
		t.Errorf("the rules are listed as %s", text)
	}
	if status, _, _ := send(t, "GET", url, ""); status != 500 {
		t.Errorf("status %d", status)
	}
	send(t, "DELETE", url+faults.Path, "")
	if status, _, _ := send(t, "GET", url, ""); status != 200 {
		t.Errorf("a cleared rule still hits: %d", status)
	}
}

func TestAMisspeltRuleIsRefused(t *testing.T) {
	_, url, _ := behind(t)
	for _, bad := range []string{"", "x", `{"stauts":500}`, `{"delay":"long"}`, `[{"status":500},{"times":"many"}]`, `{"drop":"sideways"}`, `null`, `{}`, `{"status":99}`, `{"status":1000}`, `{"method":"post","status":500}`, `{"status":500,"times":-2}`, `{"status":500}{"status":500}`} {
		if status, _, _ := send(t, "POST", url+faults.Path, bad); status != http.StatusBadRequest {
			t.Errorf("%s: status %d", bad, status)
		}
	}
	if status, _, _ := send(t, "PUT", url+faults.Path, "{}"); status != http.StatusMethodNotAllowed {
		t.Errorf("status %d", status)
	}
}

func TestDropsAndDelays(t *testing.T) {
	for _, way := range []string{"socket", "in process"} {
		t.Run(way, func(t *testing.T) {
			in, url, served := behind(t)
			do := func(ctx context.Context) error {
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("x"))
				if err != nil {
					t.Fatal(err)
				}
				var transport http.RoundTripper = http.DefaultTransport
				if way == "in process" {
					transport = faults.Transport{Handler: in}
				}
				resp, err := transport.RoundTrip(r)
				if err == nil {
					resp.Body.Close()
				}
				return err
			}
			in.Add(faults.Rule{Drop: "before"}, faults.Rule{Drop: "after"})
			if err := do(t.Context()); err == nil || served.Load() != 0 {
				t.Errorf("dropped before: %v, served %d", err, served.Load())
			}
			if err := do(t.Context()); err == nil || served.Load() != 1 {
				t.Errorf("dropped after: %v, served %d", err, served.Load())
			}
			in.Add(faults.Rule{Delay: faults.Duration(time.Minute)})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if err := do(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("delayed: %v", err)
			}
			if err := do(t.Context()); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}
