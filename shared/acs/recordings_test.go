package acs_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"switchboard/shared/acs"
	"switchboard/shared/calling"
	"switchboard/shared/problem"
)

// recording is one exchange with the real service; see testdata/README.md.
type recording struct {
	Recording, Method, Path, APIVersion, Body, BodyHash string

	Status int
	Header map[string]string
	Answer string
}

// TestRecordings makes the client do what other SDKs were recorded to do,
// compares the requests, and lets it read what the service really answered.
func TestRecordings(t *testing.T) {
	text, err := os.ReadFile("testdata/recordings.json")
	if err != nil {
		t.Fatal(err)
	}
	var recordings []recording
	if err := json.Unmarshal(text, &recordings); err != nil {
		t.Fatal(err)
	}
	if len(recordings) != 13 {
		t.Fatalf("%d recordings, want 13", len(recordings))
	}
	for _, rec := range recordings {
		t.Run(rec.Recording+" "+rec.Method+" "+rec.Path, func(t *testing.T) { replay(t, rec) })
	}
}

func replay(t *testing.T, rec recording) {
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		checkRequest(t, rec, r)
		resp := answer(rec.Status, "", rec.Answer)
		resp.Header = http.Header{}
		for name, value := range rec.Header {
			resp.Header.Set(name, value)
		}
		return resp, nil
	})
	client, err := acs.NewClientFromConnectionString(vectorConnection, &acs.Options{
		ClientOptions: azcore.ClientOptions{Transport: transport, APIVersion: rec.APIVersion},
		Now:           func() time.Time { return time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC) }, // before every recording
	})
	if err != nil {
		t.Fatal(err)
	}
	id, token, err := repeat(t.Context(), client, rec)
	switch rec.Recording + " " + rec.Method {
	case "09 DELETE":
		if !errors.Is(err, calling.ErrNotOwned) {
			t.Errorf("%v, want ErrNotOwned", err)
		}
		return
	case "07 POST":
		wantProblem(t, rec.Path, err, problem.Invalid, "teams_token_invalid")
		return
	}
	if rec.Status == http.StatusBadRequest {
		wantProblem(t, rec.Path, err, problem.Internal, "calling_rejected")
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(rec.Answer, "identity") && id != "sanitized" {
		t.Errorf("the identity is %q", id)
	}
	expires := token.ExpiresOn.Format("2006-01-02T15:04:05.0000000-07:00")
	if strings.Contains(rec.Answer, "token") && (token.Value != "sanitized" || !strings.Contains(rec.Answer, expires)) {
		t.Errorf("the token is %q until %s, the answer was %s", token.Value, expires, rec.Answer)
	}
}

// repeat calls what was recorded.
func repeat(ctx context.Context, client *acs.Client, rec recording) (id string, token calling.Token, err error) {
	var body struct {
		Create  []calling.Scope `json:"createTokenWithScopes"`
		Issue   []calling.Scope `json:"scopes"`
		Minutes int             `json:"expiresInMinutes"`
	}
	if rec.Body != "" {
		if err := json.Unmarshal([]byte(rec.Body), &body); err != nil {
			return "", calling.Token{}, err
		}
	}
	life := time.Duration(body.Minutes) * time.Minute
	_, verb, _ := strings.Cut(rec.Path, ":")
	switch {
	case rec.Method == http.MethodDelete:
		err = client.Delete(ctx, "sanitized")
	case verb == "issueAccessToken":
		token, err = client.Issue(ctx, "sanitized", body.Issue, life)
	case verb == "revokeAccessTokens":
		err = client.Revoke(ctx, "sanitized")
	case verb == "exchangeAccessToken":
		token, err = client.ExchangeTeams(ctx, "Sanitized", "Sanitized", "Sanitized")
	default:
		id, token, err = client.Create(ctx, body.Create, life)
	}
	return id, token, err
}

func checkRequest(t *testing.T, rec recording, r *http.Request) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
	}
	if got, want := r.Method+" "+r.URL.RequestURI(), rec.Method+" "+rec.Path+"?api-version="+rec.APIVersion; got != want {
		t.Errorf("the request is %s, want %s", got, want)
	}
	if rec.Recording != "02" && !maps.EqualFunc(members(t, string(body)), members(t, rec.Body), equalJSON) {
		t.Errorf("the body is %s, want %s", body, rec.Body)
	}
	if hash := r.Header.Get("x-ms-content-sha256"); rec.BodyHash != "" && hash != rec.BodyHash {
		t.Errorf("the body hash is %s, want %s", hash, rec.BodyHash)
	}
}

// members returns the members of a JSON object that are not null.
func members(t *testing.T, body string) map[string]json.RawMessage {
	if body == "" {
		return nil
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Error(err)
	}
	maps.DeleteFunc(m, func(_ string, v json.RawMessage) bool { return string(v) == "null" })
	return m
}

func equalJSON(a, b json.RawMessage) bool { return string(a) == string(b) }
