package localcosmos

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"

	"github.com/google/uuid"
)

// reply is an answer before it takes a wire form.
type reply struct {
	status int
	body   []byte
	etag   string
	charge float64
	// lsn is the container's last commit that the answer knows; 0 where the
	// answer is about no container.
	lsn   uint64
	extra map[string]string
}

// ServeHTTP answers one request; mount the store as a listener's handler.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := s.serve(r)
	if err != nil {
		panic(http.ErrAbortHandler) // net/http's way to cut a connection
	}
	maps.Copy(w.Header(), answer.headers(r))
	w.WriteHeader(answer.status)
	// A client that went away is no business of the store's.
	_, _ = w.Write(answer.body)
}

// Do answers one request in this process: Store is an azcore
// policy.Transporter.
func (s *Store) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	answer, err := s.serve(r)
	if r.Body != nil {
		// A failed close concerns nobody: the answer is there.
		_ = r.Body.Close()
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status:     strconv.Itoa(answer.status) + " " + http.StatusText(answer.status),
		StatusCode: answer.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        answer.headers(r),
		Body:          io.NopCloser(bytes.NewReader(answer.body)),
		ContentLength: int64(len(answer.body)),
		Request:       r,
	}, nil
}

func (s *Store) exchange(r *http.Request) *reply {
	var answer *reply
	req, err := s.read(r)
	if err == nil {
		answer, err = s.answer(req)
	}
	if err != nil {
		return failed(err)
	}
	return answer
}

// failed answers with a refusal; any other error is a fault of the store itself
// and becomes a 500.
func failed(err error) *reply {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = refuse(http.StatusInternalServerError, 0, "The local store failed: %v", err)
	}
	answer := &reply{status: f.status, body: f.body(), charge: chargeRefusal, extra: map[string]string{}}
	if f.substatus != 0 {
		answer.extra["X-Ms-Substatus"] = strconv.Itoa(f.substatus)
	}
	return answer
}

// headers are those that the service gives with every answer and SDKs read.
// The charge is marked, in a header of the store's own, as the estimate it is.
func (answer *reply) headers(r *http.Request) http.Header {
	header := http.Header{
		"X-Ms-Activity-Id":     {cmp.Or(r.Header.Get("X-Ms-Activity-Id"), uuid.NewString())},
		"X-Ms-Request-Charge":  {strconv.FormatFloat(answer.charge, 'f', 2, 64)},
		"X-Localcosmos-Charge": {"estimate"},
	}
	if len(answer.body) > 0 {
		header["Content-Type"] = []string{"application/json"}
	}
	if answer.etag != "" {
		header["Etag"] = []string{answer.etag}
	}
	if answer.lsn > 0 {
		lsn := strconv.FormatUint(answer.lsn, 10)
		header["Lsn"] = []string{lsn}
		header["X-Ms-Session-Token"] = []string{"0:-1#" + lsn}
	}
	for name, v := range answer.extra {
		header[name] = []string{v}
	}
	return header
}

// answer finds the operation for a path and method.
func (s *Store) answer(r *request) (*reply, error) {
	switch r.method + " " + r.shape {
	case "GET ":
		return s.account(r)
	case "GET dbs", "GET dbs/*/colls", "GET offers", "POST offers":
		return s.listResources(r)
	case "POST dbs", "POST dbs/*/colls":
		return s.postResource(r)
	case "GET dbs/*", "GET dbs/*/colls/*", "GET offers/*":
		return s.readResource(r)
	case "PUT dbs/*/colls/*", "PUT offers/*":
		return s.replaceResource(r)
	case "DELETE dbs/*", "DELETE dbs/*/colls/*":
		return s.deleteResource(r)
	case "GET dbs/*/colls/*/pkranges":
		return s.partitionKeyRanges(r)
	case "GET dbs/*/colls/*/docs", "POST dbs/*/colls/*/docs",
		"GET dbs/*/colls/*/docs/*", "PUT dbs/*/colls/*/docs/*", "PATCH dbs/*/colls/*/docs/*", "DELETE dbs/*/colls/*/docs/*":
		return s.onItems(r)
	}
	return nil, unsupported("%s on the path /%s", r.method, r.shape)
}
