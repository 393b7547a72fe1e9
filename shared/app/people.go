package app

import (
	"context"
	"crypto/rand"

	"switchboard/shared/acs"
	"switchboard/shared/calling"
	"switchboard/shared/friendship"
	"switchboard/shared/handle"
	"switchboard/shared/identity"
	"switchboard/shared/seal"
	"switchboard/shared/storage"
)

// people is the mapping, the directory of handles and the friendships. They know of
// each other: a handle is its holder's as long as the profile says so, friends see
// what the profile shows, and all of it goes with the user. client is nil where
// identities are only looked up.
func (b *builder) people(store *storage.Container, client *acs.Client, ring *seal.Ring) (*identity.Registry, *handle.Directory, *friendship.Registry) {
	handles := &handle.Directory{Store: store, Now: b.Now, Log: b.log}
	cfg := identity.Config{
		Store:   store,
		Ring:    ring,
		Default: identity.Want{Scopes: []calling.Scope{calling.Chat, calling.VoIP}, Life: b.settings.life},
		Now:     b.Now,
		NewID:   rand.Text,
		Log:     b.log,
		News: func(rec *identity.Record) (storage.Document, error) {
			return friendship.CardChanged(rec.UserID(), rand.Text(), b.Now())
		},
	}
	if client != nil { // a nil *acs.Client would be a Provider that is there
		cfg.Provider = client
	}
	var friendships *friendship.Registry
	cfg.Clean = func(ctx context.Context, rec *identity.Record) error {
		for _, h := range rec.Handles {
			if err := handles.Release(ctx, h, rec.UserID()); err != nil {
				return err
			}
		}
		if rec.UserID() == "" {
			return nil
		}
		return friendships.Forget(ctx, rec.UserID())
	}
	identities := identity.New(cfg)
	friendships = friendship.New(friendship.Config{
		Store:  store,
		People: directory{identities},
		Limits: b.settings.friends,
		Now:    b.Now,
		NewID:  rand.Text,
	})
	handles.HandleOf = func(ctx context.Context, userID string) (string, error) {
		return identities.HandleOf(ctx, identity.UserKey(userID))
	}
	return identities, handles, friendships
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
