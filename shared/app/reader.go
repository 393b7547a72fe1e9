package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/uuid"

	"switchboard/shared/acs"
	"switchboard/shared/calling"
	"switchboard/shared/function"
	"switchboard/shared/signin"
	"switchboard/shared/storage"
)

// nobody is a credential for clients that are only made to see whether their
// settings are right.
type nobody struct{}

func (nobody) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, errors.New("not a credential")
}

// reader interprets settings and collects what is wrong with them.
type reader struct {
	rows   []function.Function
	faults []string
}

func (r *reader) fault(name, message string) {
	r.faults = append(r.faults, fmt.Sprintf("%s %s", name, message))
}

func (r *reader) check(name string, err error) {
	if err != nil {
		r.fault(name, "is wrong: "+strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}

// missing is a fault if a deployed function has the need.
func (r *reader) missing(name, message string, need function.Need) {
	var wanting []string
	for _, f := range r.rows {
		if slices.Contains(f.Needs, need) {
			wanting = append(wanting, f.Name)
		}
	}
	if len(wanting) > 0 {
		r.fault(name, fmt.Sprintf("is missing: %s (needed by %s)", message, strings.Join(wanting, ", ")))
	}
}

func (r *reader) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	return errors.New("the settings need mending:\n  " + strings.Join(r.faults, "\n  "))
}

func (r *reader) issuers(text string) []signin.Issuer {
	if text == "" {
		r.missing("SWITCHBOARD_ISSUERS", "a JSON list of the identity providers whose tokens are accepted", function.SignIn)
		return nil
	}
	issuers, err := signin.ParseIssuers(text)
	r.check("SWITCHBOARD_ISSUERS", err)
	return issuers
}

func (r *reader) acs(e environment) acsSettings {
	switch {
	case e.ACSConnection == "" && e.ACSEndpoint == "":
		r.missing("SWITCHBOARD_ACS_CONNECTION_STRING", "or SWITCHBOARD_ACS_ENDPOINT, to sign in as the process's own identity", function.Calling)
	case e.ACSConnection != "" && e.ACSEndpoint != "":
		r.fault("SWITCHBOARD_ACS_ENDPOINT", "is set together with SWITCHBOARD_ACS_CONNECTION_STRING; choose one")
	case e.ACSConnection != "":
		_, err := acs.NewClientFromConnectionString(e.ACSConnection, nil)
		r.check("SWITCHBOARD_ACS_CONNECTION_STRING", err)
	default:
		_, err := acs.NewClient(e.ACSEndpoint, nobody{}, nil)
		r.check("SWITCHBOARD_ACS_ENDPOINT", err)
	}
	return acsSettings{connection: e.ACSConnection, endpoint: e.ACSEndpoint, version: e.ACSAPIVersion}
}

func (r *reader) cosmos(e environment) cosmosSettings {
	s := cosmosSettings{endpoint: e.CosmosEndpoint, schema: storage.Schema{Database: e.CosmosDatabase, Container: e.CosmosContainer}}
	switch {
	case e.CosmosConnection == "" && e.CosmosEndpoint == "":
		r.missing("SWITCHBOARD_COSMOS_CONNECTION_STRING", "or SWITCHBOARD_COSMOS_ENDPOINT, to sign in as the process's own identity", function.Storage)
	case e.CosmosConnection != "" && e.CosmosEndpoint != "":
		r.fault("SWITCHBOARD_COSMOS_ENDPOINT", "is set together with SWITCHBOARD_COSMOS_CONNECTION_STRING; choose one")
	case e.CosmosConnection != "":
		var err error
		s.endpoint, s.key, err = storage.ParseConnectionString(e.CosmosConnection)
		r.check("SWITCHBOARD_COSMOS_CONNECTION_STRING", err)
	default:
		if u, err := url.Parse(e.CosmosEndpoint); err != nil || u.Scheme != "https" || u.Host == "" {
			r.fault("SWITCHBOARD_COSMOS_ENDPOINT", "is not an https address")
		}
	}
	return s
}

func (r *reader) duration(name, text string, low, high time.Duration) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d < low || d > high {
		r.fault(name, fmt.Sprintf("is not a time between %v and %v, such as 90m", low, high))
	}
	return d
}

// scopes reads what the tokens for calls may do: to join is among it.
func (r *reader) scopes(name, text string) []calling.Scope {
	var scopes []calling.Scope
	joins := false
	for part := range strings.SplitSeq(text, ",") {
		s := calling.Scope(strings.TrimSpace(part))
		joins = joins || s == calling.VoIP || s == calling.VoIPJoin
		if !s.Valid() {
			r.fault(name, "lists something that is no scope")
			return nil
		}
		scopes = append(scopes, s)
	}
	if !joins {
		r.fault(name, "lists neither voip nor voip.join")
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

func (r *reader) number(name, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1_000_000 {
		r.fault(name, "is not a whole number from 1 to 1000000")
	}
	return n
}

func (r *reader) flag(name, text string) bool {
	on, err := strconv.ParseBool(text)
	if err != nil && text != "" {
		r.fault(name, "is neither true nor false")
	}
	return on
}

// guid reads the id of something in Entra ID. "" is none.
func (r *reader) guid(name, text string) string {
	if text != "" && (len(text) != 36 || uuid.Validate(text) != nil) {
		r.fault(name, "is not a GUID, such as 00000003-0000-0000-c000-000000000000")
	}
	return strings.ToLower(text)
}

// origins reads the list that the Azure host takes, a JSON array, or the same
// separated by commas.
func (r *reader) origins(text string) []string {
	var origins []string
	if strings.HasPrefix(text, "[") {
		if err := json.Unmarshal([]byte(text), &origins); err != nil {
			r.fault("SWITCHBOARD_CORS_ORIGINS", "is not a JSON array of texts")
		}
	} else {
		origins = strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' })
	}
	for _, o := range origins {
		u, err := url.Parse(o)
		if o != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "") {
			r.fault("SWITCHBOARD_CORS_ORIGINS", "names something that is no origin, such as https://app.example.com")
			return nil
		}
	}
	return origins
}
