// Package teamslink reads the links by which people join Teams meetings, as
// they are pasted from invitations, chats and browsers, and writes them in the
// form that Graph has.
//
// Forms that it knows, on the hosts of the worldwide and the United States
// government clouds:
//
//	https://teams.microsoft.com/l/meetup-join/<thread>/<message>?context=<{"Tid","Oid"}>
//	https://teams.microsoft.com/meet/<digits>?p=<passcode>
//
// either of them escaped once more, as a whole or in parts; opened in the web
// client (/_#/…) or its launcher (/dl/launcher/launcher.html?url=…); and
// wrapped by Safe Links of Microsoft Defender.
//
// It makes no requests: whether a meeting is there, it cannot say.
package teamslink

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"

	"switchboard/shared/problem"
)

// consumerHost is of Teams for personal use.
const consumerHost = "teams.live.com"

// isTeams reports whether a host is of Teams for organizations.
func isTeams(host string) bool {
	switch host {
	case "teams.microsoft.com", "teams.cloud.microsoft", "gov.teams.microsoft.us", "dod.teams.microsoft.us":
		return true
	}
	return false
}

// Link is what a link tells of a meeting: the long form its thread and mostly
// its organizer, the short one its id and passcode.
type Link struct {
	// URL is the link without wrapping and superfluous escapes. In the long form
	// it is, letter by letter, the joinWebUrl that Graph gives and finds by.
	URL string

	MeetingID string // the digits of the short form
	Passcode  string // of the short form; "" for none

	ThreadID    string // of the long form, such as 19:meeting_…@thread.v2
	MessageID   string // the message that began a channel's meeting; "0" for other meetings
	TenantID    string // of the organizer, a lower-case GUID; "" where the link does not say
	OrganizerID string // object id in that tenant, a lower-case GUID; "" where the link does not say
}

// maxLength is of a link, in bytes. Wrapped ones have about a thousand.
const maxLength = 8 << 10

// maxLayers is how many wrappers and escapes are taken off.
const maxLayers = 4

var (
	thread = regexp.MustCompile(`^19:[^\s/?#@%]+@thread\.(v2|skype|tacv2)$`)
	digits = regexp.MustCompile(`^[0-9]{6,20}$`)
	guid   = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
)

// Parse reads a link. What cannot be joined is a *problem.Error of kind
// Invalid, which does not repeat it:
//
//	teams_link_consumer   a meeting of Teams for personal use, which ACS cannot join
//	teams_link_broadcast  a live event, which ACS cannot join
//	teams_link_unknown    anything else that is no link to a Teams meeting
func Parse(text string) (Link, error) {
	text = strings.Trim(strings.TrimSpace(text), "<>")
	if len(text) > maxLength {
		return Link{}, unknown()
	}
	for range maxLayers {
		u, err := parseURL(text)
		if err != nil {
			return Link{}, unknown()
		}
		inner, wrapped := unwrap(u)
		if !wrapped {
			return read(u)
		}
		text = inner
	}
	return Link{}, unknown()
}

// parseURL parses a link that may have been escaped as a whole.
func parseURL(text string) (*url.URL, error) {
	for range maxLayers {
		if lower := strings.ToLower(text); !strings.HasPrefix(lower, "https%") {
			break
		}
		plain, err := url.PathUnescape(text)
		if err != nil {
			return nil, err
		}
		text = plain
	}
	return url.Parse(text)
}

// unwrap takes off what surrounds a link.
func unwrap(u *url.URL) (inner string, wrapped bool) {
	host := strings.ToLower(u.Hostname())
	switch {
	case strings.HasSuffix(host, ".safelinks.protection.outlook.com"), strings.HasSuffix(host, ".safelinks.protection.office365.us"):
		return u.Query().Get("url"), true
	case !isTeams(host) && host != consumerHost:
		return "", false
	case strings.HasPrefix(u.Path, "/dl/launcher/"):
		return origin(u) + "/" + strings.TrimLeft(strings.TrimPrefix(u.Query().Get("url"), "/_#"), "/"), true
	case u.Path == "/_" && u.Fragment != "":
		return origin(u) + "/" + strings.TrimLeft(u.EscapedFragment(), "/"), true
	}
	return "", false
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

func read(u *url.URL) (Link, error) {
	host := strings.ToLower(u.Hostname())
	switch {
	case u.Scheme != "https" || u.User != nil || u.Port() != "" && u.Port() != "443":
		return Link{}, unknown()
	case host == consumerHost:
		return Link{}, problem.New(problem.Invalid, "teams_link_consumer",
			"This is a meeting of Teams for personal use (teams.live.com). People from outside cannot join it through Azure "+
				"Communication Services. Ask for a meeting of a work or school account.")
	case !isTeams(host):
		return Link{}, unknown()
	}
	segments := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	switch {
	case len(segments) >= 3 && len(segments) <= 4 && segments[0] == "l" && segments[1] == "meetup-join":
		return long(host, segments[2:], u.Query())
	case len(segments) == 2 && segments[0] == "meet":
		return short(host, segments[1], u.Query())
	default:
		return Link{}, unknown()
	}
}

// long reads /l/meetup-join/<thread>/<message>?context=<JSON>.
func long(host string, path []string, query url.Values) (Link, error) {
	l := Link{ThreadID: plain(path[0]), MessageID: "0"}
	if len(path) == 2 {
		l.MessageID = plain(path[1])
	}
	if !thread.MatchString(l.ThreadID) || l.MessageID != "0" && !digits.MatchString(l.MessageID) {
		return Link{}, unknown()
	}
	l.URL = "https://" + host + "/l/meetup-join/" + escape(l.ThreadID) + "/" + l.MessageID
	if !query.Has("context") {
		return l, nil
	}
	text := plain(query.Get("context"))
	var context struct {
		Tid, Oid           string
		IsBroadcastMeeting bool
	}
	if json.Unmarshal([]byte(text), &context) != nil {
		return Link{}, unknown()
	}
	if context.IsBroadcastMeeting {
		return Link{}, problem.New(problem.Invalid, "teams_link_broadcast",
			"This is a live event. People from outside cannot join it through Azure Communication Services; it takes a meeting.")
	}
	l.TenantID, l.OrganizerID = id(context.Tid), id(context.Oid)
	l.URL += "?context=" + escape(text)
	return l, nil
}

// short reads /meet/<digits>?p=<passcode>.
func short(host, meeting string, query url.Values) (Link, error) {
	l := Link{MeetingID: plain(meeting), Passcode: query.Get("p")}
	if !digits.MatchString(l.MeetingID) {
		return Link{}, unknown()
	}
	l.URL = "https://" + host + "/meet/" + l.MeetingID
	if l.Passcode != "" {
		l.URL += "?p=" + url.QueryEscape(l.Passcode)
	}
	return l, nil
}

// plain takes off the escapes of a part, of which some links have two. It gives
// "" if there is no end to them.
func plain(s string) string {
	for range maxLayers {
		next, err := url.PathUnescape(s)
		if err != nil || next == s {
			return s
		}
		s = next
	}
	return ""
}

// escape writes a part as Graph does: everything but letters, digits and -_.
// as escapes of lower case.
func escape(s string) string {
	var out strings.Builder
	for _, b := range []byte(s) {
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("-_.", b) >= 0 {
			out.WriteByte(b)
			continue
		}
		const hex = "0123456789abcdef"
		out.Write([]byte{'%', hex[b>>4], hex[b&15]})
	}
	return out.String()
}

// id is a GUID in lower case, or nothing.
func id(s string) string {
	if s = strings.ToLower(s); guid.MatchString(s) {
		return s
	}
	return ""
}

func unknown() *problem.Error {
	return problem.New(problem.Invalid, "teams_link_unknown",
		"This is no link to a Teams meeting. It begins with https://teams.microsoft.com/l/meetup-join/ or https://teams.microsoft.com/meet/; "+
			"copy it whole from the invitation.")
}
