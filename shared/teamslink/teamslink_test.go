package teamslink_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchboard/shared/problem"
	"switchboard/shared/teamslink"
)

const (
	tenant    = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	organizer = "550fae72-d251-43ec-868c-373732c2704f"

	// longURL is a join URL as Graph gives it.
	longURL = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_M2Iz%40thread.v2/0" +
		"?context=%7b%22Tid%22%3a%22" + tenant + "%22%2c%22Oid%22%3a%22" + organizer + "%22%7d"
	shortURL = "https://teams.microsoft.com/meet/2345678901234?p=aB3dE-f_9"
)

var (
	longLink  = teamslink.Link{URL: longURL, ThreadID: "19:meeting_M2Iz@thread.v2", MessageID: "0", TenantID: tenant, OrganizerID: organizer}
	shortLink = teamslink.Link{URL: shortURL, MeetingID: "2345678901234", Passcode: "aB3dE-f_9"}
)

// upper writes escapes in upper case, as most clients do.
func upper(s string) string {
	for _, hex := range []string{"%3a", "%7b", "%7d", "%2c"} {
		s = strings.ReplaceAll(s, hex, strings.ToUpper(hex))
	}
	return s
}

func wrapped(s string) string {
	return "https://eur01.safelinks.protection.outlook.com/ap/t-59584e83/?url=" + url.QueryEscape(s) + "&data=05%7C02%7Cada%40contoso.com%7Cx&sdata=y%3D&reserved=0"
}

func launched(s string) string {
	path := strings.TrimPrefix(s, "https://teams.microsoft.com")
	return "https://teams.microsoft.com/dl/launcher/launcher.html?url=" + url.QueryEscape("/_#"+path) + "&type=meetup-join&deeplinkId=1&directDl=true"
}

// TestForms: every form of a link is the same link.
func TestForms(t *testing.T) {
	for want, forms := range map[teamslink.Link][]string{
		longLink: {
			longURL,
			"  <" + longURL + ">\n",
			upper(longURL),
			upper(longURL) + "&anon=true",
			strings.NewReplacer("%3a", ":", "%40", "@", "%7b", "{", "%7d", "}", "%22", `"`, "%2c", ",").Replace(longURL),
			strings.ReplaceAll(longURL, "%", "%25"),
			strings.ReplaceAll(upper(longURL), "%", "%25"),
			url.QueryEscape(longURL),
			url.QueryEscape(url.QueryEscape(longURL)),
			strings.Replace(longURL, "teams.microsoft.com", "Teams.Microsoft.COM:443", 1),
			strings.Replace(longURL, "/0?", "?", 1),
			strings.Replace(longURL, "/0?", "/0/?", 1),
			strings.Replace(longURL, ".com/l/", ".com/_#/l/", 1),
			launched(longURL),
			wrapped(longURL),
			wrapped(launched(upper(longURL))),
			wrapped(wrapped(longURL)),
		},
		shortLink: {
			shortURL,
			shortURL + "&utm_source=mail",
			wrapped(shortURL),
			launched(shortURL),
			url.QueryEscape(shortURL),
		},
	} {
		for _, form := range forms {
			got, err := teamslink.Parse(form)
			if err != nil {
				t.Errorf("%s: %v", form, err)
			} else if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", form, diff)
			}
		}
	}
}

// TestOtherMeetings: of other clouds, channels and older kinds.
func TestOtherMeetings(t *testing.T) {
	for text, want := range map[string]teamslink.Link{
		strings.Replace(longURL, "teams.microsoft.com", "gov.teams.microsoft.us", 1): {
			URL: strings.Replace(longURL, "teams.microsoft.com", "gov.teams.microsoft.us", 1), ThreadID: longLink.ThreadID, MessageID: "0", TenantID: tenant, OrganizerID: organizer},
		"https://dod.teams.microsoft.us/meet/2345678901234":    {URL: "https://dod.teams.microsoft.us/meet/2345678901234", MeetingID: "2345678901234"},
		"https://teams.cloud.microsoft/meet/2345678901234?p=x": {URL: "https://teams.cloud.microsoft/meet/2345678901234?p=x", MeetingID: "2345678901234", Passcode: "x"},
		"https://teams.microsoft.com/l/meetup-join/19%3aa-b_c%40thread.tacv2/1718000000000": {
			URL: "https://teams.microsoft.com/l/meetup-join/19%3aa-b_c%40thread.tacv2/1718000000000", ThreadID: "19:a-b_c@thread.tacv2", MessageID: "1718000000000"},
		"https://teams.microsoft.com/l/meetup-join/19:x@thread.skype/0?context={}": {
			URL: "https://teams.microsoft.com/l/meetup-join/19%3ax%40thread.skype/0?context=%7b%7d", ThreadID: "19:x@thread.skype", MessageID: "0"},
		`https://teams.microsoft.com/l/meetup-join/19:x@thread.v2/0?context={"Tid":"` + strings.ToUpper(tenant) + `","Oid":"nobody"}`: {
			URL:      "https://teams.microsoft.com/l/meetup-join/19%3ax%40thread.v2/0?context=%7b%22Tid%22%3a%22" + strings.ToUpper(tenant) + "%22%2c%22Oid%22%3a%22nobody%22%7d",
			ThreadID: "19:x@thread.v2", MessageID: "0", TenantID: tenant},
	} {
		got, err := teamslink.Parse(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
}

func TestRefusals(t *testing.T) {
	const secret = "aB3dE-f_9"
	for code, links := range map[string][]string{
		"teams_link_consumer": {
			"https://teams.live.com/meet/9345678901234?p=" + secret,
			"https://teams.live.com/l/invite/xyz",
			wrapped("https://teams.live.com/meet/9345678901234?p=" + secret),
			"https://teams.live.com/_#/meet/9345678901234?p=" + secret,
		},
		"teams_link_broadcast": {
			strings.Replace(longURL, "%7d", "%2c%22IsBroadcastMeeting%22%3atrue%7d", 1),
		},
		"teams_link_unknown": {
			"", " ", "<>", "meeting", "https://", "https:///x", ":", "%",
			strings.Replace(longURL, "https:", "http:", 1),
			strings.Replace(longURL, "https:", "javascript:", 1),
			strings.Replace(longURL, "teams.microsoft.com", "teams.microsoft.com.example.com", 1),
			strings.Replace(longURL, "teams.microsoft.com", "example.com", 1),
			strings.Replace(longURL, "teams.microsoft.com", "teams.microsoft.com@example.com", 1),
			strings.Replace(longURL, "teams.microsoft.com", "ada@teams.microsoft.com", 1),
			strings.Replace(longURL, "teams.microsoft.com", "teams.microsoft.com:8443", 1),
			strings.Replace(longURL, "%40thread.v2", "%40thread.v3", 1),
			strings.Replace(longURL, "19%3a", "19%3a%2f..%2f", 1),
			strings.Replace(longURL, "/0?", "/0/1?", 1),
			strings.Replace(longURL, "/0?", "/zero?", 1),
			strings.Replace(longURL, "%7d", "", 1),
			"https://teams.microsoft.com/l/meetup-join/19:x@thread.v2/0?context=",
			"https://teams.microsoft.com/l/channel/19%3ax%40thread.tacv2/General",
			"https://teams.microsoft.com/meet/abc?p=" + secret,
			"https://teams.microsoft.com/meet/?p=" + secret,
			"https://teams.microsoft.com/dl/launcher/launcher.html",
			"https://teams.microsoft.com/dl/launcher/launcher.html?url=" + url.QueryEscape("https://example.com/meet/2345678901234"),
			"https://teams.microsoft.com/dl/launcher/launcher.html?url=" + url.QueryEscape("@example.com/meet/2345678901234"),
			"https://safelinks.protection.outlook.com.example.com/?url=" + url.QueryEscape(longURL),
			"https://eur01.safelinks.protection.outlook.com/",
			wrapped(wrapped(wrapped(wrapped(wrapped(longURL))))),
			longURL + "&x=" + strings.Repeat("x", 8<<10),
		},
	} {
		for _, link := range links {
			got, err := teamslink.Parse(link)
			p, ok := errors.AsType[*problem.Error](err)
			if !ok || p.Kind != problem.Invalid || p.Code != code || got != (teamslink.Link{}) {
				t.Errorf("%.200s: %+v, %v; want %s", link, got, err, code)
			} else if strings.Contains(err.Error(), secret) {
				t.Errorf("the error repeats the link: %v", err)
			}
		}
	}
}

// FuzzParse: a link that was read is a fixed point, on a host of Teams.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{longURL, shortURL, upper(longURL), wrapped(launched(longURL)), url.QueryEscape(longURL), strings.ReplaceAll(longURL, "%", "%2525"),
		"https://teams.microsoft.com/_#/l/meetup-join/19:x@thread.v2/0?context={}", "https://teams.live.com/meet/1?p=1", "https://teams.microsoft.com/meet/123456?p=%zz&p=+%25"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		link, err := teamslink.Parse(text)
		if err != nil {
			if _, ok := errors.AsType[*problem.Error](err); !ok || link != (teamslink.Link{}) {
				t.Errorf("%+v, %v", link, err)
			}
			return
		}
		if (link.ThreadID == "") == (link.MeetingID == "") {
			t.Errorf("a link of both forms or none: %+v", link)
		}
		u, err := url.Parse(link.URL)
		if err != nil || u.Scheme != "https" || !strings.HasPrefix(u.Host, "teams.") && !strings.HasSuffix(u.Host, ".teams.microsoft.us") {
			t.Errorf("the URL %q is of no host of Teams (%v)", link.URL, err)
		}
		if again, err := teamslink.Parse(link.URL); err != nil || again != link {
			t.Errorf("%+v\nread again: %+v, %v", link, again, err)
		}
	})
}
