package storage_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"switchboard/shared/faults"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// notes makes n notes in one new partition, none of them stored.
func notes(n int) []*note {
	pk := "t:" + rand.Text()
	all := make([]*note, n)
	for i := range all {
		all[i] = &note{Head: storage.Head{PK: pk, ID: fmt.Sprint("n", i), Type: "note"}, Text: "one"}
	}
	return all
}

func write(t *testing.T, c *storage.Container, fill func(*storage.Batch)) error {
	t.Helper()
	var b storage.Batch
	fill(&b)
	return c.Write(t.Context(), b)
}

func put(all ...*note) func(*storage.Batch) {
	return func(b *storage.Batch) {
		for _, n := range all {
			b.Put(n)
		}
	}
}

// holds checks what is stored of a note: its text, or "" for nothing.
func holds(t *testing.T, c *storage.Container, of *note, want string) {
	t.Helper()
	var stored note
	err := c.Read(t.Context(), of.PK, of.ID, &stored)
	if err != nil && !errors.Is(err, storage.ErrNotFound) || stored.Text != want {
		t.Errorf("%s holds %q, %v; want %q", of.ID, stored.Text, err, want)
	}
}

func batches(t *testing.T, c *storage.Container) {
	n := notes(4)
	if err := write(t, c, put(n[0], n[1])); err != nil || n[0].ETag == "" || n[1].ETag == "" {
		t.Fatalf("create two: %v, ETags %q and %q", err, n[0].ETag, n[1].ETag)
	}
	old := *n[1]
	n[0].Text = "two"
	if err := write(t, c, func(b *storage.Batch) { b.Put(n[0]); b.Delete(n[1]); b.Put(n[2]) }); err != nil {
		t.Fatalf("replace, delete, create: %v", err)
	}
	holds(t, c, n[0], "two")
	holds(t, c, n[1], "")
	holds(t, c, n[2], "one")

	clash := *n[2]
	clash.ETag = ""
	n[0].Text = "three"
	if err := write(t, c, put(n[0], &clash)); !errors.Is(err, storage.ErrExists) {
		t.Errorf("create what is there: %v", err)
	}
	if err := write(t, c, put(n[0], &old)); !errors.Is(err, storage.ErrStale) {
		t.Errorf("replace what is gone: %v", err)
	}
	if err := write(t, c, func(b *storage.Batch) { b.Put(n[3]); b.Delete(&old) }); !errors.Is(err, storage.ErrStale) {
		t.Errorf("delete what is gone: %v", err)
	}
	holds(t, c, n[0], "two")
	holds(t, c, n[3], "")
	if err := write(t, c, put(n[0])); err != nil {
		t.Errorf("a batch that was refused spoiled an ETag: %v", err)
	}
	if err := write(t, c, put()); err != nil {
		t.Errorf("an empty batch: %v", err)
	}
}

// What cannot be one batch is no batch at all.
func TestBatchesThatAreNone(t *testing.T) {
	c, injector := flaky(t)
	injector.Record()
	if err := write(t, c, put(notes(storage.MaxBatch+1)...)); err == nil {
		t.Error("a batch of 101 was written")
	}
	if err := write(t, c, put(fresh("a"), fresh("b"))); err == nil {
		t.Error("a batch to two partitions was written")
	}
	if calls := injector.Calls(); len(calls) != 0 {
		t.Errorf("a request was sent: %v", calls)
	}
}

func TestABatchWhoseAnswerIsLostIsNotAConflictWithItself(t *testing.T) {
	c, injector := flaky(t)
	n := notes(3)
	for _, step := range []func(*storage.Batch){
		put(n[0], n[1]),
		func(b *storage.Batch) { b.Delete(n[1]); b.Put(n[0]) },
		put(n[0], n[2]),
		put(n[0], n[2]),
	} {
		injector.Add(faults.Rule{Method: "POST", Contains: "/docs", Drop: "after"})
		if err := write(t, c, step); err != nil {
			t.Fatal(err)
		}
	}
}

// What a batch stored may be changed by others before its lost answer is looked for: it
// was done all the same, as any of the rest tells.
func TestABatchWhoseAnswerIsLostAndWhoseDocumentsGoOn(t *testing.T) {
	c, injector := flaky(t)
	n := notes(3)
	if err := write(t, c, put(n[0])); err != nil {
		t.Fatal(err)
	}
	injector.Add(
		faults.Rule{Method: "POST", Contains: "/docs", Drop: "after"},
		faults.Rule{Method: "POST", Contains: "/docs", Delay: faults.Duration(100 * time.Millisecond)},
	)
	others := make(chan error, 1)
	go func() {
		var theirs note
		for theirs.Text != "two" {
			if err := c.Read(t.Context(), n[0].PK, n[0].ID, &theirs); err != nil {
				others <- err
				return
			}
		}
		theirs.Text = "theirs"
		others <- c.Replace(t.Context(), &theirs)
	}()
	n[0].Text = "two"
	if err := write(t, c, put(n...)); err != nil {
		t.Errorf("a batch that was done: %v", err)
	}
	if err := <-others; err != nil {
		t.Fatal(err)
	}
	holds(t, c, n[0], "theirs")
	n[1].Text = "three"
	if err := write(t, c, put(n[1], n[2])); err != nil {
		t.Errorf("an ETag was not taken: %v", err)
	}
	n[0].Text = "mine"
	if err := c.Replace(t.Context(), n[0]); !errors.Is(err, storage.ErrStale) {
		t.Errorf("over another's change: %v", err)
	}
}

// A batch is throttled as a whole, and a race within it is tried again.
func TestABatchThatIsThrottled(t *testing.T) {
	c, injector := flaky(t)
	injector.Add(faults.Rule{Method: "POST", Contains: "/docs", Status: 449, Times: 2})
	n := notes(2)
	if err := write(t, c, put(n...)); err != nil {
		t.Errorf("after a race: %v", err)
	}
	injector.Add(faults.Rule{Method: "POST", Contains: "/docs", Status: 429, Times: -1})
	if err := write(t, c, put(n...)); !problem.Is(err, problem.Unavailable) {
		t.Errorf("throttled: %v", err)
	}
}
