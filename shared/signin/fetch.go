package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxBody      = 1 << 20 // bytes of a discovery document or key set
	maxRedirects = 3
)

// download fetches the key set, after the discovery document if that is due.
func (s *keySource) download(ctx context.Context) (*keySet, error) {
	address, err := s.keyAddress(ctx)
	if err != nil {
		return nil, err
	}
	body, header, err := s.get(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	set, err := parseKeySet(body)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	set.fetched = s.now()
	set.due = set.fetched.Add(freshFor(header))
	return set, nil
}

// keyAddress is where the keys are: as configured, or as the discovery
// document says, which is read again after maxFresh.
func (s *keySource) keyAddress(ctx context.Context) (string, error) {
	if s.is.JWKSURL != "" {
		return s.is.JWKSURL, nil
	}
	s.mu.Lock()
	known, at := s.jwksURL, s.discovery
	s.mu.Unlock()
	if known != "" && s.now().Sub(at) < maxFresh {
		return known, nil
	}
	address, err := s.discover(ctx)
	if err != nil {
		return "", fmt.Errorf("discovery: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jwksURL, s.discovery = address, s.now()
	return address, nil
}

// discover reads the discovery document (OpenID Connect Discovery 1.0, 4). Its
// issuer must be the configured one to the letter (4.3), placeholder included.
func (s *keySource) discover(ctx context.Context) (string, error) {
	body, _, err := s.get(ctx, s.is.DiscoveryURL)
	if err != nil {
		return "", err
	}
	var doc struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return "", err
	}
	if doc.Issuer != s.is.publishedIssuer() {
		return "", fmt.Errorf("the document is that of issuer %.200q", doc.Issuer)
	}
	if err := checkURL(doc.JWKSURI); err != nil {
		return "", fmt.Errorf("jwks_uri: %w", err)
	}
	if strings.HasPrefix(s.is.DiscoveryURL, "https:") && !strings.HasPrefix(doc.JWKSURI, "https:") {
		return "", errors.New("jwks_uri is not https")
	}
	return doc.JWKSURI, nil
}

// get reads one small document.
func (s *keySource) get(ctx context.Context, address string) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("%s answered %d", address, resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, nil, err
	}
	if len(body) > maxBody {
		return nil, nil, fmt.Errorf("%s answered more than %d bytes", address, maxBody)
	}
	return body, resp.Header, nil
}

// sameHostOnly follows redirects within one origin. Keys from elsewhere would
// be whatever that place says.
func sameHostOnly(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > maxRedirects || !sameOrigin(req.URL, first) {
		return fmt.Errorf("a redirect away from %s is not followed", first.Host)
	}
	return nil
}

func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }

// freshFor is the max-age of Cache-Control (RFC 9111, 5.2.2.1), within bounds.
func freshFor(header http.Header) time.Duration {
	for directive := range strings.SplitSeq(header.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if !strings.EqualFold(name, "max-age") {
			continue
		}
		if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
			return min(max(time.Duration(seconds)*time.Second, minFresh), maxFresh)
		}
	}
	return minFresh
}
