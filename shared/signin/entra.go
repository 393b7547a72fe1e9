package signin

import (
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// tenantPlaceholder stands for the tenant in a multi-tenant issuer, in the
// discovery document of /common and /organizations, and in their keys.
const tenantPlaceholder = "{tenantid}"

// personalAccounts is the tenant of all personal Microsoft accounts. Anyone
// can have one, so no wildcard covers it.
const personalAccounts = "9188040d-6c67-4c5b-b112-36a304b66dad"

// anyTenant is the allow-list entry for every organisation.
const anyTenant = "*"

// entraHosts are the hosts of Entra ID's issuers in the public cloud, US
// Government and China (21Vianet). External ID's are below ciamlogin.com.
func entraHosts() []string {
	return []string{
		"login.microsoftonline.com", "login.windows.net", "sts.windows.net",
		"login.microsoftonline.us",
		"login.partner.microsoftonline.cn", "login.chinacloudapi.cn", "sts.chinacloudapi.cn",
	}
}

// entra reports whether the issuer is Entra ID or External ID. Only then do
// the claims tid and oid mean what Microsoft says they mean.
func (is Issuer) entra() bool {
	u, err := url.Parse(is.Issuer)
	if err != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	return slices.Contains(entraHosts(), host) || strings.HasSuffix(host, ".ciamlogin.com")
}

// template reports whether the issuer stands for many tenants: the placeholder
// is one whole part of the path.
func (is Issuer) template() bool {
	return slices.Contains(is.path(), tenantPlaceholder)
}

// tenant is the tenant id in the path of a single-tenant issuer, lower case.
func (is Issuer) tenant() string {
	for _, part := range is.path() {
		if isGUID(part) {
			return strings.ToLower(part)
		}
	}
	return ""
}

// path is the issuer's path, in parts, without the host.
func (is Issuer) path() []string {
	_, rest, _ := strings.Cut(is.Issuer, "://")
	return strings.Split(rest, "/")[1:]
}

// metadataBase is what Entra ID's discovery document is found under. Version 1
// issuers (sts.) have theirs at the sign-in host. Many tenants share that of
// /organizations, or of /common once personal accounts are let in.
func (is Issuer) metadataBase() string {
	base := strings.Replace(is.Issuer, "https://sts.windows.net/", "https://login.microsoftonline.com/", 1)
	base = strings.Replace(base, "https://sts.chinacloudapi.cn/", "https://login.partner.microsoftonline.cn/", 1)
	shared := "organizations"
	if is.lists(personalAccounts) || base != is.Issuer {
		shared = "common"
	}
	return strings.Replace(base, tenantPlaceholder, shared, 1)
}

// lists reports whether the allow-list names the tenant itself.
func (is Issuer) lists(tenant string) bool {
	return slices.ContainsFunc(is.TenantAllowList, func(t string) bool { return strings.EqualFold(t, tenant) })
}

// admits reports whether a tenant may enter, and whether the roles that its
// administrators give out count.
func (is Issuer) admits(tenant string) (enter, rolesCount bool) {
	switch {
	case is.lists(tenant):
		return true, true
	case len(is.TenantAllowList) == 0:
		return !is.template(), true // the exact issuer is the allow-list
	}
	return is.lists(anyTenant) && tenant != personalAccounts, false
}

// keyIssuers are the values that the member issuer of a signing key may have
// for a token of the tenant: the token's own issuer, and for version 1 tokens
// also the version 2 form, because both versions may share their keys.
func (is Issuer) keyIssuers(iss, tenant string) []string {
	allowed := []string{iss}
	if strings.HasPrefix(iss, "https://sts.") {
		for _, host := range entraHosts() {
			allowed = append(allowed, "https://"+host+"/"+tenant+"/v2.0")
		}
	}
	return allowed
}

// looksLikeIDToken reports whether an Entra ID token was made for a client to
// read and not for an API: access tokens name their scopes or the app that they
// were issued to, and never carry the nonce of a sign-in. Roles tell nothing: ID
// tokens have them, too.
func looksLikeIDToken(c claims) bool {
	for _, name := range []string{"scp", "azp", "appid"} {
		if _, ok := c[name]; ok {
			_, signIn := c["nonce"]
			return signIn
		}
	}
	return true
}

// isGraph reports whether an audience is Microsoft Graph's, of any cloud.
func isGraph(aud string) bool {
	u, err := url.Parse(strings.ToLower(aud))
	return aud == "00000003-0000-0000-c000-000000000000" ||
		err == nil && (strings.HasPrefix(u.Hostname(), "graph.microsoft.") || u.Hostname() == "graph.windows.net")
}

// isGUID accepts the plain form only; uuid.Parse also takes braces and URNs.
func isGUID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }
