package token

import (
	"context"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchboard/shared/api"
	"switchboard/shared/problem"
)

type exchanged struct {
	Body struct {
		Token     string    `json:"token" doc:"The access token, a JWT. A secret"`
		ExpiresOn time.Time `json:"expiresOn" doc:"When the token ends, UTC, whole seconds"`
	}
}

// entraClaims are the claims that tell whose token it is and for which app it
// was issued: appid in version 1.0 of Entra's tokens, azp in version 2.0.
type entraClaims struct {
	jwt.RegisteredClaims
	ObjectID string `json:"oid"`
	TenantID string `json:"tid"`
	AppID    string `json:"appid"`
	Party    string `json:"azp"`
}

// exchange trades the Entra token of a Teams user for a calling token. The
// provider verifies the token and compares it with the user and the app that we
// name, so these are read from the token unverified, and never taken from the
// client.
func (h handler) exchange(ctx context.Context, in *struct {
	TeamsToken string `header:"teams-user-aad-token" required:"true" maxLength:"16384" doc:"Entra token of the Teams user, for https://auth.msft.communication.azure.com/Teams.ManageCalls and Teams.ManageChats"`
}) (*exchanged, error) {
	claims, err := h.readTeamsToken(in.TeamsToken)
	if err != nil {
		return nil, err
	}
	caller := api.Caller(ctx)
	if caller.ObjectID != "" && (!strings.EqualFold(caller.ObjectID, claims.ObjectID) || !strings.EqualFold(caller.TenantID, claims.TenantID)) {
		return nil, problem.New(problem.Forbidden, "teams_user_differs", "The Teams token is for another user than the one who is signed in. Acquire it with the same account.")
	}
	token, err := h.teams.ExchangeTeams(ctx, in.TeamsToken, claims.AppID, claims.ObjectID)
	if err != nil {
		return nil, err
	}
	out := &exchanged{}
	out.Body.Token, out.Body.ExpiresOn = token.Value, token.ExpiresOn.UTC().Truncate(time.Second)
	return out, nil
}

// readTeamsToken reads the claims of a token that the provider is going to
// verify, and refuses what cannot succeed there.
func (h handler) readTeamsToken(token string) (entraClaims, error) {
	var claims entraClaims
	_, _, err := jwt.NewParser().ParseUnverified(token, &claims)
	if claims.AppID == "" {
		claims.AppID = claims.Party
	}
	if err != nil || claims.ObjectID == "" || claims.AppID == "" || claims.ExpiresAt == nil {
		return entraClaims{}, refused("is not an Entra access token with the claims oid and appid or azp")
	}
	if !h.now().Before(claims.ExpiresAt.Time) {
		return entraClaims{}, refused("has expired; acquire a new one")
	}
	return claims, nil
}

func refused(message string) error {
	err := problem.New(problem.Invalid, "teams_token_invalid", "The Teams token cannot be exchanged. Acquire one for https://auth.msft.communication.azure.com/Teams.ManageCalls and Teams.ManageChats.")
	err.Fields = []problem.Field{{Location: "header.teams-user-aad-token", Message: message}}
	return err
}
