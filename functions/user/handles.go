package user

import (
	"context"
	"slices"

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

// claim notes a handle and claims it. One that the user has already is claimed
// anew, so that no change on another device that is giving it up frees it.
func (h handler) claim(ctx context.Context, key identity.Key, wanted string) error {
	rec, err := h.identities.Update(ctx, key, func(rec *identity.Record) error {
		folded := handle.Fold(wanted)
		if slices.Contains(rec.Handles, folded) {
			return nil
		}
		if len(rec.Handles) >= maxNoted {
			return problem.New(problem.Conflict, "handle_changed_often", "The handle was changed too often. Try again in a minute.")
		}
		rec.Handles = append(slices.Clone(rec.Handles), folded)
		return nil
	})
	if err != nil {
		return err
	}
	return h.handles.Claim(ctx, wanted, rec.UserID())
}

// tidy gives up the handles that the profile does not say. What is not free yet
// stays noted for the next time.
func (h handler) tidy(ctx context.Context, key identity.Key, rec *identity.Record) *identity.Record {
	var free []string
	for _, noted := range rec.Handles {
		if noted != handle.Fold(rec.Profile.Handle) && h.handles.GiveUp(ctx, noted, rec.UserID()) {
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
