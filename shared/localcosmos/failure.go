package localcosmos

import (
	"fmt"
	"net/http"

	"switchboard/shared/localcosmos/internal/value"
)

// failure is a refusal in the service's shape: a status, a sub-status header
// where one is known, and the body {"code","message"}. Whoever returns one has
// changed nothing.
type failure struct {
	status    int
	substatus int
	code      string
	message   string
}

func (f *failure) Error() string {
	return fmt.Sprintf("%d %s: %s", f.status, f.code, f.message)
}

func (f *failure) body() []byte {
	return value.Append(nil, value.Object{{Name: "code", Value: f.code}, {Name: "message", Value: f.message}})
}

func badRequest(format string, args ...any) *failure {
	return &failure{status: http.StatusBadRequest, code: "BadRequest", message: fmt.Sprintf(format, args...)}
}

// unsupported names what the service may know and this store does not.
func unsupported(format string, args ...any) *failure {
	return badRequest("The local store does not support %s.", fmt.Sprintf(format, args...))
}

func unauthorized(format string, args ...any) *failure {
	return &failure{status: http.StatusUnauthorized, code: "Unauthorized", message: fmt.Sprintf(format, args...)}
}

func notFound() *failure {
	return &failure{http.StatusNotFound, 0, "NotFound", "Entity with the specified id does not exist in the system."}
}

// ownerNotFound is the answer for whatever lies in a container that is not
// there.
func ownerNotFound() *failure {
	return &failure{http.StatusNotFound, 1003, "NotFound", "Owner resource does not exist."}
}

func conflict() *failure {
	return &failure{http.StatusConflict, 0, "Conflict", "Entity with the specified id already exists in the system."}
}

func uniqueConflict() *failure {
	return &failure{http.StatusConflict, 0, "Conflict", "Unique index constraint violation."}
}

func preconditionFailed() *failure {
	return &failure{http.StatusPreconditionFailed, 0, "PreconditionFailed", "One of the specified pre-condition is not met."}
}

func tooLarge() *failure {
	return &failure{http.StatusRequestEntityTooLarge, 0, "RequestEntityTooLarge", "Request size is too large: the limit is 2 MB."}
}

func closed() *failure {
	return &failure{http.StatusServiceUnavailable, 0, "ServiceUnavailable", "The local store is closed."}
}

// internal hides a fault of the store itself behind a 500; the fault stays in
// the error that the caller wraps.
func internal(err error) *failure {
	return &failure{http.StatusInternalServerError, 0, "InternalServerError", fmt.Sprintf("The local store failed: %v", err)}
}
