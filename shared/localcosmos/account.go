package localcosmos

import (
	"net/http"
	"net/url"

	"switchboard/shared/localcosmos/internal/value"
)

// region is the one that Microsoft's emulator claims to be in.
const region = "South Central US"

// account answers what SDKs ask first. The one location has the address that
// the client used: SDKs send everything else to what is named here.
func (s *Store) account(r *request) (*reply, error) {
	name := "localcosmos"
	if u, err := url.Parse(r.host); err == nil && u.Hostname() != "" {
		name = u.Hostname()
	}
	locations := []any{value.Object{{Name: "name", Value: region}, {Name: "databaseAccountEndpoint", Value: r.host + "/"}}}
	replicas := value.Object{
		{Name: "asyncReplication", Value: false},
		{Name: "minReplicaSetSize", Value: 1.0},
		{Name: "maxReplicasetSize", Value: 4.0},
	}
	return &reply{status: http.StatusOK, charge: 0, body: value.Append(nil, value.Object{
		{Name: "_self", Value: ""},
		{Name: "id", Value: name},
		{Name: "_rid", Value: name},
		{Name: "media", Value: "//media/"},
		{Name: "addresses", Value: "//addresses/"},
		{Name: "_dbs", Value: "//dbs/"},
		{Name: "writableLocations", Value: locations},
		{Name: "readableLocations", Value: locations},
		{Name: "enableMultipleWriteLocations", Value: false},
		{Name: "userReplicationPolicy", Value: replicas},
		{Name: "userConsistencyPolicy", Value: value.Object{{Name: "defaultConsistencyLevel", Value: "Strong"}}},
		{Name: "systemReplicationPolicy", Value: replicas},
		{Name: "readPolicy", Value: value.Object{{Name: "primaryReadCoefficient", Value: 1.0}, {Name: "secondaryReadCoefficient", Value: 1.0}}},
		{Name: "queryEngineConfiguration", Value: `{"maxSqlQueryInputLength":524288,"maxQueryRequestTimeoutFraction":0.9}`},
	})}, nil
}
