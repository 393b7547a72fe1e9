package signin_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"switchboard/shared/signin"
)

func TestParseIssuers(t *testing.T) {
	got, err := signin.ParseIssuers(`[
		{"issuer":"https://login.microsoftonline.com/` + tenant + `/v2.0","audiences":["` + apiID + `"],"requiredScopes":["access_as_user"]},
		{"issuer":"http://127.0.0.1:7071/oidc","audiences":["api://switchboard"],"algorithms":["RS256","EdDSA"],"userIdClaim":"uid"},
		{"issuer":"accounts.google.com","audiences":["x"]}]`)
	if err != nil {
		t.Fatal(err)
	}
	want := []signin.Issuer{
		{Issuer: "https://login.microsoftonline.com/" + tenant + "/v2.0", Audiences: []string{apiID}, RequiredScopes: []string{"access_as_user"}},
		{Issuer: "http://127.0.0.1:7071/oidc", Audiences: []string{"api://switchboard"}, Algorithms: []string{"RS256", "EdDSA"}, UserIDClaim: "uid"},
		{Issuer: "accounts.google.com", Audiences: []string{"x"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseIssuersRefuses(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"nothing":                  {``, "JSON"},
		"no list":                  {`{}`, "array"},
		"an empty list":            {`[]`, "at least one"},
		"null":                     {`null`, "at least one"},
		"more after it":            {`[] []`, "JSON"},
		"an unknown member":        {`[{"issuer":"https://a.example","audience":"x"}]`, `"audience"`},
		"no issuer":                {`[{"audiences":["x"]}]`, "issuer"},
		"no audience":              {`[{"issuer":"https://a.example"}]`, "audiences"},
		"an empty audience":        {`[{"issuer":"https://a.example","audiences":[""]}]`, "audiences"},
		"any audience":             {`[{"issuer":"https://a.example","audiences":["*"]}]`, "audiences"},
		"Graph as audience":        {`[{"issuer":"https://a.example","audiences":["https://graph.microsoft.com/"]}]`, "Graph"},
		"Graph's id as audience":   {`[{"issuer":"https://a.example","audiences":["00000003-0000-0000-c000-000000000000"]}]`, "Graph"},
		"no https":                 {`[{"issuer":"http://a.example","audiences":["x"]}]`, "https"},
		"almost loopback":          {`[{"issuer":"http://127.0.0.1.evil.example","audiences":["x"]}]`, "https"},
		"no URL":                   {`[{"issuer":"a.example","audiences":["x"]}]`, "URL"},
		"keys without https":       {`[{"issuer":"https://a.example","audiences":["x"],"jwksUrl":"http://a.example/k"}]`, "jwksUrl"},
		"discovery without https":  {`[{"issuer":"https://a.example","audiences":["x"],"discoveryUrl":"http://a.example/d"}]`, "discoveryUrl"},
		"alg none":                 {`[{"issuer":"https://a.example","audiences":["x"],"algorithms":["none"]}]`, "none"},
		"alg HS256":                {`[{"issuer":"https://a.example","audiences":["x"],"algorithms":["RS256","HS256"]}]`, "HS256"},
		"a template elsewhere":     {`[{"issuer":"https://a.example/{tenantid}","audiences":["x"],"tenantAllowList":["*"]}]`, "Entra"},
		"a template in the host":   {`[{"issuer":"https://{tenantid}.ciamlogin.com/v2.0","audiences":["x"],"tenantAllowList":["*"]}]`, "Entra"},
		"two placeholders":         {`[{"issuer":"https://login.microsoftonline.com/{tenantid}/{tenantid}","audiences":["x"],"tenantAllowList":["*"]}]`, "placeholder"},
		"another placeholder":      {`[{"issuer":"https://login.microsoftonline.com/{tenant}/v2.0","audiences":["x"]}]`, "placeholder"},
		"common":                   {`[{"issuer":"https://login.microsoftonline.com/common/v2.0","audiences":["x"]}]`, "tenant"},
		"all tenants by omission":  {`[{"issuer":"https://login.microsoftonline.com/{tenantid}/v2.0","audiences":["x"]}]`, "tenantAllowList"},
		"a tenant by name":         {`[{"issuer":"https://login.microsoftonline.com/{tenantid}/v2.0","audiences":["x"],"tenantAllowList":["contoso.com"]}]`, "contoso.com"},
		"tenants elsewhere":        {`[{"issuer":"https://a.example","audiences":["x"],"tenantAllowList":["` + tenant + `"]}]`, "tenantAllowList"},
		"any tenant of one":        {`[{"issuer":"https://login.microsoftonline.com/` + tenant + `/v2.0","audiences":["x"],"tenantAllowList":["*"]}]`, "tenantAllowList"},
		"people by address":        {`[{"issuer":"https://login.microsoftonline.com/` + tenant + `/v2.0","audiences":["x"],"userIdClaim":"email"}]`, "userIdClaim"},
		"two scopes in one string": {`[{"issuer":"https://a.example","audiences":["x"],"requiredScopes":["a b"]}]`, "requiredScopes"},
		"a scope with a quote":     {`[{"issuer":"https://a.example","audiences":["x"],"requiredScopes":["a\"b"]}]`, "requiredScopes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := signin.ParseIssuers(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want something about %q", err, tt.want)
			}
		})
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	_, err := signin.ParseIssuers(`[{"issuer":"http://a.example","algorithms":["none"]},{"issuer":"https://b.example","audiences":["x"]},{"issuer":"c"}]`)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"issuer 1", "https", "audiences", `"none"`, "issuer 3", `"c"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing about %s in %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "issuer 2") {
		t.Errorf("the good one is blamed: %v", err)
	}
}

// FuzzParseIssuers checks that what is accepted is safe and stays accepted
// when it is written and read again.
func FuzzParseIssuers(f *testing.F) {
	f.Add(`[{"issuer":"https://a.example","audiences":["x"]}]`)
	f.Add(`[{"issuer":"https://login.microsoftonline.com/{tenantid}/v2.0","audiences":["x"],"tenantAllowList":["*"]}]`)
	f.Add(`[{"issuer":"accounts.google.com","audiences":["x"],"algorithms":["ES256"]}]`)
	f.Add(`[null]`)
	f.Fuzz(func(t *testing.T, text string) {
		issuers, err := signin.ParseIssuers(text)
		if err != nil {
			return
		}
		if _, err := signin.New(issuers, signin.Options{}); err != nil {
			t.Fatalf("parsed and then refused: %v", err)
		}
		for _, is := range issuers {
			if len(is.Audiences) == 0 || slices.Contains(is.Algorithms, "none") || slices.Contains(is.Algorithms, "HS256") {
				t.Errorf("accepted %+v", is)
			}
		}
		again, err := json.Marshal(issuers)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signin.ParseIssuers(string(again)); err != nil {
			t.Errorf("written again it is refused: %v", err)
		}
	})
}

func TestUserIDTellsKeysApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringN(0, 4, 8)
		a := rapid.SliceOfN(part, 0, 4).Draw(t, "a")
		b := rapid.SliceOfN(part, 0, 4).Draw(t, "b")
		if (signin.UserID(a...) == signin.UserID(b...)) != slices.Equal(a, b) {
			t.Fatalf("%q and %q", a, b)
		}
		// The same text cut elsewhere is another key.
		if joined := strings.Join(a, ""); len(a) > 1 && signin.UserID(a...) == signin.UserID(joined) {
			t.Fatalf("%q and %q", a, joined)
		}
	})
	// Written into databases, so it must never change.
	if got := signin.UserID("https://id.example.com", "ada"); got != "usr_cf7ltrxqjgnmulliaoiyifcd5ileuss6mkyxgun42z4nythh2pva" {
		t.Error(got)
	}
}
