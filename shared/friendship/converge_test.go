package friendship_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/shared/friendship"
	"switchboard/shared/outbox"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// schedules is how many random ones TestConvergence runs, unless
// SWITCHBOARD_TEST_SCHEDULES says more: 10,000 take up to a minute.
const schedules = 2_000

// agree lists the pairs of states that fit each other.
var agree = map[[2]friendship.State]bool{
	{friendship.None, friendship.None}:         true,
	{friendship.Requested, friendship.Invited}: true,
	{friendship.Invited, friendship.Requested}: true,
	{friendship.Friends, friendship.Friends}:   true,
	{friendship.Blocked, friendship.None}:      true,
	{friendship.None, friendship.Blocked}:      true,
	{friendship.Blocked, friendship.Blocked}:   true,
}

// TestConvergence: two users do whatever they like to each other, one after the other
// or at once, news of it arrive late, several times and in any order, requests and
// deliveries are cut short before or after any of their writes, users leave and come
// back. When all news have arrived, both sides say the same, and the counts are right.
func TestConvergence(t *testing.T) {
	n := schedules
	if text := os.Getenv("SWITCHBOARD_TEST_SCHEDULES"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		ok(t, err)
	} else if raceDetector {
		n /= 4 // which take as long
	}
	seed := rand.Uint64()
	w := newWorld(t, plenty())
	var next atomic.Uint64
	var all sync.WaitGroup
	for range 32 { // most of the time, each of them waits
		all.Go(func() {
			for i := next.Add(1); i <= uint64(n) && !t.Failed(); i = next.Add(1) {
				s := newSchedule(w, rand.New(rand.NewPCG(seed, i)))
				if err := s.run(t.Context()); err != nil {
					t.Errorf("schedule %d of seed %d: %v\n%s", i, seed, err, strings.Join(s.trace, "\n"))
				}
			}
		})
	}
	all.Wait()
}

// schedule is what happens between two users.
type schedule struct {
	*world
	random *rand.Rand
	users  [2]string
	codes  [2]atomic.Value // the invites that they made last

	mu    sync.Mutex
	seen  []*outbox.Entry // all there ever were, also those that are done
	trace []string
}

func newSchedule(w *world, random *rand.Rand) *schedule {
	return &schedule{world: w, random: random, users: [2]string{w.people.join("ada"), w.people.join("grace")}}
}

// cutter ends a request before or after one of its writes, as a crash does, and has
// it stop before its reads, so that requests get between one another.
type cutter struct {
	*storage.Container
	left  int // writes to the crash; 0 is never
	after bool
	stop  time.Duration
}

func newCutter(store *storage.Container, random *rand.Rand, crowded bool) *cutter {
	c := &cutter{Container: store, after: random.IntN(2) == 0}
	if random.IntN(5) == 0 {
		c.left = 1 + random.IntN(3)
	}
	if crowded {
		c.stop = time.Duration(random.IntN(300)) * time.Microsecond
	}
	return c
}

func (c *cutter) Read(ctx context.Context, pk, id string, d storage.Document) error {
	time.Sleep(c.stop)
	return c.Container.Read(ctx, pk, id, d)
}

var errCut = errors.New("cut short")

func (c *cutter) Write(ctx context.Context, b storage.Batch) error {
	return c.around(func() error { return c.Container.Write(ctx, b) })
}

func (c *cutter) Replace(ctx context.Context, d storage.Document) error {
	return c.around(func() error { return c.Container.Replace(ctx, d) })
}

func (c *cutter) around(write func() error) error {
	if c.left--; c.left == 0 && !c.after {
		return errCut
	}
	err := write()
	if err == nil && c.left == 0 {
		return errCut
	}
	return err
}

func (s *schedule) run(ctx context.Context) error {
	for range 3 + s.random.IntN(10) {
		crowd := 1
		if s.random.IntN(4) == 0 {
			crowd = 2
		}
		failed := make([]error, crowd)
		var all sync.WaitGroup
		for i := range crowd {
			random := rand.New(rand.NewPCG(s.random.Uint64(), s.random.Uint64()))
			cut := newCutter(s.store, random, crowd > 1)
			all.Go(func() { failed[i] = s.step(ctx, s.registry(cut, plenty()), random) })
		}
		all.Wait()
		for _, err := range failed {
			if err != nil && !expected(err) {
				return err
			}
		}
	}
	for i, user := range s.users { // whoever was leaving has left, and is back
		if _, err := s.people.Person(ctx, user); err != nil {
			if err := s.Forget(ctx, user); err != nil {
				return err
			}
			s.back(i)
		}
	}
	if err := s.settle(ctx, s.users[:]...); err != nil {
		return err
	}
	return s.check(ctx)
}

// expected are the refusals that the contract has, and what the schedule cuts.
func expected(err error) bool {
	return errors.Is(err, errCut) || problem.Is(err, problem.NotFound) || problem.Is(err, problem.Conflict)
}

// step is one thing that one of the two does, or that is done with old news.
func (s *schedule) step(ctx context.Context, by *friendship.Registry, random *rand.Rand) (err error) {
	i := random.IntN(2)
	user, other := s.users[i], s.users[1-i]
	did := ""
	switch random.IntN(14) {
	case 0, 1, 2:
		did = "asks"
		_, err = by.Ask(ctx, user, other, anyVersion)
	case 3:
		did = "ends"
		err = by.End(ctx, user, other, anyVersion)
	case 4:
		did = "blocks"
		_, err = by.Block(ctx, user, other, anyVersion)
	case 5:
		did = "unblocks"
		err = by.Unblock(ctx, user, other, anyVersion)
	case 6:
		did = "invites"
		var made friendship.Invitation
		if made, _, err = by.Invite(ctx, user, 1, time.Hour, ""); err == nil {
			s.codes[i].Store(made.Code)
		}
	case 7:
		did = "accepts"
		code, _ := s.codes[1-i].Load().(string)
		_, err = by.Accept(ctx, user, code)
	case 8:
		did = "leaves"
		s.people.leave(user)
		if err = by.Forget(ctx, user); err == nil && random.IntN(2) == 0 {
			s.back(i)
			did = "leaves and comes back"
		}
	default:
		did, err = s.hear(ctx, by, random)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trace = append(s.trace, fmt.Sprintf("%s %s: %v", []string{"ada", "grace"}[i], did, err))
	return err
}

func (s *schedule) back(i int) {
	time.Sleep(2 * time.Millisecond) // a user does not come back in the millisecond of leaving
	s.people.set(s.users[i], []string{"ada", "grace"}[i], time.Now())
}

// hear delivers any entry that there has been so far.
func (s *schedule) hear(ctx context.Context, by *friendship.Registry, random *rand.Rand) (string, error) {
	waiting, err := s.entries(ctx, s.users[random.IntN(2)])
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.seen = append(s.seen, waiting...)
	seen := s.seen
	s.mu.Unlock()
	if len(seen) == 0 {
		return "hears nothing", nil
	}
	e := *seen[random.IntN(len(seen))]
	err = deliver(ctx, by, &e)
	if err == nil && random.IntN(2) == 0 {
		if err := s.store.Delete(ctx, &e); err != nil && !errors.Is(err, storage.ErrStale) {
			return "", err
		}
	}
	return fmt.Sprintf("hears of %s %s", e.Kind, e.Data), err
}

func (s *schedule) check(ctx context.Context) error {
	ada, err := s.state(ctx, s.users[0], s.users[1])
	if err != nil {
		return err
	}
	grace, err := s.state(ctx, s.users[1], s.users[0])
	if err != nil {
		return err
	}
	if !agree[[2]friendship.State{ada, grace}] {
		return fmt.Errorf("for Ada it is %q, for Grace %q", ada, grace)
	}
	for i, state := range []friendship.State{ada, grace} {
		var head struct {
			storage.Head
			Friends, Requested int
		}
		err := s.store.Read(ctx, "u:"+s.users[i], "friends", &head)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		if (head.Friends == 1) != (state == friendship.Friends) || (head.Requested == 1) != (state == friendship.Requested) || head.Friends+head.Requested > 1 {
			return fmt.Errorf("user %d: %d friends and %d requests are counted, the state is %q", i, head.Friends, head.Requested, state)
		}
	}
	return nil
}
