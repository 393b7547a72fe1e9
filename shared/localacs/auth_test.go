package localacs_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"switchboard/shared/localacs"
)

// TestSignatureVectors sends the requests of the vectors in an order that makes
// them succeed. V1 has another identity, which is made last.
func TestSignatureVectors(t *testing.T) {
	r := newResource(t, localacs.Options{ResourceID: vectorResource, IDs: func() string { return vectorUser }})
	const none = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	for _, v := range []struct {
		name, method, target, body, hash, signature string
		status                                      int
	}{
		{"V2", "POST", "/identities" + query, "", none, "pMAdVo8yzeTNt3kXVOuKf277xKnTxKHmb+p3Hg44tSs=", 201},
		{"V3", "POST", vectorPath + "/:issueAccessToken" + query, `{"scopes":["chat","voip"]}`,
			"EqW/vFkRi/EMVlRLG6+kt0X27SowO7NytIh/miHOZlY=", "a0gWvNyaq1pUyha6JU4sfYZGL+6SUQFGewPlDyA/530=", 200},
		{"V4", "POST", vectorPath + "/:revokeAccessTokens" + query, "", none, "zho4pRm1u9k1EDajczSfYXvZ+wRYJk2w4T0pXk7Eiis=", 204},
		{"V5", "DELETE", vectorPath + query, "", none, "CLdhsQWFkxYJwmuE3k3HtMNh453b5rxaHpACYPuV0Kg=", 204},
		{"V1", "POST", "/identities" + query, `{"createTokenWithScopes":["chat","voip"],"expiresInMinutes":60}`,
			"jENEeifYNCidF9FcfXJ54WzhK3ED/2UrQyA4+oWOZKc=", "cEc6oubISiqDKKngUPBtMRcW6THqNHf49W059rO19t8=", 201},
	} {
		req := r.request(v.method, v.target, v.body)
		setSignature(req, "Thu, 15 Jan 2026 12:34:56 GMT", v.hash, v.signature)
		r.want(v.name, r.send(req), v.status, "")
	}
}

// TestForgedRequests changes a signed request in one place after it was signed.
func TestForgedRequests(t *testing.T) {
	r := newResource(t, localacs.Options{})
	_, path := r.identity()
	target, body := path+"/:issueAccessToken"+query, `{"scopes":["chat"]}`
	forgeries := map[string]func(*http.Request){
		"no authorization":    func(q *http.Request) { q.Header.Del("Authorization") },
		"another scheme":      func(q *http.Request) { q.Header.Set("Authorization", "Basic dTpw") },
		"a bearer":            func(q *http.Request) { q.Header.Set("Authorization", "Bearer token") },
		"another host":        func(q *http.Request) { q.Host = "fabrikam.communication.azure.com" },
		"the host's port":     func(q *http.Request) { q.Host += ":8443" },
		"another method":      func(q *http.Request) { q.Method = "PUT" },
		"another path":        func(q *http.Request) { q.URL.RawPath = strings.Replace(q.URL.RawPath, "issue", "revoke", 1) },
		"an unescaped path":   func(q *http.Request) { q.URL.RawPath = "" },
		"another query":       func(q *http.Request) { q.URL.RawQuery += "&x=1" },
		"another body":        func(q *http.Request) { r.signBodyOnly(q, `{"scopes":["voip"]}`) },
		"no hash":             func(q *http.Request) { q.Header.Del("x-ms-content-sha256") },
		"another date":        func(q *http.Request) { q.Header.Set("x-ms-date", "Thu, 15 Jan 2026 12:34:57 GMT") },
		"no date":             func(q *http.Request) { q.Header.Del("x-ms-date") },
		"a signature cut off": func(q *http.Request) { q.Header.Set("Authorization", q.Header.Get("Authorization")[:90]) },
	}
	for name, forge := range forgeries {
		req := r.request("POST", target, body)
		forge(req)
		r.want(name, r.send(req), http.StatusUnauthorized, "Denied")
	}
	r.want("untouched", r.call("POST", target, body), http.StatusOK, "")

	late := r.request("POST", target, body)
	r.now = r.now.Add(16 * time.Minute)
	r.want("a stale request", r.send(late), http.StatusUnauthorized, "Denied")
}

// signBodyOnly gives req the hash of another body and keeps its signature.
func (r *resource) signBodyOnly(req *http.Request, body string) {
	signed := r.request(req.Method, req.URL.RequestURI(), body)
	req.Body, req.ContentLength = signed.Body, signed.ContentLength
	req.Header.Set("x-ms-content-sha256", signed.Header.Get("x-ms-content-sha256"))
}

func TestRecordedMessageForAWrongHash(t *testing.T) {
	r := newResource(t, localacs.Options{})
	req := r.request("POST", "/identities"+query, "")
	req.Header.Set("x-ms-content-sha256", "AAAA")
	if got, want := r.send(req).Text, `{"error":{"code":"Denied","message":"Request 'x-ms-content-sha256' differs from generated content hash."}}`; got != want {
		t.Errorf("the body is %s, want %s", got, want)
	}
}

// TestQueriesThatJavaScriptSigns checks what the JavaScript SDK was seen to
// sign, and more queries with what URLSearchParams of Node 20 makes of them.
func TestQueriesThatJavaScriptSigns(t *testing.T) {
	r := newResource(t, localacs.Options{})
	for _, q := range []struct{ sent, signed string }{
		{"&startTime=2026-01-15T12:34:56Z&q=a%20b~(c)*", "&startTime=2026-01-15T12%3A34%3A56Z&q=a+b%7E%28c%29*"},
		{"&a&b=&c=d=e", "&a=&b=&c=d%3De"},
		{"&&a=%F0%9F%98%80", "&a=%F0%9F%98%80"},
		{"&a=1+1&b=%2b", "&a=1+1&b=%2B"},
	} {
		req := r.request("POST", "/identities"+query+q.sent, "")
		r.sign(req, "/identities"+query+q.signed, "")
		r.want(q.sent, r.send(req), http.StatusCreated, "")
	}
}

func TestBearer(t *testing.T) {
	r := newResource(t, localacs.Options{VerifyBearer: func(token string) error {
		if token != "good" {
			return errors.New("not the expected token")
		}
		return nil
	}})
	for token, status := range map[string]int{"good": http.StatusCreated, "bad": http.StatusUnauthorized, "": http.StatusUnauthorized} {
		req := r.request("POST", "/identities"+query, "")
		req.Header = http.Header{"Authorization": {"Bearer " + token}}
		if a := r.send(req); a.Code != status {
			t.Errorf("bearer %q: the answer is %d %s, want %d", token, a.Code, a.Text, status)
		}
	}
}

// FuzzQuery signs whatever query as it is sent: it must be believed.
func FuzzQuery(f *testing.F) {
	f.Add("startTime=2026-01-15T12:34:56Z&q=a%20b~(c)*")
	f.Add("a=%&b=%zz&=&&+")
	service := newResource(f, localacs.Options{}).Service
	f.Fuzz(func(t *testing.T, raw string) {
		r := &resource{Service: service, t: t, now: vectorDate}
		req := r.request("POST", "/identities", "")
		req.URL = &url.URL{Path: "/identities", RawQuery: raw}
		target := "/identities"
		if raw != "" {
			target += "?" + raw
		}
		r.sign(req, target, "")
		if a := r.send(req); a.Code == http.StatusUnauthorized {
			t.Errorf("a query signed as sent is refused: %s", a.Text)
		}
	})
}
