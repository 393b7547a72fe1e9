package testbed

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Client sends requests.
type Client struct {
	T     testing.TB
	URL   string // of the instance
	Token string // bearer; empty = none
}

// At returns the client at another instance.
func (c Client) At(url string) Client {
	c.URL = url
	return c
}

// Do sends a request. A body that is not empty is sent as JSON unless headers,
// given as "Name: value", say otherwise.
func (c Client) Do(method, path, body string, headers ...string) Answer {
	c.T.Helper()
	r, err := http.NewRequestWithContext(c.T.Context(), method, c.URL+path, strings.NewReader(body))
	if err != nil {
		c.T.Fatal(err)
	}
	if c.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.T.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	answer := Answer{T: c.T, Status: resp.StatusCode, Header: resp.Header}
	if answer.Body, err = io.ReadAll(resp.Body); err != nil {
		c.T.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}

// Get is Do without a body.
func (c Client) Get(path string, headers ...string) Answer {
	c.T.Helper()
	return c.Do(http.MethodGet, path, "", headers...)
}

// Answer is what came back.
type Answer struct {
	T      testing.TB
	Status int
	Header http.Header
	Body   []byte
}

// Want fails the test unless the answer has the status.
func (a Answer) Want(status int) Answer {
	a.T.Helper()
	if a.Status != status {
		a.T.Fatalf("status %d, want %d: %s", a.Status, status, a.Body)
	}
	return a
}

// JSON decodes the body.
func (a Answer) JSON() map[string]any {
	a.T.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.Body, &v); err != nil {
		a.T.Fatalf("body %q: %v", a.Body, err)
	}
	return v
}

// Text returns a member of the body that is a text.
func (a Answer) Text(member string) string {
	a.T.Helper()
	text, ok := a.JSON()[member].(string)
	if !ok {
		a.T.Fatalf("no text %q in %s", member, a.Body)
	}
	return text
}

// Problem fails the test unless the answer is a problem of the contract with
// the status and the code.
func (a Answer) Problem(status int, code string) Answer {
	a.T.Helper()
	a.Want(status)
	p := a.JSON()
	_, token := p["token"]
	if a.Header.Get("Content-Type") != "application/problem+json" || p["code"] != code || p["detail"] == "" ||
		p["status"] != float64(status) || p["requestId"] != a.Header.Get("X-Request-Id") || token {
		a.T.Fatalf("not the problem %q of the contract: %s", code, a.Body)
	}
	return a
}
