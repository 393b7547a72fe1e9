package acs

import (
	"encoding/base64"
	"errors"
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
