package localcosmos

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"switchboard/shared/localcosmos/internal/value"
)

// maxRequest is the service's limit on a request's body, and on an item.
const maxRequest = 2 << 20

// request is one call, its path taken apart and its body read.
type request struct {
	method string
	host   string // scheme://host:port as the client called it
	header http.Header
	body   []byte
	now    time.Time
	own    bool // the store's own, for which no throughput is used

	// shape is the path with * for every name: dbs/*/colls/*/docs/*.
	shape          string
	db, coll, leaf string

	// resourceType and link are what a signature covers.
	resourceType, link string
}

func (s *Store) read(r *http.Request) (*request, error) {
	select {
	case <-s.closing:
		return nil, closed()
	default:
	}
	segments, err := split(r.URL.EscapedPath())
	if err != nil {
		return nil, err
	}
	req := &request{method: r.Method, header: r.Header, now: s.options.Now(), host: base(r)}
	req.setPath(segments...)
	if err := s.authorize(req); err != nil {
		return nil, err
	}
	req.body, err = readBody(r)
	return req, err
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	switch n := len(body); {
	case n > maxRequest:
		return nil, tooLarge()
	case err != nil || int64(n) < r.ContentLength:
		return nil, badRequest("The body could not be read, or is shorter than its Content-Length.")
	}
	return body, nil
}

// base is the address under which the client reached the store.
func base(r *http.Request) string {
	scheme := cmp.Or(r.URL.Scheme, "http")
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + cmp.Or(r.Host, r.URL.Host)
}

// split takes a path apart into types and names, which alternate.
func split(escaped string) ([]string, error) {
	segments := strings.Split(strings.Trim(escaped, "/"), "/")
	for i, segment := range segments {
		var err error
		if segments[i], err = url.PathUnescape(segment); err != nil {
			return nil, badRequest("The path holds a faulty escape.")
		}
	}
	return segments, nil
}

// setPath notes what a path names. The last type is what a signature covers,
// with the link to the resource or, for a feed, to its owner.
func (r *request) setPath(segments ...string) {
	shape := slices.Clone(segments)
	for i := 1; i < len(shape); i += 2 {
		shape[i] = "*"
	}
	r.shape = strings.Join(shape, "/")
	var names [6]string // empty behind the end of a short path
	copy(names[:], segments)
	r.db, r.coll, r.leaf = names[1], names[3], names[5]
	r.resourceType = segments[(len(segments)-1)&^1]
	r.link = strings.Join(segments[:len(segments)&^1], "/")
	if r.resourceType == "offers" && r.db != "" {
		r.link = strings.ToLower(r.db)
	}
}

// is tells whether a header holds "true" in any case.
func (r *request) is(header string) bool { return strings.EqualFold(r.header.Get(header), "true") }

// minimal tells that the client wants no body back from a write.
func (r *request) minimal() bool { return strings.EqualFold(r.header.Get("Prefer"), "return=minimal") }

// unlessKnown gives 304 instead of an answer that If-None-Match says the client
// has.
func (r *request) unlessKnown(answer *reply) *reply {
	if match := r.header.Get("If-None-Match"); match == "*" || match == answer.etag {
		return &reply{status: http.StatusNotModified, etag: answer.etag, lsn: answer.lsn, charge: chargeRead(0)}
	}
	return answer
}

func parseObject(text []byte) (value.Object, error) {
	v, err := value.Parse(text)
	if err != nil {
		return nil, badRequest("The body is not valid JSON: %v.", err)
	}
	object, ok := v.(value.Object)
	if !ok {
		return nil, badRequest("The body is not a JSON object.")
	}
	return object, nil
}

// decode reads a body into a struct, whose members it tells apart by case as the
// service does. Those that the struct does not know are refused by name.
func decode(body []byte, into any) error {
	err := json.Unmarshal(body, into, json.RejectUnknownMembers(true))
	if fault, ok := errors.AsType[*json.SemanticError](err); ok && errors.Is(err, json.ErrUnknownName) {
		return unsupported("the property %q", fault.JSONPointer.LastToken())
	}
	if err != nil {
		return badRequest("The body is invalid: %v.", err)
	}
	return nil
}
