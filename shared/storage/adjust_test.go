package storage_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// club is a document with a count of its members, which are notes beside it.
type club struct {
	storage.Head
	Name    string `json:"name"`
	Members int64  `json:"members"`
	Guests  int64  `json:"guests,omitempty"`
}

func newClub(t *testing.T, c *storage.Container) *club {
	t.Helper()
	k := &club{Head: storage.Head{PK: "t:" + rand.Text(), ID: "club", Type: "club"}, Name: "chess"}
	if err := c.Create(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *club) member(i int) *note {
	return &note{Head: storage.Head{PK: k.PK, ID: fmt.Sprint("m", i), Type: "member"}, Text: "member"}
}

// join is a member who is counted, if the condition holds.
func (k *club) join(m *note, condition string) func(*storage.Batch) {
	return func(b *storage.Batch) {
		b.Put(m)
		b.Adjust(k.PK, k.ID, map[string]int64{"members": 1}, condition)
	}
}

// counts checks what the club counts, and that it has as many members.
func (k *club) counts(t *testing.T, c *storage.Container, want int64) {
	t.Helper()
	var now club
	if err := c.Read(t.Context(), k.PK, k.ID, &now); err != nil {
		t.Fatal(err)
	}
	members, err := storage.Find[note](t.Context(), c, storage.Query{PK: k.PK, Text: "SELECT * FROM c WHERE c.type = 'member'"}, math.MaxInt)
	if err != nil || now.Members != want || int64(len(members)) != want {
		t.Errorf("it counts %d and has %d, %v; want %d", now.Members, len(members), err, want)
	}
}

func adjustments(t *testing.T, c *storage.Container) {
	k := newClub(t, c)
	ada, bob := k.member(1), k.member(2)
	if err := write(t, c, k.join(ada, `c["members"] < 1 AND c.name = 'chess'`)); err != nil {
		t.Fatal(err)
	}
	k.counts(t, c, 1)
	if err := write(t, c, k.join(bob, "c.members < 1")); !errors.Is(err, storage.ErrStale) || bob.ETag != "" {
		t.Errorf("although the condition is false: %v, ETag %q", err, bob.ETag)
	}
	k.counts(t, c, 1)
	if err := write(t, c, k.join(k.member(1), "")); !errors.Is(err, storage.ErrExists) {
		t.Errorf("joined twice: %v", err)
	}
	k.counts(t, c, 1)
	if err := write(t, c, func(b *storage.Batch) {
		b.Delete(ada)
		b.Adjust(k.PK, k.ID, map[string]int64{"members": -1, "guests": 3}, "")
	}); err != nil {
		t.Errorf("two numbers beside a delete: %v", err)
	}
	k.counts(t, c, 0)
	was := k.Op
	if err := c.Replace(t.Context(), k); !errors.Is(err, storage.ErrStale) {
		t.Errorf("over an adjustment: %v", err)
	}
	if err := c.Read(t.Context(), k.PK, k.ID, k); err != nil || k.Guests != 3 || k.Name != "chess" || k.Op == was {
		t.Errorf("%+v, %v", *k, err)
	}
	if err := c.Delete(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	if err := write(t, c, k.join(bob, "")); !errors.Is(err, storage.ErrStale) {
		t.Errorf("what is gone: %v", err)
	}
	holds(t, c, bob, "")
}

func TestAdjustmentsAloneAreRefused(t *testing.T) {
	c, injector := flaky(t)
	k := newClub(t, c)
	injector.Record()
	err := write(t, c, func(b *storage.Batch) { b.Adjust(k.PK, k.ID, map[string]int64{"members": 1}, "") })
	if err == nil || len(injector.Calls()) != 0 {
		t.Errorf("%v, requests %v", err, injector.Calls())
	}
	err = write(t, c, func(b *storage.Batch) {
		b.Put(fresh(""))
		b.Adjust(k.PK, k.ID, map[string]int64{"members": 1}, "")
	})
	if err == nil || len(injector.Calls()) != 0 {
		t.Errorf("in another partition: %v, requests %v", err, injector.Calls())
	}
	k.counts(t, c, 0)
}

// Everybody adjusts at once: nobody has to start over, and the condition lets in as many
// as there is room for.
func TestOnlyAsManyJoinAsThereIsRoom(t *testing.T) {
	c, _ := flaky(t)
	k := newClub(t, c)
	var all sync.WaitGroup
	var in atomic.Int64
	for i := range 200 {
		all.Go(func() {
			switch err := write(t, c, k.join(k.member(i), "c.members < 150")); {
			case err == nil:
				in.Add(1)
			case !errors.Is(err, storage.ErrStale):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if in.Load() != 150 {
		t.Errorf("%d are in", in.Load())
	}
	k.counts(t, c, 150)
}

func TestALostAnswerNeverCountsTwice(t *testing.T) {
	c, injector := flaky(t)
	k := newClub(t, c)
	m := k.member(0)
	for i, step := range []struct {
		fill func(*storage.Batch)
		want int64
	}{
		{k.join(m, "c.members < 1"), 1}, // which does not hold the second time
		{k.join(k.member(1), ""), 2},
		{func(b *storage.Batch) { // adjusted first
			b.Adjust(k.PK, k.ID, map[string]int64{"members": 1}, "")
			b.Put(k.member(2))
		}, 3},
		{func(b *storage.Batch) { b.Delete(m); b.Adjust(k.PK, k.ID, map[string]int64{"members": -1}, "") }, 2},
	} {
		injector.Add(faults.Rule{Method: "POST", Contains: "/docs", Drop: "after"})
		if err := write(t, c, step.fill); err != nil {
			t.Errorf("step %d: %v", i, err)
		}
		k.counts(t, c, step.want)
	}
}

// Others adjust the club before a lost answer is looked for. What was put tells that the
// batch was done; where it only deleted nothing does, and whoever reads again sees it.
func TestALostAnswerAndOthersGoOn(t *testing.T) {
	store := newStore(t)
	injector := faults.Wrap(store)
	c, others := over(t, store, faults.Transport{Handler: injector}), over(t, store, store)
	k := newClub(t, c)
	m := k.member(0)
	for i, step := range []struct {
		fill func(*storage.Batch)
		want error
	}{
		{k.join(m, ""), nil},
		{func(b *storage.Batch) { b.Delete(m); b.Adjust(k.PK, k.ID, map[string]int64{"members": -1}, "") }, storage.ErrStale},
	} {
		injector.Add(
			faults.Rule{Method: "POST", Contains: "/docs", Drop: "after"},
			faults.Rule{Method: "POST", Contains: "/docs", Delay: faults.Duration(100 * time.Millisecond)},
		)
		var before, now club
		if err := others.Read(t.Context(), k.PK, k.ID, &before); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- write(t, c, step.fill) }()
		for now = before; now.ETag == before.ETag; {
			if err := others.Read(t.Context(), k.PK, k.ID, &now); err != nil {
				t.Fatal(err)
			}
		}
		if err := write(t, others, k.join(k.member(10+i), "")); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, step.want) {
			t.Errorf("step %d: %v, want %v", i, err, step.want)
		}
	}
	k.counts(t, c, 2)
}

// Whatever is lost, and however often a caller asks again, the count is the members'.
func TestCountsStayTrueOnABadLine(t *testing.T) {
	c, injector := flaky(t)
	k := newClub(t, c)
	injector.Add(faults.Rule{Method: "POST", Contains: "/docs", Drop: "after", Times: 60})
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			err := write(t, c, k.join(k.member(i), ""))
			for problem.Is(err, problem.Unavailable) {
				err = write(t, c, k.join(k.member(i), ""))
			}
			if err != nil && !errors.Is(err, storage.ErrExists) { // it was done by an attempt before
				t.Error(err)
			}
		})
	}
	all.Wait()
	k.counts(t, c, 30)
}
