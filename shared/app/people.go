package app

import (
	"context"
	"crypto/rand"
	"errors"

	"switchboard/shared/acs"
	"switchboard/shared/calling"
	"switchboard/shared/friendship"
	"switchboard/shared/function"
	"switchboard/shared/handle"
	"switchboard/shared/identity"
	"switchboard/shared/space"
	"switchboard/shared/storage"
	"switchboard/shared/ticket"
)

// people sets the mapping, the directory of handles, the friendships and the spaces.
// They know of each other: a handle is its holder's as long as the profile says so,
// friends and members see what the profile shows, and all of it goes with the user.
// client is nil where identities are only looked up.
func (b *builder) people(out *function.Services, store *storage.Container, client *acs.Client) {
	handles := &handle.Directory{Store: store, Now: b.Now, Log: b.log}
	cfg := identity.Config{
		Store:   store,
		Ring:    out.Ring,
		Default: identity.Want{Scopes: []calling.Scope{calling.Chat, calling.VoIP}, Life: b.settings.life},
		Now:     b.Now,
		NewID:   rand.Text,
		Log:     b.log,
		News: func(rec *identity.Record) ([]storage.Document, error) {
			card, err := friendship.CardChanged(rec.UserID(), rand.Text(), b.Now())
			if err != nil {
				return nil, err
			}
			name, err := space.NameChanged(rec.UserID(), rand.Text(), b.Now())
			return []storage.Document{card, name}, err
		},
	}
	if client != nil { // a nil *acs.Client would be a Provider that is there
		cfg.Provider = client
	}
	cfg.Clean = func(ctx context.Context, rec *identity.Record) error {
		for _, h := range rec.Handles {
			if err := handles.Release(ctx, h, rec.UserID()); err != nil {
				return err
			}
		}
		if rec.UserID() == "" {
			return nil
		}
		// Each goes on by itself once it has begun.
		return errors.Join(out.Friendships.Forget(ctx, rec.UserID()), out.Spaces.Forget(ctx, rec.UserID()), out.Meetings.Forget(ctx, rec.UserID()))
	}
	identities := identity.New(cfg)
	out.Identities, out.Handles = identities, handles
	out.Friendships = friendship.New(friendship.Config{
		Store:  store,
		People: directory{identities},
		Limits: b.settings.friends,
		Now:    b.Now,
		NewID:  rand.Text,
	})
	out.Spaces = b.spaces(store, identities)
	handles.HandleOf = func(ctx context.Context, userID string) (string, error) {
		return identities.HandleOf(ctx, identity.UserKey(userID))
	}
}

// spaces is all spaces. ACS carries their calls.
func (b *builder) spaces(store *storage.Container, identities *identity.Registry) *space.Registry {
	return space.New(space.Config{
		Store:  store,
		People: members{identities},
		Calls:  ticket.ACS{Identities: identities, Want: identity.Want{Scopes: b.settings.spaces.scopes, Life: b.settings.life}},
		Limits: b.settings.spaces.limits,
		Life:   b.settings.spaces.life,
		Opens:  b.settings.spaces.opens,
		Closes: b.settings.spaces.closes,
		Now:    b.Now,
		NewID:  rand.Text,
		Log:    b.log,
	})
}

// members shows the people in the mapping to the members of spaces.
type members struct{ identities *identity.Registry }

func (m members) Person(ctx context.Context, userID string) (space.Person, error) {
	rec, err := m.identities.Get(ctx, identity.UserKey(userID))
	if err != nil {
		return space.Person{}, err
	}
	return space.Person{Name: rec.Profile.DisplayName, At: rec.Shown, Since: rec.Since()}, nil
}

// directory shows friends the people in the mapping.
type directory struct{ identities *identity.Registry }

func (d directory) Person(ctx context.Context, userID string) (friendship.Person, error) {
	rec, err := d.identities.Get(ctx, identity.UserKey(userID))
	if err != nil {
		return friendship.Person{}, err
	}
	card := friendship.Card{Name: rec.Profile.DisplayName, CallingID: rec.CallingID, At: rec.Shown}
	if rec.Profile.PhoneVisibleTo == identity.VisibleToFriends {
		card.Phone = rec.Profile.PhoneNumber
	}
	return friendship.Person{
		Card:         card,
		Handle:       handle.Fold(rec.Profile.Handle),
		Discoverable: rec.Profile.Discoverable,
		Since:        rec.Since(),
	}, nil
}
