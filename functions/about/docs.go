package about

import (
	_ "embed"
	"io"
	"net/http"

	"github.com/swaggest/swgui/v5/static"
	"github.com/vearutop/statigz"

	"switchboard/shared/api"
)

// docs shows the description with Swagger UI, whose files swgui brings along. The page
// is our own, because swgui fills its own in with html/template, whose presence makes
// the linker keep every method of every type.
//
//go:embed docs.html
var docs string

func documentation(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, docs)
}

// parts serves what the page loads.
func parts() http.Handler {
	return http.StripPrefix(api.Prefix+"/docs/", statigz.FileServer(static.FS))
}
