package upstream

import (
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// NewTransport returns the transport of production. It follows no redirects:
// the services have none, and one would carry tokens to wherever it points.
func NewTransport() policy.Transporter {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: 10,
			IdleConnTimeout:     90 * time.Second,
			TLSHandshakeTimeout: 5 * time.Second,
			// A connection that has died silently must not be tried again and again.
			HTTP2: &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 2 * time.Second},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Bounded returns a transport whose answers end, with an error, after so many
// bytes, unpacked. A nil transport stands for NewTransport.
func Bounded(next policy.Transporter, limit int64) policy.Transporter {
	if next == nil {
		next = NewTransport()
	}
	return bounded{next, limit}
}

type bounded struct {
	next  policy.Transporter
	limit int64
}

func (b bounded) Do(r *http.Request) (*http.Response, error) {
	resp, err := b.next.Do(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, b.limit)
	}
	return resp, err
}
