package localacs

import (
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// exchange gives the Entra token of a Teams user for a token of ACS, which
// lives as long.
func (s *Service) exchange(r *http.Request) answer {
	var body struct {
		Token  string `json:"token"`
		AppID  string `json:"appId"`
		UserID string `json:"userId"`
	}
	if refusal, ok := read(r, &body); !ok {
		return refusal
	}
	for _, field := range []struct{ name, value string }{{"Token", body.Token}, {"AppId", body.AppID}, {"UserId", body.UserID}} {
		if field.value == "" {
			return invalid(field.name, field.name+": The "+field.name+" field is required.")
		}
	}
	expires, ok := s.teamsToken(body.Token, body.AppID, body.UserID)
	if !ok {
		refusal := fail(http.StatusUnauthorized, "InvalidAccessToken", "", "Provided access token is not valid.")
		refusal.bare = true
		return refusal
	}
	token, err := s.sign(claims{SkypeID: "orgid:" + body.UserID, Scope: "chat,voip"}, s.now(), expires)
	if err != nil {
		return broken(err)
	}
	return answer{status: http.StatusOK, body: newAccessToken(token, expires)}
}

// teamsToken checks an Entra token (v1 or v2) against what the caller says
// of it and returns when it expires.
func (s *Service) teamsToken(token, appID, userID string) (expires time.Time, ok bool) {
	if s.verifyTeams != nil && s.verifyTeams(token) != nil {
		return time.Time{}, false
	}
	var c struct {
		AppID string `json:"appid"` // v1
		AZP   string `json:"azp"`   // v2
		OID   string `json:"oid"`
		jwt.RegisteredClaims
	}
	if _, _, err := jwt.NewParser().ParseUnverified(token, &c); err != nil || c.ExpiresAt == nil || !c.ExpiresAt.After(s.now()) {
		return time.Time{}, false
	}
	if c.AppID == "" {
		c.AppID = c.AZP
	}
	return c.ExpiresAt.Time, c.AppID == appID && c.OID == userID
}
