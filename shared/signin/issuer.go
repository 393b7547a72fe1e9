package signin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Issuer is one trusted source of tokens. The settings hold a JSON array of
// them. Several entries may name the same issuer, for other audiences or
// requirements; a token passes if one of them accepts it.
//
//	Entra ID, one tenant   {"issuer":"https://login.microsoftonline.com/<tenant>/v2.0","audiences":["<API client id>"]}
//	Entra ID, v1 tokens    {"issuer":"https://sts.windows.net/<tenant>/","audiences":["api://<API client id>"]}
//	Entra ID, many tenants {"issuer":"https://login.microsoftonline.com/{tenantid}/v2.0","audiences":["<API client id>"],"tenantAllowList":["<tenant>",…]}
//	External ID            {"issuer":"https://<tenant>.ciamlogin.com/<tenant>/v2.0","audiences":["<API client id>"],
//	                        "discoveryUrl":"https://<name>.ciamlogin.com/<tenant>/v2.0/.well-known/openid-configuration"}
//	Auth0                  {"issuer":"https://<domain>/","audiences":["<API identifier>"]}
//	Firebase               {"issuer":"https://securetoken.google.com/<project>","audiences":["<project>"]}
//	Google                 {"issuer":"https://accounts.google.com","audiences":["<client id>"]}, and again with "accounts.google.com"
//	Apple                  {"issuer":"https://appleid.apple.com","audiences":["<bundle or service id>"]}
//
// Which of Entra ID's two versions a tenant issues is set at the API's
// registration (accessTokenAcceptedVersion); list both entries while it changes.
type Issuer struct {
	// Issuer is the value of the claim iss, compared exactly: a trailing slash
	// counts. At Entra ID {tenantid} may stand for the tenant; it is replaced by
	// the token's tid.
	Issuer string `json:"issuer"`
	// Audiences lists what the claim aud may be; one match is enough.
	Audiences []string `json:"audiences"`
	// DiscoveryURL is where the provider describes itself (OpenID Connect
	// Discovery 1.0). Default: the issuer and /.well-known/openid-configuration.
	DiscoveryURL string `json:"discoveryUrl,omitempty"`
	// JWKSURL is where the keys are (RFC 7517). Default: as discovery says.
	JWKSURL string `json:"jwksUrl,omitempty"`
	// Algorithms lists the signature algorithms allowed: RS, PS or ES with 256,
	// 384 or 512, and EdDSA. Default: RS256.
	Algorithms []string `json:"algorithms,omitempty"`
	// UserIDClaim is the claim that tells the issuer's users apart. Default: oid
	// at Entra ID, else sub. Changing it makes every user a new one.
	UserIDClaim string `json:"userIdClaim,omitempty"`
	// RequiredScopes and RequiredRoles: a token with any one of them passes.
	// With neither, any token of this audience does; at Entra ID it must still
	// carry some scope or role, since daemons of the tenant are given tokens
	// without either for the asking.
	RequiredScopes []string `json:"requiredScopes,omitempty"`
	RequiredRoles  []string `json:"requiredRoles,omitempty"`
	// TenantAllowList lists the Entra ID tenants (GUIDs) that may enter. With
	// {tenantid} it is required, so that no deployment is open to the world by
	// omission; "*" says any organisation, on purpose. Tenants let in by "*"
	// alone give no roles, because each tenant's administrators assign an app's
	// roles to their own people; those of a listed tenant are trusted with that,
	// Switchboard.Admin included. Personal Microsoft accounts are the tenant
	// 9188040d-6c67-4c5b-b112-36a304b66dad and enter only by that id. Of several
	// entries that accept a token the first decides, so one's own tenant stands
	// before "*".
	TenantAllowList []string `json:"tenantAllowList,omitempty"`
}

// ParseIssuers reads the settings' JSON array of issuers. It refuses unknown
// members and reports all faults of all entries in one error.
func ParseIssuers(jsonText string) ([]Issuer, error) {
	var entries []json.RawMessage
	if err := json.Unmarshal([]byte(jsonText), &entries); err != nil {
		return nil, fmt.Errorf("signin: the issuers must be a JSON array of objects: %w", err)
	}
	issuers := make([]Issuer, len(entries))
	var faults []error
	for i, entry := range entries {
		dec := json.NewDecoder(bytes.NewReader(entry))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&issuers[i]); err != nil {
			faults = append(faults, fmt.Errorf("issuer %d: %w", i+1, err))
		}
	}
	if len(faults) == 0 {
		faults = append(faults, validateAll(issuers))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return issuers, nil
}

// Validate reports everything that is wrong with the entry, in one error.
func (is Issuer) Validate() error {
	faults := []error{is.validateIssuer(), is.validateKeys(), is.validateTenants()}
	if len(is.Audiences) == 0 {
		faults = append(faults, errors.New("audiences: at least one is needed, or tokens meant for other APIs would do"))
	}
	for _, aud := range is.Audiences {
		if !visible(aud) || aud == "*" {
			faults = append(faults, fmt.Errorf("audiences: %q is not the name of one API", aud))
		}
		if isGraph(aud) {
			faults = append(faults, errors.New("audiences: tokens for Microsoft Graph are not meant for this service; register an API and use its audience"))
		}
	}
	for _, alg := range is.Algorithms {
		if !slices.Contains(algorithms(), alg) {
			faults = append(faults, fmt.Errorf("algorithms: %q is not one of %s", alg, strings.Join(algorithms(), ", ")))
		}
	}
	for _, name := range slices.Concat(is.RequiredScopes, is.RequiredRoles) {
		if !visible(name) || strings.ContainsAny(name, `"\`) {
			faults = append(faults, fmt.Errorf("requiredScopes, requiredRoles: %q is not one name", name))
		}
	}
	return errors.Join(faults...)
}

// validateIssuer checks the name of the issuer and the claim that names users.
func (is Issuer) validateIssuer() error {
	if is.Issuer == googleBareIssuer {
		return nil
	}
	if err := checkURL(strings.Replace(is.Issuer, tenantPlaceholder, "common", 1)); err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	if !is.entra() {
		if strings.ContainsAny(is.Issuer, "{}") {
			return fmt.Errorf("issuer: %s is understood at Microsoft Entra ID only", tenantPlaceholder)
		}
		return nil
	}
	var faults []error
	if is.tenant() == "" && !is.template() {
		faults = append(faults, fmt.Errorf("issuer: an Entra ID issuer has its tenant's id (GUID) or %s as a part of its path", tenantPlaceholder))
	}
	if is.UserIDClaim != "" && is.UserIDClaim != "oid" {
		// Names and addresses are reassigned, and sub differs for each client.
		faults = append(faults, errors.New("userIdClaim: Entra ID's users are told apart by oid, nothing else is stable"))
	}
	return errors.Join(faults...)
}

// validateKeys checks the addresses that keys come from.
func (is Issuer) validateKeys() error {
	var faults []error
	for name, raw := range map[string]string{"discoveryUrl": is.DiscoveryURL, "jwksUrl": is.JWKSURL} {
		if raw == "" {
			continue
		}
		if err := checkURL(raw); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(faults...)
}

// checkURL accepts absolute https addresses, and http ones of this machine.
func checkURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return fmt.Errorf("%q is not an absolute URL", raw)
	case u.User != nil || u.Fragment != "":
		return errors.New("a URL with a user name or a fragment is not accepted")
	case strings.ContainsAny(raw, "{}"):
		return fmt.Errorf("%q has a placeholder where none is understood", raw)
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%q must be https (http only on a loopback address)", raw)
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// visible reports whether s is non-empty printable ASCII without spaces.
func visible(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// algorithms are the signature algorithms that may be allowed. HS256 and its
// kin would make the public key a secret; none is no signature.
func algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// googleBareIssuer is the second of the two issuers that Google's tokens name,
// the one that is no URL.
const googleBareIssuer = "accounts.google.com"

// publishedIssuer is the issuer as the discovery document must state it.
func (is Issuer) publishedIssuer() string {
	if is.Issuer == googleBareIssuer {
		return "https://" + googleBareIssuer
	}
	return is.Issuer
}

// discovery is the address of the discovery document.
func (is Issuer) discovery() string {
	if is.DiscoveryURL != "" {
		return is.DiscoveryURL
	}
	base := is.publishedIssuer()
	if is.entra() {
		base = is.metadataBase()
	}
	return strings.TrimSuffix(base, "/") + "/.well-known/openid-configuration"
}

// validateTenants checks the tenant allow-list.
func (is Issuer) validateTenants() error {
	var faults []error
	if is.template() && len(is.TenantAllowList) == 0 {
		faults = append(faults, fmt.Errorf("tenantAllowList: %s needs a list of tenants, or [\"*\"] for any organisation", tenantPlaceholder))
	}
	if !is.template() && is.lists(anyTenant) {
		faults = append(faults, errors.New("tenantAllowList: \"*\" means nothing for an issuer of one tenant"))
	}
	if len(is.TenantAllowList) > 0 && !is.entra() {
		faults = append(faults, errors.New("tenantAllowList: only Microsoft Entra ID has tenants"))
	}
	for _, tenant := range is.TenantAllowList {
		if tenant != anyTenant && !isGUID(tenant) {
			faults = append(faults, fmt.Errorf("tenantAllowList: %q is not a tenant id (GUID)", tenant))
		}
	}
	return errors.Join(faults...)
}
