package localcosmos

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"switchboard/shared/localcosmos/internal/value"
)

// failure is a refusal in the service's shape: a status, a sub-status header
// where one is known, and the body {"code","message"}. Whoever returns one has
// changed nothing.
type failure struct {
	status    int
	substatus int
	message   string
}

func refuse(status, substatus int, format string, args ...any) *failure {
	return &failure{status, substatus, fmt.Sprintf(format, args...)}
}

func (f *failure) Error() string { return fmt.Sprintf("%d %s: %s", f.status, f.code(), f.message) }

// code is the status in words, as the service has it in bodies: BadRequest.
func (f *failure) code() string {
	text := strings.ReplaceAll(http.StatusText(f.status), " ", "")
	return cmp.Or(text, "RetryWith") // 449, which has no text in net/http
}

func (f *failure) body() []byte {
	return value.Append(nil, value.Object{{Name: "code", Value: f.code()}, {Name: "message", Value: f.message}})
}

// refused tells whether an error is a refusal with this status.
func refused(err error, status int) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && f.status == status
}

func badRequest(format string, args ...any) *failure {
	return refuse(http.StatusBadRequest, 0, format, args...)
}

// unsupported names what the service may know and this store does not.
func unsupported(format string, args ...any) *failure {
	return badRequest("The local store does not support "+format+".", args...)
}

func unauthorized(format string, args ...any) *failure {
	return refuse(http.StatusUnauthorized, 0, format, args...)
}

func notFound() *failure {
	return refuse(http.StatusNotFound, 0, "Entity with the specified id does not exist in the system.")
}

// ownerNotFound is the answer for whatever lies in a container that is not
// there.
func ownerNotFound() *failure {
	return refuse(http.StatusNotFound, 1003, "Owner resource does not exist.")
}

func conflict() *failure {
	return refuse(http.StatusConflict, 0, "Entity with the specified id already exists in the system.")
}

func preconditionFailed() *failure {
	return refuse(http.StatusPreconditionFailed, 0, "One of the specified pre-condition is not met.")
}

func tooLarge() *failure {
	return refuse(http.StatusRequestEntityTooLarge, 0, "Request size is too large: the limit is 2 MB.")
}

func closed() *failure {
	return refuse(http.StatusServiceUnavailable, 0, "The local store is closed.")
}
