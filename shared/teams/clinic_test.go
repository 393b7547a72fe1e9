package teams_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"switchboard/shared/entra"
	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/localgraph"
	"switchboard/shared/teams"
)

// The settings of the clinic, and a text that comes only from outside of it.
const (
	clinicID      = "5c2f1d9e-7b7a-4a55-9e0c-3d2b1f0a9c84"
	clinicObject  = "c1c5e1b0-64f1-4f43-8a15-0a4c1f8f6d07"
	clinicSecret  = "kept between Entra and us"
	clinicDesk    = "clinic@contoso.example"
	clinicService = "3f0f2a6e-2d4b-4f57-8f4f-6f6b8d0c1e22"
	clinicURL     = "https://switchboard.example/api/graph"
	elsewhere     = "11111111-2222-4333-8444-555555555555"
	gossip        = "what upstream says is nobody's business"
)

// physician is the account that holds the clinic's meetings.
var physician = localgraph.SeedUserID("meetings")

// clinicKey is shared, because a key takes long to make.
var clinicKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// complaint is what is wrong in a tenant. The zero value is nothing.
type complaint struct {
	localgraph.Settings
	noPolicy   bool
	lacks      []string     // application permissions
	managed    bool         // the application is a managed identity
	fault      *faults.Rule // of Graph and Entra, from then on
	credential func(*entra.Settings)
	config     func(*teams.DoctorConfig)
	webhook    http.HandlerFunc
}

// clinic is a Doctor in a tenant.
type clinic struct {
	*teams.Doctor
	cloud   *faults.Injector
	webhook *faults.Injector
	tokens  []string // that the Doctor had
}

// visit has a tenant examined, on the clock of a synctest bubble: what takes long costs
// no time.
func visit(t *testing.T, ill complaint, examine func(*testing.T, *clinic)) {
	t.Helper()
	key, err := clinicKey()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ill.PolicyGlobal = !ill.noPolicy
		roles := slices.DeleteFunc(localgraph.AllRoles(), func(role string) bool { return slices.Contains(ill.lacks, role) })
		server, err := localgraph.New(localgraph.Options{
			Apps:       []localgraph.App{{ClientID: clinicID, ObjectID: clinicObject, Secret: clinicSecret, Roles: roles, ManagedIdentity: ill.managed}},
			Businesses: []string{clinicDesk}, Settings: ill.Settings, SigningKey: key,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		}()
		if ill.webhook == nil {
			ill.webhook = handshake
		}
		c := &clinic{cloud: faults.Wrap(server), webhook: faults.Wrap(ill.webhook)}
		c.Doctor = &teams.Doctor{DoctorConfig: teams.DoctorConfig{
			Tenant: server.Tenant(), ClientID: clinicID, Organizer: physician, Business: clinicDesk, Service: clinicService,
			NotifyURL: clinicURL, Transport: faults.Transport{Handler: c.webhook}, Now: time.Now, NewID: rand.Text,
		}}
		c.connect(t, server, ill)
		if ill.config != nil {
			ill.config(&c.DoctorConfig)
		}
		if ill.fault != nil {
			ill.fault.Times = -1
			c.cloud.Add(*ill.fault)
		}
		examine(t, c)
	})
}

// handshake is how notification addresses answer when all is well.
func handshake(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, r.URL.Query().Get("validationToken"))
}

// connect gives the Doctor the product's clients, with the application's credential.
func (c *clinic) connect(t *testing.T, server *localgraph.Server, ill complaint) {
	shared := azcore.ClientOptions{
		Transport: faults.Transport{Handler: c.cloud},
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: "https://entra.localhost/"},
	}
	settings := entra.Settings{Tenant: server.Tenant(), ClientID: clinicID, Secret: clinicSecret}
	if ill.credential != nil {
		ill.credential(&settings)
	}
	app, err := entra.New(settings, &entra.Options{ClientOptions: shared, DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	var credential azcore.TokenCredential = app
	if ill.managed {
		c.ClientID = ""
		credential = managedIdentity{server, c.cloud}
	}
	if c.Graph, err = graph.New("https://graph.localhost", credential, &graph.Options{ClientOptions: shared}); err != nil {
		t.Fatal(err)
	}
	c.Token = func(ctx context.Context) (string, error) {
		token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://graph.localhost/.default"}})
		c.tokens = append(c.tokens, token.Token)
		return token.Token, err
	}
}

// managedIdentity is the host's, as App Service gives it.
type managedIdentity struct {
	server *localgraph.Server
	cloud  http.Handler
}

func (m managedIdentity) GetToken(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://entra.localhost/msi/token?api-version=2019-08-01&resource=https://graph.localhost", http.NoBody)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	r.Header.Set("X-IDENTITY-HEADER", m.server.IdentityHeader())
	resp, err := faults.Transport{Handler: m.cloud}.RoundTrip(r)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	var body struct {
		Token string `json:"access_token"`
	}
	return azcore.AccessToken{Token: body.Token, ExpiresOn: time.Now().Add(time.Hour)}, json.NewDecoder(resp.Body).Decode(&body)
}

// summary is what findings come to.
func summary(findings []teams.Finding) string {
	var text []string
	for _, f := range findings {
		text = append(text, f.Check+" "+string(f.Status))
	}
	return strings.Join(text, ", ")
}

func findingOf(t *testing.T, findings []teams.Finding, check string) teams.Finding {
	t.Helper()
	i := slices.IndexFunc(findings, func(f teams.Finding) bool { return f.Check == check })
	if i < 0 {
		t.Fatalf("there is no %s in %s", check, summary(findings))
	}
	return findings[i]
}

const healthy = "settings ok, credential ok, app_roles ok, graph ok, access_policy ok, meeting_provider ok, bookings ok, anonymous_join unknown, webhook ok"

// refusing is an answer of Graph that says no for another reason than those that
// localgraph knows.
func refusing(contains string, status int) *faults.Rule {
	return &faults.Rule{Contains: contains, Status: status, Header: map[string]string{"Content-Type": "application/json"},
		Body: `{"error":{"code":"Refused","message":"` + gossip + `"}}`}
}

// denying is an answer of Entra.
func denying(aadsts int) *faults.Rule {
	return &faults.Rule{Contains: "/oauth2/v2.0/token", Status: http.StatusUnauthorized, Header: map[string]string{"Content-Type": "application/json"},
		Body: fmt.Sprintf(`{"error":"invalid_client","error_codes":[%d],"error_description":"%s"}`, aadsts, gossip)}
}

// answering is a webhook that has something else to say.
func answering(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Location", "https://switchboard.example/elsewhere?"+gossip)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// mute is a transport that fails.
type mute struct{ err error }

func (m mute) RoundTrip(*http.Request) (*http.Response, error) { return nil, m.err }

func configured(change func(*teams.DoctorConfig)) complaint { return complaint{config: change} }
