package hostingtest

import (
	"net/url"
	"path"
	"slices"
	"strings"
)

// route is a route template of ASP.NET: "token/{*rest}", "friends/{id}", "user".
// Literals match in any case.
type route struct {
	segments []string
	methods  []string // lower case; none = every method
}

func newRoute(prefix, template string, methods []string) route {
	r := route{segments: strings.Split(strings.Trim(prefix+"/"+template, "/"), "/")}
	for _, m := range methods {
		r.methods = append(r.methods, strings.ToLower(m))
	}
	return r
}

// match reports whether the host would send the request to the route's function.
func (r route) match(method, path string) bool {
	if len(r.methods) > 0 && !slices.Contains(r.methods, strings.ToLower(method)) || strings.Contains(path, "//") {
		return false
	}
	given := strings.Split(strings.Trim(path, "/"), "/")
	for i, segment := range r.segments {
		switch {
		case strings.HasPrefix(segment, "{*"):
			return true
		case i >= len(given):
			return false
		case !strings.HasPrefix(segment, "{") && !strings.EqualFold(segment, given[i]):
			return false
		}
	}
	return len(given) == len(r.segments)
}

// routed reports whether any HTTP function takes the request. Which one makes no
// difference: the handler is not told.
func (s *script) routed(method, path string) bool {
	return slices.ContainsFunc(s.functions, func(f *function) bool { return f.isHTTP() && f.route.match(method, path) })
}

// hostPath is a request's path as the host's server (Kestrel) sees it: all decoded but
// the encoded slash, then without dot segments.
func hostPath(u *url.URL) string {
	const slash = "\x00"
	escaped := strings.NewReplacer("%2F", slash, "%2f", slash).Replace(u.EscapedPath())
	decoded, err := url.PathUnescape(escaped)
	if err != nil {
		decoded = u.Path
	}
	if strings.Contains(decoded, "/.") {
		trailing := strings.HasSuffix(decoded, "/")
		if decoded = path.Clean(decoded); trailing && decoded != "/" {
			decoded += "/"
		}
	}
	return strings.ReplaceAll(decoded, slash, "%2F")
}

// encodePath encodes a path for the wire as the host's proxy does: a percent sign that
// is left in it, which only an encoded slash is, is encoded once more.
func encodePath(decoded string) string {
	const keep = "-._~!$&'()*+,;=:@/"
	var out strings.Builder
	for _, b := range []byte(decoded) {
		if b < 0x80 && (isAlphanumeric(b) || strings.IndexByte(keep, b) >= 0) {
			out.WriteByte(b)
			continue
		}
		const hex = "0123456789ABCDEF"
		out.Write([]byte{'%', hex[b>>4], hex[b&15]})
	}
	return out.String()
}

func isAlphanumeric(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}

// forwardPath encodes a path for the wire as a forwarding host does, which makes a .NET
// Uri of the decoded text: a question mark ends it, backslashes become slashes, what
// still looks encoded is taken for encoded, and dot segments are resolved again.
func forwardPath(decoded string) string {
	decoded, _, _ = strings.Cut(decoded, "?")
	decoded, _, _ = strings.Cut(decoded, "#")
	decoded = strings.NewReplacer(`\`, "/", "%2e", ".", "%2E", ".").Replace(decoded)
	if strings.Contains(decoded, "/.") {
		decoded = path.Clean(decoded)
	}
	var out strings.Builder
	for i, b := range []byte(decoded) {
		_, err := url.PathUnescape(decoded[i:min(i+3, len(decoded))])
		if b == '%' && err == nil || b == '[' || b == ']' {
			out.WriteByte(b)
		} else {
			out.WriteString(encodePath(string(decoded[i : i+1])))
		}
	}
	return out.String()
}

// forwardQuery rebuilds a query as a forwarding host does: values of one name are
// joined by commas, everything is encoded anew.
func forwardQuery(raw string) string {
	values, _ := url.ParseQuery(raw) // a pair that cannot be read is lost
	var pairs []string
	for _, pair := range strings.Split(raw, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if name, _ = url.QueryUnescape(name); len(values[name]) > 0 {
			joined := make([]string, len(values[name]))
			for i, v := range values[name] {
				joined[i] = strings.ReplaceAll(url.QueryEscape(v), "+", "%20")
			}
			pairs = append(pairs, url.QueryEscape(name)+"="+strings.Join(joined, ","))
			delete(values, name)
		}
	}
	return strings.Join(pairs, "&")
}
