// Package upstream is what this service's clients of cloud services (packages
// acs and graph) have in common on an azcore pipeline: a transport that
// follows no redirects and reads bounded answers, retries that know the
// caller's deadline, and words for failures that quote nobody.
//
// It knows the wire of no service and makes no error that a client of ours
// sees: what a failure means is for the package that called.
package upstream

import (
	"errors"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// ParseEndpoint checks the address of a service and returns it as scheme and
// host, in lower case, without a path or a default port. It may be http on a
// loopback host only, because credentials travel to it. Its errors never
// repeat what they were given: people paste keys in the wrong places.
func ParseEndpoint(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return "", errors.New("the endpoint must be a URL without a path, such as https://service.example.com/")
	}
	switch {
	case u.Scheme == "https":
		u.Host = strings.TrimSuffix(u.Host, ":443")
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		u.Host = strings.TrimSuffix(u.Host, ":80")
	default:
		return "", errors.New("the endpoint must begin with https://; http is for loopback hosts only")
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Payload returns the body of an answer that says it is JSON.
func Payload(resp *http.Response) ([]byte, error) {
	mediaType, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return nil, errors.New("the answer is not JSON")
	}
	return runtime.Payload(resp)
}

// Word returns s if it is an identifier: letters, digits, - _ and . of at most
// 64 bytes. It gives "" for anything else, so that no foreign text reaches the
// log by way of error codes and request ids.
func Word(s string) string {
	if len(s) > 64 {
		return ""
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r) {
			return ""
		}
	}
	return s
}
