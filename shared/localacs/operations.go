package localacs

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"switchboard/shared/calling"
)

// Operation names what the API does, as its published limits do.
type Operation string

// The operations.
const (
	Create          Operation = "create"
	CreateWithToken Operation = "createWithToken"
	Issue           Operation = "issue"
	Revoke          Operation = "revoke"
	Delete          Operation = "delete"
	Exchange        Operation = "exchange"
)

// The api-versions that brought what the first one had not.
const (
	firstVersion  = "2021-03-07"
	teamsVersion  = "2022-06-01" // the Teams exchange
	expiryVersion = "2022-10-01" // expiresInMinutes; before, it is ignored
)

// routes is the whole URL space of the service.
func (s *Service) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /identities", s.versioned(firstVersion, s.create))
	mux.HandleFunc("POST /identities/{id}/:issueAccessToken", s.versioned(firstVersion, s.limited(Issue, s.issue)))
	mux.HandleFunc("POST /identities/{id}/:revokeAccessTokens", s.versioned(firstVersion, s.limited(Revoke, s.revoke)))
	mux.HandleFunc("DELETE /identities/{id}", s.versioned(firstVersion, s.limited(Delete, s.delete)))
	mux.HandleFunc("POST /teamsUser/:exchangeAccessToken", s.versioned(teamsVersion, s.limited(Exchange, s.exchange)))
	return mux
}

// operation serves a request of a known api-version.
type operation func(r *http.Request) answer

// versioned refuses requests without an api-version that knows the operation.
func (s *Service) versioned(since string, op operation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch version := r.URL.Query().Get("api-version"); {
		case version == "":
			fail(http.StatusBadRequest, "ApiVersionUnspecified", "", "An API version is required, but was not specified.").write(w)
		case version < since || !slices.Contains(versions(), version):
			fail(http.StatusBadRequest, "UnsupportedApiVersion", "", fmt.Sprintf(
				"The HTTP resource that matches the request URI '%s' does not support the API version '%s'.", r.URL.Path, version)).write(w)
		default:
			op(r).write(w)
		}
	}
}

// limited counts requests against the limit of an operation.
func (s *Service) limited(name Operation, op operation) operation {
	return func(r *http.Request) answer {
		if refusal, over := s.throttle.over(name); over {
			return refusal
		}
		return op(r)
	}
}

// accessToken is the answer to issue and exchange.
type accessToken struct {
	Token     string `json:"token"`
	ExpiresOn string `json:"expiresOn"`
}

func newAccessToken(token string, expires time.Time) accessToken {
	return accessToken{token, expires.UTC().Format(timeLayout)}
}

func (s *Service) create(r *http.Request) answer {
	var body struct {
		Scopes  []string `json:"createTokenWithScopes"`
		Minutes *int     `json:"expiresInMinutes"`
	}
	if refusal, ok := read(r, &body); !ok {
		return refusal
	}
	name := Create
	if len(body.Scopes) > 0 {
		name = CreateWithToken
	}
	return s.limited(name, func(r *http.Request) answer {
		life, refusal, ok := lifeAndScopes(r, body.Minutes, body.Scopes)
		if !ok {
			return refusal
		}
		return s.createWith(body.Scopes, life)
	})(r)
}

func (s *Service) createWith(scopes []string, life time.Duration) answer {
	var body struct {
		Identity struct {
			ID string `json:"id"`
		} `json:"identity"`
		AccessToken *accessToken `json:"accessToken,omitempty"`
	}
	id := "8:acs:" + s.resourceID + "_" + s.ids()
	if err := s.state.add(id); err != nil {
		return broken(err)
	}
	body.Identity.ID = id
	if len(scopes) > 0 {
		token, expires, err := s.mint(id, scopes, life)
		if err != nil {
			return broken(err)
		}
		t := newAccessToken(token, expires)
		body.AccessToken = &t
	}
	return answer{status: http.StatusCreated, body: body}
}

func (s *Service) issue(r *http.Request) answer {
	var body struct {
		Scopes  []string `json:"scopes"`
		Minutes *int     `json:"expiresInMinutes"`
	}
	if refusal, ok := read(r, &body); !ok {
		return refusal
	}
	if len(body.Scopes) == 0 {
		refusal := invalid("Scopes", "Scopes: The Scopes field is required.")
		refusal.bare = true
		return refusal
	}
	life, refusal, ok := lifeAndScopes(r, body.Minutes, body.Scopes)
	if !ok {
		return refusal
	}
	if !s.Owns(r.PathValue("id")) {
		return notOwned()
	}
	token, expires, err := s.mint(r.PathValue("id"), body.Scopes, life)
	if err != nil {
		return broken(err)
	}
	return answer{status: http.StatusOK, body: newAccessToken(token, expires)}
}

func (s *Service) revoke(r *http.Request) answer {
	return s.change(s.state.revoke(r.PathValue("id"), s.now()))
}

func (s *Service) delete(r *http.Request) answer {
	return s.change(s.state.remove(r.PathValue("id")))
}

// change answers an operation that has nothing to say but whether the
// identity was there.
func (s *Service) change(found bool, err error) answer {
	switch {
	case err != nil:
		return broken(err)
	case !found:
		return notOwned()
	}
	return answer{status: http.StatusNoContent}
}

// read decodes a JSON body. An empty one is left to the operation.
func read(r *http.Request, body any) (refusal answer, ok bool) {
	if r.ContentLength == 0 {
		return answer{}, true
	}
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		return fail(http.StatusUnsupportedMediaType, "UnsupportedMediaType", "", "The content type must be application/json."), false
	}
	if err := json.NewDecoder(r.Body).Decode(body); err != nil {
		return invalid("", "The request body is not valid JSON of the expected types."), false
	}
	return answer{}, true
}

// lifeAndScopes checks the members that create and issue share.
func lifeAndScopes(r *http.Request, minutes *int, scopes []string) (life time.Duration, refusal answer, ok bool) {
	life = calling.MaxLife
	if minutes != nil && r.URL.Query().Get("api-version") >= expiryVersion {
		life = time.Duration(*minutes) * time.Minute
		if *minutes < 60 || *minutes > 1440 {
			return 0, invalid("ExpiresInMinutes", fmt.Sprintf(
				"ExpiresInMinutes value %d is invalid. Value must be within the [60, 1440] interval.", *minutes)), false
		}
	}
	for _, scope := range scopes {
		if !calling.Scope(scope).Valid() {
			return 0, invalid("Scopes", "Scopes: a value is not one of "+strings.Join(scopeNames(), ", ")+"."), false
		}
	}
	return life, answer{}, true
}

func scopeNames() []string {
	var names []string
	for _, s := range calling.Scopes() {
		names = append(names, string(s))
	}
	return names
}

// broken is the answer when the service itself fails, such as on a full disk.
func broken(err error) answer {
	return fail(http.StatusInternalServerError, "InternalError", "", err.Error())
}
