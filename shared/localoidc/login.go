package localoidc

import (
	"html/template"
	"net/http"
	"net/url"
)

// chooser is the sign-in page: a button for every user. It needs no scripts
// and nothing from the internet.
const chooser = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sign in (local)</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 24rem; margin: 10vh auto; padding: 0 1rem }
button { display: block; width: 100%; margin: .5rem 0; padding: .75rem; font: inherit; text-align: left; cursor: pointer }
</style></head>
<body><h1>Who are you?</h1>
<p>This provider is for development on this machine. It asks for no password.</p>
<form method="post" action="login">
<input type="hidden" name="id" value="{{.ID}}">
{{range .Users}}<button name="user" value="{{.ID}}">{{.Name}} <small>{{range .Roles}}{{.}} {{end}}</small></button>
{{end}}</form></body></html>
`

// serveChooser shows the page for an authorization request under way.
func (p *Provider) serveChooser(w http.ResponseWriter, r *http.Request) {
	page := template.Must(template.New("chooser").Parse(chooser))
	id := r.URL.Query().Get("id")
	if _, err := p.storage.AuthRequestByID(r.Context(), id); err != nil {
		http.Error(w, "This sign-in is over. Start again in the app.", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	if err := page.Execute(w, map[string]any{"ID": id, "Users": p.users}); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// serveChoice signs the chosen user in and goes on to the app.
func (p *Provider) serveChoice(w http.ResponseWriter, r *http.Request) {
	user, ok := p.user(r.PostFormValue("user"))
	if !ok {
		http.Error(w, "user must be one of "+p.names(), http.StatusNotFound)
		return
	}
	id := r.PostFormValue("id")
	if !p.storage.signIn(id, user) {
		http.Error(w, "This sign-in is over. Start again in the app.", http.StatusNotFound)
		return
	}
	http.Redirect(w, r, p.issuer+"/authorize/callback?id="+url.QueryEscape(id), http.StatusFound)
}
