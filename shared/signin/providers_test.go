package signin_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"switchboard/shared/signin"
)

const (
	tenant   = "11111111-aaaa-4bbb-8ccc-222222222222"
	other    = "33333333-dddd-4eee-8fff-444444444444"
	object   = "55555555-aaaa-4bbb-8ccc-666666666666"
	personal = "9188040d-6c67-4c5b-b112-36a304b66dad"
	apiID    = "77777777-aaaa-4bbb-8ccc-888888888888"
	entra    = "https://login.microsoftonline.com/"
)

// TestProviders verifies a token of every provider in the shape that it has,
// with the keys where the provider keeps them.
func TestProviders(t *testing.T) {
	entraUser := signin.UserID(tenant, object)
	tests := map[string]struct {
		is              signin.Issuer
		published       string // issuer in the discovery document
		discovery, jwks string
		keyIssuer       string
		claims          map[string]any
		want            signin.Caller
	}{
		"Entra ID v2": {
			is:        signin.Issuer{Issuer: entra + tenant + "/v2.0", Audiences: []string{apiID}, RequiredScopes: []string{"access_as_user"}},
			published: entra + tenant + "/v2.0",
			discovery: entra + tenant + "/v2.0/.well-known/openid-configuration",
			jwks:      entra + tenant + "/discovery/v2.0/keys",
			keyIssuer: entra + tenant + "/v2.0",
			claims: map[string]any{"iss": entra + tenant + "/v2.0", "aud": apiID, "sub": "pairwise", "tid": tenant, "oid": object,
				"scp": "access_as_user User.Read", "azp": "client", "azpacr": "0", "ver": "2.0", "name": "Ada Lovelace"},
			want: signin.Caller{UserID: entraUser, Subject: "pairwise", TenantID: tenant, ObjectID: object, Name: "Ada Lovelace",
				Scopes: []string{"User.Read", "access_as_user"}},
		},
		"Entra ID v1, the same user, GUIDs in capitals": {
			is:        signin.Issuer{Issuer: "https://sts.windows.net/" + tenant + "/", Audiences: []string{"api://" + apiID, apiID}},
			published: "https://sts.windows.net/" + tenant + "/",
			discovery: entra + tenant + "/.well-known/openid-configuration",
			jwks:      entra + tenant + "/discovery/keys",
			keyIssuer: entra + "{tenantid}/v2.0",
			claims: map[string]any{"iss": "https://sts.windows.net/" + tenant + "/", "aud": "api://" + apiID, "sub": "other-pairwise", "tid": tenant,
				"oid": "55555555-AAAA-4BBB-8CCC-666666666666", "scp": "access_as_user", "appid": "client", "appidacr": "0", "ver": "1.0"},
			want: signin.Caller{UserID: entraUser, Subject: "other-pairwise", TenantID: tenant, ObjectID: object, Scopes: []string{"access_as_user"}},
		},
		"Entra ID daemon": {
			is:        signin.Issuer{Issuer: entra + tenant + "/v2.0", Audiences: []string{apiID}, RequiredScopes: []string{"access_as_user"}, RequiredRoles: []string{signin.RoleService}},
			published: entra + tenant + "/v2.0",
			discovery: entra + tenant + "/v2.0/.well-known/openid-configuration",
			jwks:      entra + tenant + "/discovery/v2.0/keys",
			claims: map[string]any{"iss": entra + tenant + "/v2.0", "aud": apiID, "sub": object, "tid": tenant, "oid": object,
				"roles": []string{signin.RoleService}, "azp": "client", "ver": "2.0"},
			want: signin.Caller{UserID: entraUser, Subject: object, TenantID: tenant, ObjectID: object, Roles: []string{signin.RoleService}},
		},
		"Entra ID, many tenants": {
			is:        signin.Issuer{Issuer: entra + "{tenantid}/v2.0", Audiences: []string{apiID}, TenantAllowList: []string{other, tenant}},
			published: entra + "{tenantid}/v2.0",
			discovery: entra + "organizations/v2.0/.well-known/openid-configuration",
			jwks:      entra + "organizations/discovery/v2.0/keys",
			keyIssuer: entra + "{tenantid}/v2.0",
			claims: map[string]any{"iss": entra + tenant + "/v2.0", "aud": apiID, "sub": "s", "tid": tenant, "oid": object,
				"scp": "access_as_user", "roles": []string{signin.RoleAdmin}},
			want: signin.Caller{UserID: entraUser, Subject: "s", TenantID: tenant, ObjectID: object,
				Scopes: []string{"access_as_user"}, Roles: []string{signin.RoleAdmin}},
		},
		"Entra ID, any organisation: its roles do not count": {
			is:        signin.Issuer{Issuer: entra + "{tenantid}/v2.0", Audiences: []string{apiID}, TenantAllowList: []string{"*"}},
			published: entra + "{tenantid}/v2.0",
			discovery: entra + "organizations/v2.0/.well-known/openid-configuration",
			jwks:      entra + "organizations/discovery/v2.0/keys",
			claims: map[string]any{"iss": entra + tenant + "/v2.0", "aud": apiID, "sub": "s", "tid": tenant, "oid": object,
				"scp": "access_as_user", "roles": []string{signin.RoleAdmin}},
			want: signin.Caller{UserID: entraUser, Subject: "s", TenantID: tenant, ObjectID: object, Scopes: []string{"access_as_user"}},
		},
		"Entra ID, personal accounts": {
			is:        signin.Issuer{Issuer: entra + "{tenantid}/v2.0", Audiences: []string{apiID}, TenantAllowList: []string{"*", personal}},
			published: entra + "{tenantid}/v2.0",
			discovery: entra + "common/v2.0/.well-known/openid-configuration",
			jwks:      entra + "common/discovery/v2.0/keys",
			keyIssuer: entra + personal + "/v2.0",
			claims:    map[string]any{"iss": entra + personal + "/v2.0", "aud": apiID, "sub": "s", "tid": personal, "oid": object, "scp": "access_as_user"},
			want:      signin.Caller{UserID: signin.UserID(personal, object), Subject: "s", TenantID: personal, ObjectID: object, Scopes: []string{"access_as_user"}},
		},
		"Entra ID v1, many tenants": {
			is:        signin.Issuer{Issuer: "https://sts.windows.net/{tenantid}/", Audiences: []string{"api://" + apiID}, TenantAllowList: []string{tenant}},
			published: "https://sts.windows.net/{tenantid}/",
			discovery: entra + "common/.well-known/openid-configuration",
			jwks:      entra + "common/discovery/keys",
			keyIssuer: entra + "{tenantid}/v2.0",
			claims: map[string]any{"iss": "https://sts.windows.net/" + tenant + "/", "aud": "api://" + apiID, "sub": "s", "tid": tenant, "oid": object,
				"scp": "access_as_user", "appid": "client"},
			want: signin.Caller{UserID: entraUser, Subject: "s", TenantID: tenant, ObjectID: object, Scopes: []string{"access_as_user"}},
		},
		"External ID": {
			is: signin.Issuer{Issuer: "https://" + tenant + ".ciamlogin.com/" + tenant + "/v2.0", Audiences: []string{apiID},
				DiscoveryURL: "https://contoso.ciamlogin.com/" + tenant + "/v2.0/.well-known/openid-configuration"},
			published: "https://" + tenant + ".ciamlogin.com/" + tenant + "/v2.0",
			discovery: "https://contoso.ciamlogin.com/" + tenant + "/v2.0/.well-known/openid-configuration",
			jwks:      "https://contoso.ciamlogin.com/" + tenant + "/discovery/v2.0/keys",
			claims: map[string]any{"iss": "https://" + tenant + ".ciamlogin.com/" + tenant + "/v2.0", "aud": apiID, "sub": "s",
				"tid": tenant, "oid": object, "scp": "access_as_user", "azp": "client"},
			want: signin.Caller{UserID: entraUser, Subject: "s", TenantID: tenant, ObjectID: object, Scopes: []string{"access_as_user"}},
		},
		"Auth0": {
			is:        signin.Issuer{Issuer: "https://contoso.eu.auth0.com/", Audiences: []string{"https://api.contoso.example"}},
			published: "https://contoso.eu.auth0.com/",
			discovery: "https://contoso.eu.auth0.com/.well-known/openid-configuration",
			jwks:      "https://contoso.eu.auth0.com/.well-known/jwks.json",
			claims: map[string]any{"iss": "https://contoso.eu.auth0.com/", "sub": "auth0|5f7c8ec7c33c6c004bbafe82", "scope": "openid access",
				"aud": []string{"https://api.contoso.example", "https://contoso.eu.auth0.com/userinfo"}},
			want: signin.Caller{UserID: signin.UserID("https://contoso.eu.auth0.com/", "auth0|5f7c8ec7c33c6c004bbafe82"),
				Subject: "auth0|5f7c8ec7c33c6c004bbafe82", Scopes: []string{"access", "openid"}},
		},
		"Firebase": {
			is: signin.Issuer{Issuer: "https://securetoken.google.com/contoso", Audiences: []string{"contoso"},
				JWKSURL: "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"},
			jwks: "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
			claims: map[string]any{"iss": "https://securetoken.google.com/contoso", "aud": "contoso", "sub": "uid", "user_id": "uid",
				"auth_time": 1700000000, "firebase": map[string]any{"sign_in_provider": "phone"}},
			want: signin.Caller{UserID: signin.UserID("https://securetoken.google.com/contoso", "uid"), Subject: "uid"},
		},
		"Google": {
			is:        signin.Issuer{Issuer: "https://accounts.google.com", Audiences: []string{"id.apps.googleusercontent.com"}},
			published: "https://accounts.google.com",
			discovery: "https://accounts.google.com/.well-known/openid-configuration",
			jwks:      "https://www.googleapis.com/oauth2/v3/certs",
			claims:    map[string]any{"iss": "https://accounts.google.com", "aud": "id.apps.googleusercontent.com", "sub": "10769150350006150715113082367", "name": "Ada"},
			want: signin.Caller{UserID: signin.UserID("https://accounts.google.com", "10769150350006150715113082367"),
				Subject: "10769150350006150715113082367", Name: "Ada"},
		},
		"Google's other issuer, the same user": {
			is:        signin.Issuer{Issuer: "accounts.google.com", Audiences: []string{"id.apps.googleusercontent.com"}},
			published: "https://accounts.google.com",
			discovery: "https://accounts.google.com/.well-known/openid-configuration",
			jwks:      "https://www.googleapis.com/oauth2/v3/certs",
			claims:    map[string]any{"iss": "accounts.google.com", "aud": "id.apps.googleusercontent.com", "sub": "10769150350006150715113082367"},
			want: signin.Caller{UserID: signin.UserID("https://accounts.google.com", "10769150350006150715113082367"),
				Subject: "10769150350006150715113082367"},
		},
		"Apple": {
			is:        signin.Issuer{Issuer: "https://appleid.apple.com", Audiences: []string{"com.contoso.app"}},
			published: "https://appleid.apple.com",
			discovery: "https://appleid.apple.com/.well-known/openid-configuration",
			jwks:      "https://appleid.apple.com/auth/keys",
			claims:    map[string]any{"iss": "https://appleid.apple.com", "aud": "com.contoso.app", "sub": "001234.abc.5678", "auth_time": 1700000000},
			want:      signin.Caller{UserID: signin.UserID("https://appleid.apple.com", "001234.abc.5678"), Subject: "001234.abc.5678"},
		},
		"an issuer that sends tid and oid is no Entra ID": {
			is:        signin.Issuer{Issuer: issuer, Audiences: []string{audience}, UserIDClaim: "oid"},
			published: issuer, discovery: discovery, jwks: jwks,
			claims: map[string]any{"iss": issuer, "aud": audience, "sub": "s", "tid": tenant, "oid": object},
			want:   signin.Caller{UserID: signin.UserID(issuer, object), Subject: "s"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, k1, k2 := newWorld(t), newSigner("k1"), newSigner("k2")
			keys := []map[string]any{k2.jwk(), k1.jwk()}
			if tt.keyIssuer != "" {
				keys[1]["issuer"] = tt.keyIssuer
			}
			w.provide(tt.published, tt.discovery, tt.jwks, keys...)
			got, err := w.verifier(tt.is).Verify(t.Context(), k1.sign(t, w.claims(tt.claims)))
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Issuer = tt.claims["iss"].(string)
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(signin.Caller{}, "ExpiresAt")); diff != "" {
				t.Error(diff)
			}
			if w.fetched(tt.jwks) != 1 {
				t.Errorf("%d fetches of the keys", w.fetched(tt.jwks))
			}
		})
	}
}

// TestEntraRefusals changes one thing at a time in a token that would pass.
func TestEntraRefusals(t *testing.T) {
	many := signin.Issuer{Issuer: entra + "{tenantid}/v2.0", Audiences: []string{apiID}, TenantAllowList: []string{tenant}}
	open := many
	open.TenantAllowList = []string{"*"}
	one := signin.Issuer{Issuer: entra + tenant + "/v2.0", Audiences: []string{apiID}}
	tests := map[string]struct {
		is        signin.Issuer
		keyIssuer string
		claims    map[string]any
		want      string
	}{
		"nothing":                                 {is: many, want: ""},
		"a tenant that is not listed":             {is: many, claims: map[string]any{"iss": entra + other + "/v2.0", "tid": other}, want: "tenant_not_allowed"},
		"personal accounts under a wildcard":      {is: open, claims: map[string]any{"iss": entra + personal + "/v2.0", "tid": personal}, want: "tenant_not_allowed"},
		"tid of another tenant than iss":          {is: many, claims: map[string]any{"tid": other}, want: "issuer_unknown"},
		"tid of another tenant, one tenant":       {is: one, claims: map[string]any{"tid": other}, want: "token_invalid"},
		"no tid":                                  {is: one, claims: map[string]any{"tid": nil}, want: "token_invalid"},
		"a tid that is a path":                    {is: many, claims: map[string]any{"iss": entra + "a/b/v2.0", "tid": "a/b"}, want: "issuer_unknown"},
		"the placeholder itself":                  {is: many, claims: map[string]any{"iss": many.Issuer, "tid": "{tenantid}"}, want: "token_invalid"},
		"a key of another tenant":                 {is: many, keyIssuer: entra + other + "/v2.0", want: "token_invalid"},
		"a key of another tenant, one tenant":     {is: one, keyIssuer: entra + other + "/v2.0", want: "token_invalid"},
		"a key for personal accounts":             {is: many, keyIssuer: entra + personal + "/v2.0", want: "token_invalid"},
		"no subject":                              {is: one, claims: map[string]any{"sub": nil}, want: "token_invalid"},
		"no oid":                                  {is: one, claims: map[string]any{"oid": nil}, want: "token_invalid"},
		"an ID token":                             {is: one, claims: map[string]any{"scp": nil, "azp": nil}, want: "token_invalid"},
		"an ID token with roles":                  {is: one, claims: map[string]any{"scp": nil, "azp": nil, "roles": []string{signin.RoleAdmin}, "nonce": "n"}, want: "token_invalid"},
		"an ID token with roles, no nonce":        {is: one, claims: map[string]any{"scp": nil, "azp": nil, "roles": []string{signin.RoleAdmin}}, want: "token_invalid"},
		"an application that was granted nothing": {is: one, claims: map[string]any{"scp": nil}, want: "scope_missing"},
		"roles alone under a wildcard":            {is: open, claims: map[string]any{"scp": nil, "roles": []string{signin.RoleAdmin}}, want: "scope_missing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, k := newWorld(t), newSigner("k1")
			jwk := k.jwk()
			if tt.keyIssuer != "" {
				jwk["issuer"] = tt.keyIssuer
			}
			w.provide(many.Issuer, entra+"organizations/v2.0/.well-known/openid-configuration", "https://login.microsoftonline.com/k", jwk)
			w.provide(one.Issuer, entra+tenant+"/v2.0/.well-known/openid-configuration", "https://login.microsoftonline.com/k", jwk)
			claims := w.claims(map[string]any{"iss": entra + tenant + "/v2.0", "aud": apiID, "sub": "s", "tid": tenant, "oid": object, "scp": "x", "azp": "c"})
			for name, v := range tt.claims {
				if claims[name] = v; v == nil {
					delete(claims, name)
				}
			}
			_, err := w.verifier(tt.is).Verify(t.Context(), k.sign(t, claims))
			if code(err) != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestOfTwoKeysWithOneIDTheFirstCounts keeps the second from lending the first
// its issuer.
func TestOfTwoKeysWithOneIDTheFirstCounts(t *testing.T) {
	w, k := newWorld(t), newSigner("k1")
	is := signin.Issuer{Issuer: entra + tenant + "/v2.0", Audiences: []string{apiID}, JWKSURL: entra + "keys"}
	w.publish(is.JWKSURL, map[string]any{"keys": []any{
		k.jwk(map[string]any{"issuer": entra + other + "/v2.0"}),
		k.jwk(map[string]any{"issuer": is.Issuer}),
	}})
	claims := w.claims(map[string]any{"iss": is.Issuer, "aud": apiID, "sub": "s", "tid": tenant, "oid": object, "scp": "x", "azp": "c"})
	if _, err := w.verifier(is).Verify(t.Context(), k.sign(t, claims)); code(err) != "token_invalid" {
		t.Errorf("got %v", err)
	}
}
