// Package user is the function for what a person is in Switchboard: the mapping
// to a calling identity, and the profile by which others find and know them.
// Every operation is about the caller alone.
//
// Deleting the user erases the mapping, the identity at the calling provider,
// its tokens, the profile and the handle.
package user

import (
	"net/http"

	"switchboard/shared/api"
	"switchboard/shared/function"
)

// Function is the row of the table.
func Function() function.Function {
	return function.Function{
		Name:    "user",
		Summary: "The caller's calling identity and profile",
		Route:   "user/{*rest}",
		Needs:   []function.Need{function.SignIn, function.Storage, function.Calling},
		Mount:   mount,
	}
}

func mount(a *api.API, s function.Services) {
	h := handler{identities: s.Identities, handles: s.Handles}
	api.Register(a, api.Operation{
		ID:          "get-user",
		Method:      http.MethodGet,
		Path:        "/user",
		Summary:     "Read the caller's identity and profile",
		Description: "404 until the first token request, or POST, has made the mapping.",
		Tag:         "user",
		Errors:      []int{http.StatusNotFound},
	}, h.get)
	api.Register(a, api.Operation{
		ID:          "create-user",
		Method:      http.MethodPost,
		Path:        "/user",
		Summary:     "Make the mapping",
		Description: "Gives the caller a calling identity: 201 if it was made now, 200 if it was there already. The display name is taken from the sign-in token.",
		Tag:         "user",
		Also:        map[int]string{http.StatusCreated: "The mapping was made now; the body is as for 200"},
		Errors:      []int{http.StatusConflict},
	}, h.create)
	api.Register(a, api.Operation{
		ID:          "update-user",
		Method:      http.MethodPatch,
		Path:        "/user",
		Summary:     "Change the profile",
		Description: "A merge patch (RFC 7396): members left out stay, null removes. Sent as application/merge-patch+json or application/json. If-Match is honoured.",
		Tag:         "user",
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, h.update)
	api.Register(a, api.Operation{
		ID:          "delete-user",
		Method:      http.MethodDelete,
		Path:        "/user",
		Summary:     "Erase the caller",
		Description: "Ends all tokens, deletes the calling identity and erases the profile and the handle. 204 also where there was nothing. Should a service behind this one fail half-way, the answer says so: repeat it to finish.",
		Tag:         "user",
		Status:      http.StatusNoContent,
		Errors:      []int{http.StatusConflict, http.StatusPreconditionFailed},
	}, h.delete)
}
