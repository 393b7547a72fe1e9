package app

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"switchboard/shared/entra"
	"switchboard/shared/friendship"
	"switchboard/shared/function"
	"switchboard/shared/graph"
	"switchboard/shared/identity"
	"switchboard/shared/meeting"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
	"switchboard/shared/teams"
	"switchboard/shared/watch"
)

// meetings sets all meetings, and what watches those that are on a calendar. They know of
// each other: meetings tell what to watch, and are told of changes. client is nil where the
// settings know no Microsoft Graph.
func (b *builder) meetings(out *function.Services, store *storage.Container, client *graph.Client) {
	s := b.settings.meetings
	cfg := meeting.Config{
		Store:          store,
		People:         attendees{out.Identities, out.Friendships},
		Identities:     out.Identities,
		Limits:         meeting.Limits{Attendees: s.attendees, Guests: s.guests},
		Scopes:         s.scopes,
		Life:           b.settings.life,
		Opens:          s.opens,
		Closes:         s.closes,
		AnonymousStart: s.anonymousStart,
		Now:            b.Now,
		NewID:          rand.Text,
		Log:            b.log,
	}
	if client != nil {
		cfg.Scheduler = b.scheduler(client)
	}
	out.Watch = b.watch(store, client, func(ctx context.Context, id string) error { return out.Meetings.Sync(ctx, id) })
	cfg.Watcher = watched{out.Watch, b.settings.graph}
	out.Meetings = meeting.New(cfg)
	out.Patience = s.timeout
}

// scheduler holds meetings in Teams.
func (b *builder) scheduler(client *graph.Client) *teams.Scheduler {
	s := b.settings.graph
	return teams.New(teams.Config{
		Graph:     client,
		Tenant:    s.tenant,
		Organizer: s.organizer,
		Callers:   teams.Callers(s.callers),
		Business:  s.bookings.business,
		Service:   s.bookings.service,
		Staff:     s.bookings.staff,
		Log:       b.log,
	})
}

// watch is all calendar events that are followed; sync looks at a meeting again. Without
// a client (nil) and a public address of the function graph, nothing is watched.
func (b *builder) watch(store *storage.Container, client *graph.Client, sync func(ctx context.Context, meetingID string) error) *watch.Registry {
	cfg := watch.Config{Store: store, URL: b.settings.graph.notify, Sync: sync, Now: b.Now, NewID: rand.Text, Log: b.log}
	if client != nil { // a nil *graph.Client would be a Graph that is there
		cfg.Graph = client
	}
	return watch.New(cfg)
}

// watched keeps the application from calendars that the settings do not let it read: where
// callers are not its to act for, it follows the account that organizes for everybody alone.
type watched struct {
	*watch.Registry
	settings graphSettings
}

func (w watched) Follow(ctx context.Context, organizer, event, meetingID string, until time.Time) error {
	if w.settings.callers != byApplication && !strings.EqualFold(organizer, w.settings.organizer) {
		return nil
	}
	return w.Registry.Follow(ctx, organizer, event, meetingID, until)
}

// doctor examines what meetings need.
func (b *builder) doctor(client *graph.Client, application *entra.App) *teams.Doctor {
	s := b.settings.graph
	cfg := teams.DoctorConfig{
		Graph:           client,
		Tenant:          s.tenant,
		ClientID:        s.identity.ClientID,
		ManagedIdentity: s.identity.ManagedIdentity,
		Authority:       s.authority,
		Endpoint:        s.endpoint,
		Organizer:       s.organizer,
		Callers:         teams.Callers(s.callers),
		Business:        s.bookings.business,
		Service:         s.bookings.service,
		NotifyURL:       s.notify,
		Now:             b.Now,
		NewID:           rand.Text,
	}
	cfg.Token = func(ctx context.Context) (string, error) {
		token, err := application.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{s.endpoint + "/.default"}})
		return token.Token, err
	}
	return &teams.Doctor{DoctorConfig: cfg}
}

// attendees shows meetings who is in the mapping, and who wants nothing of whom.
type attendees struct {
	identities  *identity.Registry
	friendships *friendship.Registry
}

func (a attendees) Known(ctx context.Context, userID string) error {
	_, err := a.identities.Get(ctx, identity.UserKey(userID))
	return err
}

func (a attendees) Blocks(ctx context.Context, userID, other string) (bool, error) {
	them, err := a.friendships.Get(ctx, userID, other)
	if problem.Is(err, problem.NotFound) { // a stranger, who is not to be found or is gone
		return false, nil
	}
	return them.State == friendship.Blocked, err
}
