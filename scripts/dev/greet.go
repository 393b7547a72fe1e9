package main

import (
	"io"
	"strings"
	"text/template"

	"switchboard/shared/local"
)

// greeting is what a person sees: what runs where, and requests to try.
var greeting = template.Must(template.New("greeting").Parse(`
Switchboard is ready.

  functions   {{.At.Functions}}/api        (documentation: {{.At.Functions}}/api/docs)
  sign-in     {{.At.OIDC}}
  Cosmos DB   {{.At.Cosmos}}
  ACS         {{.At.ACS}}
  Graph       {{.At.Graph}}        (a Teams user's token: {{.At.Graph}}/_token?user=ada)
  data        {{.Data}}
  users       {{.Users}}{{if .As}}
  requests without a token are {{.As}}'s{{end}}

Try it:

  TOKEN=$(curl -s '{{.At.OIDC}}/dev-token?user=ada')
  curl -s -H "Authorization: Bearer $TOKEN" {{.At.Functions}}/api/token
  curl -s -H "Authorization: Bearer $TOKEN" {{.At.Functions}}/api/user
  curl -s -X PATCH -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
       -d '{"handle":"ada","discoverable":true}' {{.At.Functions}}/api/user

Grace finds Ada and asks to be friends; Ada sees it.

  GRACE=$(curl -s '{{.At.OIDC}}/dev-token?user=grace')
  curl -s -X POST -H "Authorization: Bearer $GRACE" {{.At.Functions}}/api/user
  ADA=$(curl -s -H "Authorization: Bearer $GRACE" '{{.At.Functions}}/api/friends/lookup?handle=ada' | cut -d '"' -f 4)
  curl -s -X PUT -H "Authorization: Bearer $GRACE" {{.At.Functions}}/api/friends/$ADA
  curl -s -H "Authorization: Bearer $TOKEN" '{{.At.Functions}}/api/friends?state=invited'

Ada opens a club and shares the ID of the group call that her app made; Grace comes in and
joins the call by a ticket.

  CLUB=$(curl -s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
       -d '{"kind":"club","name":"Chess","joinPolicy":"open"}' {{.At.Functions}}/api/spaces | cut -d '"' -f 4)
  curl -s -X PUT -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
       -d '{"groupId":"6D1F6F5E-58CD-4A3F-9C1B-2F0D8F4F8C11"}' {{.At.Functions}}/api/spaces/$CLUB/call
  curl -s -X POST -H "Authorization: Bearer $GRACE" {{.At.Functions}}/api/spaces/$CLUB/join
  curl -s -X POST -H "Authorization: Bearer $GRACE" {{.At.Functions}}/api/spaces/$CLUB/call/join

Ada schedules a Teams meeting; Grace finds it in the agenda of her day, and joins it.

  GID=$(curl -s -H "Authorization: Bearer $GRACE" {{.At.Functions}}/api/user | cut -d '"' -f 4)
  SOON=$(date -u -d '10 min' +%FT%TZ 2>/dev/null || date -u -v+10M +%FT%TZ)
  LATER=$(date -u -d '40 min' +%FT%TZ 2>/dev/null || date -u -v+40M +%FT%TZ)
  MEETING=$(curl -s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' {{.At.Functions}}/api/meetings \
       -d '{"subject":"Review","startsAt":"'$SOON'","endsAt":"'$LATER'","attendees":[{"userId":"'$GID'"}],"lobby":"everyone"}' | cut -d '"' -f 4)
  curl -s -H "Authorization: Bearer $GRACE" '{{.At.Functions}}/api/meetings?tz=Europe/Istanbul'
  curl -s -X POST -H "Authorization: Bearer $GRACE" {{.At.Functions}}/api/meetings/$MEETING/join

Break it: the next call to ACS is throttled, and says for how long.

  curl -s -d '{"status":429,"header":{"Retry-After":"7"}}' {{.At.ACS}}/_faults
  curl -s -i -H "Authorization: Bearer $TOKEN" '{{.At.Functions}}/api/token?scope=chat'

Ctrl-C stops it.
`))

func greet(w io.Writer, f flags, at endpoints, cloud *local.Cloud) error {
	var users []string
	for _, u := range cloud.OIDC.Users() {
		users = append(users, u.ID)
	}
	data := f.data
	if data == "" {
		data = "in memory"
	}
	return greeting.Execute(w, map[string]any{"At": at, "Data": data, "Users": strings.Join(users, ", "), "As": f.as})
}
