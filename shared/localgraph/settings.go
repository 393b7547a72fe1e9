package localgraph

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
)

// The shapes of Graph's answer to an application without an application access
// policy. All of them occur.
const (
	PolicyForbidden    = "forbidden"    // 403 Forbidden, the default
	PolicyGeneral      = "general"      // 403 General
	PolicyUnauthorized = "unauthorized" // 403 Unauthorized, which names no policy
)

// Settings are what an administrator of the tenant could configure. The zero
// value grants no application access to meetings, as a fresh tenant does.
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
	switch s.PolicyRefusal {
	case "", PolicyForbidden, PolicyGeneral, PolicyUnauthorized:
		return nil
	}
	return fmt.Errorf("localgraph: policyRefusal is %s, %s or %s", PolicyForbidden, PolicyGeneral, PolicyUnauthorized)
}

func (s Settings) covers(user string) bool {
	return s.PolicyGlobal || slices.Contains(s.PolicyUsers, user)
}

// settingsBox holds the settings of now.
type settingsBox struct {
	mu      sync.Mutex
	current Settings
}

func (b *settingsBox) get() Settings {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.current
	s.PolicyUsers = slices.Clone(s.PolicyUsers)
	return s
}

func (b *settingsBox) set(s Settings) error {
	if err := s.check(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current = s
	return nil
}

// Settings returns the settings of now.
func (s *Server) Settings() Settings { return s.settings.get() }

// Configure replaces the settings, from the next request on.
func (s *Server) Configure(settings Settings) error {
	settings.PolicyUsers = slices.Clone(settings.PolicyUsers)
	return s.settings.set(settings)
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
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(s.Settings())
}
