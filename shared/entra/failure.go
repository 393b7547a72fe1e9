package entra

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"switchboard/shared/problem"
	"switchboard/shared/upstream"
)

// credential says why azidentity's gives no token.
type credential struct {
	azcore.TokenCredential
	app    *App
	tenant string
	user   bool // it acts on behalf of one
}

func (c credential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := c.TokenCredential.GetToken(ctx, o)
	switch {
	case err == nil:
		return token, nil
	case ctx.Err() != nil:
		return azcore.AccessToken{}, ctx.Err()
	default:
		return azcore.AccessToken{}, c.failure(err)
	}
}

// refusal is Entra's answer (learn.microsoft.com/entra/identity-platform,
// "Handle errors"). Its description is not read.
type refusal struct {
	Status   int    `json:"-"`
	Code     string `json:"error"`
	Suberror string `json:"suberror"`
	Numbers  []int  `json:"error_codes"` // of AADSTS
	Claims   string `json:"claims"`
}

func (r refusal) Error() string {
	text := fmt.Sprintf("entra: %d %s", r.Status, upstream.Word(r.Code))
	for _, n := range r.Numbers {
		text += fmt.Sprintf(" AADSTS%d", n)
	}
	return text
}

// Numbers returns those of Entra's errors (AADSTS…) that a credential's error has for its
// cause. They say more than its code does, and may change at any time: they are for
// explaining, not for deciding.
func Numbers(err error) []int {
	said, _ := errors.AsType[refusal](err)
	return said.Numbers
}

func (c credential) failure(err error) error {
	failed, ok := errors.AsType[*azidentity.AuthenticationFailedError](err)
	if !ok { // there is no managed identity on this machine, or the like
		return misconfigured().Because(fmt.Errorf("entra: no credential (%T)", err))
	}
	resp := failed.RawResponse
	if resp == nil { // azidentity keeps nothing of why
		return unavailable().Because(errors.New("entra: no answer"))
	}
	said := refusal{}
	if body, err := runtime.Payload(resp); err == nil && json.Unmarshal(body, &said) != nil {
		said = refusal{}
	}
	said.Status = resp.StatusCode
	wait, _ := upstream.RetryAfter(resp, time.Now())
	switch {
	case said.Status == http.StatusTooManyRequests || said.Status >= 500 || said.Status < 400:
		return unavailable().After(wait).Because(said)
	case c.user && (said.Suberror == "consent_required" || slices.Contains(said.Numbers, 65001)):
		return c.consentNeeded().Because(said)
	case c.user && (said.Code == "interaction_required" || said.Claims != ""):
		return signInNeeded(said.Claims).Because(said)
	case c.user && (said.Code == "invalid_grant" || slices.Contains(said.Numbers, 50013) || slices.Contains(said.Numbers, 500131)):
		return assertionRefused().Because(said)
	default:
		return misconfigured().Because(said)
	}
}

func (c credential) consentNeeded() *problem.Error {
	authority := c.app.options.Cloud.ActiveDirectoryAuthorityHost
	if authority == "" {
		authority = cloud.AzurePublic.ActiveDirectoryAuthorityHost
	}
	return problem.New(problem.Forbidden, "entra_consent_needed",
		"Nobody has allowed this service to act in your Microsoft 365 account. An administrator does so for everyone at %s/%s/adminconsent?client_id=%s.",
		strings.TrimSuffix(authority, "/"), c.tenant, c.app.settings.ClientID)
}

// signInNeeded carries the claims that a client puts into its next sign-in
// (learn.microsoft.com/entra/identity-platform/claims-challenge).
func signInNeeded(claims string) *problem.Error {
	p := problem.New(problem.Unauthenticated, "entra_sign_in_needed",
		"Your organization wants you to sign in again, perhaps with a second factor. Do so with the claims of the WWW-Authenticate header.")
	p.Challenge = `Bearer error="insufficient_claims"`
	if claims != "" {
		p.Challenge += fmt.Sprintf(`, claims="%s"`, base64.StdEncoding.EncodeToString([]byte(claims)))
	}
	return p
}

func assertionRefused() *problem.Error {
	return problem.New(problem.Unauthenticated, "entra_assertion_refused",
		"Your access token cannot be used to act in your Microsoft 365 account. Sign in again with a work or school account, and send an access token for this service.")
}

func misconfigured() *problem.Error {
	return problem.New(problem.Upstream, "entra_misconfigured",
		"Microsoft Entra ID refuses this service. Its operator should check the tenant, the client id, and that the secret, certificate or managed identity is right and has not expired.")
}

func unavailable() *problem.Error {
	return problem.New(problem.Unavailable, "entra_unavailable", "Microsoft Entra ID cannot be reached at the moment. Try again later.")
}
