package localgraph

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The grants of the token endpoint.
const (
	clientCredentials = "client_credentials"
	onBehalfOf        = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// tokenExchange is the audience of federated credentials.
const tokenExchange = "api://AzureADTokenExchange"

// entraRoutes is the URL space of everything but Graph.
func (s *Server) entraRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", s.serveDiscovery)
	mux.HandleFunc("GET /{tenant}/discovery/v2.0/keys", s.serveKeys)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", s.serveToken)
	mux.HandleFunc("GET /msi/token", s.serveManagedIdentity)
	mux.HandleFunc("GET /_token", s.serveUserToken)
	mux.HandleFunc("GET /_settings", s.serveSettings)
	mux.HandleFunc("PATCH /_settings", s.serveSettings)
	mux.HandleFunc("POST /_lifecycle", s.serveLifecycle)
	return mux
}

// denial is a refusal of Entra ID ("Microsoft Entra authentication and
// authorization error codes").
type denial struct {
	status   int
	code     string // of OAuth, such as invalid_client
	aadsts   int
	message  string
	suberror string
	claims   string // the challenge of conditional access
}

func (d denial) Error() string { return fmt.Sprintf("AADSTS%d: %s", d.aadsts, d.message) }

func (d denial) write(w http.ResponseWriter, now time.Time) {
	trace, correlation, stamp := uuid.NewString(), uuid.NewString(), now.Format("2006-01-02 15:04:05Z")
	body := object{
		"error": d.code, "error_codes": []int{d.aadsts}, "timestamp": stamp, "trace_id": trace, "correlation_id": correlation,
		"error_description": fmt.Sprintf("%v Trace ID: %s Correlation ID: %s Timestamp: %s", d, trace, correlation, stamp),
	}
	if d.suberror != "" {
		body["suberror"] = d.suberror
	}
	if d.claims != "" {
		body["claims"] = d.claims
	}
	writeJSON(w, d.status, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// serveDiscovery names the endpoints at the address that it was asked at.
func (s *Server) serveDiscovery(w http.ResponseWriter, r *http.Request) {
	if err := s.checkTenant(r); err != nil {
		s.deny(w, err)
		return
	}
	base := origin(r) + "/" + r.PathValue("tenant")
	writeJSON(w, http.StatusOK, object{
		"issuer":                                base + "/v2.0",
		"authorization_endpoint":                base + "/oauth2/v2.0/authorize",
		"token_endpoint":                        base + "/oauth2/v2.0/token",
		"jwks_uri":                              base + "/discovery/v2.0/keys",
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

func (s *Server) checkTenant(r *http.Request) error {
	if tenant := r.PathValue("tenant"); !strings.EqualFold(tenant, s.tenant) {
		return denial{status: http.StatusBadRequest, code: "invalid_request", aadsts: 90002, message: "Tenant '" + tenant + "' not found."}
	}
	return nil
}

func (s *Server) serveKeys(w http.ResponseWriter, r *http.Request) {
	key, err := s.signer()
	if err == nil {
		err = s.checkTenant(r)
	}
	if err != nil {
		s.deny(w, err)
		return
	}
	number := base64.RawURLEncoding.EncodeToString
	writeJSON(w, http.StatusOK, object{"keys": []object{{
		"kty": "RSA", "use": "sig", "kid": keyID(key), "issuer": s.issuer("2.0"),
		"n": number(key.N.Bytes()), "e": number(big.NewInt(int64(key.E)).Bytes()),
	}}})
}

// keyID names the public key.
func keyID(key *rsa.PrivateKey) string {
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	return hex.EncodeToString(sum[:10])
}

// deny writes a refusal; what is none is a fault of this server.
func (s *Server) deny(w http.ResponseWriter, err error) {
	d, ok := errors.AsType[denial](err)
	if !ok {
		d = denial{status: http.StatusInternalServerError, code: "server_error", aadsts: 90033, message: err.Error()}
	}
	d.write(w, s.now())
}

// serveToken is the token endpoint.
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		s.deny(w, denial{status: http.StatusBadRequest, code: "invalid_request", aadsts: 900144, message: "The request body cannot be read as a form."})
		return
	}
	token, err := s.grant(r)
	if err != nil {
		s.deny(w, err)
		return
	}
	seconds := int(tokenLife/time.Second) - 1
	writeJSON(w, http.StatusOK, object{"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token})
}

func (s *Server) grant(r *http.Request) (token string, err error) {
	if err := s.checkTenant(r); err != nil {
		return "", err
	}
	app, err := s.authenticate(r)
	if err != nil {
		return "", err
	}
	switch r.PostForm.Get("grant_type") {
	case clientCredentials:
		resource, err := requestedResource(r.PostForm.Get("scope"))
		if err != nil {
			return "", err
		}
		return s.sign(claims{AppID: app.ClientID, Kind: "app", ObjectID: app.ObjectID, Roles: app.Roles}, resource, s.now())
	case onBehalfOf:
		return s.grantOnBehalfOf(r, app)
	}
	return "", denial{status: http.StatusBadRequest, code: "unsupported_grant_type", aadsts: 70003, message: "The app requested an unsupported grant type."}
}

// requestedResource is the resource of ".default", the one scope that
// applications ask for beside those of OpenID Connect.
func requestedResource(scope string) (string, error) {
	for name := range strings.FieldsSeq(scope) {
		resource, found := strings.CutSuffix(name, "/.default")
		if !found {
			continue
		}
		if !isGraph(resource) {
			return "", denial{status: http.StatusBadRequest, code: "invalid_resource", aadsts: 500011,
				message: "The resource principal named " + resource + " was not found in the tenant."}
		}
		return resource, nil
	}
	return "", denial{status: http.StatusBadRequest, code: "invalid_scope", aadsts: 1002012,
		message: "The provided value for scope is not valid. It must have /.default suffixed to the resource identifier."}
}

// serveManagedIdentity is the endpoint of App Service and Functions ("How to
// use managed identities for App Service", REST, 2019-08-01). For the token
// exchange it gives a federated client assertion.
func (s *Server) serveManagedIdentity(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	identity, ok := s.managedIdentity(query.Get("client_id"))
	resource := query.Get("resource")
	var problem string
	switch {
	case r.Header.Get("X-IDENTITY-HEADER") != s.identityHeader:
		writeJSON(w, http.StatusUnauthorized, object{"statusCode": http.StatusUnauthorized, "message": "The X-IDENTITY-HEADER is missing or wrong."})
		return
	case query.Get("api-version") != "2019-08-01":
		problem = "The api-version must be 2019-08-01."
	case !ok:
		problem = "No managed identity was found for the request."
	case resource != tokenExchange && !isGraph(resource):
		problem = "The resource is unknown to the tenant."
	}
	if problem != "" {
		writeJSON(w, http.StatusBadRequest, object{"statusCode": http.StatusBadRequest, "message": problem})
		return
	}
	now := s.now()
	token, err := s.sign(claims{AppID: identity.ClientID, Kind: "app", ObjectID: identity.ObjectID, Roles: identity.Roles}, resource, now)
	if err != nil {
		s.deny(w, err)
		return
	}
	expires := strconv.FormatInt(now.Add(tokenLife).Unix(), 10)
	writeJSON(w, http.StatusOK, object{"access_token": token, "expires_on": expires, "resource": resource, "token_type": "Bearer", "client_id": identity.ClientID})
}
