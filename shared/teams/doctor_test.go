package teams_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"switchboard/shared/entra"
	"switchboard/shared/faults"
	"switchboard/shared/graph"
	"switchboard/shared/localgraph"
	"switchboard/shared/teams"
)

// TestDoctorOfTheHealthy finds nothing, asks little and changes nothing.
func TestDoctorOfTheHealthy(t *testing.T) {
	visit(t, complaint{}, func(t *testing.T, c *clinic) {
		c.cloud.Record()
		c.webhook.Record()
		if findings := c.Examine(t.Context()); summary(findings) != healthy {
			t.Errorf("%+v", findings)
		}
		asked := slices.DeleteFunc(c.cloud.Calls(), func(call string) bool { return !strings.Contains(call, "/v1.0/") })
		if len(asked) != 3 || slices.ContainsFunc(asked, func(call string) bool { return !strings.HasPrefix(call, "GET ") }) {
			t.Errorf("Graph was asked %q", asked)
		}
		if got, want := c.webhook.Calls(), []string{"POST /api/graph/notifications", "POST /api/graph/lifecycle"}; !slices.Equal(got, want) {
			t.Errorf("the webhook was asked %q", got)
		}
	})
}

// TestDoctorWithoutGraph says what to set, and asks nobody.
func TestDoctorWithoutGraph(t *testing.T) {
	findings := (&teams.Doctor{}).Examine(t.Context())
	if summary(findings) != "settings failed" || !strings.Contains(strings.Join(findings[0].Remedy, "\n"), "SWITCHBOARD_GRAPH_TENANT") {
		t.Errorf("%+v", findings)
	}
}

// TestDoctorFindsWhatIsWrong: one thing at a time, and that alone, with what mends it.
func TestDoctorFindsWhatIsWrong(t *testing.T) {
	const consent = "https://login.microsoftonline.com/" + localgraph.DefaultTenant + "/adminconsent?client_id=" + clinicID
	policy := []string{`New-CsApplicationAccessPolicy -Identity Switchboard-Meetings -AppIds "` + clinicID + `"`, `Grant-CsApplicationAccessPolicy -PolicyName Switchboard-Meetings -Identity "` + physician + `"`, "30 minutes"}
	mailbox := "/users/" + physician + "/calendar"
	for _, test := range []struct {
		name   string
		ill    complaint
		check  string   // that fails
		detail string   // has this in it
		remedy []string // has these in it
	}{
		{"no policy", complaint{noPolicy: true}, "access_policy", "No application access policy", policy},
		{"no policy, in other words", complaint{noPolicy: true, Settings: localgraph.Settings{PolicyRefusal: localgraph.PolicyGeneral}}, "access_policy", "No application access policy", policy},
		{"no policy, in words that name none", complaint{noPolicy: true, Settings: localgraph.Settings{PolicyRefusal: localgraph.PolicyUnauthorized}}, "access_policy", "No application access policy", policy},
		{"no policy, in words that nobody knows", complaint{fault: refusing("/onlineMeetings", 403)}, "access_policy", "most often", policy},
		{"no policy, of a managed identity", complaint{noPolicy: true, managed: true}, "access_policy", "No application access policy", policy},

		{"no permission for meetings", complaint{lacks: []string{"OnlineMeetings.ReadWrite.All"}}, "app_roles", "OnlineMeetings.ReadWrite.All.", []string{"az ad app permission add --id " + clinicID, "=='OnlineMeetings.ReadWrite.All'", "admin-consent --id " + clinicID, consent}},
		{"no permission for calendars", complaint{lacks: []string{"Calendars.ReadWrite"}}, "app_roles", "Calendars.ReadWrite.", []string{"=='Calendars.ReadWrite'", consent}},
		{"no permission for bookings", complaint{lacks: []string{"BookingsAppointment.ReadWrite.All"}}, "app_roles", "BookingsAppointment.ReadWrite.All.", []string{consent}},
		{"no permission at all", complaint{lacks: localgraph.AllRoles()}, "app_roles", "OnlineMeetings.ReadWrite.All, Calendars.ReadWrite, BookingsAppointment.ReadWrite.All.", []string{consent}},
		{"no permission of a managed identity", complaint{managed: true, lacks: []string{"Calendars.ReadWrite"}}, "app_roles", "Calendars.ReadWrite.", []string{"New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId " + clinicObject, `-eq "Calendars.ReadWrite"`}},

		{"no Teams", complaint{Settings: localgraph.Settings{NoTeams: true}}, "meeting_provider", "does not offer Teams", []string{`Set-MgUserLicense -UserId "` + physician + `"`}},
		{"an unknown organizer", configured(func(d *teams.DoctorConfig) { d.Organizer = elsewhere }), "meeting_provider", "no such organizer", []string{"az ad user show --id " + elsewhere, "SWITCHBOARD_GRAPH_ORGANIZER"}},
		{"a mailbox that Exchange keeps", complaint{fault: refusing(mailbox, 403)}, "meeting_provider", "mailbox", []string{`Test-ServicePrincipalAuthorization -Identity "` + clinicID + `" -Resource "` + physician + `"`}},

		{"an unknown business", configured(func(d *teams.DoctorConfig) { d.Business = "nobody@contoso.example" }), "bookings", "no such Bookings business", []string{"Get-MgBookingBusiness", "nobody@contoso.example"}},
		{"no service of the business", configured(func(d *teams.DoctorConfig) { d.Service = "" }), "bookings", "SWITCHBOARD_GRAPH_BOOKINGS_SERVICE", []string{clinicDesk}},
		{"a business that is kept", complaint{fault: refusing("/bookingBusinesses/", 403)}, "bookings", "although it has the permission", []string{clinicDesk}},

		{"no organizer", configured(func(d *teams.DoctorConfig) { d.Organizer = "" }), "settings", "not set", []string{"az ad user show", "SWITCHBOARD_GRAPH_ORGANIZER"}},
		{"an organizer's name", configured(func(d *teams.DoctorConfig) { d.Organizer = "meetings@contoso.example" }), "settings", "not an object id", []string{"az ad user show", "SWITCHBOARD_GRAPH_ORGANIZER"}},
		{"a tenant's name", configured(func(d *teams.DoctorConfig) { d.Tenant = "contoso.example" }), "settings", "GUID", []string{"az account show", "SWITCHBOARD_GRAPH_TENANT"}},

		{"a wrong secret", complaint{credential: func(s *entra.Settings) { s.Secret = "x" + clinicSecret }}, "credential", "its value. (AADSTS7000215)", []string{"az ad app credential reset --id " + clinicID, "SWITCHBOARD_GRAPH_CLIENT_SECRET"}},
		{"an expired secret", complaint{fault: denying(7000222)}, "credential", "has expired", []string{"az ad app credential reset --id " + clinicID}},
		{"an unknown application", complaint{credential: func(s *entra.Settings) { s.ClientID = elsewhere }}, "credential", "does not know the application", []string{consent, "SWITCHBOARD_GRAPH_CLIENT_ID"}},
		{"another tenant", complaint{credential: func(s *entra.Settings) { s.Tenant = elsewhere }}, "credential", "", []string{localgraph.DefaultTenant}},
		{"a certificate of somebody else", complaint{fault: denying(700027)}, "credential", "certificate", []string{"az ad app credential list --id " + clinicID + " --cert"}},
		{"a host that is not trusted", complaint{fault: denying(700213)}, "credential", "does not trust", []string{"az ad app federated-credential create --id " + clinicID}},
		{"a disabled application", complaint{fault: denying(7000112)}, "credential", "disabled", []string{"az ad sp update --id " + clinicID}},
		{"Conditional Access", complaint{fault: denying(53003)}, "credential", "Conditional Access", []string{clinicID}},
		{"a refusal that nobody knows", complaint{fault: denying(999999)}, "credential", "AADSTS999999", []string{"/error?code=999999", clinicID}},
		{"Entra throttles", complaint{fault: refusing("/oauth2/", 429)}, "credential", "asks to wait", []string{clinicID}},
		{"Entra is cut off", complaint{fault: &faults.Rule{Contains: "/oauth2/", Drop: "before"}}, "credential", "cannot be reached", []string{clinicID}},
		{"Entra hangs", complaint{fault: &faults.Rule{Contains: "/oauth2/", Delay: faults.Duration(time.Hour)}}, "credential", "in time", []string{clinicID}},
		{"no managed identity", complaint{config: func(d *teams.DoctorConfig) { d.ClientID, d.Token = "", noIdentity }}, "credential", "managed identity", []string{"az functionapp identity assign"}},
		{"the managed identity of another tenant", complaint{managed: true, config: func(d *teams.DoctorConfig) { d.Tenant = elsewhere }}, "credential", "another tenant", []string{"SWITCHBOARD_GRAPH_TENANT to " + localgraph.DefaultTenant}},

		{"Graph throttles", complaint{fault: &faults.Rule{Contains: "/v1.0/", Status: 429, Header: map[string]string{"Retry-After": "120"}}}, "graph", "for 2m0s", []string{clinicID}},
		{"Graph throttles a mailbox", complaint{fault: refusing(mailbox, 429)}, "graph", "for the moment", []string{clinicID}},
		{"Graph fails", complaint{fault: refusing("/v1.0/", 500)}, "graph", "fails", []string{clinicID}},
		{"Graph is away", complaint{fault: refusing("/v1.0/", 503)}, "graph", "is away", []string{clinicID}},
		{"Graph hangs", complaint{fault: &faults.Rule{Contains: "/v1.0/", Delay: faults.Duration(time.Hour)}}, "graph", "in time", []string{clinicID}},
		{"Graph is cut off", complaint{fault: &faults.Rule{Contains: "/v1.0/", Drop: "before"}}, "graph", "cut off", []string{"curl"}},
		{"something else than Graph", complaint{fault: &faults.Rule{Contains: "/v1.0/", Status: 200, Body: "<p>" + gossip}}, "graph", "no sense", []string{"curl"}},

		{"a webhook that says something else", complaint{webhook: answering(200, "text/plain", gossip)}, "webhook", "give back", []string{"curl", clinicURL + "/notifications"}},
		{"a webhook that does not decode", complaint{webhook: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			io.WriteString(w, strings.TrimPrefix(r.URL.RawQuery, "validationToken="))
		}}, "webhook", "give back", []string{"curl"}},
		{"a web page", complaint{webhook: answering(200, "text/html", gossip)}, "webhook", "text/plain", []string{"curl"}},
		{"a webhook that is not there", complaint{webhook: answering(404, "text/plain", gossip)}, "webhook", "404", []string{"SWITCHBOARD_GRAPH_NOTIFY_URL"}},
		{"a webhook behind a sign-in", complaint{webhook: answering(401, "text/plain", gossip)}, "webhook", "sign-in", []string{"authentication"}},
		{"a webhook that redirects", complaint{webhook: answering(307, "text/plain", gossip)}, "webhook", "redirects", []string{"curl"}},
		{"half a webhook", complaint{webhook: func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/notifications") {
				handshake(w, r)
			} else {
				http.NotFound(w, r)
			}
		}}, "webhook", "404", []string{clinicURL + "/lifecycle"}},
		{"a webhook that hangs", complaint{webhook: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }}, "webhook", "in time", []string{"curl"}},
		{"a webhook that breaks", complaint{webhook: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}, "webhook", "no connection", []string{"curl"}},
		{"a webhook of no name", configured(func(d *teams.DoctorConfig) { d.Transport = mute{&net.DNSError{Err: gossip, IsNotFound: true}} }), "webhook", "DNS", []string{"curl"}},
		{"a webhook of bad repute", configured(func(d *teams.DoctorConfig) {
			d.Transport = mute{&tls.CertificateVerificationError{Err: errors.New(gossip)}}
		}), "webhook", "certificate", []string{"curl"}},
		{"a webhook in the open", configured(func(d *teams.DoctorConfig) { d.NotifyURL = "http://switchboard.example/api/graph" }), "webhook", "https://", []string{"SWITCHBOARD_GRAPH_NOTIFY_URL"}},
		{"a webhook with a key", configured(func(d *teams.DoctorConfig) { d.NotifyURL = clinicURL + "?code=" + clinicSecret }), "webhook", "no query", []string{"SWITCHBOARD_GRAPH_NOTIFY_URL"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			visit(t, test.ill, func(t *testing.T, c *clinic) {
				findings := c.Examine(t.Context())
				for _, f := range findings {
					if (f.Status == teams.Failed) != (f.Check == test.check) {
						t.Errorf("%s is %s: %s", f.Check, f.Status, f.Detail)
					}
				}
				f := findingOf(t, findings, test.check)
				if !strings.Contains(f.Detail, test.detail) {
					t.Errorf("the detail is %q", f.Detail)
				}
				for _, part := range test.remedy {
					if !strings.Contains(strings.Join(f.Remedy, "\n"), part) {
						t.Errorf("the remedy lacks %q: %q", part, f.Remedy)
					}
				}
				c.keepsSecrets(t, findings)
			})
		})
	}
}

// noIdentity is how package entra says that the host has no managed identity.
func noIdentity(ctx context.Context) (string, error) {
	shared := azcore.ClientOptions{Transport: faults.Transport{Handler: http.NotFoundHandler()}, Retry: policy.RetryOptions{MaxRetries: -1}}
	app, err := entra.New(entra.Settings{}, &entra.Options{ClientOptions: shared})
	if err != nil {
		return "", err
	}
	token, err := app.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{graph.DefaultEndpoint + "/.default"}})
	return token.Token, err
}

// keepsSecrets: nothing is shown that is not for an administrator's screen.
func (c *clinic) keepsSecrets(t *testing.T, findings []teams.Finding) {
	t.Helper()
	shown, err := json.Marshal(findings)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range append([]string{clinicSecret, gossip}, c.tokens...) {
		if secret != "" && strings.Contains(string(shown), secret) {
			t.Errorf("%q is shown: %s", secret, shown)
		}
	}
}

// TestDoctorSkipsWhatIsNotThere: what is switched off is not wrong.
func TestDoctorSkipsWhatIsNotThere(t *testing.T) {
	bare := complaint{lacks: []string{"BookingsAppointment.ReadWrite.All", "VirtualAppointment.ReadWrite.All"}, config: func(d *teams.DoctorConfig) {
		d.Business, d.Service, d.NotifyURL = "", "", ""
	}}
	visit(t, bare, func(t *testing.T, c *clinic) {
		findings := c.Examine(t.Context())
		if got := summary(findings); got != strings.NewReplacer("bookings ok", "bookings skipped", "webhook ok", "webhook skipped").Replace(healthy) {
			t.Errorf("%+v", findings)
		}
		if f := findingOf(t, findings, "webhook"); !strings.Contains(f.Detail, "is not told") || !strings.Contains(f.Remedy[0], "SWITCHBOARD_GRAPH_NOTIFY_URL") {
			t.Errorf("what is lost is not said: %+v", f)
		}
		if f := findingOf(t, findings, "app_roles"); !strings.Contains(f.Detail, "VirtualAppointment.Read.All is not") {
			t.Errorf("what is optional is not said: %s", f.Detail)
		}
		if len(c.webhook.Calls()) > 0 {
			t.Error("a webhook was asked")
		}
	})
}

// TestDoctorOfCallersAlone: where callers organize their own meetings, nobody else has to.
func TestDoctorOfCallersAlone(t *testing.T) {
	alone := complaint{config: func(d *teams.DoctorConfig) { d.Organizer, d.Callers = "", teams.Application }}
	visit(t, alone, func(t *testing.T, c *clinic) {
		if f := findingOf(t, c.Examine(t.Context()), "settings"); f.Status != teams.OK || !strings.Contains(f.Detail, "only callers of the tenant") {
			t.Errorf("%+v", f)
		}
	})
}

// TestDoctorSaysWhatItDoesNotKnow: about anonymous people, always; about the rest, when
// another thing lies in the way.
func TestDoctorSaysWhatItDoesNotKnow(t *testing.T) {
	visit(t, complaint{}, func(t *testing.T, c *clinic) {
		f := findingOf(t, c.Examine(t.Context()), "anonymous_join")
		for _, part := range []string{"DisableAnonymousJoin $false", "AllowAnonymousUsersToJoinMeeting $true", physician} {
			if !strings.Contains(strings.Join(f.Remedy, "\n"), part) {
				t.Errorf("the remedy lacks %q: %q", part, f.Remedy)
			}
		}
		if f.Status != teams.Unknown || !strings.Contains(f.Detail, "not looked at") {
			t.Errorf("%+v", f)
		}
	})
	for name, test := range map[string]struct {
		ill  complaint
		want string
	}{
		"no permission":                       {complaint{lacks: []string{"OnlineMeetings.ReadWrite.All"}}, "settings ok, credential ok, app_roles failed, graph ok, access_policy unknown, meeting_provider ok, bookings ok, anonymous_join unknown, webhook ok"},
		"no Graph":                            {complaint{fault: refusing("/v1.0/", 500)}, "settings ok, credential ok, app_roles ok, graph failed, access_policy unknown, meeting_provider unknown, bookings unknown, anonymous_join unknown, webhook ok"},
		"no token":                            {complaint{fault: denying(7000222)}, "settings ok, credential failed, app_roles skipped, graph skipped, access_policy skipped, meeting_provider skipped, bookings skipped, anonymous_join unknown, webhook ok"},
		"no organizer":                        {configured(func(d *teams.DoctorConfig) { d.Organizer = "" }), "settings failed, credential ok, app_roles ok, graph ok, access_policy skipped, meeting_provider skipped, bookings ok, anonymous_join unknown, webhook ok"},
		"a question that Graph does not take": {complaint{fault: refusing("/onlineMeetings", 400)}, strings.Replace(healthy, "access_policy ok", "access_policy unknown", 1)},
		"a token of another form": {configured(func(d *teams.DoctorConfig) {
			d.Token = func(context.Context) (string, error) { return "opaque", nil }
		}), strings.Replace(healthy, "app_roles ok", "app_roles unknown", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			visit(t, test.ill, func(t *testing.T, c *clinic) {
				findings := c.Examine(t.Context())
				if got := summary(findings); got != test.want {
					t.Errorf("%s, want %s", got, test.want)
				}
				c.keepsSecrets(t, findings)
			})
		})
	}
}

// TestDoctorTrustsCalendarsMoreThanTokens: Exchange can open mailboxes to an application
// whose token does not say so.
func TestDoctorTrustsCalendarsMoreThanTokens(t *testing.T) {
	var poorer string
	visit(t, complaint{lacks: []string{"Calendars.ReadWrite"}}, func(t *testing.T, c *clinic) {
		poorer, _ = c.Token(t.Context())
	})
	scoped := configured(func(d *teams.DoctorConfig) { d.Token = func(context.Context) (string, error) { return poorer, nil } })
	visit(t, scoped, func(t *testing.T, c *clinic) {
		findings := c.Examine(t.Context())
		if f := findingOf(t, findings, "app_roles"); summary(findings) != healthy || !strings.Contains(f.Detail, "by Exchange") {
			t.Errorf("%+v", findings)
		}
	})
}

// TestDoctorTakesTenSeconds at most, or what is left of its context.
func TestDoctorTakesTenSeconds(t *testing.T) {
	everything := complaint{
		fault:   &faults.Rule{Contains: "/v1.0/", Delay: faults.Duration(time.Hour)},
		webhook: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		config: func(d *teams.DoctorConfig) {
			token := d.Token
			d.Token = func(ctx context.Context) (string, error) {
				time.Sleep(4900 * time.Millisecond)
				return token(ctx)
			}
		},
	}
	visit(t, everything, func(t *testing.T, c *clinic) {
		began := time.Now()
		c.Examine(t.Context())
		if took := time.Since(began); took < 5*time.Second || took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
	everything.config = nil
	visit(t, everything, func(t *testing.T, c *clinic) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		findings := c.Examine(ctx)
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
		if got := summary(findings); got != "settings ok, credential ok, app_roles ok, graph failed, access_policy unknown, meeting_provider unknown, bookings unknown, anonymous_join unknown, webhook failed" {
			t.Error(got)
		}
	})
}
