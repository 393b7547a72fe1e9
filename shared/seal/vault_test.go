package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"switchboard/shared/seal"
)

// vault answers as Key Vault does for the versions of one secret (REST API,
// "Get Secret Versions" and "Get Secret"), challenge included.
func vault(t *testing.T, versions map[string]map[string]any, values map[string]string) *httptest.Server {
	server := httptest.NewTLSServer(nil)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/secrets/ring/versions" {
			var list []map[string]any
			for id, attributes := range versions {
				list = append(list, map[string]any{"id": server.URL + "/secrets/ring/" + id, "attributes": attributes})
			}
			json.NewEncoder(w).Encode(map[string]any{"value": list})
			return
		}
		value, ok := values[strings.TrimPrefix(r.URL.Path, "/secrets/ring/")]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"value": value})
	})
	t.Cleanup(server.Close)
	return server
}

func TestVaultVersionsAreTheKeys(t *testing.T) {
	secret := func(fill byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32)) }
	server := vault(t,
		map[string]map[string]any{
			"older":    {"enabled": true, "created": 100},
			"newer":    {"enabled": true, "created": 200},
			"disabled": {"enabled": false, "created": 300},
		},
		map[string]string{"older": secret(1), "newer": secret(2)})

	source, err := seal.NewVault(server.URL+"/secrets/ring", &fake.TokenCredential{}, &azsecrets.ClientOptions{
		ClientOptions:                        azcore.ClientOptions{Transport: server.Client()},
		DisableChallengeResourceVerification: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	ring := seal.NewRing(source, time.Now)
	sealed, err := ring.Seal(t.Context(), []byte("x"), "")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(sealed, "newer.") {
		t.Errorf("sealed with %q, not with the newest enabled version", sealed)
	}
	old, err := seal.NewRing(seal.Static{key("older", 1)}, time.Now).Seal(t.Context(), []byte("y"), "")
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := ring.Open(t.Context(), old, ""); err != nil || string(opened) != "y" {
		t.Errorf("an older version does not open: %v", err)
	}
}

func TestVaultURL(t *testing.T) {
	for _, bad := range []string{"", "https://v.vault.azure.net", "http://v.vault.azure.net/secrets/ring", "https://v.vault.azure.net/keys/ring", "https://v.vault.azure.net/secrets/ring/1234"} {
		if _, err := seal.NewVault(bad, &fake.TokenCredential{}, nil); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
