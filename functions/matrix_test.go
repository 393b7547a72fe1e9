package functions_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/functions"
	"switchboard/shared/localoidc"
	"switchboard/shared/signin"
	"switchboard/shared/testbed"
)

// The callers of the matrix.
const (
	nobody    = "no token"
	tampered  = "tampered token"
	unsigned  = "alg none"
	expired   = "expired token"
	elsewhere = "wrong audience"
	scopeless = "neither scope nor role"
	stranger  = "stranger" // signed in, unknown here so far
	member    = "user"     // signed in, with a mapping
	admin     = "administrator"

	// Callers with a mapping who stand to Joseph, of whom the friends' operations are
	// asked, in some way. To the others he is a stranger whom they may find.
	friend  = "friend"
	asked   = "has asked"
	invited = "was asked"
	blocker = "has blocked"
	blocked = "is blocked"
)

// related are the callers that are told apart only where others matter.
var related = []string{friend, asked, invited, blocker, blocked}

// expectation is the status that each caller gets, in the order of callers.
type expectation map[string]int

// everybody is for operations without sign-in: any token, or none, will do.
func everybody(status int) expectation {
	e := expectation{}
	for _, who := range callers {
		e[who] = status
	}
	return e
}

var callers = []string{nobody, tampered, unsigned, expired, elsewhere, scopeless, stranger, member, admin}

// signedIn refuses who cannot be believed or lacks the scope, and gives the
// rest what is said.
func signedIn(atStranger, atMember, atAdmin int) expectation {
	e := expectation{nobody: 401, tampered: 401, unsigned: 401, expired: 401, elsewhere: 401, scopeless: 403}
	e[stranger], e[member], e[admin] = atStranger, atMember, atAdmin
	return e
}

// toward adds to the callers of signedIn those who stand to Joseph in some way.
func (e expectation) toward(friendGets, askedGets, invitedGets, blockerGets, blockedGets int) expectation {
	e[friend], e[asked], e[invited], e[blocker], e[blocked] = friendGets, askedGets, invitedGets, blockerGets, blockedGets
	return e
}

// matrix has a row for every operation of every function. A new operation
// without one fails TestAuthorisation.
var matrix = map[string]struct {
	path, body string // with {mine}: the caller's calling identity, {joseph}: Joseph's user id, {invite}: a code of his; for the others see clubs
	headers    []string
	want       expectation
}{
	"get-health":           {path: "/api/health", want: everybody(200)},
	"get-token":            {path: "/api/token", want: signedIn(200, 200, 200)},
	"issue-token":          {path: "/api/token", body: `{}`, want: signedIn(200, 200, 200)},
	"revoke-tokens":        {path: "/api/token", want: signedIn(204, 204, 204)},
	"exchange-teams-token": {path: "/api/token/teams", headers: []string{"teams-user-aad-token: x"}, want: signedIn(400, 400, 400)},
	"refresh-token":        {path: "/api/refreshToken/{mine}", want: signedIn(404, 200, 200)},
	"get-user":             {path: "/api/user", want: signedIn(404, 200, 200)},
	"create-user":          {path: "/api/user", want: signedIn(201, 200, 200)},
	"update-user":          {path: "/api/user", body: `{"displayName":"x"}`, want: signedIn(404, 200, 200)},
	"delete-user":          {path: "/api/user", want: signedIn(204, 204, 204)},
	"list-identities":      {path: "/api/identities", want: signedIn(403, 403, 200)},
	"put-identity":         {path: "/api/identities/x", body: `{"kind":"bot"}`, want: signedIn(403, 403, 200)},
	"get-identity":         {path: "/api/identities/x", want: signedIn(403, 403, 200)},
	"delete-identity":      {path: "/api/identities/x", want: signedIn(403, 403, 204)},
	"list-friends":         {path: "/api/friends", want: signedIn(200, 200, 200)},
	"look-up-user":         {path: "/api/friends/lookup?handle=joseph", want: signedIn(404, 200, 200).toward(200, 200, 200, 200, 404)},
	"get-friend":           {path: "/api/friends/{joseph}", want: signedIn(200, 200, 200).toward(200, 200, 200, 200, 404)},
	"put-friend":           {path: "/api/friends/{joseph}", want: signedIn(404, 200, 200).toward(200, 200, 200, 409, 404)},
	"delete-friend":        {path: "/api/friends/{joseph}", want: signedIn(404, 204, 204).toward(204, 204, 204, 204, 204)},
	"block-user":           {path: "/api/friends/{joseph}/block", want: signedIn(404, 200, 200).toward(200, 200, 200, 200, 404)},
	"unblock-user":         {path: "/api/friends/{joseph}/block", want: signedIn(404, 204, 204).toward(204, 204, 204, 204, 204)},
	"create-invite":        {path: "/api/friends/invites", want: signedIn(404, 201, 201)},
	"list-invites":         {path: "/api/friends/invites", want: signedIn(200, 200, 200)},
	"accept-invite":        {path: "/api/friends/invites/{invite}/accept", want: signedIn(404, 200, 200).toward(200, 200, 200, 409, 404)},
	"revoke-invite":        {path: "/api/friends/invites/{invite}/revoke", want: signedIn(204, 204, 204)},
	"issue-identity-token": {path: "/api/identities/x/token", want: signedIn(403, 403, 200)},

	// Graph is believed by what is in the body.
	"take-graph-notifications": {path: "/api/graph/notifications", body: `{"value":[]}`, want: everybody(202)},
	"take-graph-lifecycle":     {path: "/api/graph/lifecycle", body: `{"value":[]}`, want: everybody(202)},

	// The club is for the invited only, but where a caller's kind says otherwise.
	"create-space":        {path: "/api/spaces", body: `{"kind":"club","name":"x"}`, want: signedIn(404, 201, 201)},
	"list-spaces":         {path: "/api/spaces", want: signedIn(200, 200, 200)},
	"get-space":           {path: "/api/spaces/{club}", want: signedIn(404, 404, 404).standing(200, 200, 200, 200, 200, 200, 404)},
	"update-space":        {path: "/api/spaces/{club}", body: `{"name":"x"}`, want: signedIn(404, 404, 404).standing(403, 403, 403, 403, 200, 200, 404)},
	"delete-space":        {path: "/api/spaces/{club}", want: signedIn(404, 404, 404).standing(403, 403, 403, 403, 403, 204, 404)},
	"join-space":          {path: "/api/spaces/{club}/join", want: signedIn(404, 404, 404).standing(200, 200, 200, 200, 200, 200, 404)},
	"list-members":        {path: "/api/spaces/{club}/members", want: signedIn(404, 404, 404).standing(403, 403, 403, 200, 200, 200, 404)},
	"get-member":          {path: "/api/spaces/{club}/members/{linus}", want: signedIn(404, 404, 404).standing(403, 403, 403, 200, 200, 200, 404)},
	"put-member":          {path: "/api/spaces/{club}/members/{outsider}", body: `{"role":"banned"}`, want: signedIn(404, 404, 404).standing(403, 403, 403, 403, 200, 200, 404)},
	"delete-member":       {path: "/api/spaces/{club}/members/{outsider}", want: signedIn(404, 404, 404).standing(403, 403, 403, 403, 204, 204, 404)},
	"create-space-invite": {path: "/api/spaces/{club}/invites", want: signedIn(404, 404, 404).standing(403, 403, 403, 403, 201, 201, 404)},
	"list-space-invites":  {path: "/api/spaces/{club}/invites", want: signedIn(404, 404, 404).standing(403, 403, 403, 403, 200, 200, 404)},
	"revoke-space-invite": {path: "/api/spaces/{club}/invites/{code}/revoke", want: signedIn(404, 404, 404).standing(403, 403, 403, 403, 204, 204, 404)},
	"accept-space-invite": {path: "/api/spaces/invites/{code}/accept", want: signedIn(404, 200, 200).standing(200, 200, 200, 200, 200, 200, 404)},
	"share-call":          {path: "/api/spaces/{club}/call", body: `{"groupId":"` + groupID + `"}`, want: signedIn(404, 404, 404).standing(403, 403, 403, 200, 200, 200, 404)},
	"start-call":          {path: "/api/spaces/{club}/call", want: signedIn(404, 404, 404).standing(403, 403, 403, 200, 200, 200, 404)},
	"get-call":            {path: "/api/spaces/{club}/call", want: signedIn(404, 404, 404).standing(403, 403, 403, 200, 200, 200, 404)},
	"end-call":            {path: "/api/spaces/{club}/call", want: signedIn(404, 404, 404).standing(403, 403, 403, 403, 204, 204, 404)},
	"join-call":           {path: "/api/spaces/{club}/call/join", want: signedIn(404, 404, 404).standing(403, 403, 403, 200, 200, 200, 404)},

	"create-meeting":        {path: "/api/meetings", body: "{" + scheduling + "}", want: signedIn(404, 201, 201)},
	"import-meeting":        {path: "/api/meetings/import", body: `{"link":"https://teams.microsoft.com/meet/2451234567890?p=abc",` + scheduling + "}", want: signedIn(404, 201, 201)},
	"list-meetings":         {path: "/api/meetings", want: signedIn(200, 200, 200)},
	"get-meeting":           {path: "/api/meetings/{meeting}", want: signedIn(404, 404, 200).taking(200, 200)},
	"update-meeting":        {path: "/api/meetings/{meeting}", body: `{"subject":"y"}`, want: signedIn(404, 404, 200).taking(403, 200)},
	"cancel-meeting":        {path: "/api/meetings/{meeting}", want: signedIn(404, 404, 204).taking(403, 204)},
	"join-meeting":          {path: "/api/meetings/{meeting}/join", want: signedIn(404, 404, 200).taking(200, 200)},
	"decline-meeting":       {path: "/api/meetings/{meeting}/decline", want: signedIn(404, 404, 204).taking(204, 409)},
	"put-meeting-invite":    {path: "/api/meetings/{meeting}/invite", want: signedIn(404, 404, 200).taking(403, 200)},
	"delete-meeting-invite": {path: "/api/meetings/{meeting}/invite", want: signedIn(404, 404, 204).taking(403, 204)},
	"join-meeting-as-guest": {path: "/api/meetings/guests", body: `{"code":"{guestCode}","displayName":"Visitor"}`, want: everybody(200)},
	"examine-meetings":      {path: "/api/meetings/doctor", want: signedIn(403, 403, 200)},
}

func TestAuthorisation(t *testing.T) {
	b := testbed.New(t, functions.All(), map[string]string{
		"SWITCHBOARD_FRIENDS_INVITES_PER_MINUTE": "1000", // Joseph's, who comes back again and again
	})
	elsewhereURL := trusting(t, b, "api://other")
	clubs := newClubs(b)

	for id, op := range operations(t, b) {
		row, ok := matrix[id]
		if !ok {
			t.Errorf("operation %s has no row in the matrix", id)
			continue
		}
		for _, who := range slices.Sorted(maps.Keys(row.want)) {
			t.Run(id+"/"+who, func(t *testing.T) {
				client, mine := caller(t, b, who, elsewhereURL)
				path := strings.ReplaceAll(row.path, "{mine}", mine)
				if strings.Contains(path, "joseph") || strings.Contains(path, "{invite}") {
					path = toJoseph(t, b, path, client, who)
				}
				path = withMeeting(t, b, clubs.fill(t, path, client, who), client, who)
				body := meetingTimes(b, withMeeting(t, b, row.body, client, who))
				answer := client.Do(op.method, path, body, row.headers...)
				if op.method != http.MethodGet && answer.Status < 300 {
					clubs.forget(id, who)
				}
				if answer.Status != row.want[who] {
					t.Errorf("status %d, want %d: %s", answer.Status, row.want[who], answer.Body)
				}
				challenge := answer.Header.Get("WWW-Authenticate")
				if answer.Status == 401 && !strings.HasPrefix(challenge, "Bearer") {
					t.Errorf("401 with WWW-Authenticate %q", challenge)
				}
				if answer.Status >= 400 {
					answer.Problem(answer.Status, answer.Text("code"))
				}
				if answer.Header.Get("X-Request-Id") == "" || answer.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("headers that every answer has are missing: %v", answer.Header)
				}
			})
		}
	}
	for id := range matrix {
		if _, ok := operations(t, b)[id]; !ok {
			t.Errorf("the matrix has a row for %s, which is no operation", id)
		}
	}
}

type operation struct{ method, path string }

// operations are those of the description, by id.
func operations(t *testing.T, b *testbed.Bed) map[string]operation {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(b.Nobody().Get("/api/openapi.json").Want(http.StatusOK).Body, &doc); err != nil {
		t.Fatal(err)
	}
	all := map[string]operation{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			all[op.OperationID] = operation{method: strings.ToUpper(method), path: path}
		}
	}
	return all
}

// trusting starts an instance that accepts tokens for another audience.
func trusting(t *testing.T, b *testbed.Bed, audience string) string {
	t.Helper()
	issuers, err := json.Marshal([]signin.Issuer{{Issuer: testbed.Issuer, Audiences: []string{audience}}})
	if err != nil {
		t.Fatal(err)
	}
	b.Set("SWITCHBOARD_ISSUERS", string(issuers))
	return b.Start()
}

// caller returns a client of the kind and its calling identity, after it has
// put the world in order: the stranger is unknown, and the identity x exists for the
// administrator, who has a mapping, too.
func caller(t *testing.T, b *testbed.Bed, who, elsewhereURL string) (testbed.Client, string) {
	t.Helper()
	mapped := func(c testbed.Client) (testbed.Client, string) {
		a := c.Do("POST", "/api/user", "")
		return c, a.Text("communicationUserId")
	}
	user := b.As("grace")
	switch who {
	case nobody:
		return b.Nobody(), "8:acs:x"
	case tampered:
		parts := strings.Split(user.Token, ".")
		user.Token = parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2]))
	case unsigned:
		user.Token = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + strings.Split(user.Token, ".")[1] + "."
	case expired:
		user.Token = minted(t, b, localoidc.Grant{User: "grace", Scope: "access_as_user", Life: -5 * time.Minute})
	case elsewhere:
		return user.At(elsewhereURL), "8:acs:x"
	case scopeless:
		user.Token = minted(t, b, localoidc.Grant{User: "grace", Roles: []string{}, Life: time.Hour})
	case stranger:
		mallory := b.As("mallory")
		mallory.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
		return mallory, "8:acs:x"
	case member:
		return mapped(user)
	case admin:
		ada := b.As("ada", signin.RoleAdmin)
		ada.Do("PUT", "/api/identities/x", `{"kind":"bot"}`)
		return mapped(ada)
	}
	if slices.Contains(related, who) || slices.Contains(standings, who) || slices.Contains(parts, who) {
		return mapped(user)
	}
	return user, "8:acs:x"
}

// toJoseph puts the caller and Joseph, both of them new to each other, into the
// relation that the kind of caller has, and fills in the path.
func toJoseph(t *testing.T, b *testbed.Bed, path string, client testbed.Client, who string) string {
	t.Helper()
	joseph := b.As("joseph")
	joseph.Do("DELETE", "/api/user", "").Want(http.StatusNoContent)
	b.Drain()
	his := joseph.Do("POST", "/api/user", "").Text("userId")
	joseph.Do("PATCH", "/api/user", `{"handle":"joseph","discoverable":true}`).Want(http.StatusOK)
	code := joseph.Do("POST", "/api/friends/invites", "").Want(http.StatusCreated).Text("code")
	if slices.Contains(related, who) {
		client.Do("PATCH", "/api/user", `{"discoverable":true}`).Want(http.StatusOK)
		hers := client.Get("/api/user").Text("userId")
		relate := func(c testbed.Client, path string) {
			c.Do("PUT", "/api/friends/"+path, "").Want(http.StatusOK)
			b.Drain()
		}
		switch who {
		case friend:
			relate(client, his)
			relate(joseph, hers)
		case asked:
			relate(client, his)
		case invited:
			relate(joseph, hers)
		case blocker:
			relate(client, his+"/block")
		case blocked:
			relate(joseph, hers+"/block")
		}
	}
	return strings.NewReplacer("{joseph}", his, "{invite}", code).Replace(path)
}

func minted(t *testing.T, b *testbed.Bed, g localoidc.Grant) string {
	t.Helper()
	token, err := b.Cloud.OIDC.Mint(g)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestADaemonIsACaller: a service signs in with a role instead of a scope.
func TestADaemonIsACaller(t *testing.T) {
	b := testbed.New(t, functions.All(), nil)
	c := b.Nobody()
	c.Token = minted(t, b, localoidc.Grant{User: "linus", Roles: []string{signin.RoleService}, Life: time.Hour})
	c.Get("/api/token").Want(http.StatusOK)
	c.Get("/api/identities").Problem(http.StatusForbidden, "role_missing")
}
