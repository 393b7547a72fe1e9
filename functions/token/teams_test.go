package token_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTeamsTokenIsExchangedForItsOwnUser(t *testing.T) {
	b := bed(t, nil)
	teams := func(claims map[string]any) string {
		body, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		encode := base64.RawURLEncoding.EncodeToString
		return encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(body) + "." + encode([]byte("signature"))
	}
	soon := b.Clock.Now().Add(time.Hour).Unix()
	good := teams(map[string]any{"oid": "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "tid": "9f2504e0-4f89-41d3-9a0c-0305e82c3301", "appid": "1f2504e0-4f89-41d3-9a0c-0305e82c3301", "exp": soon})
	answer := b.As("ada").Get("/api/token/teams", "teams-user-aad-token: "+good).Want(http.StatusOK)
	access, err := b.Cloud.ACS.Validate(answer.Text("token"))
	if err != nil || !strings.HasSuffix(access.Identity, "3f2504e0-4f89-41d3-9a0c-0305e82c3301") {
		t.Errorf("exchanged for %q, %v", access.Identity, err)
	}
	if _, ok := answer.JSON()["expiresOn"].(string); !ok || len(answer.JSON()) != 2 {
		t.Errorf("the answer is to be token and expiresOn: %s", answer.Body)
	}
	for name, bad := range map[string]string{
		"expired":     teams(map[string]any{"oid": "o", "appid": "a", "exp": b.Clock.Now().Add(-time.Minute).Unix()}),
		"no user":     teams(map[string]any{"appid": "a", "exp": soon}),
		"no app":      teams(map[string]any{"oid": "o", "exp": soon}),
		"not a token": "nonsense",
	} {
		t.Run(name, func(t *testing.T) {
			b.As("ada").Get("/api/token/teams", "teams-user-aad-token: "+bad).Problem(http.StatusBadRequest, "teams_token_invalid")
		})
	}
	b.As("ada").Get("/api/token/teams").Problem(http.StatusBadRequest, "request_invalid")
}
