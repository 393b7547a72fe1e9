package signin

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"slices"
	"strings"
	"time"
)

// The application roles (claim roles) that Switchboard knows.
const (
	RoleAdmin   = "Switchboard.Admin"   // opens the admin operations
	RoleService = "Switchboard.Service" // marks daemons: callers that are no people
)

// Caller is who a verified token speaks for.
type Caller struct {
	UserID    string    // see UserID; the same for every token of one user
	Issuer    string    // claim iss
	Subject   string    // claim sub; pairwise per client at Entra ID
	TenantID  string    // Entra ID only: claim tid, lower case
	ObjectID  string    // Entra ID only: claim oid, lower case
	Name      string    // claim name, for display only; may be empty
	Scopes    []string  // claims scp and scope
	Roles     []string  // claim roles; none from a tenant that only "*" let in
	ExpiresAt time.Time // claim exp, UTC
}

// HasRole reports whether the caller holds an application role.
func (c Caller) HasRole(role string) bool { return slices.Contains(c.Roles, role) }

// UserID derives the id of a user from the parts of the user's key: the tenant
// and object id at Entra ID, otherwise the issuer and the user-id claim. It is
// "usr_" and 52 characters of lower-case base32: the SHA-256 of the parts,
// each behind its length in eight bytes, so that no two lists of parts are
// encoded alike.
func UserID(keyParts ...string) string {
	var key []byte
	for _, part := range keyParts {
		key = binary.BigEndian.AppendUint64(key, uint64(len(part)))
		key = append(key, part...)
	}
	sum := sha256.Sum256(key)
	return "usr_" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))
}
