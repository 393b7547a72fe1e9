package acs

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

// parseConnectionString takes "endpoint=…;accesskey=…", in any order and any
// case of the names, and returns the endpoint and the decoded key. Its errors
// never repeat what they were given: people paste keys in the wrong places.
func parseConnectionString(s string) (endpoint string, key []byte, err error) {
	var accessKey string
	for part := range strings.SplitSeq(s, ";") {
		name, value, _ := strings.Cut(part, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "endpoint":
			endpoint = strings.TrimSpace(value)
		case "accesskey":
			accessKey = strings.TrimSpace(value)
		}
	}
	if endpoint == "" || accessKey == "" {
		return "", nil, errors.New("acs: the connection string must read endpoint=https://<name>.communication.azure.com/;accesskey=<base64>")
	}
	key, err = base64.StdEncoding.DecodeString(accessKey)
	if err != nil || len(key) == 0 {
		return "", nil, errors.New("acs: the accesskey of the connection string is not base64; copy it whole, with the = at its end")
	}
	return endpoint, key, nil
}

// parseEndpoint checks an endpoint and returns it without a path or a default
// port: signatures cover the host as it is sent, and a default port is not.
func parseEndpoint(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return "", errors.New("acs: the endpoint must be a URL without a path, such as https://<name>.communication.azure.com/")
	}
	switch {
	case u.Scheme == "https":
		u.Host = strings.TrimSuffix(u.Host, ":443")
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		u.Host = strings.TrimSuffix(u.Host, ":80")
	default:
		return "", errors.New("acs: the endpoint must begin with https://; http is for loopback hosts only")
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
