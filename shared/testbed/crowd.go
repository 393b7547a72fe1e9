package testbed

import (
	"context"
	"time"

	"switchboard/shared/space"
	"switchboard/shared/storage"
)

// seat is the stored form of a member of a space and of the member's place, as package
// space has them.
type seat struct {
	storage.Head
	User      string     `json:"user,omitempty"`
	Space     string     `json:"space,omitempty"`
	Role      space.Role `json:"role"`
	Name      string     `json:"name"`
	JoinedAt  time.Time  `json:"joinedAt,omitzero"`
	Since     time.Time  `json:"since"`
	Seq       int64      `json:"seq,omitempty"`
	MemberSeq int64      `json:"memberSeq,omitempty"`
	Kind      space.Kind `json:"kind,omitempty"`
	Order     string     `json:"order"`
}

// Crowd makes users members of a club, for tests of spaces that are too large to be
// joined one by one. They need no mapping as long as nothing is done to themselves, and
// have no places.
func Crowd(ctx context.Context, store *storage.Container, id string, now time.Time, users ...string) error {
	since := now.UTC().Truncate(time.Second)
	for rest := users; len(rest) > 0; {
		n := min(len(rest), storage.MaxBatch-1)
		var b storage.Batch
		for _, user := range rest[:n] {
			b.Put(&seat{
				Head: storage.Head{PK: "s:" + id, ID: "member:" + user, Type: "member"}, User: user, Role: space.Member,
				Name: "member", JoinedAt: since, Since: since, Seq: since.UnixMilli(), Order: "2|member|" + user,
			})
		}
		b.Adjust("s:"+id, "tally", map[string]int64{"members": int64(n)}, "")
		if err := store.Write(ctx, b); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// Places gives users what those have who joined the club.
func Places(ctx context.Context, store *storage.Container, id string, now time.Time, users ...string) error {
	since := now.UTC().Truncate(time.Second)
	for _, user := range users {
		err := store.Create(ctx, &seat{
			Head:  storage.Head{PK: "u:" + user, ID: "space:" + id, Type: "place"},
			Space: id, Role: space.Member, Since: since, MemberSeq: since.UnixMilli(), Kind: space.Club, Name: "Chess", Order: "chess|" + id,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
