// Package faults breaks a local service on demand, so that a test or a person
// at the laptop can see what the product does when a cloud service is down,
// slow, throttling, or loses an answer that it had already acted on.
//
// An Injector stands in front of an http.Handler. Rules come from Go (Add) or
// over HTTP: POST /_faults with one Rule or a list, GET /_faults to see what is
// left, DELETE /_faults to clear. It is part of the local services and of no
// production binary.
package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Path is where an Injector takes rules over HTTP: at the root of the service,
// or at the end of the path under which it is mounted.
const Path = "/_faults"

// Rule is one fault. The zero Method and Contains match every request.
type Rule struct {
	Method   string            `json:"method,omitempty"`   // exact, such as "POST"
	Contains string            `json:"contains,omitempty"` // a part of the escaped path and query
	Skip     int               `json:"skip,omitempty"`     // let this many matching requests pass first
	Times    int               `json:"times,omitempty"`    // then fail this many; 0 = one, -1 = until cleared
	Delay    Duration          `json:"delay,omitempty"`    // wait this long first, or until the client leaves
	Status   int               `json:"status,omitempty"`   // answer this instead of serving
	Header   map[string]string `json:"header,omitempty"`   // with these headers
	Body     string            `json:"body,omitempty"`     // and this body
	Drop     string            `json:"drop,omitempty"`     // "before": cut the connection unserved; "after": serve, then lose the answer
}

// Duration is a time.Duration written as text ("1.5s") in JSON.
type Duration time.Duration

// MarshalText writes the duration as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads the format of time.ParseDuration.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// Injector applies rules to the requests of the handler behind it and counts
// them. It is safe for concurrent use.
type Injector struct {
	next  http.Handler
	mu    sync.Mutex
	rules []*Rule
	calls []string
	keep  bool
}

// Wrap puts an Injector in front of a service.
func Wrap(next http.Handler) *Injector { return &Injector{next: next} }

// Add appends rules. The first one that matches a request decides.
func (in *Injector) Add(rules ...Rule) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, r := range rules {
		if r.Times == 0 {
			r.Times = 1
		}
		in.rules = append(in.rules, &r)
	}
}

// Clear removes all rules.
func (in *Injector) Clear() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.rules = nil
}

// Record starts a fresh list of the requests that arrive, and Calls returns
// it: "METHOD /escaped/path", in order of arrival. Tests count upstream
// requests with it.
func (in *Injector) Record() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.keep, in.calls = true, nil
}

// Calls returns the requests seen since Record.
func (in *Injector) Calls() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]string(nil), in.calls...)
}

// ServeHTTP serves the request, or fails it as a rule says.
func (in *Injector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, Path) {
		in.serveRules(w, r)
		return
	}
	rule, hit := in.match(r)
	if !hit {
		in.next.ServeHTTP(w, r)
		return
	}
	if rule.Delay > 0 {
		// net/http notices that a client left only once the body is read.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		select {
		case <-time.After(time.Duration(rule.Delay)):
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case rule.Drop == "before":
		panic(http.ErrAbortHandler)
	case rule.Drop == "after":
		in.next.ServeHTTP(discard{http.Header{}}, r)
		panic(http.ErrAbortHandler)
	case rule.Status != 0:
		for k, v := range rule.Header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(rule.Status)
		io.WriteString(w, rule.Body)
	default:
		in.next.ServeHTTP(w, r)
	}
}

// match counts the request and takes one shot from the first rule that fits.
func (in *Injector) match(r *http.Request) (Rule, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.keep {
		in.calls = append(in.calls, r.Method+" "+r.URL.EscapedPath())
	}
	for _, rule := range in.rules {
		if rule.Method != "" && rule.Method != r.Method || !strings.Contains(r.URL.RequestURI(), rule.Contains) {
			continue
		}
		if rule.Skip > 0 {
			rule.Skip--
			continue
		}
		if rule.Times > 0 {
			rule.Times--
		}
		if rule.Times == 0 {
			defer in.forget(rule)
		}
		return *rule, true
	}
	return Rule{}, false
}

// forget removes a rule that is used up.
func (in *Injector) forget(used *Rule) {
	in.rules = slices.DeleteFunc(in.rules, func(r *Rule) bool { return r == used })
}

func (in *Injector) serveRules(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		rules, err := readRules(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "a rule or a list of rules is expected: "+err.Error(), http.StatusBadRequest)
			return
		}
		in.Add(rules...)
		w.WriteHeader(http.StatusNoContent)
	case http.MethodGet:
		in.mu.Lock()
		defer in.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(in.rules)
	case http.MethodDelete:
		in.Clear()
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", "POST, GET, DELETE")
		http.Error(w, "POST adds faults, GET lists them, DELETE clears them", http.StatusMethodNotAllowed)
	}
}

// readRules takes one rule or a list of them; unknown members are refused, so
// that a misspelt fault does not pass for a working service.
func readRules(r io.Reader) ([]Rule, error) {
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.DisallowUnknownFields()
	rules := make([]Rule, 1)
	if strings.HasPrefix(strings.TrimSpace(string(body)), "[") {
		err = dec.Decode(&rules)
	} else {
		err = dec.Decode(&rules[0])
	}
	if err == nil && dec.More() {
		err = errors.New("there is something after the rules")
	}
	for _, r := range rules {
		if err == nil {
			err = r.check()
		}
	}
	return rules, err
}

// check refuses what would not be a fault, or another one than was meant.
func (r Rule) check() error {
	switch {
	case r.Method != strings.ToUpper(r.Method):
		return errors.New("method is in capitals")
	case r.Drop != "" && r.Drop != "before" && r.Drop != "after":
		return errors.New(`drop is "before" or "after"`)
	case r.Status != 0 && (r.Status < 200 || r.Status > 599):
		return errors.New("status is from 200 to 599")
	case r.Skip < 0 || r.Times < -1 || r.Delay < 0:
		return errors.New("skip and delay are not negative, times is -1 at least")
	case r.Status == 0 && r.Drop == "" && r.Delay == 0:
		return errors.New("a rule needs a status, a delay or a drop")
	}
	return nil
}

// discard is a ResponseWriter whose answer is lost.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
