package signin

import (
	"fmt"
	"strings"
	"time"

	"switchboard/shared/problem"
)

// realm names the protection space in every challenge (RFC 9110, 11.5).
const realm = `Bearer realm="switchboard"`

// tokenMissing answers a request without credentials; RFC 6750, 3.1 wants no
// error code in that challenge.
func tokenMissing() *problem.Error {
	e := problem.New(problem.Unauthenticated, "token_missing",
		"Sign in first: send the access token of your identity provider as Authorization: Bearer <token>.")
	e.Challenge = realm
	return e
}

// refuse is a 401 for a token that was sent. The description is for
// WWW-Authenticate and must be plain ASCII without quotes.
func refuse(code, description, detail string) *problem.Error {
	e := problem.New(problem.Unauthenticated, code, "%s", detail)
	e.Challenge = fmt.Sprintf(`%s, error="invalid_token", error_description="%s"`, realm, description)
	return e
}

func tokenInvalid(detail string) *problem.Error {
	return refuse("token_invalid", "The access token is not valid", detail)
}

func tokenExpired() *problem.Error {
	return refuse("token_expired", "The access token expired",
		"The access token has expired. Get a new one from your identity provider and try again.")
}

func issuerUnknown(cause error) *problem.Error {
	return refuse("issuer_unknown", "The issuer of the access token is not accepted here",
		"The access token comes from an issuer that this service does not accept. "+
			"Sign in with the provider that the service is set up for, with the same tenant and token version.").Because(cause)
}

// audienceWrong names the audiences that would do. Clients made from Microsoft
// samples often ask for Microsoft Graph's scopes and send that token.
func audienceWrong(expected []string, cause error) *problem.Error {
	return refuse("audience_wrong", "The access token is meant for another API",
		fmt.Sprintf("The access token is meant for another API, such as Microsoft Graph. "+
			"Change the scopes that the app requests to those of this API, so that the token's audience is %s.",
			strings.Join(expected, " or "))).Because(cause)
}

// scopeMissing says which scopes or roles would do; any one is enough.
func scopeMissing(scopes, roles []string) *problem.Error {
	var need []string
	if len(scopes) > 0 {
		need = append(need, "the scope "+strings.Join(scopes, " or "))
	}
	if len(roles) > 0 {
		need = append(need, "the role "+strings.Join(roles, " or "))
	}
	if len(need) == 0 {
		need = []string{"a scope or an app role of this API"}
	}
	e := problem.New(problem.Forbidden, "scope_missing",
		"The access token lacks %s. Request it when signing in, or have it granted.", strings.Join(need, " or "))
	e.Challenge = realm + `, error="insufficient_scope"`
	if len(scopes) > 0 {
		e.Challenge += fmt.Sprintf(`, scope="%s"`, strings.Join(scopes, " "))
	}
	return e
}

func tenantNotAllowed() *problem.Error {
	e := problem.New(problem.Forbidden, "tenant_not_allowed",
		"Your organisation's tenant is not on this service's list. Ask the operator to add it.")
	e.Challenge = realm + `, error="insufficient_scope", error_description="The tenant is not allowed"`
	return e
}

func unavailable(after time.Duration, cause error) *problem.Error {
	return problem.New(problem.Unavailable, "signin_unavailable",
		"The identity provider's keys cannot be read at the moment, so nobody's sign-in can be checked. Try again shortly.").
		After(after).Because(cause)
}
