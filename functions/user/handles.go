package user

import (
	"context"
	"slices"

	"switchboard/shared/api"
	"switchboard/shared/handle"
	"switchboard/shared/identity"
	"switchboard/shared/problem"
)

// A handle changes in four steps, because directory and record are in two
// partitions: it is noted in the record, so that an erasure knows of it, claimed
// in the directory, said by the profile, and the one before is given up. A crash
// in between leaves a handle that is noted: the next change tidies it up, and an
// erasure releases it.

// maxNoted is how many handles a user may have claimed at a time. Each is the
// user's for a minute at least.
const maxNoted = 8

// claim notes a handle and claims it, for a change of the version that ifMatch
// allows. One that the user has already is claimed anew, so that no change on
// another device that is giving it up frees it.
func (h handler) claim(ctx context.Context, key identity.Key, ifMatch, wanted string) error {
	rec, err := h.identities.Get(ctx, key)
	if err != nil {
		return err
	}
	if err := api.CheckMatch(ifMatch, rec.Profile.Version); err != nil {
		return err
	}
	h.tidy(ctx, key, rec, wanted) // attempts that came to nothing
	rec, err = h.identities.Update(ctx, key, func(rec *identity.Record) error {
		if note(rec, wanted); len(rec.Handles) > maxNoted {
			return problem.New(problem.Conflict, "handle_changed_often", "The handle was changed too often. Try again in a minute.")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return h.handles.Claim(ctx, wanted, rec.UserID())
}

// note adds a handle, if there is one, to those that the record knows of.
func note(rec *identity.Record, wanted string) {
	if folded := handle.Fold(wanted); wanted != "" && !slices.Contains(rec.Handles, folded) {
		rec.Handles = append(slices.Clone(rec.Handles), folded)
	}
}

// tidy gives up the handles that the profile does not say, but for one that is
// wanted. What is not free yet stays noted for the next time.
func (h handler) tidy(ctx context.Context, key identity.Key, rec *identity.Record, wanted string) *identity.Record {
	var free []string
	for _, noted := range rec.Handles {
		if noted != handle.Fold(rec.Profile.Handle) && noted != handle.Fold(wanted) && h.handles.GiveUp(ctx, noted, rec.UserID()) {
			free = append(free, noted)
		}
	}
	if len(free) == 0 {
		return rec
	}
	tidied, err := h.identities.Update(ctx, key, func(rec *identity.Record) error {
		rec.Handles = slices.DeleteFunc(slices.Clone(rec.Handles), func(noted string) bool {
			return slices.Contains(free, noted) && noted != handle.Fold(rec.Profile.Handle)
		})
		return nil
	})
	if err != nil {
		return rec // the change itself is made; the next one tidies up
	}
	return tidied
}
