package acs_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/golang-jwt/jwt/v5"

	"switchboard/shared/acs"
	"switchboard/shared/calling"
	"switchboard/shared/localacs"
	"switchboard/shared/problem"
)

var bothScopes = []calling.Scope{calling.Chat, calling.VoIP}

func newService(t *testing.T, o localacs.Options) *localacs.Service {
	t.Helper()
	service, err := localacs.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return service
}

// entra is a credential that hands out one token and remembers what it was
// asked for.
type entra struct {
	token  string
	err    error
	scopes []string
}

func (e *entra) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	e.scopes = o.Scopes
	return azcore.AccessToken{Token: e.token, ExpiresOn: time.Now().Add(time.Hour)}, e.err
}

// TestAgainstTheLocalService walks the life of an identity over a socket, with
// either way to sign in and every api-version that is served.
func TestAgainstTheLocalService(t *testing.T) {
	service := newService(t, localacs.Options{VerifyBearer: func(token string) error {
		if token != "good" {
			return errors.New("not the expected token")
		}
		return nil
	}})
	server := httptest.NewServer(service)
	defer server.Close()

	for _, version := range []string{"", "2022-10-01", "2023-10-01", "2025-06-30", "2026-09-23"} {
		opts := &acs.Options{ClientOptions: azcore.ClientOptions{APIVersion: version}}
		withKey, err := acs.NewClientFromConnectionString(service.ConnectionString(server.URL), opts)
		if err != nil {
			t.Fatal(err)
		}
		credential := &entra{token: "good"}
		withEntra, err := acs.NewClient(server.URL, credential, opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Run("key "+version, func(t *testing.T) { walk(t, withKey, service) })
		t.Run("Entra "+version, func(t *testing.T) {
			walk(t, withEntra, service)
			if want := []string{"https://communication.azure.com//.default"}; !slices.Equal(credential.scopes, want) {
				t.Errorf("asked Entra for %q, want %q", credential.scopes, want)
			}
		})
	}
	if left := service.Identities(); len(left) != 0 {
		t.Errorf("%d identities are left over", len(left))
	}
}

func walk(t *testing.T, client *acs.Client, service *localacs.Service) {
	ctx := t.Context()
	before := time.Now()
	id, first, err := client.Create(ctx, bothScopes, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	access, err := service.Validate(first.Value)
	if err != nil || access.Identity != id || strings.Join(access.Scopes, " ") != "chat voip" {
		t.Errorf("the first token gives %+v, %v; want chat and voip for %s", access, err, id)
	}
	if life := first.ExpiresOn.Sub(before); life < time.Hour || life > time.Hour+time.Minute {
		t.Errorf("the first token lives %v, want an hour", life)
	}
	if first.ExpiresOn.Location() != time.UTC {
		t.Errorf("ExpiresOn is in %v, want UTC", first.ExpiresOn.Location())
	}
	second, err := client.Issue(ctx, id, []calling.Scope{calling.VoIPJoin}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if life := second.ExpiresOn.Sub(before); life < 24*time.Hour {
		t.Errorf("a token of no given life lives %v, want a day", life)
	}
	if err := client.Revoke(ctx, id); err != nil {
		t.Fatal(err)
	}
	if service.TokenValid(first.Value) || service.TokenValid(second.Value) {
		t.Error("a token outlived the revocation")
	}
	third, err := client.Issue(ctx, id, bothScopes, 61*time.Minute+59*time.Second)
	if err != nil || !service.TokenValid(third.Value) {
		t.Errorf("a token issued after the revocation does not work (%v)", err)
	}
	if life := time.Until(third.ExpiresOn); life > 61*time.Minute+2*time.Second { // the revocation may add a second
		t.Errorf("a token of 61 minutes and a part lives %v", life)
	}
	if err := client.Delete(ctx, id); err != nil {
		t.Fatal(err)
	}
	if service.TokenValid(third.Value) || service.Owns(id) {
		t.Error("the identity or its token outlived the deletion")
	}
	_, gone := client.Issue(ctx, id, bothScopes, 0)
	for name, err := range map[string]error{"issue": gone, "revoke": client.Revoke(ctx, id), "delete": client.Delete(ctx, id)} {
		if !errors.Is(err, calling.ErrNotOwned) {
			t.Errorf("%s on a deleted identity gives %v, want ErrNotOwned", name, err)
		}
	}
}

func TestCreateWithoutScopesMakesNoToken(t *testing.T) {
	service, client, _ := behindFaults(t, acs.Options{})
	id, token, err := client.Create(t.Context(), nil, time.Hour)
	if err != nil || !service.Owns(id) || token != (calling.Token{}) {
		t.Errorf("Create gives %q, %+v, %v; want an identity and no token", id, token, err)
	}
}

// A life that ACS does not grant is refused, never replaced by the default.
func TestLifeOutOfRange(t *testing.T) {
	_, client, _ := behindFaults(t, acs.Options{})
	for _, life := range []time.Duration{30 * time.Second, 59 * time.Minute, -time.Hour, 24*time.Hour + time.Minute} {
		_, _, err := client.Create(t.Context(), bothScopes, life)
		wantProblem(t, life.String(), err, problem.Internal, "calling_rejected")
	}
}

func TestNoIdentity(t *testing.T) {
	_, client, injector := behindFaults(t, acs.Options{})
	_, err := client.Issue(t.Context(), "", bothScopes, 0)
	for name, err := range map[string]error{"issue": err, "revoke": client.Revoke(t.Context(), ""), "delete": client.Delete(t.Context(), "")} {
		if err == nil || errors.Is(err, calling.ErrNotOwned) {
			t.Errorf("%s without an identity gives %v", name, err)
		}
	}
	if calls := injector.Calls(); len(calls) != 0 {
		t.Errorf("requests were made: %q", calls)
	}
}

func TestExchangeTeams(t *testing.T) {
	service, client, _ := behindFaults(t, acs.Options{})
	const app, user = "0ba4b28f-7d8f-4c23-9cc5-5b5f2c7d0e4f", "f4b9c1c6-2a6b-4f37-9d43-0d7f9d5ad1de"
	entraToken := func(app, oid string, expires time.Duration) string {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"azp": app, "oid": oid, "exp": time.Now().Add(expires).Unix(),
		}).SignedString([]byte("the local service cannot check Entra's signature"))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	token, err := client.ExchangeTeams(t.Context(), entraToken(app, user, time.Hour), app, user)
	if err != nil {
		t.Fatal(err)
	}
	if access, err := service.Validate(token.Value); err != nil || access.Identity != "8:orgid:"+user {
		t.Errorf("the token gives %+v, %v; want the Teams user", access, err)
	}
	for name, bad := range map[string]string{
		"expired":      entraToken(app, user, -time.Minute),
		"another user": entraToken(app, "someone", time.Hour),
		"another app":  entraToken("something", user, time.Hour),
		"nonsense":     "e30.e30.",
	} {
		_, err := client.ExchangeTeams(t.Context(), bad, app, user)
		wantProblem(t, name, err, problem.Invalid, "teams_token_invalid")
		if !strings.Contains(problem.From(err).Detail, "Teams.ManageCalls") {
			t.Errorf("%s: the detail does not say which scopes to ask for", name)
		}
	}
}

func TestConnectionStrings(t *testing.T) {
	const key = "c2VjcmV0LXNlY3JldC1zZWNyZXQ=" // "secret-secret-secret"
	good := []string{
		"endpoint=https://contoso.communication.azure.com/;accesskey=" + key,
		"Endpoint=https://contoso.communication.azure.com;AccessKey=" + key + ";",
		" accesskey=" + key + "; endpoint=https://contoso.communication.azure.com/",
		"endpoint=http://127.0.0.1:8082/;accesskey=" + key,
		"endpoint=http://localhost:8082;accesskey=" + key,
		"endpoint=http://[::1]:8082;accesskey=" + key,
	}
	for _, s := range good {
		if _, err := acs.NewClientFromConnectionString(s, nil); err != nil {
			t.Errorf("%s: %v", strings.ReplaceAll(s, key, "<key>"), err)
		}
	}
	bad := []string{
		"",
		key,
		"https://contoso.communication.azure.com/" + key,
		"endpoint=https://contoso.communication.azure.com/",
		"accesskey=" + key,
		"endpoint=https://contoso.communication.azure.com/;accesskey=" + key + "!",
		"endpoint=https://contoso.communication.azure.com/;accesskey=" + strings.TrimSuffix(key, "="),
		"endpoint=http://contoso.communication.azure.com/;accesskey=" + key,
		"endpoint=http://127.0.0.1.example.com/;accesskey=" + key,
		"endpoint=contoso.communication.azure.com;accesskey=" + key,
		"endpoint=https://contoso.communication.azure.com/path;accesskey=" + key,
		"endpoint=https://" + key[:8] + "@contoso.communication.azure.com/;accesskey=" + key,
		"endpoint=https://contoso.communication.azure.com/?accesskey=" + key + ";accesskey=" + key,
		"endpoint=" + key + ";accesskey=" + key,
		"endpoint=https://:" + key + ";accesskey=" + key,
	}
	for _, s := range bad {
		_, err := acs.NewClientFromConnectionString(s, nil)
		if err == nil {
			t.Errorf("%s: no error", strings.ReplaceAll(s, key, "<key>"))
		} else if strings.Contains(err.Error(), key[:8]) {
			t.Errorf("the error repeats the key: %v", err)
		}
	}
}

func FuzzConnectionString(f *testing.F) {
	f.Add("endpoint=https://contoso.communication.azure.com/;accesskey=c2VjcmV0")
	f.Add("accesskey=;;endpoint==;")
	f.Add("endpoint=http://[::1%25zone]:80;accesskey=AA==")
	f.Fuzz(func(t *testing.T, s string) {
		client, err := acs.NewClientFromConnectionString(s, nil)
		if (client == nil) == (err == nil) {
			t.Errorf("client %v and error %v", client, err)
		}
	})
}
