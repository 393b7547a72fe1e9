// Package about is the function that tells what a deployment is: whether it is
// alive, what it offers, and a page to read about it. It needs no sign-in and
// no other service.
//
// On Azure its route catches every path that no other function has, so that an
// unknown path, too, is answered in the API's own form.
package about

import (
	"context"
	"encoding/json"
	"net/http"

	"switchboard/shared/api"
	"switchboard/shared/function"
)

// Function is the row of the table.
func Function() function.Function {
	return function.Function{
		Name:    "about",
		Summary: "Health, OpenAPI description and documentation page",
		Route:   "{*path}",
		Mount:   mount,
	}
}

type health struct {
	Body struct {
		Status  string `json:"status" enum:"ok" doc:"ok: the process serves requests. Nothing behind it is asked"`
		Version string `json:"version" doc:"Version of the deployment"`
	}
}

func mount(a *api.API, s function.Services) {
	api.Register(a, api.Operation{
		ID:      "get-health",
		Method:  http.MethodGet,
		Path:    "/health",
		Summary: "Is the service alive?",
		Tag:     "about",
		Access:  api.Anyone,
	}, func(context.Context, *struct{}) (*health, error) {
		h := &health{}
		h.Body.Status, h.Body.Version = "ok", s.Version
		return h, nil
	})
	a.Mount(http.MethodGet, "/openapi.json", description(a))
	a.Mount(http.MethodGet, "/docs", http.HandlerFunc(documentation))
	a.Mount(http.MethodGet, "/docs/{$}", http.HandlerFunc(documentation))
	a.Mount(http.MethodGet, "/docs/", parts())
}

// description serves the OpenAPI document of all functions that are deployed
// together. It is rendered per request: it is read once in a while, and at this
// point not every function has been mounted.
func description(a *api.API) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := json.Marshal(a.Description())
		if err != nil {
			panic(err) // the document is made of our own types; the middleware answers 500
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	})
}
