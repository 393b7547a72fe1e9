package localcosmos

import (
	"fmt"
	"net/http"
	"net/url"

	"switchboard/shared/localcosmos/internal/value"
)

// accountDocument is the account in the shape of Microsoft's emulator, whose
// region this is, for a host and the address that leads to it.
const accountDocument = `{
	"_self": "", "id": %[1]s, "_rid": %[1]s, "media": "//media/", "addresses": "//addresses/", "_dbs": "//dbs/",
	"writableLocations": [{"name": "South Central US", "databaseAccountEndpoint": %[2]s}],
	"readableLocations": [{"name": "South Central US", "databaseAccountEndpoint": %[2]s}],
	"enableMultipleWriteLocations": false,
	"userReplicationPolicy": {"asyncReplication": false, "minReplicaSetSize": 1, "maxReplicasetSize": 4},
	"userConsistencyPolicy": {"defaultConsistencyLevel": "Strong"},
	"systemReplicationPolicy": {"asyncReplication": false, "minReplicaSetSize": 1, "maxReplicasetSize": 4},
	"readPolicy": {"primaryReadCoefficient": 1, "secondaryReadCoefficient": 1},
	"queryEngineConfiguration": "{\"maxSqlQueryInputLength\":524288,\"maxQueryRequestTimeoutFraction\":0.9}"
}`

// account answers what SDKs ask first. The one location has the address that
// the client used: SDKs send everything else to what is named here.
func (s *Store) account(r *request) (*reply, error) {
	name := "localcosmos"
	if u, err := url.Parse(r.host); err == nil && u.Hostname() != "" {
		name = u.Hostname()
	}
	body := fmt.Appendf(nil, accountDocument, value.Append(nil, name), value.Append(nil, r.host+"/"))
	return &reply{status: http.StatusOK, body: body}, nil
}
