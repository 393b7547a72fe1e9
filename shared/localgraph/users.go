package localgraph

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// UserToken is an access token as a user of the tenant gets it from the app
// with that client id for an API of the app's own (scope access_as_user): of
// version 2.0, which names the API by its client id. It is an assertion of the
// on-behalf-of flow.
func (s *Server) UserToken(userID, clientID string) (string, error) {
	user, ok := s.userByID(userID)
	if !ok {
		return "", fmt.Errorf("localgraph: there is no user %q", userID)
	}
	// A user's sub is another one at every application.
	pairwise := sha256.Sum256([]byte(user.ID + " " + clientID))
	return s.sign(claims{
		Client: clientID, Name: user.Name, ObjectID: user.ID, Scopes: "access_as_user", Version: "2.0",
		RegisteredClaims: jwt.RegisteredClaims{Subject: base64.RawURLEncoding.EncodeToString(pairwise[:])},
	}, clientID, s.now())
}

// serveUserToken answers GET /_token?user=ada with that user's UserToken as
// text/plain: by the name before the @, the mail address or the object id, and
// from the first application, or that of client_id. A web page from elsewhere
// must not read tokens off the laptop: there are no CORS headers, and a name
// that is made to point here (DNS rebinding) is refused.
func (s *Server) serveUserToken(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if !local(strings.Trim(host, "[]")) {
		http.Error(w, "ask at an address of this machine", http.StatusForbidden)
		return
	}
	name, clientID := r.URL.Query().Get("user"), r.URL.Query().Get("client_id")
	user, ok := find(s.users, func(u User) bool {
		short, _, _ := strings.Cut(u.UPN, "@")
		return slices.Contains([]string{short, u.UPN, u.ID}, name)
	})
	if !ok {
		http.Error(w, "there is no such user", http.StatusNotFound)
		return
	}
	app, ok := find(s.apps, func(a App) bool { return !a.ManagedIdentity && (clientID == "" || a.ClientID == clientID) })
	if !ok {
		http.Error(w, "there is no such application", http.StatusNotFound)
		return
	}
	token, err := s.UserToken(user.ID, app.ClientID)
	if err != nil {
		http.Error(w, "the token could not be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprint(w, token)
}
