package app

import (
	"context"
	"time"

	"github.com/sethvargo/go-envconfig"

	"switchboard/shared/calling"
	"switchboard/shared/friendship"
	"switchboard/shared/function"
	"switchboard/shared/seal"
	"switchboard/shared/signin"
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

	Graph    graphEnvironment
	Meetings meetingsEnvironment

	Version string `env:"SWITCHBOARD_VERSION, default=dev"`
}

type meetingsEnvironment struct {
	Opens          string `env:"SWITCHBOARD_MEETINGS_OPENS_BEFORE, default=15m"`
	Closes         string `env:"SWITCHBOARD_MEETINGS_CLOSES_AFTER, default=1h"`
	AttendeesMax   string `env:"SWITCHBOARD_MEETINGS_ATTENDEES_MAX, default=200"`
	GuestsMax      string `env:"SWITCHBOARD_MEETINGS_GUESTS_MAX, default=100"`
	Scopes         string `env:"SWITCHBOARD_MEETINGS_SCOPES, default=voip.join,chat.join"`
	AnonymousStart string `env:"SWITCHBOARD_MEETINGS_ANONYMOUS_START, default=false"`
	Timeout        string `env:"SWITCHBOARD_MEETINGS_TIMEOUT, default=15s"`
}

// settings is what the environment means.
type settings struct {
	issuers  []signin.Issuer
	acs      acsSettings
	cosmos   cosmosSettings
	graph    graphSettings
	keys     seal.Static // nil: none in settings
	vault    string      // "": none
	life     time.Duration
	timeout  time.Duration
	origins  []string
	friends  friendship.Limits
	spaces   spacesSettings
	meetings meetingsSettings
	version  string
}

type acsSettings struct{ connection, endpoint, version string }

// given reports whether there is a resource.
func (s acsSettings) given() bool { return s.connection != "" || s.endpoint != "" }

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
		issuers:  r.issuers(e.Issuers),
		acs:      r.acs(e),
		cosmos:   r.cosmos(e),
		graph:    r.graph(e.Graph),
		vault:    e.SealingVault,
		life:     r.duration("SWITCHBOARD_TOKEN_LIFE", e.TokenLife, calling.MinLife, calling.MaxLife),
		timeout:  r.duration("SWITCHBOARD_REQUEST_TIMEOUT", e.RequestTimeout, 100*time.Millisecond, time.Minute),
		origins:  r.origins(e.CORSOrigins),
		friends:  r.friends(e),
		spaces:   r.spaces(e),
		meetings: r.meetings(e.Meetings),
		version:  e.Version,
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
