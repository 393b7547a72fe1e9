package signin_test

import (
	"strings"
	"testing"

	"switchboard/shared/problem"
	"switchboard/shared/signin"
)

func TestRequiredScopesAndRoles(t *testing.T) {
	w, k := newWorld(t), newSigner("k1")
	w.provide(issuer, discovery, jwks, k.jwk())
	is := plainIssuer()
	is.RequiredScopes, is.RequiredRoles = []string{"access_as_user", "calls"}, []string{signin.RoleService}
	v := w.verifier(is)
	for name, tt := range map[string]struct {
		claims map[string]any
		want   string
	}{
		"a scope of several":      {map[string]any{"scp": "openid calls"}, ""},
		"scope, as RFC 9068":      {map[string]any{"scope": "calls"}, ""},
		"scopes in an array":      {map[string]any{"scope": []string{"x", "calls"}}, ""},
		"a role":                  {map[string]any{"roles": []string{signin.RoleService}}, ""},
		"a role as a string":      {map[string]any{"roles": signin.RoleService}, ""},
		"none":                    {nil, "scope_missing"},
		"a part of a scope":       {map[string]any{"scp": "access_as_user2 call"}, "scope_missing"},
		"the scope as a role":     {map[string]any{"roles": []string{"calls"}}, "scope_missing"},
		"scopes that are no text": {map[string]any{"scp": map[string]any{"calls": true}}, "scope_missing"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), k.sign(t, w.plainClaims(tt.claims)))
			if code(err) != tt.want {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			want := `Bearer realm="switchboard", error="insufficient_scope", scope="access_as_user calls"`
			if p := problem.From(err); err != nil && (p.Kind != problem.Forbidden || p.Challenge != want) {
				t.Errorf("kind %v, challenge %s", p.Kind, p.Challenge)
			}
		})
	}
}

// TestEntriesOfOneIssuer has one for apps and one for daemons; a token needs
// to please one of them.
func TestEntriesOfOneIssuer(t *testing.T) {
	w, k := newWorld(t), newSigner("k1")
	w.provide(issuer, discovery, jwks, k.jwk())
	apps, daemons, admin := plainIssuer(), plainIssuer(), plainIssuer()
	apps.RequiredScopes, apps.Algorithms = []string{"access_as_user"}, []string{"ES256"}
	daemons.RequiredRoles = []string{signin.RoleService}
	admin.Audiences = []string{"api://admin"}
	v := w.verifier(apps, daemons, admin)
	for want, claims := range map[string]map[string]any{
		"":               {"roles": []string{signin.RoleService}},
		"scope_missing":  {"roles": []string{"x"}},
		"audience_wrong": {"aud": "api://elsewhere"},
	} {
		if _, err := v.Verify(t.Context(), k.sign(t, w.plainClaims(claims))); code(err) != want {
			t.Errorf("%v: got %v, want %q", claims, err, want)
		}
	}
	if _, err := v.Verify(t.Context(), k.sign(t, w.plainClaims(map[string]any{"aud": "api://admin"}))); err != nil {
		t.Error(err)
	}
	if n := w.fetched(jwks); n != 1 {
		t.Errorf("%d fetches for one issuer", n)
	}
}

func TestBearerToken(t *testing.T) {
	for header, want := range map[string]string{
		"Bearer abc.def-_~+/==": "abc.def-_~+/==",
		"bearer x":              "x",
		"BEARER   x ":           "x",
	} {
		if got, err := signin.BearerToken(header); got != want || err != nil {
			t.Errorf("%q: %q, %v", header, got, err)
		}
	}
	for header, want := range map[string]string{
		"":                   "token_missing",
		"Bearer":             "token_missing",
		"Bearer ":            "token_missing",
		"Basic dTpw":         "token_missing",
		"Bearerx":            "token_missing",
		"Bearer a b":         "token_invalid",
		"Bearer a, Bearer b": "token_invalid",
		"Bearer \x00":        "token_invalid",
		"Bearer é":           "token_invalid",
	} {
		if _, err := signin.BearerToken(header); code(err) != want {
			t.Errorf("%q: %v, want %q", header, err, want)
		}
	}
}

func TestAWrongAudienceSaysWhichIsRight(t *testing.T) {
	w, k := newWorld(t), newSigner("k1")
	_, err := w.verifier(plainIssuer()).Verify(t.Context(), k.sign(t, w.plainClaims(map[string]any{"aud": "https://graph.microsoft.com"})))
	if p := problem.From(err); p.Code != "audience_wrong" || !strings.Contains(p.Detail, audience) || !strings.Contains(p.Detail, "scopes") {
		t.Errorf("%v", err)
	}
}
