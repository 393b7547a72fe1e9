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
	"github.com/sethvargo/go-envconfig"

	"switchboard/shared/acs"
	"switchboard/shared/calling"
	"switchboard/shared/friendship"
	"switchboard/shared/function"
	"switchboard/shared/seal"
	"switchboard/shared/signin"
	"switchboard/shared/space"
	"switchboard/shared/storage"
)

// environment is the settings as they come: the README lists them with their
// meanings. All are text here, so that every fault can be told at once.
type environment struct {
	Issuers          string `env:"SWITCHBOARD_ISSUERS"`
	ACSConnection    string `env:"SWITCHBOARD_ACS_CONNECTION_STRING"`
	ACSEndpoint      string `env:"SWITCHBOARD_ACS_ENDPOINT"`
	ACSAPIVersion    string `env:"SWITCHBOARD_ACS_API_VERSION"`
	CosmosConnection string `env:"SWITCHBOARD_COSMOS_CONNECTION_STRING"`
	CosmosEndpoint   string `env:"SWITCHBOARD_COSMOS_ENDPOINT"`
	CosmosDatabase   string `env:"SWITCHBOARD_COSMOS_DATABASE, default=switchboard"`
	CosmosContainer  string `env:"SWITCHBOARD_COSMOS_CONTAINER, default=main"`
	SealingKeys      string `env:"SWITCHBOARD_SEALING_KEYS"`
	SealingVault     string `env:"SWITCHBOARD_SEALING_VAULT"`
	TokenLife        string `env:"SWITCHBOARD_TOKEN_LIFE, default=24h"`
	RequestTimeout   string `env:"SWITCHBOARD_REQUEST_TIMEOUT, default=2200ms"`
	CORSOrigins      string `env:"SWITCHBOARD_CORS_ORIGINS"`

	FriendsMax         string `env:"SWITCHBOARD_FRIENDS_MAX, default=5000"`
	FriendsPendingMax  string `env:"SWITCHBOARD_FRIENDS_PENDING_MAX, default=500"`
	FriendsInvitesMax  string `env:"SWITCHBOARD_FRIENDS_INVITES_MAX, default=50"`
	FriendsRequestRate string `env:"SWITCHBOARD_FRIENDS_REQUESTS_PER_MINUTE, default=30"`
	FriendsLookupRate  string `env:"SWITCHBOARD_FRIENDS_LOOKUPS_PER_MINUTE, default=30"`
	FriendsInviteRate  string `env:"SWITCHBOARD_FRIENDS_INVITES_PER_MINUTE, default=10"`

	SpacesMax        string `env:"SWITCHBOARD_SPACES_MAX, default=1000"`
	SpacesMembersMax string `env:"SWITCHBOARD_SPACES_MEMBERS_MAX, default=10000"`
	SpacesPendingMax string `env:"SWITCHBOARD_SPACES_PENDING_MAX, default=1000"`
	SpacesInvitesMax string `env:"SWITCHBOARD_SPACES_INVITES_MAX, default=50"`
	SpacesCallLife   string `env:"SWITCHBOARD_SPACES_CALL_LIFE, default=1h"`
	SpacesOpens      string `env:"SWITCHBOARD_SPACES_OPENS_BEFORE, default=15m"`
	SpacesCloses     string `env:"SWITCHBOARD_SPACES_CLOSES_AFTER, default=30m"`
	SpacesScopes     string `env:"SWITCHBOARD_SPACES_SCOPES, default=voip"`

	Version string `env:"SWITCHBOARD_VERSION, default=dev"`
}

// settings is what the environment means.
type settings struct {
	issuers []signin.Issuer
	acs     acsSettings
	cosmos  cosmosSettings
	keys    seal.Static // nil: none in settings
	vault   string      // "": none
	life    time.Duration
	timeout time.Duration
	origins []string
	friends friendship.Limits
	spaces  spacesSettings
	version string
}

type spacesSettings struct {
	limits              space.Limits
	life, opens, closes time.Duration
	scopes              []calling.Scope // of the tokens in join tickets
}

type acsSettings struct{ connection, endpoint, version string }

type cosmosSettings struct {
	endpoint, key string
	schema        storage.Schema
}

// needsCredential reports whether some service is reached with the identity of
// the process instead of a key.
func (s settings) needsCredential() bool {
	return s.acs.endpoint != "" || s.cosmos.endpoint != "" && s.cosmos.key == "" || s.vault != ""
}

// readSettings reads the settings that the functions need. Its error names
// every setting that is missing or wrong, and the functions that need it.
func readSettings(ctx context.Context, env func(string) string, rows []function.Function) (settings, error) {
	var e environment
	lookup := envconfig.LookuperFunc(func(name string) (string, bool) { v := env(name); return v, v != "" })
	if err := envconfig.ProcessWith(ctx, &envconfig.Config{Target: &e, Lookuper: lookup}); err != nil {
		return settings{}, err
	}
	r := reader{rows: rows}
	s := settings{
		issuers: r.issuers(e.Issuers),
		acs:     r.acs(e),
		cosmos:  r.cosmos(e),
		vault:   e.SealingVault,
		life:    r.duration("SWITCHBOARD_TOKEN_LIFE", e.TokenLife, calling.MinLife, calling.MaxLife),
		timeout: r.duration("SWITCHBOARD_REQUEST_TIMEOUT", e.RequestTimeout, 100*time.Millisecond, time.Minute),
		origins: r.origins(e.CORSOrigins),
		friends: r.friends(e),
		spaces:  r.spaces(e),
		version: e.Version,
	}
	if s.life%time.Minute != 0 {
		r.fault("SWITCHBOARD_TOKEN_LIFE", "must be whole minutes")
	}
	if e.SealingKeys == "" && e.SealingVault == "" {
		r.missing("SWITCHBOARD_SEALING_KEYS", "or SWITCHBOARD_SEALING_VAULT, to seal the cursors of lists", function.Sealing)
	}
	if e.SealingKeys != "" {
		var err error
		s.keys, err = seal.ParseKeys(e.SealingKeys)
		r.check("SWITCHBOARD_SEALING_KEYS", err)
	}
	if e.SealingVault != "" {
		_, err := seal.NewVault(e.SealingVault, nobody{}, nil)
		r.check("SWITCHBOARD_SEALING_VAULT", err)
	}
	if e.SealingKeys != "" && e.SealingVault != "" {
		r.fault("SWITCHBOARD_SEALING_VAULT", "is set together with SWITCHBOARD_SEALING_KEYS; choose one")
	}
	return s, r.err()
}

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

// friends reads the limits of friend lists.
func (r *reader) friends(e environment) friendship.Limits {
	return friendship.Limits{
		Friends: r.number("SWITCHBOARD_FRIENDS_MAX", e.FriendsMax),
		Pending: r.number("SWITCHBOARD_FRIENDS_PENDING_MAX", e.FriendsPendingMax),
		Invites: r.number("SWITCHBOARD_FRIENDS_INVITES_MAX", e.FriendsInvitesMax),
		PerMin: map[friendship.Act]int{
			friendship.Ask:    r.number("SWITCHBOARD_FRIENDS_REQUESTS_PER_MINUTE", e.FriendsRequestRate),
			friendship.Search: r.number("SWITCHBOARD_FRIENDS_LOOKUPS_PER_MINUTE", e.FriendsLookupRate),
			friendship.Invite: r.number("SWITCHBOARD_FRIENDS_INVITES_PER_MINUTE", e.FriendsInviteRate),
		},
	}
}

// spaces reads the limits of spaces and the times of their calls.
func (r *reader) spaces(e environment) spacesSettings {
	return spacesSettings{
		limits: space.Limits{
			Spaces:  r.number("SWITCHBOARD_SPACES_MAX", e.SpacesMax),
			Members: r.number("SWITCHBOARD_SPACES_MEMBERS_MAX", e.SpacesMembersMax),
			Pending: r.number("SWITCHBOARD_SPACES_PENDING_MAX", e.SpacesPendingMax),
			Invites: r.number("SWITCHBOARD_SPACES_INVITES_MAX", e.SpacesInvitesMax),
		},
		life:   r.duration("SWITCHBOARD_SPACES_CALL_LIFE", e.SpacesCallLife, time.Minute, 24*time.Hour),
		opens:  r.duration("SWITCHBOARD_SPACES_OPENS_BEFORE", e.SpacesOpens, 0, 24*time.Hour),
		closes: r.duration("SWITCHBOARD_SPACES_CLOSES_AFTER", e.SpacesCloses, 0, 24*time.Hour),
		scopes: r.scopes("SWITCHBOARD_SPACES_SCOPES", e.SpacesScopes),
	}
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
