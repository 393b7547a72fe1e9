package meeting_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchboard/shared/meeting"
	"switchboard/shared/outbox"
)

const (
	crowd = 4               // users of a schedule
	skew  = 3 * time.Second // by which the clocks of instances differ
)

// The times of package meeting, and somewhat more.
const (
	lease    = 41 * time.Second
	patience = 10 * time.Minute
)

// TestConvergence: users do whatever they may do, by several instances whose clocks
// differ, and people do what they like in Outlook. Acts happen in the middle of others,
// processes are killed before or after anything that they change, answers get lost, the
// service refuses, and news arrive late, twice and in any order. What has to hold at any
// time holds after each act. After all news have arrived, and upkeep was done, store and
// service have the same meetings, agendas tell the truth, and nothing is left of who was
// erased, of guests whose time is over, and of what was begun and never made.
//
// SWITCHBOARD_TEST_SCHEDULES says how many schedules there are.
func TestConvergence(t *testing.T) {
	t.Parallel()
	for i := range rounds(t) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				w, err := newWorld(rt.Context())
				if err != nil {
					rt.Fatal(err)
				}
				defer w.close()
				s := newSchedule(w)
				if err := s.run(rt.Context(), rt); err != nil {
					rt.Fatalf("%v\n%s", err, strings.Join(s.trace, "\n"))
				}
			})
		})
	}
}

// rounds is how many checks there are, each of 100 schedules.
func rounds(t *testing.T) int {
	if text := os.Getenv("SWITCHBOARD_TEST_SCHEDULES"); text != "" {
		n, err := strconv.Atoi(text)
		ok(t, err)
		return (n + 99) / 100
	}
	if raceDetector > 0 {
		return 1 // which takes as long as five
	}
	return 2
}

// schedule is what happens among some users.
type schedule struct {
	*world
	clocks  [3]func() time.Time // of the instances
	users   []string
	leaving map[int]bool // who is being erased
	codes   []string
	seen    map[string]*outbox.Entry
	heard   []*outbox.Entry
	kinds   []string // of acts, that what happens often has several times
	trace   []string
	observed
}

func newSchedule(w *world) *schedule {
	s := &schedule{world: w, leaving: map[int]bool{}, seen: map[string]*outbox.Entry{}, observed: newObserved()}
	for i := range crowd {
		s.users = append(s.users, fmt.Sprint("usr_", i, strings.ToLower(w.newID())))
	}
	for i, d := range []time.Duration{0, skew, -skew} {
		s.clocks[i] = func() time.Time { return w.clock.Now().Add(d) }
	}
	now := w.clock.Now()
	s.first = now.Add(5 * time.Minute)
	for i := range brought {
		w.service.people(fmt.Sprint("people", i), now.Add(time.Duration(i)*10*time.Minute), now.Add(time.Duration(i)*10*time.Minute+time.Hour))
	}
	return s
}

func (s *schedule) run(ctx context.Context, t *rapid.T) error {
	// One draw makes a step: rapid leaves steps out to find the shortest schedule that
	// fails, and its own choices come from the ends of each range too often. A schedule
	// has about half of the kinds of acts, so that some meet often.
	s.kinds = someKinds(rapid.Uint64().Draw(t, "kinds"))
	longest := 30
	if raceDetector > 0 {
		longest = 8
	}
	for i, seed := range rapid.SliceOfN(rapid.Uint64(), longest/3, longest).Draw(t, "steps") {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		a := s.someAct(random)
		switch {
		case seed == 0: // the schedule gets shorter
			continue
		case i == 0:
			a.kind, a.who = "create", 0
		case i == 1:
			a.kind, a.in = "invite", 0
		}
		if err := s.step(ctx, random, a); err != nil {
			return err
		}
	}
	return s.finish(ctx)
}

// finish checks what is left when everything has come to an end.
func (s *schedule) finish(ctx context.Context) error {
	if err := s.rest(ctx); err != nil {
		return err
	}
	if err := s.checkAll(ctx); err != nil {
		return err
	}
	if err := s.repeat(ctx); err != nil {
		return err
	}
	return s.checkAll(ctx)
}

// step is an act, and what goes wrong with it.
func (s *schedule) step(ctx context.Context, random *rand.Rand, a act) error {
	p := &process{landed: random.IntN(2) == 0}
	switch random.IntN(8) {
	case 0:
		p.kill = 1 + random.IntN(5)
	case 1:
		p.fail = 1 + random.IntN(5)
	case 2:
		p.refuse = 1
	case 3, 4, 5:
		p.pause = 1 + random.IntN(10)
		p.between = func() { s.between(ctx, random, a) }
	}
	s.clock.Move(time.Duration(random.IntN(3)) * time.Millisecond)
	s.happens(ctx, "", a, p, random.IntN(len(s.clocks)))
	return s.wrong
}

// between lets others do something while an act is under way, or the same user again.
func (s *schedule) between(ctx context.Context, random *rand.Rand, a act) {
	s.wrong = errors.Join(s.wrong, s.look(ctx))
	for range 1 + random.IntN(4) {
		other := s.someAct(random)
		if random.IntN(2) == 0 {
			other.who, other.in = a.who, a.in
		}
		if other.kind == "wait" {
			other.number = 0 // no request takes longer than this
		}
		s.happens(ctx, "  in between ", other, &process{}, random.IntN(len(s.clocks)))
	}
}

// happens does one act and looks at what there is then.
func (s *schedule) happens(ctx context.Context, prefix string, a act, p *process, at int) {
	err := s.do(ctx, s.registry(p, s.clocks[at]), a)
	s.trace = append(s.trace, fmt.Sprintf("%s%+v by %d, kill %d fail %d refuse %d landed %v pause %d: %v", prefix, a, at, p.kill, p.fail, p.refuse, p.landed, p.pause, err))
	if !expected(err) {
		s.wrong = errors.Join(s.wrong, err)
	}
	s.wrong = errors.Join(s.wrong, s.look(ctx))
}

// rest lets everything come to an end: who asked for an erasure asks until it is done,
// news arrive, timers go off, and the service tells of what people changed.
func (s *schedule) rest(ctx context.Context) error {
	for who, user := range s.users {
		if s.leaving[who] {
			if err := s.Forget(ctx, user); err != nil {
				return err
			}
		}
	}
	for range 2 {
		if err := s.settle(ctx, s.Registry); err != nil {
			return err
		}
		s.clock.Move(lease + patience + lease)
		if err := s.Upkeep(ctx); err != nil {
			return err
		}
	}
	if err := s.look(ctx); err != nil {
		return err
	}
	for _, id := range s.ids {
		if !s.moved[s.last[id].Place] {
			continue
		}
		if err := s.Sync(ctx, id); err != nil {
			return err
		}
	}
	return s.settle(ctx, s.Registry)
}

// repeat lets all news there ever were arrive once more.
func (s *schedule) repeat(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(s.seen)) {
		if err := deliver(ctx, s.Registry, s.seen[id]); err != nil {
			return fmt.Errorf("once more %s %s: %w", s.seen[id].Kind, s.seen[id].Data, err)
		}
	}
	return s.settle(ctx, s.Registry)
}

// note keeps the entries that wait, for later.
func (s *schedule) note(ctx context.Context) error {
	waiting, err := s.entries(ctx)
	for _, e := range waiting {
		s.seen[e.ID] = e
	}
	return err
}

func user(id string) meeting.Actor { return meeting.Actor{UserID: id} }
