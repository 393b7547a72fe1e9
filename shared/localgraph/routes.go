package localgraph

import (
	"io"
	"net/http"
	"strings"
	"sync"
)

// permission is what a token must hold one of: application permissions (claim
// roles) where an application acts for itself, or delegated ones (scp) where it
// acts for somebody ("Microsoft Graph permissions reference").
type permission struct{ roles, scopes []string }

// operation serves a call.
type operation func(c call) (answer, error)

// resource is whose limits and policies a route stands under.
type resource int

const (
	tenantResource  resource = iota // neither
	teamsResource                   // the application access policy
	mailboxResource                 // the requests at once in a mailbox
)

// graphRoutes is the whole URL space of Graph, below /v1.0 and /beta.
func (s *Server) graphRoutes() *http.ServeMux {
	readMeetings := permission{
		roles:  []string{"OnlineMeetings.Read.All", "OnlineMeetings.ReadWrite.All"},
		scopes: []string{"OnlineMeetings.Read", "OnlineMeetings.ReadWrite"}}
	writeMeetings := permission{roles: readMeetings.roles[1:], scopes: readMeetings.scopes[1:]}
	g := routes{http.NewServeMux(), s}

	g.user("GET /onlineMeetings", teamsResource, readMeetings, s.filterMeetings)
	g.user("POST /onlineMeetings", teamsResource, writeMeetings, s.createMeeting)
	g.user("POST /onlineMeetings/createOrGet", teamsResource, writeMeetings, s.createOrGetMeeting)
	g.user("GET /onlineMeetings/{id}", teamsResource, readMeetings, s.getMeeting)
	g.user("PATCH /onlineMeetings/{id}", teamsResource, writeMeetings, s.patchMeeting)
	g.user("DELETE /onlineMeetings/{id}", teamsResource, writeMeetings, s.deleteMeeting)

	g.user("GET /onlineMeetings/{id}/getVirtualAppointmentJoinWebUrl", teamsResource, permission{
		roles:  []string{"VirtualAppointment.Read.All", "VirtualAppointment.ReadWrite.All"},
		scopes: []string{"VirtualAppointment.Read", "VirtualAppointment.ReadWrite"}}, s.virtualAppointmentLink)

	readCalendars := permission{
		roles:  []string{"Calendars.Read", "Calendars.ReadWrite"},
		scopes: []string{"Calendars.Read", "Calendars.ReadWrite"}}
	writeCalendars := permission{roles: readCalendars.roles[1:], scopes: readCalendars.scopes[1:]}
	g.user("GET /calendar", mailboxResource, readCalendars, s.getCalendar)
	g.user("GET /calendarView", mailboxResource, readCalendars, s.calendarView)
	g.user("POST /events", mailboxResource, writeCalendars, s.createEvent)
	g.user("GET /events/{id}", mailboxResource, readCalendars, s.getEvent)
	g.user("PATCH /events/{id}", mailboxResource, writeCalendars, s.patchEvent)
	g.user("DELETE /events/{id}", mailboxResource, writeCalendars, s.deleteEvent)
	g.user("POST /events/{id}/cancel", mailboxResource, writeCalendars, s.cancelEvent)

	appointments := permission{
		roles:  []string{"BookingsAppointment.ReadWrite.All"},
		scopes: []string{"BookingsAppointment.ReadWrite.All", "Bookings.ReadWrite.All", "Bookings.Manage.All"}}
	g.plain("POST /solutions/bookingBusinesses/{business}/appointments", appointments, s.atomic(s.createAppointment))
	g.plain("POST /solutions/bookingBusinesses/{business}/appointments/{id}/cancel", appointments, s.atomic(s.cancelAppointment))
	g.plain("GET /solutions/bookingBusinesses/{business}/calendarView", appointments, s.atomic(s.bookings))

	g.plain("POST /subscriptions", readCalendars, s.createSubscription)
	g.plain("GET /subscriptions/{id}", readCalendars, s.atomic(s.getSubscription))
	g.plain("PATCH /subscriptions/{id}", readCalendars, s.atomic(s.renewSubscription))
	g.plain("DELETE /subscriptions/{id}", readCalendars, s.atomic(s.deleteSubscription))
	g.plain("POST /subscriptions/{id}/reauthorize", readCalendars, s.atomic(s.reauthorizeSubscription))

	g.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.respond(w, r, answer{}, unknownPath(r))
	})
	return g.mux
}

// unknownPath is the answer to what no route serves.
func unknownPath(r *http.Request) error {
	if r.URL.Path == "/$batch" {
		return failure{http.StatusNotImplemented, "NotImplemented", "$batch is not served here: send the requests one by one."}
	}
	parts := strings.Split(r.URL.Path, "/")
	return badRequest("Resource not found for the segment '" + parts[len(parts)-1] + "', or it knows no " + r.Method + ".")
}

// routes adds operations to a mux.
type routes struct {
	mux *http.ServeMux
	s   *Server
}

// plain adds an operation on the tenant.
func (g routes) plain(pattern string, need permission, op operation) {
	g.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		caller, err := g.s.authorize(r, need, "Forbidden", "The application lacks the permission for this operation.")
		if err != nil {
			g.s.respond(w, r, answer{}, err)
			return
		}
		a, err := g.s.serve(r, caller, User{}, op)
		g.s.respond(w, r, a, err)
	})
}

// user adds an operation on a user, at /users/{user} and at /me.
func (g routes) user(pattern string, kind resource, need permission, op operation) {
	method, path, _ := strings.Cut(pattern, " ")
	serve := func(w http.ResponseWriter, r *http.Request) {
		a, err := g.s.serveUser(r, kind, need, op)
		g.s.respond(w, r, a, err)
	}
	g.mux.HandleFunc(method+" /users/{user}"+path, serve)
	g.mux.HandleFunc(method+" /me"+path, serve)
}

// serve reads the body and runs the operation. The body is read before any
// transaction begins, so that a slow client holds nobody up.
func (s *Server) serve(r *http.Request, c caller, user User, op operation) (answer, error) {
	root, _ := r.Context().Value(rootKey{}).(string)
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return answer{}, failure{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request body cannot be read or is too large."}
	}
	return op(call{Request: r, caller: c, user: user, root: root, body: body})
}

// atomic gives an operation its transaction: all that it changes is kept, or
// nothing if it fails. Subscribers hear of it afterwards.
func (s *Server) atomic(op operation) operation {
	return func(c call) (a answer, err error) {
		err = s.store.update(func(t *tx) error {
			c.tx = t
			a, err = op(c)
			return err
		})
		if err == nil {
			err = s.notify(c.news)
		}
		return a, err
	}
}

// serveUser checks the token, its permissions, whose data it is, and the policy
// or limit that covers it, before it reads the body.
func (s *Server) serveUser(r *http.Request, kind resource, need permission, op operation) (answer, error) {
	code, message := "Forbidden", "Application is not authorized to perform this operation."
	if kind == mailboxResource {
		code, message = "ErrorAccessDenied", "Access is denied. Check credentials and try again."
	}
	caller, err := s.authorize(r, need, code, message)
	if err != nil {
		return answer{}, err
	}
	user, err := s.subject(r, caller, kind)
	if err != nil {
		return answer{}, err
	}
	switch kind {
	case teamsResource:
		if err := s.checkPolicy(caller, user); err != nil {
			return answer{}, err
		}
	case mailboxResource:
		leave, ok := s.mailboxes.enter(caller.app + " " + user.ID)
		if !ok {
			return answer{}, failure{http.StatusTooManyRequests, "ApplicationThrottled", "Application is over its MailboxConcurrency limit."}
		}
		defer leave()
	}
	return s.serve(r, caller, user, s.atomic(op))
}

// subject is the user whom a path names. Somebody signed in acts for
// themselves, whichever way the path says so.
func (s *Server) subject(r *http.Request, c caller, kind resource) (User, error) {
	name := r.PathValue("user")
	switch {
	case name == "" && c.user == "":
		return User{}, badRequest("/me request is only valid with delegated authentication flow.")
	case name == "":
		name = c.user
	}
	user, ok := s.userByID(name)
	if kind == mailboxResource {
		user, ok = s.mailbox(name)
	}
	switch {
	case !ok && kind == mailboxResource:
		return User{}, notFound("ErrorInvalidUser", "The requested user is invalid.")
	case !ok:
		return User{}, notFound("NotFound", "The user is not an object id of this tenant.")
	case c.user != "" && c.user != user.ID:
		return User{}, failure{http.StatusForbidden, "Forbidden", "The signed-in user may act for themselves only."}
	}
	return user, nil
}

// checkPolicy asks for the application access policy, which users who act for
// themselves do not need ("Configure application access to online meetings").
func (s *Server) checkPolicy(c caller, user User) error {
	settings := s.Settings()
	if c.user != "" || settings.covers(user.ID) {
		return nil
	}
	switch settings.PolicyRefusal {
	case PolicyGeneral:
		return failure{http.StatusForbidden, "General", "No application access policy found for this app."}
	case PolicyUnauthorized:
		return failure{http.StatusForbidden, "Unauthorized", "App " + c.app + " is not authorized to Create meeting on behalf of user " + user.ID}
	}
	return failure{http.StatusForbidden, "Forbidden", "No Application Access Policy found for this app."}
}

// maxPerMailbox is how many requests an app may have under way in one mailbox
// ("Microsoft Graph service-specific throttling limits", Outlook).
const maxPerMailbox = 4

// mailboxes counts the requests under way.
type mailboxes struct {
	mu   sync.Mutex
	open map[string]int // by app and mailbox
}

// enter counts a request in, unless it is one too many.
func (m *mailboxes) enter(key string) (leave func(), ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open[key] == maxPerMailbox {
		return nil, false
	}
	m.open[key]++
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.open[key]--; m.open[key] == 0 {
			delete(m.open, key)
		}
	}, true
}
