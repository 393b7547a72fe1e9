package localacs_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"switchboard/shared/localacs"
)

// The key, host, date and identity of the published signature vectors.
const (
	vectorKey      = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg=="
	vectorHost     = "contoso.unitedstates.communication.azure.com"
	vectorResource = "2dee53b4-368b-45b4-ab52-8493fb117652"
	vectorUser     = "00000005-14a2-493b-8a72-5a3a0d000081"
	vectorPath     = "/identities/8%3Aacs%3A" + vectorResource + "_" + vectorUser
	query          = "?api-version=2023-10-01"
)

var vectorDate = time.Date(2026, 1, 15, 12, 34, 56, 0, time.UTC)

// resource is a local service under test, with a clock that stands still.
type resource struct {
	*localacs.Service
	t   testing.TB
	now time.Time
}

// newResource opens a service with the vectors' key and, unless o says
// otherwise, a clock that starts at their date.
func newResource(t testing.TB, o localacs.Options) *resource {
	t.Helper()
	r := &resource{t: t, now: vectorDate}
	o.AccessKey = vectorKey
	o.Now = func() time.Time { return r.now }
	service, err := localacs.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Close() })
	r.Service = service
	return r
}

// request makes a request that is signed as it is sent. target is escaped.
func (r *resource) request(method, target, body string) *http.Request {
	r.t.Helper()
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	req.Host = vectorHost
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	r.sign(req, target, body)
	return req
}

// sign signs req for a target and a body, which need not be its own.
func (r *resource) sign(req *http.Request, target, body string) {
	r.t.Helper()
	key, err := base64.StdEncoding.DecodeString(vectorKey)
	if err != nil {
		r.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(body))
	hash := base64.StdEncoding.EncodeToString(sum[:])
	date := r.now.UTC().Format(http.TimeFormat)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(req.Method + "\n" + target + "\n" + date + ";" + req.Host + ";" + hash))
	setSignature(req, date, hash, base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func setSignature(req *http.Request, date, hash, signature string) {
	req.Header.Set("x-ms-date", date)
	req.Header.Set("x-ms-content-sha256", hash)
	req.Header.Set("Authorization", "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="+signature)
}

// reply is an answer of the service, decoded.
type reply struct {
	Code     int
	Header   http.Header
	Text     string
	Identity struct{ ID string }
	Token    string
	Expires  string `json:"expiresOn"`
	Access   struct {
		Token   string
		Expires string `json:"expiresOn"`
	} `json:"accessToken"`
	Error struct{ Code, Message, Target string }
}

func (r *resource) send(req *http.Request) reply {
	r.t.Helper()
	recorder := httptest.NewRecorder()
	r.ServeHTTP(recorder, req)
	a := reply{Code: recorder.Code, Header: recorder.Header(), Text: recorder.Body.String()}
	if strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(recorder.Body.Bytes(), &a); err != nil {
			r.t.Errorf("%s %s: %v", req.Method, req.URL, err)
		}
	}
	a.Code = recorder.Code
	return a
}

// call sends a signed request.
func (r *resource) call(method, target, body string) reply {
	r.t.Helper()
	return r.send(r.request(method, target, body))
}

// identity creates an identity and returns its id and its escaped path.
func (r *resource) identity() (id, path string) {
	r.t.Helper()
	a := r.call("POST", "/identities"+query, "")
	if a.Code != http.StatusCreated {
		r.t.Fatalf("create answers %d %s", a.Code, a.Text)
	}
	return a.Identity.ID, "/identities/" + strings.ReplaceAll(a.Identity.ID, ":", "%3A")
}

// issue issues a token that must come.
func (r *resource) issue(path, body string) reply {
	r.t.Helper()
	a := r.call("POST", path+"/:issueAccessToken"+query, body)
	if a.Code != http.StatusOK {
		r.t.Fatalf("issue answers %d %s", a.Code, a.Text)
	}
	return a
}

func (r *resource) want(name string, a reply, status int, code string) {
	r.t.Helper()
	if a.Code != status || a.Error.Code != code {
		r.t.Errorf("%s: the answer is %d %s, want %d %s", name, a.Code, a.Text, status, code)
	}
}
