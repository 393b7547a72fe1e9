// Package friends is the function for whom one may call: friends and requests,
// blocks, the look-up by handle, and invite links. Every operation is about the
// caller and one other.
//
// What is between two users, and how both sides come to say the same, is package
// friendship's; the news of it travel by the outbox and the function notify.
package friends

import (
	"net/http"

	"switchboard/shared/api"
	"switchboard/shared/function"
)

// Function is the row of the table.
func Function() function.Function {
	return function.Function{
		Name:    "friends",
		Summary: "Whom the caller may call: friends, requests, blocks, look-up and invites",
		Route:   "friends/{*rest}",
		Needs:   []function.Need{function.SignIn, function.Storage, function.Sealing},
		Mount:   mount,
	}
}

func mount(a *api.API, s function.Services) {
	h := handler{friendships: s.Friendships, handles: s.Handles, ring: s.Ring, now: s.Now}
	h.mountFriends(a)
	h.mountInvites(a)
}

func (h handler) mountFriends(a *api.API) {
	api.Register(a, api.Operation{
		ID: "list-friends", Method: http.MethodGet, Path: "/friends", Tag: "friends",
		Summary:     "List friends, requests and blocks",
		Description: "By state, and within it by name. The calling identity and the phone number are there for friends only, the number only if its owner lets friends see it.",
	}, h.list)
	api.Register(a, api.Operation{
		ID: "look-up-user", Method: http.MethodGet, Path: "/friends/lookup", Tag: "friends",
		Summary:     "Find a user by handle",
		Description: "By the exact handle, whatever the case. A handle that nobody has, one of a user who does not want to be found and one of a user who has blocked the caller give the same 404.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests},
	}, h.lookUp)
	api.Register(a, api.Operation{
		ID: "get-friend", Method: http.MethodGet, Path: "/friends/{userId}", Tag: "friends",
		Summary:     "How the caller stands to a user",
		Description: "Also the answer to: what number can I use to call my friend?",
		Errors:      []int{http.StatusNotFound},
	}, h.get)
	api.Register(a, api.Operation{
		ID: "put-friend", Method: http.MethodPut, Path: "/friends/{userId}", Tag: "friends",
		Summary:     "Ask to be friends, or accept",
		Description: "Accepts where the other has asked, otherwise asks. Doing it again changes nothing.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusTooManyRequests},
	}, h.put)
	api.Register(a, api.Operation{
		ID: "delete-friend", Method: http.MethodDelete, Path: "/friends/{userId}", Tag: "friends",
		Summary:     "Decline, cancel or unfriend",
		Description: "204 also where there is nothing to end. A block stays.",
		Status:      http.StatusNoContent,
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed},
	}, h.delete)
	api.Register(a, api.Operation{
		ID: "block-user", Method: http.MethodPut, Path: "/friends/{userId}/block", Tag: "friends",
		Summary:     "Block a user",
		Description: "Ends what there is between the two and hides the caller from the other, to whom it looks as if the caller did not want to be found.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed},
	}, h.block)
	api.Register(a, api.Operation{
		ID: "unblock-user", Method: http.MethodDelete, Path: "/friends/{userId}/block", Tag: "friends",
		Summary:     "Unblock a user",
		Description: "Nothing is between the two afterwards. 204 also where there is no block.",
		Status:      http.StatusNoContent,
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed},
	}, h.unblock)
}

func (h handler) mountInvites(a *api.API) {
	api.Register(a, api.Operation{
		ID: "create-invite", Method: http.MethodPost, Path: "/friends/invites", Tag: "friends",
		Summary:     "Make an invite",
		Description: "Whoever accepts its code is the caller's friend at once. With an Idempotency-Key that was used before, the invite made then is given again, with 200, until it expires or is revoked.",
		Status:      http.StatusCreated,
		Also:        map[int]string{http.StatusOK: "It was made before; the body is as for 201"},
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusTooManyRequests},
	}, h.invite)
	api.Register(a, api.Operation{
		ID: "list-invites", Method: http.MethodGet, Path: "/friends/invites", Tag: "friends",
		Summary: "List the caller's open invites",
	}, h.invites)
	api.Register(a, api.Operation{
		ID: "accept-invite", Method: http.MethodPost, Path: "/friends/invites/{code}/accept", Tag: "friends",
		Summary:     "Accept an invite",
		Description: "Doing it again changes nothing.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, h.accept)
	api.Register(a, api.Operation{
		ID: "revoke-invite", Method: http.MethodPost, Path: "/friends/invites/{code}/revoke", Tag: "friends",
		Summary:     "Revoke an invite",
		Description: "204 also where there is none of the caller's.",
		Status:      http.StatusNoContent,
	}, h.revoke)
}
