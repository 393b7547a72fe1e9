package faults

import (
	"bytes"
	"errors"
	"io"
	"net/http"
)

// ErrDropped is the connection error that Transport reports for a request
// whose handler aborted: the answer, if there was one, is lost.
var ErrDropped = errors.New("faults: the connection was dropped")

// Transport serves requests with Handler in this process. It is an
// http.RoundTripper and an azcore policy.Transporter, and gives what the
// handler aborts (http.ErrAbortHandler) as a connection error, as a socket
// would.
type Transport struct{ Handler http.Handler }

// RoundTrip serves one request and returns its buffered answer.
func (t Transport) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.WithContext(r.Context()) // a copy; the handler only reads header and URL
	in.RequestURI = r.URL.RequestURI()
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	answer := &buffered{header: http.Header{}}
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			resp, err = nil, ErrDropped
		default:
			panic(p)
		}
	}()
	t.Handler.ServeHTTP(answer, in)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return answer.response(r), nil
}

// Do is RoundTrip under the name that azcore asks for.
func (t Transport) Do(r *http.Request) (*http.Response, error) { return t.RoundTrip(r) }

// buffered is a ResponseWriter that keeps the answer in memory.
type buffered struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffered) Header() http.Header { return b.header }

func (b *buffered) WriteHeader(status int) {
	if b.status == 0 {
		b.status = status
	}
}

func (b *buffered) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return b.body.Write(p)
}

func (b *buffered) response(r *http.Request) *http.Response {
	b.WriteHeader(http.StatusOK)
	return &http.Response{
		Status:        http.StatusText(b.status),
		StatusCode:    b.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        b.header,
		Body:          io.NopCloser(&b.body),
		ContentLength: int64(b.body.Len()),
		Request:       r,
	}
}
