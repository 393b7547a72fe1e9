package api

import "net/http"

// Match is the version that a change is for. Inputs embed it.
type Match struct {
	IfMatch string `header:"If-Match" doc:"Change only this version"`
}

// Allow is CheckMatch of the header that was sent.
func (m Match) Allow(version string) error { return CheckMatch(m.IfMatch, version) }

// Made is the status of an answer that gives what a request made, or had made before.
func Made(now bool) int {
	if now {
		return http.StatusCreated
	}
	return http.StatusOK
}
