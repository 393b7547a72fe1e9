// Package identities is the function by which administrators give calling
// identities to what is not a person: bots and services. They are named, not
// signed in; whoever operates them gets their tokens from an administrator's
// call.
package identities

import (
	"net/http"

	"switchboard/shared/api"
	"switchboard/shared/function"
)

// Function is the row of the table.
func Function() function.Function {
	return function.Function{
		Name:    "identities",
		Summary: "Calling identities for bots and services (administrators)",
		Route:   "identities/{*rest}",
		Needs:   []function.Need{function.SignIn, function.Storage, function.Calling},
		Mount:   mount,
	}
}

func mount(a *api.API, s function.Services) {
	h := handler{identities: s.Identities, life: s.TokenLife}
	api.Register(a, api.Operation{
		ID:          "list-identities",
		Method:      http.MethodGet,
		Path:        "/identities",
		Summary:     "List bots and services",
		Description: "By name. Follow nextCursor for more.",
		Tag:         "identities",
		Access:      api.Admin,
	}, h.list)
	api.Register(a, api.Operation{
		ID:          "put-identity",
		Method:      http.MethodPut,
		Path:        "/identities/{name}",
		Summary:     "Make or change a bot or a service",
		Description: "201 if it was made now, with a calling identity of its own. If-Match is honoured.",
		Tag:         "identities",
		Access:      api.Admin,
		Also:        map[int]string{http.StatusCreated: "It was made now; the body is as for 200"},
		Errors:      []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, h.put)
	api.Register(a, api.Operation{
		ID:      "get-identity",
		Method:  http.MethodGet,
		Path:    "/identities/{name}",
		Summary: "Read a bot or a service",
		Tag:     "identities",
		Access:  api.Admin,
		Errors:  []int{http.StatusNotFound},
	}, h.get)
	api.Register(a, api.Operation{
		ID:          "delete-identity",
		Method:      http.MethodDelete,
		Path:        "/identities/{name}",
		Summary:     "Delete a bot or a service",
		Description: "Ends its tokens and deletes its calling identity. 204 also where there was none.",
		Tag:         "identities",
		Access:      api.Admin,
		Status:      http.StatusNoContent,
		Errors:      []int{http.StatusConflict, http.StatusPreconditionFailed},
	}, h.delete)
	api.Register(a, api.Operation{
		ID:          "issue-identity-token",
		Method:      http.MethodPost,
		Path:        "/identities/{name}/token",
		Summary:     "Get an access token for a bot or a service",
		Description: "As POST /token, for the named identity.",
		Tag:         "identities",
		Access:      api.Admin,
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, h.token)
}
