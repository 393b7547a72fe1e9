package functions_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"switchboard/functions"
	"switchboard/shared/app"
	"switchboard/shared/faults"
	"switchboard/shared/localacs"
	"switchboard/shared/localcosmos"
	"switchboard/shared/signin"
	"switchboard/shared/storage"
	"switchboard/shared/testbed"
)

// credential is the process's identity: it gives a token for each scope and
// remembers which were asked for.
type credential struct {
	mu     sync.Mutex
	scopes map[string]bool
}

func (c *credential) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scopes[o.Scopes[0]] = true
	return azcore.AccessToken{Token: "entra:" + o.Scopes[0], ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// accepts checks a bearer as a service does: it must be for that service.
func accepts(scope string) func(string) error {
	return func(token string) error {
		if token != "entra:"+scope {
			return errors.New("a token for something else")
		}
		return nil
	}
}

// TestAProgramWithoutKeys reaches ACS and Cosmos DB with the process's own
// identity. The container has been made by the templates, as with Entra
// credentials the data plane may not.
func TestAProgramWithoutKeys(t *testing.T) {
	const acsScope, cosmosScope = "https://communication.azure.com//.default", "https://cosmos.example.com/.default"
	calling, err := localacs.New(localacs.Options{VerifyBearer: accepts(acsScope)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { calling.Close() })
	store, err := localcosmos.Open(localcosmos.Options{VerifyBearer: accepts(cosmosScope)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	template, err := storage.Open(storage.Config{
		Endpoint: "https://cosmos.example.com", Key: store.Key(), Transport: store,
		Schema: storage.Schema{Database: "switchboard", Container: "main"}, NewID: func() string { return "x" },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := template.Provision(t.Context()); err != nil {
		t.Fatal(err)
	}
	people := testbed.Cloud(t, &testbed.Clock{})
	issuers, err := json.Marshal([]signin.Issuer{{Issuer: people.OIDC.Issuer(), Audiences: []string{people.OIDC.Audience()}}})
	if err != nil {
		t.Fatal(err)
	}

	identity := &credential{scopes: map[string]bool{}}
	settings := map[string]string{
		"SWITCHBOARD_ISSUERS":         string(issuers),
		"SWITCHBOARD_ACS_ENDPOINT":    "https://acs.example.com",
		"SWITCHBOARD_COSMOS_ENDPOINT": "https://cosmos.example.com",
		"SWITCHBOARD_SEALING_KEYS":    people.Settings()["SWITCHBOARD_SEALING_KEYS"],
	}
	program, err := app.New(t.Context(), app.Options{
		ACS: faults.Transport{Handler: calling}, Cosmos: store, Issuers: people.Options().Issuers, Credential: identity,
	}, func(name string) string { return settings[name] }, slog.New(slog.DiscardHandler), functions.All()...)
	if err != nil {
		t.Fatal(err)
	}
	if len(identity.scopes) != 0 {
		t.Errorf("the start asked for tokens: %v", identity.scopes)
	}
	server := httptest.NewServer(program.HTTP)
	t.Cleanup(server.Close)
	token, err := people.OIDC.Token("ada")
	if err != nil {
		t.Fatal(err)
	}
	answer := testbed.Client{T: t, URL: server.URL, Token: token}.Get("/api/token").Want(http.StatusOK)
	if !calling.TokenValid(answer.Text("token")) || !identity.scopes[acsScope] || !identity.scopes[cosmosScope] {
		t.Errorf("asked for %v: %s", identity.scopes, answer.Body)
	}
}

// TestOneFunctionNeedsOnlyItsOwn: what needs nothing starts without settings.
func TestOneFunctionNeedsOnlyItsOwn(t *testing.T) {
	for _, f := range functions.All() {
		_, err := app.New(t.Context(), app.Options{}, func(string) string { return "" }, slog.New(slog.DiscardHandler), f)
		if (err == nil) != (len(f.Needs) == 0) {
			t.Errorf("%s without settings: %v", f.Name, err)
		}
	}
}
