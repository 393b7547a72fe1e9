package localgraph

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// maxBody is what Graph takes of JSON: 4 MB.
const maxBody = 4 << 20

// contentType is that of every JSON answer of Graph.
const contentType = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

// call is a request that may do what it asks for, and the transaction to do it
// in.
type call struct {
	*http.Request
	*tx
	caller caller
	user   User   // in whose name, from /users/{user} or /me
	root   string // of Graph, such as "https://graph.microsoft.com/v1.0"
	body   []byte
}

// answer is what an operation says when all is well; otherwise it returns an
// error, which is a failure wherever the client has to know more than 500.
type answer struct {
	status int
	body   any // written as JSON; nil for none
	header map[string]string
}

// failure is an error of Graph: status, error.code and error.message.
type failure struct {
	status        int
	code, message string
}

func (f failure) Error() string { return f.code + ": " + f.message }

func badRequest(message string) error {
	return failure{http.StatusBadRequest, "BadRequest", message}
}

// notFound has the code of the service behind Graph: Exchange has its own.
func notFound(code, message string) error {
	return failure{http.StatusNotFound, code, message}
}

// object is a JSON object that has no type of its own.
type object = map[string]any

// entity answers with a document and its context, which says in OData what it
// is: "users('…')/onlineMeetings/$entity".
func (c call) entity(status int, context string, doc any) (answer, error) {
	body, err := toObject(doc)
	if err != nil {
		return answer{}, err
	}
	body["@odata.context"] = c.root + "/$metadata#" + context
	return answer{status: status, body: body}, nil
}

// list answers with a value: documents, or a plain one.
func (c call) list(context string, value any) answer {
	return answer{status: http.StatusOK, body: object{"@odata.context": c.root + "/$metadata#" + context, "value": value}}
}

// toObject writes a document as JSON and reads it again.
func toObject(doc any) (object, error) {
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	var o object
	return o, json.Unmarshal(text, &o)
}

// preferences are the values of all Prefer headers.
func (c call) preferences() []string {
	var all []string
	for _, header := range c.Header.Values("Prefer") {
		for value := range strings.SplitSeq(header, ",") {
			all = append(all, strings.TrimSpace(value))
		}
	}
	return all
}

// read decodes a JSON body onto doc, which keeps what the body does not name.
// Members other than the allowed ones are refused; without any, all are known.
func (c call) read(doc any, allowed ...string) error {
	if mediaType, _, err := mime.ParseMediaType(c.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		return badRequest("Entity only allows writes with a JSON Content-Type header.")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(c.body, &members); err != nil || members == nil {
		return badRequest("Unable to read JSON request payload.")
	}
	for name := range members {
		if len(allowed) > 0 && !slices.Contains(allowed, name) && !strings.HasPrefix(name, "@") {
			return badRequest("The property '" + name + "' cannot be set.")
		}
	}
	if err := json.Unmarshal(c.body, doc); err != nil {
		return badRequest("A property has a value of another type than expected.")
	}
	return nil
}

// respond writes what an operation returned.
func (s *Server) respond(w http.ResponseWriter, r *http.Request, a answer, err error) {
	id := uuid.NewString()
	client := r.Header.Get("client-request-id")
	if client == "" {
		client = id
	}
	w.Header().Set("request-id", id)
	w.Header().Set("client-request-id", client)
	w.Header().Set("Cache-Control", "private")
	if err != nil {
		a = s.refuse(w.Header(), err, id, client)
	}
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	text, err := json.Marshal(a.body)
	if err != nil { // a defect of this package: every body is made of plain data
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(a.status)
	w.Write(text)
}

// refuse makes Graph's error body. What is no failure is a fault of this
// server, such as a full disk.
func (s *Server) refuse(h http.Header, err error, id, client string) answer {
	f, ok := errors.AsType[failure](err)
	if !ok {
		f = failure{http.StatusInternalServerError, "InternalServerError", err.Error()}
	}
	if f.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"`)
	}
	return answer{status: f.status, body: object{"error": object{
		"code": f.code, "message": f.message,
		"innerError": object{"date": s.now().Format("2006-01-02T15:04:05"), "request-id": id, "client-request-id": client},
	}}}
}
