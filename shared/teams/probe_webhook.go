package teams

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"switchboard/shared/upstream"
)

// webhook does what Graph does before it sends notifications: it posts a text to both
// addresses and wants it back ("Receive change notifications through webhooks"). The
// request leaves the service and comes back in from outside, if the address is public.
func (d *Doctor) webhook(ctx context.Context) Finding {
	base := strings.TrimSuffix(d.NotifyURL, "/")
	if base == "" {
		return skipped(checkNotification, "SWITCHBOARD_GRAPH_NOTIFY_URL is not set: when people move or cancel a meeting in Outlook, this service is not told.",
			"Set SWITCHBOARD_GRAPH_NOTIFY_URL to https://<public host of this service>/api/graph, and restart the service.")
	}
	if !isPublic(base) {
		return failed(checkNotification, "SWITCHBOARD_GRAPH_NOTIFY_URL must be an address that begins with https:// and has no query: Graph sends to no other.",
			"Set SWITCHBOARD_GRAPH_NOTIFY_URL to https://<public host of this service>/api/graph, and restart the service.")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, path := range []string{"/notifications", "/lifecycle"} {
		if fault := d.handshake(ctx, base+path); fault != "" {
			return failed(checkNotification, fault, openWebhook(base+path)...)
		}
	}
	return fine(checkNotification, "The addresses for notifications answer as Microsoft Graph wants it. They were asked from where this service runs.")
}

// isPublic reports whether Graph may be given an address, as far as it can be seen. On
// this machine http will do.
func isPublic(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && ip.IsLoopback())
}

// handshake returns what is wrong with the answer of an address, or "". The text has a
// blank and a colon, as Graph's have, so that it is seen whether it comes back decoded.
func (d *Doctor) handshake(ctx context.Context, address string) (fault string) {
	token := "Doctor: " + d.NewID()
	query := url.Values{"validationToken": {token}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return "The address for notifications is not one."
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	transport := d.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	resp, err := transport.RoundTrip(r) // which follows no redirects
	if err != nil {
		return unheard(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // "" if there is none to be read
	switch status := resp.StatusCode; {
	case status >= 300 && status < 400:
		return fmt.Sprintf("The address for notifications redirects (%d). It must answer by itself.", status)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fmt.Sprintf("Something before this service asks for a sign-in or closes the door (%d). Microsoft Graph cannot sign in.", status)
	case status != http.StatusOK:
		return fmt.Sprintf("The address for notifications answers %d instead of 200.", status)
	case err != nil:
		return unheard(ctx, err)
	case media != "text/plain":
		return "The address for notifications does not answer as text/plain: something else than this service is there."
	case string(body) != token:
		return "The address for notifications does not give back the text that it was sent: something else than this service is there."
	}
	return ""
}

// unheard says why there was no answer, in words that quote nobody.
func unheard(ctx context.Context, err error) string {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	_, unnamed := errors.AsType[*net.DNSError](err)
	switch {
	case ctx.Err() != nil || upstream.IsTimeout(err):
		return fmt.Sprintf("The address for notifications did not answer in time. Microsoft Graph waits 10 seconds, this check %v.", patience)
	case untrusted:
		return "The certificate at the address for notifications is not trusted, has expired, or is for another host."
	case unnamed:
		return "The host of the address for notifications is not in DNS."
	default:
		return "There is no connection to the address for notifications."
	}
}
