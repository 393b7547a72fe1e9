// Package token is the function that an app calls to take part in calls and
// chats: it gives the signed-in user an access token of the calling provider,
// always for the same identity, which is allocated on first use.
//
// It also exchanges a Teams user's Entra token, and ends a user's tokens. It
// does not decide who the user is (package signin does) and keeps nothing
// itself (package identity does).
package token

import (
	"net/http"

	"switchboard/shared/api"
	"switchboard/shared/function"
)

// Function is the row of the table.
func Function() function.Function {
	return function.Function{
		Name:    "token",
		Summary: "Access tokens for calling and chat, for an identity that is the user's for good",
		Route:   "token/{*rest}",
		Needs:   []function.Need{function.SignIn, function.Storage, function.Calling},
		Mount:   mount,
	}
}

func mount(a *api.API, s function.Services) {
	h := handler{identities: s.Identities, teams: s.Teams, life: s.TokenLife, now: s.Now}
	api.Register(a, api.Operation{
		ID:          "get-token",
		Method:      http.MethodGet,
		Path:        "/token",
		Summary:     "Get an access token",
		Description: "Gives the caller an access token for calling and chat. The identity it is for is made on first use and stays. A token that was issued before is given again while at least 15 minutes of it are left.",
		Tag:         "token",
		Errors:      []int{http.StatusConflict},
	}, h.get)
	api.Register(a, api.Operation{
		ID:          "issue-token",
		Method:      http.MethodPost,
		Path:        "/token",
		Summary:     "Get an access token with chosen scopes and life",
		Description: "As GET, with the scopes and the life in the body. Either may be left out.",
		Tag:         "token",
		Errors:      []int{http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, h.post)
	api.Register(a, api.Operation{
		ID:          "revoke-tokens",
		Method:      http.MethodDelete,
		Path:        "/token",
		Summary:     "Revoke all tokens",
		Description: "Ends every token of the caller on every device. Repeating it does no harm.",
		Tag:         "token",
		Status:      http.StatusNoContent,
		Errors:      []int{http.StatusConflict},
	}, h.revoke)
	api.Register(a, api.Operation{
		ID:          "exchange-teams-token",
		Method:      http.MethodGet,
		Path:        "/token/teams",
		Summary:     "Exchange a Teams user's Entra token",
		Description: "For employees who call as their Teams user. The user and the app are taken from the Entra token itself. A caller who signs in with Entra ID can only exchange a token of their own.",
		Tag:         "token",
	}, h.exchange)
	api.Register(a, api.Operation{
		ID:          "refresh-token",
		Method:      http.MethodPost,
		Path:        "/refreshToken/{communicationUserId}",
		Summary:     "Get an access token, as the web calling sample asks for it",
		Description: "For clients written against Microsoft's web calling sample. The identity in the path must be the caller's own.",
		Tag:         "token",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, h.refresh)
}
