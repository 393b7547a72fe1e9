package localacs

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// timeLayout is how the service writes times: seven digits and an offset.
const timeLayout = "2006-01-02T15:04:05.0000000-07:00"

// versions returns the api-versions that are served: the stable ones.
func versions() []string {
	return []string{
		"2021-03-07", "2022-06-01", "2022-10-01", "2023-08-01", "2023-10-01",
		"2025-06-30", "2026-07-22", "2026-09-23",
	}
}

// answer is what an operation says.
type answer struct {
	status     int
	body       any           // written as JSON; nil for none
	bare       bool          // without api-supported-versions, as two errors are recorded
	retryAfter time.Duration // 0: not told
}

// failure is the error body of every ACS API.
type failure struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Target  string `json:"target,omitempty"`
	} `json:"error"`
}

func fail(status int, code, target, message string) answer {
	var f failure
	f.Error.Code, f.Error.Target, f.Error.Message = code, target, message
	return answer{status: status, body: f}
}

// invalid is the answer to a member of the body that is missing or wrong.
func invalid(target, message string) answer {
	return fail(http.StatusBadRequest, "ValidationError", target, message)
}

func denied(message string) answer {
	return fail(http.StatusUnauthorized, "Denied", "", message)
}

func notOwned() answer {
	return fail(http.StatusUnauthorized, "IdentityNotOwned", "", "Provided identity doesn't belong to the resource.")
}

// write sends the answer. Errors are chunked and name no charset, unlike
// successes; both as recorded.
func (a answer) write(w http.ResponseWriter) {
	if !a.bare {
		w.Header().Set("api-supported-versions", strings.Join(versions(), ", "))
	}
	if a.retryAfter > 0 {
		seconds := (a.retryAfter + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	body, err := json.Marshal(a.body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if a.status < http.StatusBadRequest {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(a.status)
	} else {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.status)
		http.NewResponseController(w).Flush() // makes it chunked, where the writer can
	}
	w.Write(body)
}

// stamp sets the headers that every answer of the service carries.
func stamp(h http.Header, r *http.Request) {
	id := uuid.New()
	h.Set("MS-CV", base64.RawStdEncoding.EncodeToString(id[:])+".0")
	h.Set("Request-Context", "appId=")
	h.Set("Strict-Transport-Security", "max-age=31536000;includeSubDomains")
	h.Set("X-Azure-Ref", base64.StdEncoding.EncodeToString(id[:]))
	h.Set("X-Cache", "CONFIG_NOCACHE")
	h.Set("X-Processing-Time", "1ms")
	if id := r.Header.Get("x-ms-client-request-id"); id != "" {
		h.Set("x-ms-client-request-id", id)
	}
}
