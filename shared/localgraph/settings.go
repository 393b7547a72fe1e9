package localgraph

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// The shapes of Graph's answer to an application without an application access
// policy. All of them occur.
const (
	PolicyForbidden    = "forbidden"    // 403 Forbidden, the default
	PolicyGeneral      = "general"      // 403 General
	PolicyUnauthorized = "unauthorized" // 403 Unauthorized, which names no policy
)

// Settings are what an administrator of the tenant could configure, and what
// the service is free to do. The zero value grants no application access to
// meetings, as a fresh tenant does.
type Settings struct {
	PolicyGlobal  bool     `json:"policyGlobal"`  // the application access policy covers everybody
	PolicyUsers   []string `json:"policyUsers"`   // or these object ids
	PolicyRefusal string   `json:"policyRefusal"` // one of the shapes above

	ShortLinks bool `json:"shortLinks"` // new meetings get https://teams.microsoft.com/meet/… links
	NoTeams    bool `json:"noTeams"`    // calendars do not offer Teams: isOnlineMeeting is ignored
	LateLinks  bool `json:"lateLinks"`  // the answer to a new event lacks its onlineMeeting, which a later read has

	ConditionalAccess bool `json:"conditionalAccess"` // on-behalf-of asks for interaction
}

func (s Settings) check() error {
	if slices.Contains([]string{"", PolicyForbidden, PolicyGeneral, PolicyUnauthorized}, s.PolicyRefusal) {
		return nil
	}
	return fmt.Errorf("localgraph: policyRefusal is %s, %s or %s", PolicyForbidden, PolicyGeneral, PolicyUnauthorized)
}

func (s Settings) covers(user string) bool {
	return s.PolicyGlobal || slices.Contains(s.PolicyUsers, user)
}

// Settings returns the settings of now.
func (s *Server) Settings() Settings {
	settings := *s.settings.Load()
	settings.PolicyUsers = slices.Clone(settings.PolicyUsers)
	return settings
}

// Configure replaces the settings, from the next request on.
func (s *Server) Configure(settings Settings) error {
	settings.PolicyUsers = slices.Clone(settings.PolicyUsers)
	if err := settings.check(); err != nil {
		return err
	}
	s.settings.Store(&settings)
	return nil
}

// serveSettings shows the settings (GET) or changes those that the body names
// (PATCH).
func (s *Server) serveSettings(w http.ResponseWriter, r *http.Request) {
	settings := s.Settings()
	if r.Method == http.MethodPatch {
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		decoder.DisallowUnknownFields() // a misspelt setting must not pass for a set one
		err := decoder.Decode(&settings)
		if err == nil {
			err = s.Configure(settings)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	writeJSON(w, http.StatusOK, settings)
}
