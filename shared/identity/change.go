package identity

import (
	"context"
	"errors"
	"strings"
	"time"

	"switchboard/shared/calling"
	"switchboard/shared/storage"
)

// allocate makes a calling identity, with its first token in the same call, for
// a record at rest that has none that lives. ErrStale if another request was
// first; its identity is then the one.
func (r *Registry) allocate(ctx context.Context, rec *Record, who Subject, want Want) (outcome, error) {
	fresh := rec.CreatedAt.IsZero()
	if fresh {
		rec.Kind, rec.Name, rec.TTL = who.Kind, who.name(), 0
		rec.LeftAt, rec.ErasedAt = rec.ErasedAt, time.Time{}
		rec.Shown = r.Now().UnixMilli()
		rec.Profile = Profile{DisplayName: CleanName(who.DisplayName), Version: r.NewID()}
	}
	r.begin(rec, allocate)
	if err := r.save(ctx, rec); err != nil {
		return outcome{}, err
	}
	id, token, err := r.Provider.Create(ctx, want.Scopes, want.Life)
	if err != nil {
		if id != "" { // made, but of no use
			r.discard(ctx, id)
		}
		r.release(ctx, rec)
		return outcome{}, err
	}
	err = r.settle(ctx, rec, func(end *Record) {
		end.CallingID = id
		if fresh {
			end.CreatedAt = r.Now().UTC()
		}
		r.remember(ctx, end, want, token)
	})
	if err != nil {
		r.abandon(ctx, rec, id, err)
		return outcome{}, err
	}
	return outcome{record: rec, token: token, created: fresh}, nil
}

// abandon deals with an identity whose mapping could not be stored, as far as is
// known. It must not be deleted if it was stored after all.
func (r *Registry) abandon(ctx context.Context, rec *Record, id string, cause error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), workTime)
	defer cancel()
	now, err := r.read(ctx, Key{rec.PK, rec.ID})
	if err == nil && now.CallingID == id {
		return
	}
	// Where the claim is still ours, giving it up makes sure that a late write
	// does not land.
	if err == nil && now.Change != nil && now.Change.By == rec.Change.By {
		err = r.release(ctx, now)
	}
	if err != nil {
		r.Log.ErrorContext(ctx, "a new calling identity may not have been stored", "callingId", id, "error", cause)
		return
	}
	r.discard(ctx, id)
}

// name is that of a bot or a service; others have none.
func (who Subject) name() string {
	name, named := strings.CutPrefix(who.Key.id, servicePrefix)
	if !named {
		return ""
	}
	return name
}

// settle ends our Change: it stores what came of it, as end says, which may run
// several times, each on a fresh copy. What others wrote meanwhile, the profile,
// stays, and is in rec afterwards. A store that fails is asked again until the
// work's time is over, because the provider has acted: losing the write would
// lose an identity. ErrStale if the Change is not ours any more.
func (r *Registry) settle(ctx context.Context, rec *Record, end func(*Record)) error {
	claim := rec.Change.By
	for turn := 0; ; turn++ {
		ended := *rec
		ended.Change = nil
		end(&ended)
		was := *rec
		if rec.CallingID == "" { // nobody has seen it yet
			was.CallingID = ended.CallingID
		}
		err := r.saveAfter(ctx, &ended, was)
		if err == nil {
			*rec = ended
			return nil
		}
		if !errors.Is(err, storage.ErrStale) && pause(ctx, turn+2) != nil {
			return err
		}
		now, readErr := r.read(ctx, Key{rec.PK, rec.ID})
		switch {
		case readErr != nil:
			if pause(ctx, turn) != nil {
				return err
			}
		case now.Change != nil && now.Change.By == claim:
			*rec = *now
		case ended.CallingID != "" && now.CallingID == ended.CallingID && now.Change == nil && now.Generation == ended.Generation:
			*rec = *now // it was stored, and its answer lost
			return nil
		default:
			return storage.ErrStale
		}
	}
}

// release gives a Change up after the provider failed: its lease lapses at
// once, so that the next request need not wait for that.
func (r *Registry) release(ctx context.Context, rec *Record) error {
	given := *rec.Change
	given.Until = r.Now().Add(-time.Millisecond).UTC()
	err := r.settle(ctx, rec, func(end *Record) { end.Change = &given })
	if err != nil {
		r.Log.WarnContext(ctx, "a claim was not released; it lapses by itself", "error", err)
	}
	return err
}

// discard deletes an identity that lost its race.
func (r *Registry) discard(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), workTime)
	defer cancel()
	if err := r.Provider.Delete(ctx, id); err != nil && !errors.Is(err, calling.ErrNotOwned) {
		r.Log.ErrorContext(ctx, "an unused calling identity could not be deleted; delete it by hand", "callingId", id, "error", err)
	}
}

// RevokeTokens ends every token of the identity. There being none, or no
// identity, is no error.
func (r *Registry) RevokeTokens(ctx context.Context, key Key) error {
	_, err := r.alone(ctx, key, func(ctx context.Context) (outcome, error) {
		for range tries {
			rec, err := r.rest(ctx, key)
			if err != nil || !rec.mapped() {
				return outcome{}, err
			}
			if err = r.revoke(ctx, rec); !errors.Is(err, storage.ErrStale) {
				return outcome{}, err
			}
		}
		return outcome{}, contended()
	})
	return err
}

// revoke makes one attempt. No token is given out between its two writes,
// because one issued then may or may not be among those that the provider
// revokes. If the provider fails, the Change stays, lapsed: whoever comes next
// finishes it before anything else.
func (r *Registry) revoke(ctx context.Context, rec *Record) error {
	r.begin(rec, revoke)
	if err := r.save(ctx, rec); err != nil {
		return err
	}
	if err := r.Provider.Revoke(ctx, rec.CallingID); err != nil && !errors.Is(err, calling.ErrNotOwned) {
		r.release(ctx, rec)
		return err
	}
	return r.settle(ctx, rec, func(end *Record) { end.Generation++ })
}

// Erase deletes the identity at the provider and forgets the record, with what
// belongs to it elsewhere (Config.Clean). ready decides on the record as it is
// and may refuse. Erasing what is not there is no error.
//
// For a while a mark stays (the key, the time and the generation, nothing else),
// so that a request that was under way does not bring the identity back.
func (r *Registry) Erase(ctx context.Context, key Key, ready func(*Record) error) error {
	_, err := r.alone(ctx, key, func(ctx context.Context) (outcome, error) {
		found := -1
		for turn := 0; ; turn++ {
			rec, err := r.read(ctx, key)
			if err != nil {
				return outcome{}, err
			}
			if found < 0 {
				found = rec.Generation
			}
			switch {
			case turn > 0 && !rec.ErasedAt.IsZero() && rec.Generation > found:
				return outcome{}, nil // by another request, since this one came
			case turn > 0 && rec.erasing(r.Now()):
				if err := pause(ctx, turn); err != nil {
					return outcome{}, err
				}
				continue
			}
			if err := ready(rec); err != nil {
				return outcome{}, err
			}
			if err = r.erase(ctx, rec, rec.Generation+1); !errors.Is(err, storage.ErrStale) {
				return outcome{}, err
			}
		}
	})
	return err
}

// erasing reports whether somebody is erasing the record now.
func (rec *Record) erasing(now time.Time) bool {
	return rec.Change != nil && rec.Change.Do == erase && !now.After(rec.Change.Until)
}

// erase makes one attempt, whatever else is under way: work that others have
// begun finds the document changed and undoes itself. A new erasure counts the
// generation up, one that is taken over does not: who came when it had been
// given up may begin anew.
func (r *Registry) erase(ctx context.Context, rec *Record, generation int) error {
	r.begin(rec, erase)
	rec.Generation, rec.TTL = generation, 0
	if err := r.save(ctx, rec); err != nil {
		return err
	}
	err := r.Clean(ctx, rec)
	if err == nil && rec.CallingID != "" {
		err = r.Provider.Delete(ctx, rec.CallingID)
	}
	if err != nil && !errors.Is(err, calling.ErrNotOwned) {
		r.release(ctx, rec)
		return err
	}
	return r.settle(ctx, rec, func(end *Record) {
		*end = Record{Head: end.Head, Kind: end.Kind, Generation: generation, ErasedAt: r.Now().UTC()}
		end.TTL = int(markLife.Seconds())
	})
}
