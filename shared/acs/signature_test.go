package acs_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"switchboard/shared/acs"
	"switchboard/shared/calling"
)

// The key, host, date and identity of the signature vectors, which the official
// JavaScript SDK was seen to produce and which were computed again from the
// published algorithm.
const (
	vectorConnection = "endpoint=https://contoso.unitedstates.communication.azure.com/;accesskey=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg=="
	vectorIdentity   = "8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_00000005-14a2-493b-8a72-5a3a0d000081"
	vectorPath       = "/identities/8%3Aacs%3A2dee53b4-368b-45b4-ab52-8493fb117652_00000005-14a2-493b-8a72-5a3a0d000081"
	noBodyHash       = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
)

func vectorTime() time.Time { return time.Date(2026, 1, 15, 12, 34, 56, 0, time.UTC) }

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) Do(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, contentType, body string) *http.Response {
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {contentType}},
		Body:       io.NopCloser(strings.NewReader(body)),
	}
}

func TestRequestsOnTheWire(t *testing.T) {
	both := []calling.Scope{calling.Chat, calling.VoIP}
	tests := []struct {
		name                         string
		call                         func(context.Context, *acs.Client) error
		method, uri, body, mediaType string
		hash, signature              string
	}{
		{
			"V1 create with token",
			func(ctx context.Context, c *acs.Client) error {
				_, _, err := c.Create(ctx, both, time.Hour)
				return err
			},
			"POST", "/identities?api-version=2023-10-01", `{"createTokenWithScopes":["chat","voip"],"expiresInMinutes":60}`, "application/json",
			"jENEeifYNCidF9FcfXJ54WzhK3ED/2UrQyA4+oWOZKc=", "cEc6oubISiqDKKngUPBtMRcW6THqNHf49W059rO19t8=",
		},
		{
			"V2 create",
			func(ctx context.Context, c *acs.Client) error { _, _, err := c.Create(ctx, nil, 0); return err },
			"POST", "/identities?api-version=2023-10-01", "", "application/json",
			noBodyHash, "pMAdVo8yzeTNt3kXVOuKf277xKnTxKHmb+p3Hg44tSs=",
		},
		{
			"V3 issue",
			func(ctx context.Context, c *acs.Client) error {
				_, err := c.Issue(ctx, vectorIdentity, both, 0)
				return err
			},
			"POST", vectorPath + "/:issueAccessToken?api-version=2023-10-01", `{"scopes":["chat","voip"]}`, "application/json",
			"EqW/vFkRi/EMVlRLG6+kt0X27SowO7NytIh/miHOZlY=", "a0gWvNyaq1pUyha6JU4sfYZGL+6SUQFGewPlDyA/530=",
		},
		{
			"V4 revoke",
			func(ctx context.Context, c *acs.Client) error { return c.Revoke(ctx, vectorIdentity) },
			"POST", vectorPath + "/:revokeAccessTokens?api-version=2023-10-01", "", "",
			noBodyHash, "zho4pRm1u9k1EDajczSfYXvZ+wRYJk2w4T0pXk7Eiis=",
		},
		{
			"V5 delete",
			func(ctx context.Context, c *acs.Client) error { return c.Delete(ctx, vectorIdentity) },
			"DELETE", vectorPath + "?api-version=2023-10-01", "", "",
			noBodyHash, "CLdhsQWFkxYJwmuE3k3HtMNh453b5rxaHpACYPuV0Kg=",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got *http.Request
			var body string
			client, err := acs.NewClientFromConnectionString(vectorConnection, &acs.Options{
				Now: vectorTime,
				ClientOptions: azcore.ClientOptions{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					got = r
					if r.Body != nil {
						b, err := io.ReadAll(r.Body)
						if err != nil {
							return nil, err
						}
						body = string(b)
					}
					return answer(http.StatusTeapot, "text/plain", ""), nil
				})},
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.call(t.Context(), client); err == nil {
				t.Error("an answer of 418 passed for success")
			}
			check := func(what, got, want string) {
				t.Helper()
				if got != want {
					t.Errorf("%s is %q, want %q", what, got, want)
				}
			}
			check("method", got.Method, tt.method)
			check("URI", got.URL.RequestURI(), tt.uri)
			check("body", body, tt.body)
			check("content type", got.Header.Get("Content-Type"), tt.mediaType)
			check("date", got.Header.Get("x-ms-date"), "Thu, 15 Jan 2026 12:34:56 GMT")
			check("hash", got.Header.Get("x-ms-content-sha256"), tt.hash)
			check("authorization", got.Header.Get("Authorization"),
				"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="+tt.signature)
		})
	}
}
