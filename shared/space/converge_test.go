package space_test

import (
	"context"
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchboard/shared/outbox"
	"switchboard/shared/space"
	"switchboard/shared/storage"
)

const (
	crowd  = 4                     // users of a schedule
	skew   = 40 * time.Millisecond // by which the clocks of instances differ
	rounds = 10                    // of TestConvergence, each of 100 schedules, or RAPID_CHECKS
)

// TestConvergence: users do whatever they may do, by several instances whose clocks
// differ; acts happen in the middle of others, processes are killed before or after any
// of their writes, and news arrive late, twice and in any order. What has to hold at any
// time holds after each act; after all news have arrived, every place tells the truth,
// and nothing is left of who was erased and what was deleted.
func TestConvergence(t *testing.T) {
	t.Parallel()
	n := rounds
	if raceDetector {
		n = 1 // which takes as long as five
	}
	for i := range n {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			rapid.Check(t, func(rt *rapid.T) {
				s := newSchedule(w)
				if err := s.run(rt.Context(), rt); err != nil {
					rt.Fatalf("%v\n%s", err, strings.Join(s.trace, "\n"))
				}
			})
		})
	}
}

// schedule is what happens among some users.
type schedule struct {
	*world
	lines   [3]func() time.Time // clocks of the instances
	users   []string
	leaving map[int]bool // who is being erased
	spaces  []string
	codes   []string
	seen    map[string]*outbox.Entry
	heard   []*outbox.Entry
	trace   []string
	observed
}

func newSchedule(w *world) *schedule {
	world := *w // with a media server of its own
	world.media = &mediaServer{people: w.people, ended: map[string]int{}}
	s := &schedule{world: &world, leaving: map[int]bool{}, seen: map[string]*outbox.Entry{}, observed: newObserved()}
	world.newID = inOrder()
	world.Registry = world.registry(w.store, w.clock.Now)
	for range crowd {
		s.users = append(s.users, w.people.join("Ada"))
	}
	slices.Sort(s.users)
	w.clock.Move(w.clock.Now().Truncate(time.Second).Add(time.Second).Sub(w.clock.Now()))
	for i, d := range []time.Duration{0, skew, -skew} {
		s.lines[i] = func() time.Time { return w.clock.Now().Add(d) }
	}
	return s
}

// inOrder makes ids whose order is that in which they were made, so that a schedule
// that failed fails again.
func inOrder() func() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	first, n := cryptorand.Text()[:20], atomic.Int64{}
	return func() string {
		text, rest := [6]byte{}, n.Add(1)
		for i := range text {
			text[len(text)-1-i] = letters[rest%32]
			rest /= 32
		}
		return first + string(text[:])
	}
}

func (s *schedule) run(ctx context.Context, t *rapid.T) error {
	var lived error
	s.media.ends = func(room string) { lived = errors.Join(lived, s.mayEnd(ctx, room)) }
	// One draw makes a step: rapid leaves steps out to find the shortest schedule that
	// fails, and its own choices come from the ends of each range too often.
	longest := 24
	if raceDetector {
		longest = 12
	}
	steps := rapid.SliceOfN(rapid.Uint64(), 6, longest).Draw(t, "steps")
	for i, seed := range steps {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		a := someAct(random)
		switch {
		case i == 0:
			a.kind, a.who, a.number = "create", 0, a.number%8
		case i < 3:
			a.kind, a.who, a.in = "join", i, 0
		}
		if err := s.step(ctx, random, a); err != nil {
			return err
		}
	}
	for who := range s.leaving {
		if s.leaving[who] {
			if err := s.Forget(ctx, s.users[who]); err != nil {
				return err
			}
		}
	}
	if err := s.settleAll(ctx); err != nil {
		return err
	}
	return errors.Join(lived, s.checkAll(ctx))
}

// settleAll delivers everything, and once more all that there ever was.
func (s *schedule) settleAll(ctx context.Context) error {
	if err := s.settle(ctx, s.partitions()...); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(s.seen)) {
		if done, err := deliver(ctx, s.Registry, s.seen[id], toTheEnd); err != nil || !done {
			return fmt.Errorf("once more %s: %w", s.seen[id].Data, err)
		}
	}
	return s.settle(ctx, s.partitions()...)
}

// step is an act, with another in the middle of it, or a kill.
func (s *schedule) step(ctx context.Context, random *rand.Rand, a act) error {
	l := &line{Container: s.store}
	switch random.IntN(6) {
	case 0:
		l.kill, l.landed = 1+random.IntN(3), random.IntN(2) == 0
	case 1, 2:
		other, by := someAct(random), random.IntN(len(s.lines))
		l.pause = 1 + random.IntN(8)
		l.between = func() {
			s.happens(ctx, "  in between ", other, s.registry(s.store, s.lines[by]))
		}
	}
	s.clock.Move(time.Duration(random.IntN(3)) * time.Millisecond)
	s.happens(ctx, "", a, s.registry(l, s.lines[random.IntN(len(s.lines))]))
	return s.wrong
}

// happens does one act and looks at what there is then.
func (s *schedule) happens(ctx context.Context, prefix string, a act, by *space.Registry) {
	err := s.do(ctx, by, a)
	s.trace = append(s.trace, fmt.Sprintf("%s%+v: %v", prefix, a, err))
	if !expected(err) {
		s.wrong = errors.Join(s.wrong, err)
	}
	for _, id := range s.spaces {
		s.wrong = errors.Join(s.wrong, s.observe(ctx, id))
	}
}

// partitions are all that the schedule writes to.
func (s *schedule) partitions() (all []string) {
	for _, user := range s.users {
		all = append(all, "u:"+user)
	}
	for _, id := range s.spaces {
		all = append(all, "s:"+id)
	}
	return all
}

func unlessStale(err error) error {
	if errors.Is(err, storage.ErrStale) {
		return nil
	}
	return err
}
