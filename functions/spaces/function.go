// Package spaces is the function for calls without an invitation: clubs and scheduled
// events whose members find the call that is on, and join it with a ticket. A member
// starts the call, or shares the group ID of one that their client made.
//
// What members may do, and how there comes to be one call only, is package space's;
// the news of it travel by the outbox and the function notify.
package spaces

import (
	"net/http"

	"switchboard/shared/api"
	"switchboard/shared/function"
)

// Function is the row of the table.
func Function() function.Function {
	return function.Function{
		Name:    "spaces",
		Summary: "Clubs and events: their members, and the call that members join without an invitation",
		Route:   "spaces/{*rest}",
		Needs:   []function.Need{function.SignIn, function.Storage, function.Calling, function.Sealing},
		Mount:   mount,
	}
}

func mount(a *api.API, s function.Services) {
	h := handler{spaces: s.Spaces, ring: s.Ring}
	h.mountSpaces(a)
	h.mountPeople(a)
	h.mountInvites(a)
	h.mountCall(a)
}

func (h handler) mountSpaces(a *api.API) {
	api.Register(a, api.Operation{
		ID: "create-space", Method: http.MethodPost, Path: "/spaces", Tag: "spaces",
		Summary:     "Make a space",
		Description: "A club's call can be on at any time, an event's from some minutes before its start until after its end. The caller is its owner, and has a mapping (POST /api/user): 404 with code identity_unknown before. With an Idempotency-Key that was used before, the space made then is given again, with 200.",
		Status:      http.StatusCreated,
		Also:        map[int]string{http.StatusOK: "It was there before; the body is as for 201"},
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, h.create)
	api.Register(a, api.Operation{
		ID: "list-spaces", Method: http.MethodGet, Path: "/spaces", Tag: "spaces",
		Summary:     "List the caller's spaces",
		Description: "By name, those included that the caller has asked to join. Each tells whether a call is live. Spaces that the caller made, joined, left or deleted are right at once; a change of a space or of its call is here within a second or so, in a space of thousands later.",
	}, h.list)
	api.Register(a, api.Operation{
		ID: "get-space", Method: http.MethodGet, Path: "/spaces/{id}", Tag: "spaces",
		Summary:     "Read a space",
		Description: "Spaces that are for the invited only are there for their members alone, all others for whoever knows the id. Whether a call is live is for members.",
		Errors:      []int{http.StatusNotFound},
	}, h.get)
	api.Register(a, api.Operation{
		ID: "update-space", Method: http.MethodPatch, Path: "/spaces/{id}", Tag: "spaces",
		Summary:     "Change a space",
		Description: "For hosts and owners: a merge patch (RFC 7396). The kind stays.",
		Errors:      []int{http.StatusNotFound, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, h.update)
	api.Register(a, api.Operation{
		ID: "delete-space", Method: http.MethodDelete, Path: "/spaces/{id}", Tag: "spaces",
		Summary:     "Delete a space",
		Description: "For owners. Its call ends, and nobody finds the space any more.",
		Status:      http.StatusNoContent,
		Errors:      []int{http.StatusNotFound, http.StatusPreconditionFailed},
	}, h.delete)
}

func (h handler) mountPeople(a *api.API) {
	api.Register(a, api.Operation{
		ID: "join-space", Method: http.MethodPost, Path: "/spaces/{id}/join", Tag: "spaces",
		Summary:     "Join a space",
		Description: "Where the join policy is open the caller is a member, where it is request they wait to be admitted (role pending). Who joins has a mapping (POST /api/user). Doing it again changes nothing.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, h.join)
	api.Register(a, api.Operation{
		ID: "list-members", Method: http.MethodGet, Path: "/spaces/{id}/members", Tag: "spaces",
		Summary:     "List the members of a space",
		Description: "For members, by role and name; also the answer to: what are my teammates' names? Hosts and owners also see who is pending or banned.",
		Errors:      []int{http.StatusNotFound},
	}, h.members)
	api.Register(a, api.Operation{
		ID: "get-member", Method: http.MethodGet, Path: "/spaces/{id}/members/{userId}", Tag: "spaces",
		Summary:     "Somebody in a space",
		Description: "For members; who is pending or banned, for hosts and owners. The ETag is the version of the role.",
		Errors:      []int{http.StatusNotFound},
	}, h.member)
	api.Register(a, api.Operation{
		ID: "put-member", Method: http.MethodPut, Path: "/spaces/{id}/members/{userId}", Tag: "spaces",
		Summary:     "Admit, promote, demote or ban somebody",
		Description: "Hosts admit who is pending, and ban members; owners make hosts and owners. Everybody may demote themselves, but for the last owner. A ban may be for somebody who is not in the space.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, h.putMember)
	api.Register(a, api.Operation{
		ID: "delete-member", Method: http.MethodDelete, Path: "/spaces/{id}/members/{userId}", Tag: "spaces",
		Summary:     "Remove or reject somebody, lift a ban, or leave",
		Description: "204 also for who is not there. The last owner cannot leave: make somebody else one first, or delete the space. Whoever is removed may come back as strangers may; to keep them out, ban them.",
		Status:      http.StatusNoContent,
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed},
	}, h.deleteMember)
}

func (h handler) mountInvites(a *api.API) {
	api.Register(a, api.Operation{
		ID: "create-space-invite", Method: http.MethodPost, Path: "/spaces/{id}/invites", Tag: "spaces",
		Summary:     "Make an invite to a space",
		Description: "For hosts and owners. Whoever accepts its code is a member at once, whatever the join policy. With an Idempotency-Key that was used before, the invite made then is given again, with 200, until it expires or is revoked.",
		Status:      http.StatusCreated,
		Also:        map[int]string{http.StatusOK: "It was there before; the body is as for 201"},
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, h.invite)
	api.Register(a, api.Operation{
		ID: "list-space-invites", Method: http.MethodGet, Path: "/spaces/{id}/invites", Tag: "spaces",
		Summary:     "List the open invites to a space",
		Description: "For hosts and owners.",
		Errors:      []int{http.StatusNotFound},
	}, h.invites)
	api.Register(a, api.Operation{
		ID: "revoke-space-invite", Method: http.MethodPost, Path: "/spaces/{id}/invites/{code}/revoke", Tag: "spaces",
		Summary:     "Revoke an invite to a space",
		Description: "For hosts and owners. 204 also where there is none.",
		Status:      http.StatusNoContent,
		Errors:      []int{http.StatusNotFound},
	}, h.revoke)
	api.Register(a, api.Operation{
		ID: "accept-space-invite", Method: http.MethodPost, Path: "/spaces/invites/{code}/accept", Tag: "spaces",
		Summary:     "Accept an invite to a space",
		Description: "The code names the space. Who accepts has a mapping (POST /api/user). Doing it again changes nothing.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, h.accept)
}

func (h handler) mountCall(a *api.API) {
	api.Register(a, api.Operation{
		ID: "share-call", Method: http.MethodPut, Path: "/spaces/{id}/call", Tag: "spaces",
		Summary:     "Share the ID of a group call",
		Description: "For members: the call that the caller's client made is the space's now (201). Sharing it again confirms it (200), which keeps it from expiring; expiresAt moves when half of the time is gone. While another call is live: 409 with its groupId, so that two starters end in one call. An ID that the space had before is not taken again.",
		Status:      http.StatusCreated,
		Also:        map[int]string{http.StatusOK: "It is live already, and confirmed; the body is as for 201"},
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, h.share)
	api.Register(a, api.Operation{
		ID: "start-call", Method: http.MethodPost, Path: "/spaces/{id}/call", Tag: "spaces",
		Summary:     "Start a call",
		Description: "For members: a call with an ID made by the service (201), or the one that is live (200), which this confirms.",
		Status:      http.StatusCreated,
		Also:        map[int]string{http.StatusOK: "A call is live already, and confirmed; the body is as for 201"},
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, h.start)
	api.Register(a, api.Operation{
		ID: "get-call", Method: http.MethodGet, Path: "/spaces/{id}/call", Tag: "spaces",
		Summary:     "The live call",
		Description: "For members. 404 with code call_not_live where there is none.",
		Errors:      []int{http.StatusNotFound},
	}, h.current)
	api.Register(a, api.Operation{
		ID: "end-call", Method: http.MethodDelete, Path: "/spaces/{id}/call", Tag: "spaces",
		Summary:     "End the call",
		Description: "For who began it, hosts and owners. 204 also where none is live. The next call has another ID. With If-Match, only the call of that ETag is ended, and not one begun since.",
		Status:      http.StatusNoContent,
		Errors:      []int{http.StatusNotFound, http.StatusPreconditionFailed},
	}, h.end)
	api.Register(a, api.Operation{
		ID: "join-call", Method: http.MethodPost, Path: "/spaces/{id}/call/join", Tag: "spaces",
		Summary:     "A ticket to join the live call",
		Description: "For members: everything that the calling SDK needs. 409 where no call is live; for an event that has not begun, Retry-After tells when to come back.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, h.ticket)
}
