package localgraph

import (
	"crypto/rsa"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// assertionType is that of signed client assertions (RFC 7523, section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// authenticate finds the application that asks, and has it prove itself by
// secret or client assertion.
func (s *Server) authenticate(r *http.Request) (App, error) {
	form := r.PostForm
	app, ok := s.app(form.Get("client_id"))
	if !ok || app.ManagedIdentity {
		return App{}, denial{status: http.StatusBadRequest, code: "unauthorized_client", aadsts: 700016,
			message: "Application with identifier '" + form.Get("client_id") + "' was not found in the directory."}
	}
	secret, assertion := form.Get("client_secret"), form.Get("client_assertion")
	switch {
	case secret != "" && app.Secret != "" && subtle.ConstantTimeCompare([]byte(secret), []byte(app.Secret)) == 1:
		return app, nil
	case secret != "":
		return App{}, invalidClient(7000215, "Invalid client secret provided.")
	case assertion == "" || form.Get("client_assertion_type") != assertionType:
		return App{}, invalidClient(7000218, "The request body must contain 'client_assertion' or 'client_secret'.")
	}
	return app, s.checkAssertion(app, assertion, r.URL.Path)
}

func invalidClient(aadsts int, message string) error {
	return denial{status: http.StatusUnauthorized, code: "invalid_client", aadsts: aadsts, message: message}
}

// checkAssertion accepts an assertion that the application signed with its
// certificate, or a token of the managed identity that it trusts.
func (s *Server) checkAssertion(app App, assertion, tokenPath string) error {
	if app.FederatedSubject != "" {
		c, err := s.parse(assertion)
		if err == nil && slices.Equal(c.Audience, []string{tokenExchange}) {
			if c.Subject == app.FederatedSubject {
				return nil
			}
			return invalidClient(700213, "No matching federated identity record found for presented assertion subject.")
		}
	}
	if app.Certificate == nil {
		return invalidClient(700027, "The client assertion is of no credential of the application.")
	}
	var c jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(assertion, &c, func(*jwt.Token) (any, error) {
		key, ok := app.Certificate.PublicKey.(*rsa.PublicKey)
		if !ok {
			return nil, errors.New("localgraph: the certificate is not of RSA")
		}
		return key, nil
	}, jwt.WithValidMethods([]string{"PS256", "RS256"}), jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.now),
		jwt.WithIssuer(app.ClientID), jwt.WithSubject(app.ClientID))
	if err != nil {
		return invalidClient(700027, "The client assertion is expired, or its signature or issuer is wrong.")
	}
	// The audience is this endpoint, at whatever address the client knows it by.
	if !slices.ContainsFunc(c.Audience, func(a string) bool {
		u, err := url.Parse(a)
		return err == nil && u.Path == tokenPath
	}) {
		return invalidClient(700023, "Client assertion audience claim does not match the token endpoint.")
	}
	return nil
}

// grantOnBehalfOf gives the token of a user for one of Graph ("OAuth 2.0
// on-behalf-of flow").
func (s *Server) grantOnBehalfOf(r *http.Request, app App) (token string, err error) {
	form := r.PostForm
	if form.Get("requested_token_use") != "on_behalf_of" {
		return "", denial{status: http.StatusBadRequest, code: "invalid_request", aadsts: 900144, message: "The request body must contain 'requested_token_use'."}
	}
	user, err := s.assertedUser(app, form.Get("assertion"))
	if err != nil {
		return "", err
	}
	resource, err := requestedResource(form.Get("scope"))
	if err != nil {
		return "", err
	}
	switch {
	case len(app.Scopes) == 0:
		return "", denial{status: http.StatusBadRequest, code: "invalid_grant", aadsts: 65001, suberror: "consent_required",
			message: "The user or administrator has not consented to use the application."}
	case s.Settings().ConditionalAccess:
		return "", denial{status: http.StatusBadRequest, code: "interaction_required", aadsts: 50076, suberror: "basic_action",
			claims:  `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`,
			message: "Due to a configuration change made by your administrator, you must use multi-factor authentication."}
	}
	return s.sign(claims{AppID: app.ClientID, Kind: "user", ObjectID: user.ID, Scopes: strings.Join(app.Scopes, " ")}, resource, s.now())
}

// assertedUser is the user of an assertion: of a token of this tenant for the
// application's own API, or of one that Options.VerifyUser knows.
func (s *Server) assertedUser(app App, assertion string) (User, error) {
	invalid := denial{status: http.StatusBadRequest, code: "invalid_grant", aadsts: 50013, message: "Assertion failed signature validation."}
	c, err := s.parse(assertion)
	id := c.ObjectID // of a user: applications get no tokens for other APIs than Graph
	switch {
	case err == nil && !slices.Equal(c.Audience, []string{app.ClientID}):
		invalid.aadsts, invalid.message = 500131, "Assertion audience does not match the client app presenting the assertion."
		return User{}, invalid
	case err != nil && s.verifyUser == nil:
		return User{}, invalid
	case err != nil:
		if id, err = s.verifyUser(assertion); err != nil {
			return User{}, invalid
		}
	}
	user, ok := s.userByID(id)
	if !ok {
		invalid.aadsts, invalid.message = 50034, "The user account does not exist in the tenant."
		return User{}, invalid
	}
	return user, nil
}
