// Package meetings is the function for scheduled Teams meetings: users make them, or bring
// those here that were made in Outlook, Teams or Bookings; who is invited finds them in
// their agenda and joins with a ticket.
//
// Who may do what, and how a meeting comes to be once and not twice, is package
// meeting's; what is said to Microsoft Graph is package teams's.
package meetings

import (
	"net/http"

	"switchboard/shared/api"
	"switchboard/shared/function"
)

// Function is the row of the table.
func Function() function.Function {
	return function.Function{
		Name:    "meetings",
		Summary: "Scheduled Teams meetings: made or brought here, found in an agenda, joined with a ticket",
		Route:   "meetings/{*rest}",
		Needs:   []function.Need{function.SignIn, function.Storage, function.Calling, function.Sealing},
		Mount:   mount,
	}
}

func mount(a *api.API, s function.Services) {
	h := handler{meetings: s.Meetings, doctor: s.Doctor, ring: s.Ring, now: s.Now}
	h.mountMeetings(a, s)
	h.mountMaking(a, s)
	h.mountGuests(a)
	api.Register(a, api.Operation{
		ID: "examine-meetings", Method: http.MethodGet, Path: "/meetings/doctor", Tag: "meetings", Access: api.Admin,
		Summary:     "What keeps meetings from working",
		Description: "Tries what meetings need: the credential, its permissions, the application access policy, Teams itself, the webhook. For each that fails it names the commands that mend it. It makes and changes nothing.",
		Deadline:    s.Patience,
	}, h.examine)
}

// maxBody is enough for a thousand attendees.
const maxBody = 512 << 10

// mountMaking adds what is told to Graph, which takes its time.
func (h handler) mountMaking(a *api.API, s function.Services) {
	api.Register(a, api.Operation{
		ID: "create-meeting", Method: http.MethodPost, Path: "/meetings", Tag: "meetings",
		Summary:     "Schedule a meeting",
		Description: "The caller hosts it, and has a mapping (POST /api/user). Its organizer in Teams is the caller, where they are of the tenant, or the service's own account. With an Idempotency-Key a request may be repeated, after any failure and a lost answer, too: there is one meeting, and it is given again with 200. A request that failed and is not repeated leaves none after some minutes. What Microsoft Graph refuses or fails in is 502, 503 or 504, under codes such as graph_access_policy_missing and graph_throttled; GET /api/meetings/doctor finds the cause.",
		Status:      http.StatusCreated,
		Also:        map[int]string{http.StatusOK: "It was there before; the body is as for 201"},
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
		Deadline:    s.Patience,
		MaxBody:     maxBody,
	}, h.create)
	api.Register(a, api.Operation{
		ID: "import-meeting", Method: http.MethodPost, Path: "/meetings/import", Tag: "meetings",
		Summary:     "Bring a meeting here that was made elsewhere",
		Description: "By its link, in any of the forms in which Teams and Outlook write it, or by meeting ID and passcode. The caller hosts it here, and invites others. Subject and times are those that Microsoft Graph tells; where it tells nothing, as of other tenants, or may not be asked, the request has to. Meetings of Teams for personal use (teams.live.com) cannot be joined. The same meeting again is given as it is, with 200.",
		Status:      http.StatusCreated,
		Also:        map[int]string{http.StatusOK: "It is here already; the body is as for 201"},
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
		Deadline:    s.Patience,
		MaxBody:     maxBody,
	}, h.importOne)
	api.Register(a, api.Operation{
		ID: "update-meeting", Method: http.MethodPatch, Path: "/meetings/{id}", Tag: "meetings",
		Summary:     "Change a meeting",
		Description: "For its host: a merge patch (RFC 7396); attendees are the whole list. The organizer stays. Of a meeting that was made elsewhere only the attendees change here, and what Microsoft Graph does not tell; of a booking only those attendees who are users. Anything else is 409.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
		Deadline:    s.Patience,
		MaxBody:     maxBody,
	}, h.update)
	api.Register(a, api.Operation{
		ID: "cancel-meeting", Method: http.MethodDelete, Path: "/meetings/{id}", Tag: "meetings",
		Summary:     "Cancel a meeting",
		Description: "For its host. Nobody finds or joins it any more, and those whom Microsoft invited by mail are told by mail. The host may repeat it. A meeting that was made elsewhere is only taken away here.",
		Status:      http.StatusNoContent,
		Errors:      []int{http.StatusNotFound, http.StatusPreconditionFailed},
		Deadline:    s.Patience,
	}, h.cancel)
}

func (h handler) mountMeetings(a *api.API, s function.Services) {
	api.Register(a, api.Operation{
		ID: "list-meetings", Method: http.MethodGet, Path: "/meetings", Tag: "meetings",
		Summary:     "Which meetings do I have today?",
		Description: "The caller's agenda of a day in a time zone, or of a time of at most 31 days, by start: the meetings that the caller hosts or is invited to, together with the Teams meetings on their calendar, where they have one in the tenant; the same meeting is there once, what was cancelled is not, nor what the caller declined in Outlook unless it is kept here. Without a day and a time it is today. If the calendar cannot be read now, calendar is unavailable and the rest is there.",
		Deadline:    s.Patience,
	}, h.list)
	api.Register(a, api.Operation{
		ID: "get-meeting", Method: http.MethodGet, Path: "/meetings/{id}", Tag: "meetings",
		Summary:     "Read a meeting",
		Description: "For those who are invited, and administrators. E-mail addresses are for the host.",
		Errors:      []int{http.StatusNotFound},
	}, h.get)
	api.Register(a, api.Operation{
		ID: "decline-meeting", Method: http.MethodPost, Path: "/meetings/{id}/decline", Tag: "meetings",
		Summary:     "Decline a meeting",
		Description: "For those who are invited: they are so no more, and it goes from their agenda. The host cancels instead: 409. To hear no more of somebody's meetings, block them (PUT /api/friends/{userId}/block): what they invite the caller to is in no agenda then.",
		Status:      http.StatusNoContent,
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, h.decline)
	api.Register(a, api.Operation{
		ID: "join-meeting", Method: http.MethodPost, Path: "/meetings/{id}/join", Tag: "meetings",
		Summary:     "A ticket to join a meeting",
		Description: "For those who are invited, and administrators: everything that the calling SDK needs. 409 before it opens, with Retry-After, and after its link has expired. With lobby.mayWait the caller may have to wait until somebody lets them in. The chat is best effort: tenants may keep people from outside out of it, and the call goes on without.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, h.join)
}

func (h handler) mountGuests(a *api.API) {
	api.Register(a, api.Operation{
		ID: "put-meeting-invite", Method: http.MethodPut, Path: "/meetings/{id}/invite", Tag: "meetings",
		Summary:     "The invite link for guests",
		Description: "For the host. A meeting has one, for people without an account: made when it is first asked for (201), given again after that (200). 409 once the meeting is over. The app makes a link of its code, and gives the code to POST /api/meetings/guests.",
		Status:      http.StatusCreated,
		Also:        map[int]string{http.StatusOK: "It was there before; the body is as for 201"},
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, h.invite)
	api.Register(a, api.Operation{
		ID: "delete-meeting-invite", Method: http.MethodDelete, Path: "/meetings/{id}/invite", Tag: "meetings",
		Summary:     "Revoke the invite link for guests",
		Description: "For the host. The guests that it let in lose their identities: who is in the call stays until their token has to be renewed. 204 also where there is none.",
		Status:      http.StatusNoContent,
		Errors:      []int{http.StatusNotFound},
	}, h.revoke)
	api.Register(a, api.Operation{
		ID: "join-meeting-as-guest", Method: http.MethodPost, Path: "/meetings/guests", Tag: "meetings", Access: api.Anyone,
		Summary:     "Join a meeting as a guest",
		Description: "For people without an account: the code of an invite link is exchanged for a ticket, with a calling identity that ends with the meeting. 409 before it opens, with Retry-After. A client that comes again sends the same Idempotency-Key and is the same guest.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout},
	}, h.welcome)
}
