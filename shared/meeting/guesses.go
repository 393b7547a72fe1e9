package meeting

import (
	"context"
	"time"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// guesses counts how often a user named a meeting by its digits and a passcode within a
// minute: such can be guessed, where links cannot.
type guesses struct {
	storage.Head
	Minute int64 `json:"minute"` // since 1970
	Count  int   `json:"count"`
}

// guessesPerMinute is more than anybody types.
const guessesPerMinute = 10

// mayGuess refuses who names too many meetings by their digits. Throttled, with RetryAfter.
func (r *Registry) mayGuess(ctx context.Context, user string, w Wanted) error {
	if w.Link.URL != "" {
		return nil
	}
	return storage.Retry(ctx, func() error {
		g, now := &guesses{Head: head(userPartition(user), guessesType, guessesType)}, r.Now()
		if err := storage.Look(ctx, r.Store, g); err != nil {
			return err
		}
		if minute := now.Unix() / 60; g.Minute != minute {
			g.Minute, g.Count = minute, 0
		}
		if g.Count >= guessesPerMinute {
			return problem.New(problem.Throttled, "import_throttled", "Too many meetings were asked for by their IDs. Wait a minute, or import them by their links.").
				After(time.Unix((g.Minute+1)*60, 0).Sub(now))
		}
		g.Count, g.TTL = g.Count+1, 120
		if g.ETag == "" {
			return r.Store.Create(ctx, g)
		}
		return r.Store.Replace(ctx, g)
	})
}
