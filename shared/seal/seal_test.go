package seal_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchboard/shared/seal"
)

func key(id string, fill byte) seal.Key {
	return seal.Key{ID: id, Secret: bytes.Repeat([]byte{fill}, 32)}
}

func TestOpensOnlyWhatWasSealedForThePlace(t *testing.T) {
	ring := seal.NewRing(seal.Static{key("a", 1)}, time.Now)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		place := rapid.String().Draw(t, "place")
		sealed, err := ring.Seal(context.Background(), plain, place)
		if err != nil {
			t.Fatal(err)
		}
		if opened, err := ring.Open(context.Background(), sealed, place); err != nil || !bytes.Equal(opened, plain) {
			t.Fatalf("opened %q, %v", opened, err)
		}
		if _, err := ring.Open(context.Background(), sealed, place+"x"); !errors.Is(err, seal.ErrBroken) {
			t.Fatalf("opened in another place: %v", err)
		}
		i := rapid.IntRange(len("a."), len(sealed)-1).Draw(t, "position")
		flipped := []byte(sealed)
		flipped[i] = 'A' + (flipped[i]+1-'A')%26
		if string(flipped) == sealed {
			return
		}
		if opened, err := ring.Open(context.Background(), string(flipped), place); err == nil && !bytes.Equal(opened, plain) {
			t.Fatalf("a changed value opened to something else: %q", opened)
		}
	})
}

func TestKeysRotate(t *testing.T) {
	ctx := t.Context()
	older := seal.NewRing(seal.Static{key("a", 1)}, time.Now)
	both := seal.NewRing(seal.Static{key("b", 2), key("a", 1)}, time.Now)
	newer := seal.NewRing(seal.Static{key("b", 2)}, time.Now)

	old, err := older.Seal(ctx, []byte("secret"), "p")
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := both.Open(ctx, old, "p"); err != nil || string(opened) != "secret" {
		t.Errorf("the older key does not open any more: %v", err)
	}
	fresh, err := both.Seal(ctx, []byte("secret"), "p")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newer.Open(ctx, fresh, "p"); err != nil {
		t.Errorf("not sealed with the newest key: %v", err)
	}
	if _, err := newer.Open(ctx, old, "p"); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("a key that left the ring still opens: %v", err)
	}
}

// source is a Source whose keys change.
type source struct {
	keys  atomic.Pointer[[]seal.Key]
	fails atomic.Bool
	asked atomic.Int32
}

func (s *source) Keys(context.Context) ([]seal.Key, error) {
	s.asked.Add(1)
	if s.fails.Load() {
		return nil, errors.New("away")
	}
	return *s.keys.Load(), nil
}

func TestARingFollowsItsSource(t *testing.T) {
	ctx, now := t.Context(), time.Now()
	s := &source{}
	s.keys.Store(&[]seal.Key{key("a", 1)})
	ring := seal.NewRing(s, func() time.Time { return now })
	if s.asked.Load() != 0 {
		t.Fatal("the source was asked before the first use")
	}
	if _, err := ring.Seal(ctx, nil, ""); err != nil {
		t.Fatal(err)
	}

	// Another instance seals with a key that this one has not seen yet.
	next := []seal.Key{key("b", 2), key("a", 1)}
	s.keys.Store(&next)
	foreign, err := seal.NewRing(seal.Static(next), time.Now).Seal(ctx, []byte("x"), "")
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	if _, err := ring.Open(ctx, foreign, ""); err != nil {
		t.Errorf("a new key is not found: %v", err)
	}

	// Values under unknown keys cause no flood of questions.
	before := s.asked.Load()
	for range 100 {
		if _, err := ring.Open(ctx, "nope."+strings.Repeat("A", 40), ""); !errors.Is(err, seal.ErrUnknownKey) {
			t.Fatal(err)
		}
	}
	if n := s.asked.Load() - before; n > 1 {
		t.Errorf("asked %d times for unknown keys", n)
	}

	// While the source is away, the keys go on.
	s.fails.Store(true)
	now = now.Add(time.Hour)
	if _, err := ring.Open(ctx, foreign, ""); err != nil {
		t.Errorf("keys were lost with the source: %v", err)
	}
}

func TestNoKeysIsAnError(t *testing.T) {
	s := &source{}
	s.fails.Store(true)
	if _, err := seal.NewRing(s, time.Now).Seal(t.Context(), nil, ""); err == nil {
		t.Error("sealed without a key")
	}
}

func TestParseKeys(t *testing.T) {
	good := "n:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32))
	if keys, err := seal.ParseKeys(good + ", " + strings.Replace(good, "n:", "o:", 1)); err != nil || len(keys) != 2 || keys[0].ID != "n" {
		t.Errorf("%v, %v", keys, err)
	}
	for _, bad := range []string{"", "n", ":" + good[2:], "n:AAAA", "a b:" + good[2:], good + ","} {
		if _, err := seal.ParseKeys(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// hanging is a Source that answers once and then no more.
type hanging struct{ asked atomic.Int32 }

func (h *hanging) Keys(ctx context.Context) ([]seal.Key, error) {
	if h.asked.Add(1) == 1 {
		return []seal.Key{key("a", 1)}, nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestARefreshHoldsNobodyUp(t *testing.T) {
	now := time.Now()
	ring := seal.NewRing(&hanging{}, func() time.Time { return now })
	if _, err := ring.Seal(t.Context(), nil, ""); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond) // the source takes longer
	defer cancel()
	if _, err := ring.Seal(ctx, nil, ""); err != nil {
		t.Errorf("the old keys are there, and yet: %v", err)
	}
}

func TestASourceThatFailsIsLeftAlone(t *testing.T) {
	s := &source{}
	s.fails.Store(true)
	ring := seal.NewRing(s, time.Now)
	for range 10 {
		if _, err := ring.Seal(t.Context(), nil, ""); err == nil {
			t.Fatal("sealed without a key")
		}
	}
	if n := s.asked.Load(); n > 1 {
		t.Errorf("asked %d times within a moment", n)
	}
}

// slow is a Source that takes its time.
type slow struct{ keys []seal.Key }

func (s *slow) Keys(context.Context) ([]seal.Key, error) {
	time.Sleep(50 * time.Millisecond)
	return s.keys, nil
}

func TestAllWhoComeAfterARotationAreServed(t *testing.T) {
	now := time.Now()
	s := &slow{keys: []seal.Key{key("a", 1)}}
	ring := seal.NewRing(s, func() time.Time { return now })
	if _, err := ring.Seal(t.Context(), nil, ""); err != nil {
		t.Fatal(err)
	}
	s.keys = []seal.Key{key("b", 2), key("a", 1)}
	now = now.Add(time.Minute)
	sealed, err := seal.NewRing(seal.Static(s.keys), time.Now).Seal(t.Context(), []byte("x"), "")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := ring.Open(t.Context(), sealed, ""); err != nil {
				t.Errorf("one of those who came together: %v", err)
			}
		})
	}
	all.Wait()
}
