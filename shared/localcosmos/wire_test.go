package localcosmos_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	"switchboard/shared/localcosmos"
)

// authorization signs as "Access control on Azure Cosmos DB resources" tells.
func authorization(key, method, resourceType, link, date string) string {
	secret, _ := base64.StdEncoding.DecodeString(key)
	mac := hmac.New(sha256.New, secret)
	io.WriteString(mac, strings.ToLower(method)+"\n"+strings.ToLower(resourceType)+"\n"+link+"\n"+strings.ToLower(date)+"\n\n")
	return url.QueryEscape("type=master&ver=1.0&sig=" + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// newRequest makes a signed request for what azcosmos would not send. Its
// partition key is "a" unless a header says otherwise.
func newRequest(t testing.TB, store *localcosmos.Store, method, path, body string, headers ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(method, "http://cosmos.local/", bytes.NewReader([]byte(body)))
	r.URL.Path = "/" + path
	segments := strings.Split(path, "/")
	link, resourceType := path, segments[(len(segments)-1)&^1]
	if len(segments)%2 == 1 {
		link = strings.Join(segments[:len(segments)-1], "/")
	} else if resourceType == "offers" {
		link = strings.ToLower(segments[1]) // resources without a name of the user's are signed by _rid
	}
	date := time.Now().UTC().Format(http.TimeFormat)
	r.Header.Set("x-ms-date", date)
	r.Header.Set("x-ms-version", "2020-11-05")
	r.Header.Set("x-ms-documentdb-partitionkey", `["a"]`)
	r.Header.Set("authorization", authorization(store.Key(), method, resourceType, link, date))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func send(t testing.TB, store *localcosmos.Store, method, path, body string, headers ...string) *http.Response {
	t.Helper()
	response, err := store.Do(newRequest(t, store, method, path, body, headers...))
	ok(t, err)
	return response
}

func bodyOf(t testing.TB, r *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	ok(t, err)
	return string(body)
}

// "Access control on Azure Cosmos DB resources": what is not signed with the
// key, for this verb, resource and time, gets 401.
func TestSignature(t *testing.T) {
	store := open(t, localcosmos.Options{Key: base64.StdEncoding.EncodeToString([]byte("a key of the test's own"))})
	container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{ID: "Mixed Case"})
	now := time.Now().UTC()
	date := func(offset time.Duration) string { return now.Add(offset).Format(http.TimeFormat) }
	const link = "dbs/app/colls/Mixed Case"
	for name, test := range map[string]struct {
		date, authorization string
		want                int
	}{
		"right":          {date(0), authorization(store.Key(), "GET", "colls", link, date(0)), 200},
		"14 minutes ago": {date(-14 * time.Minute), authorization(store.Key(), "GET", "colls", link, date(-14*time.Minute)), 200},
		"16 minutes ago": {date(-16 * time.Minute), authorization(store.Key(), "GET", "colls", link, date(-16*time.Minute)), 401},
		"16 minutes on":  {date(16 * time.Minute), authorization(store.Key(), "GET", "colls", link, date(16*time.Minute)), 401},
		"other date":     {date(time.Second), authorization(store.Key(), "GET", "colls", link, date(0)), 401},
		"other key":      {date(0), authorization(localcosmos.EmulatorKey, "GET", "colls", link, date(0)), 401},
		"other verb":     {date(0), authorization(store.Key(), "PUT", "colls", link, date(0)), 401},
		"other resource": {date(0), authorization(store.Key(), "GET", "colls", "dbs/app/colls/other", date(0)), 401},
		"lower case":     {date(0), authorization(store.Key(), "GET", "colls", strings.ToLower(link), date(0)), 401},
		"other type":     {date(0), authorization(store.Key(), "GET", "docs", link, date(0)), 401},
		"none":           {date(0), "", 401},
		"nonsense":       {date(0), "Bearer x", 401},
		"no date":        {"", authorization(store.Key(), "GET", "colls", link, ""), 401},
		"resource token": {date(0), url.QueryEscape("type=resource&ver=1.0&sig=x"), 401},
	} {
		t.Run(name, func(t *testing.T) {
			response := send(t, store, "GET", link, "", "authorization", test.authorization, "x-ms-date", test.date)
			if response.StatusCode != test.want {
				t.Errorf("status %d: %s", response.StatusCode, bodyOf(t, response))
			}
		})
	}
}

// Entra: a verifier decides; the data plane cannot manage ("does not cover any
// kind of management operations").
func TestBearer(t *testing.T) {
	plain := open(t, localcosmos.Options{})
	token := func(s string) string { return url.QueryEscape("type=aad&ver=1.0&sig=" + s) }
	if got := send(t, plain, "GET", "dbs", "", "authorization", token("good")); got.StatusCode != 401 {
		t.Errorf("without a verifier: %d", got.StatusCode)
	}
	store := open(t, localcosmos.Options{VerifyBearer: func(token string) error {
		if token != "good" {
			return errors.New("not good")
		}
		return nil
	}})
	container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{})
	for _, test := range []struct {
		method, path, body, token string
		want                      int
	}{
		{"POST", "dbs/app/colls/main/docs", `{"id":"x","pk":"a"}`, "good", 201},
		{"GET", "dbs/app/colls/main", ``, "good", 200},
		{"POST", "dbs", `{"id":"other"}`, "good", 403},
		{"DELETE", "dbs/app/colls/main", ``, "good", 403},
		{"GET", "dbs/app/colls/main/docs/x", ``, "bad", 401},
	} {
		if got := send(t, store, test.method, test.path, test.body, "authorization", token(test.token)); got.StatusCode != test.want {
			t.Errorf("%s %s: %d, want %d", test.method, test.path, got.StatusCode, test.want)
		}
	}
}

// The account names the address that the client used, so that SDKs, which send
// everything where the account says, come back.
func TestAccount(t *testing.T) {
	store := open(t, localcosmos.Options{})
	server := httptest.NewServer(store)
	defer server.Close()
	request := newRequest(t, store, "GET", "", "")
	request.RequestURI, request.URL.Host, request.Host = "", strings.TrimPrefix(server.URL, "http://"), ""
	response, err := server.Client().Do(request)
	ok(t, err)
	defer response.Body.Close()
	var account struct {
		WritableLocations, ReadableLocations []struct{ Name, DatabaseAccountEndpoint string }
		UserConsistencyPolicy                struct{ DefaultConsistencyLevel string }
	}
	ok(t, json.NewDecoder(response.Body).Decode(&account))
	for _, locations := range [][]struct{ Name, DatabaseAccountEndpoint string }{account.WritableLocations, account.ReadableLocations} {
		if len(locations) != 1 || locations[0].Name != "South Central US" || locations[0].DatabaseAccountEndpoint != server.URL+"/" {
			t.Errorf("locations %v, served at %s", locations, server.URL)
		}
	}
	if account.UserConsistencyPolicy.DefaultConsistencyLevel != "Strong" {
		t.Errorf("consistency %q", account.UserConsistencyPolicy.DefaultConsistencyLevel)
	}
}

// What the store does not know is a 400 that names it.
func TestUnsupported(t *testing.T) {
	store := open(t, localcosmos.Options{})
	container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{})
	for name, test := range map[string]struct {
		method, path, body string
		headers            []string
		says               string
	}{
		"stored procedures": {"POST", "dbs/app/colls/main/sprocs", `{}`, nil, "sprocs"},
		"change feed mode":  {"GET", docs, ``, []string{"A-IM", "Full-Fidelity Feed"}, "Full-Fidelity"},
		"hashed ranges":     {"GET", docs, ``, []string{"A-IM", "Incremental feed", "x-ms-start-epk", "1F"}, "x-ms-start-epk"},
		"query plan":        {"POST", docs, `{}`, []string{"x-ms-cosmos-is-query-plan-request", "True"}, "query-plan"},
		"post triggers":     {"POST", docs, `{}`, []string{"x-ms-documentdb-post-trigger-include", "t"}, "trigger"},
		"triggers":          {"POST", docs, `{}`, []string{"x-ms-documentdb-pre-trigger-include", "t"}, "trigger"},
		"bulk":              {"POST", docs, `[]`, []string{"x-ms-cosmos-is-batch-request", "True", "x-ms-cosmos-batch-atomic", "False"}, "atomic"},
		"batch member":      {"POST", docs, `[{"operationType":"Read","id":"x","extra":1}]`, []string{"x-ms-cosmos-is-batch-request", "True", "x-ms-cosmos-batch-atomic", "True"}, "extra"},
		"patch member":      {"PATCH", docs + "/x", `{"operations":[],"extra":1}`, nil, "extra"},
		"container member":  {"POST", "dbs/app/colls", `{"id":"x","partitionKey":{"paths":["/a"]},"computedProperties":[]}`, nil, "computedProperties"},
		"autoscale":         {"POST", "dbs", `{"id":"x"}`, []string{"x-ms-cosmos-offer-autopilot-settings", `{"maxThroughput":4000}`}, "autoscale"},
		"indexing":          {"POST", docs, `{"id":"x","pk":"a"}`, []string{"x-ms-indexing-directive", "Exclude"}, "indexing"},
		"other path":        {"GET", "elsewhere", ``, nil, "elsewhere"},
		"other method":      {"PUT", docs, `{}`, nil, "PUT"},
	} {
		t.Run(name, func(t *testing.T) {
			response := send(t, store, test.method, test.path, test.body, test.headers...)
			var body struct{ Code, Message string }
			ok(t, json.NewDecoder(response.Body).Decode(&body))
			if response.StatusCode != 400 || body.Code != "BadRequest" || !strings.Contains(body.Message, test.says) {
				t.Errorf("%d %+v", response.StatusCode, body)
			}
		})
	}
}

// "Consistency levels", session: what was read or written with a token is seen;
// a session that the store has not reached is 404 with sub-status 1002, for
// items, queries and the change feed. A write waits for no session.
func TestSessionToken(t *testing.T) {
	store, c := feedStore(t, localcosmos.Options{})
	create(t, c, "a", `{"id":"x","pk":"a"}`)
	for token, want := range map[string]int{
		"0:-1#1": 200, "0:1": 200, "0:1#1#4=1": 200, "0:-1#2": 404, "0:-1#1,0:-1#2": 404, "0:5#2#4=2": 404, "mine": 400, "0:-1#x": 400,
	} {
		for _, call := range [][]string{
			{"GET", docs + "/x", ""},
			{"POST", docs, `{"query":"SELECT * FROM c"}`, "x-ms-documentdb-query", "True"},
			{"GET", docs, "", "A-IM", "Incremental feed"},
		} {
			response := send(t, store, call[0], call[1], call[2], append(call[3:], "x-ms-session-token", token)...)
			substatus := map[int]string{404: "1002"}[want]
			if response.StatusCode != want || response.Header.Get("x-ms-substatus") != substatus {
				t.Errorf("%s of %s with %q: %d/%s", call[0], call[1], token, response.StatusCode, response.Header.Get("x-ms-substatus"))
			}
		}
	}
	if response := send(t, store, "POST", docs, `{"id":"y","pk":"a"}`, "x-ms-session-token", "0:-1#9"); response.StatusCode != 201 {
		t.Errorf("write: %d", response.StatusCode)
	}
}

// Headers that are not what they should be.
func TestFaultyHeaders(t *testing.T) {
	store := open(t, localcosmos.Options{})
	container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{})
	const query = `{"query":"SELECT * FROM c"}`
	for _, test := range []struct {
		body    string
		headers []string
		says    string
	}{
		{`{"id":"x","pk":"a"}`, []string{"x-ms-documentdb-partitionkey", ""}, "must be supplied"},
		{`{"id":"x","pk":"a"}`, []string{"x-ms-documentdb-partitionkey", "[]"}, "must be supplied"},
		{`{"id":"x","pk":"a"}`, []string{"x-ms-documentdb-partitionkey", `"a"`}, "JSON array"},
		{`{"id":"x","pk":"a"}`, []string{"x-ms-documentdb-partitionkey", `["a\x7f"]`}, "JSON array"},
		{`{"id":"x","pk":"a"}`, []string{"x-ms-documentdb-partitionkey", `["a","b"]`}, "components"},
		{`{"id":"x","pk":"a"}`, []string{"x-ms-documentdb-partitionkey", `[["a"]]`}, "partition key value"},
		{query, []string{"x-ms-documentdb-query", "True", "x-ms-max-item-count", "0"}, "max-item-count"},
		{query, []string{"x-ms-documentdb-query", "True", "x-ms-max-item-count", "many"}, "max-item-count"},
		{query, []string{"x-ms-documentdb-query", "True", "x-ms-continuation", "e30"}, "continuation"},
		{query, []string{"x-ms-documentdb-query", "True", "x-ms-continuation", "not base64!"}, "continuation"},
		{query, []string{"x-ms-documentdb-query", "True", "x-ms-start-epk", "05"}, "epk"},
		{`{"query":"` + strings.Repeat(" ", 512<<10+1) + `"}`, []string{"x-ms-documentdb-query", "True"}, "512 KB"},
		{`{"query":5}`, []string{"x-ms-documentdb-query", "True"}, "query"},
	} {
		response := send(t, store, "POST", docs, test.body, test.headers...)
		if body := bodyOf(t, response); response.StatusCode != 400 || !strings.Contains(body, test.says) {
			t.Errorf("%q: %d %s", test.headers, response.StatusCode, body)
		}
	}
}

// "Common request headers": If-Match means nothing to a create.
func TestCreateIgnoresIfMatch(t *testing.T) {
	store := open(t, localcosmos.Options{})
	container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{})
	for _, want := range []int{201, 409} {
		response := send(t, store, "POST", "dbs/app/colls/main/docs", `{"id":"x","pk":"a"}`, "If-Match", `"other"`)
		if response.StatusCode != want {
			t.Errorf("status %d, want %d", response.StatusCode, want)
		}
	}
}

// "Service quotas": a request has up to 2 MB, also where nobody said so before.
func TestChunkedBody(t *testing.T) {
	store := open(t, localcosmos.Options{})
	container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{})
	for size, want := range map[int]int{1 << 20: 201, 2<<20 + 1: 413} {
		item := `{"id":"x","pk":"a","d":"`
		item += strings.Repeat("x", size-len(item)-2) + `"}`
		request := newRequest(t, store, "POST", "dbs/app/colls/main/docs", item)
		request.ContentLength = -1
		response, err := store.Do(request)
		ok(t, err)
		if response.StatusCode != want {
			t.Errorf("%d bytes: %d", size, response.StatusCode)
		}
	}
}

// A body that breaks off is no body, also where it is in chunks; HEAD is no
// method of the service's.
func TestBrokenRequests(t *testing.T) {
	store, _ := feedStore(t, localcosmos.Options{})
	server := httptest.NewServer(store)
	defer server.Close()
	const item = `{"id":"x","pk":"a"}`
	r := newRequest(t, store, "POST", docs, item)
	for framing, body := range map[string]string{"Content-Length: 99\r\n": item, "Transfer-Encoding: chunked\r\n": "13\r\n" + item + "\r\n"} {
		connection, err := net.Dial("tcp", server.Listener.Addr().String())
		ok(t, err)
		fmt.Fprintf(connection, "POST /%s HTTP/1.1\r\nHost: localhost\r\n%s", docs, framing)
		ok(t, r.Header.Write(connection))
		io.WriteString(connection, "\r\n"+body)
		ok(t, connection.(*net.TCPConn).CloseWrite())
		answer, err := io.ReadAll(connection)
		if err != nil || strings.Contains(string(answer), " 201 ") {
			t.Errorf("%q: %v %s", framing, err, answer)
		}
		ok(t, connection.Close())
	}
	if response := send(t, store, "GET", docs+"/x", ""); response.StatusCode != http.StatusNotFound {
		t.Errorf("an item of half a request: %d", response.StatusCode)
	}
	head := newRequest(t, store, "HEAD", docs+"/x", "")
	head.RequestURI, head.URL.Host, head.Host = "", server.Listener.Addr().String(), ""
	response, err := server.Client().Do(head)
	ok(t, err)
	if ok(t, response.Body.Close()); response.StatusCode != http.StatusBadRequest {
		t.Errorf("HEAD: %d", response.StatusCode)
	}
}

// FuzzRequests throws bodies and headers at every operation on items: whatever
// comes, the store answers, and never with a fault of its own.
func FuzzRequests(f *testing.F) {
	for _, body := range []string{
		`{"id":"x","pk":"a","ttl":1}`, `[{"operationType":"Upsert","resourceBody":{"id":"x","pk":"a"}}]`,
		`{"condition":"from c where c.n=1","operations":[{"op":"move","from":"/l/0","path":"/o/b"}]}`,
		`{"query":"SELECT TOP 1 c.a FROM c WHERE c.l[0] IN (1, @p) ORDER BY c.a","parameters":[{"name":"@p","value":[]}]}`,
	} {
		f.Add(body, `["a"]`, "1", "")
	}
	f.Add(`{"id":"","pk":`, `[{}]`, "-1", "AAAA")
	f.Add(``, ``, "1", "0:1#0")
	store := open(f, localcosmos.Options{})
	container(f, connect(f, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{})
	send(f, store, "POST", "dbs/app/colls/main/docs", `{"id":"y","pk":"a","n":1,"l":[1,{}],"o":{}}`)
	f.Fuzz(func(t *testing.T, body, key, count, continuation string) {
		for _, call := range [][]string{
			{"POST", docs}, {"POST", docs, "x-ms-documentdb-is-upsert", "True"},
			{"PUT", docs + "/y"}, {"PATCH", docs + "/y"},
			{"POST", docs, "x-ms-cosmos-is-batch-request", "True", "x-ms-cosmos-batch-atomic", "True"},
			{"POST", docs, "x-ms-documentdb-query", "True", "x-ms-max-item-count", count, "x-ms-continuation", continuation},
			{"PUT", "dbs/app/colls/main"},
			{"GET", docs, "A-IM", "Incremental feed", "If-None-Match", continuation, "If-Modified-Since", count, "x-ms-session-token", continuation, "x-ms-max-item-count", count},
		} {
			headers := append([]string{"x-ms-documentdb-partitionkey", key}, call[2:]...)
			if response := send(t, store, call[0], call[1], body, headers...); response.StatusCode >= 500 {
				t.Errorf("%v: %d %s", call, response.StatusCode, bodyOf(t, response))
			}
		}
	})
}
