package api

import (
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"switchboard/shared/problem"
)

// maxHandshake is the longest text that is given back, in bytes.
const maxHandshake = 4 << 10

// handshake answers a sender of webhooks that wants to know whether it may post here: it
// gives back the text in the query parameter, and looks at nothing else, since the body of
// such a request is none. The text is anybody's, so it is never more than plain text:
// identified forbids browsers to guess otherwise.
func (a *API) handshake(parameter string) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		query := r.URL.Query()
		if !query.Has(parameter) {
			next(ctx)
			return
		}
		text := query.Get(parameter)
		if len(text) > maxHandshake {
			a.fail(w, r, invalid(problem.Field{Location: "query." + parameter, Message: "is longer than " + strconv.Itoa(maxHandshake) + " bytes"}))
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if _, err := io.WriteString(w, text); err != nil {
			a.cfg.Log.DebugContext(r.Context(), "the sender left", slog.Any("error", err))
		}
	}
}

func describeHandshake(op *huma.Operation, parameter string) {
	longest := maxHandshake
	text := &huma.Schema{Type: huma.TypeString, MaxLength: &longest}
	op.Parameters = append(op.Parameters, &huma.Param{
		Name: parameter, In: "query", Schema: text,
		Description: "Asks whether the sender may post here: the answer is 200 with this text, and nothing is done",
	})
	op.Responses[strconv.Itoa(http.StatusOK)] = &huma.Response{
		Description: "To a handshake: the text that was sent",
		Content:     map[string]*huma.MediaType{"text/plain": {Schema: text}},
	}
}
