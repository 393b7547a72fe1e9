package storage_test

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

func TestFindReadsAsManyPagesAsItTakes(t *testing.T) {
	c, injector := flaky(t)
	all := notes(5)
	if err := write(t, c, put(all...)); err != nil {
		t.Fatal(err)
	}
	q := storage.Query{PK: all[0].PK, Text: "SELECT * FROM c ORDER BY c.id", Limit: 2}
	for _, test := range []struct{ enough, found, requests int }{{1, 2, 1}, {2, 2, 1}, {3, 4, 2}, {math.MaxInt, 5, 3}} {
		injector.Record()
		found, err := storage.Find[note](t.Context(), c, q, test.enough)
		if err != nil || len(found) != test.found || len(injector.Calls()) != test.requests {
			t.Errorf("%d wanted: %d found, %v, %d requests", test.enough, len(found), err, len(injector.Calls()))
		}
		for i, n := range found {
			if *n != *all[i] {
				t.Errorf("found %+v, want %+v", *n, *all[i])
			}
		}
	}
}

// said is a store that answers every query with the same page.
type said struct {
	page  storage.Page
	asked int
}

func (s *said) Query(context.Context, storage.Query) (storage.Page, error) {
	s.asked++
	return s.page, nil
}

// What was found until then would pass for all there is.
func TestFindDoesNotReadPagesWithoutEnd(t *testing.T) {
	s := &said{page: storage.Page{Continuation: "more"}}
	if found, err := storage.Find[note](t.Context(), s, storage.Query{}, 1); found != nil || !problem.Is(err, problem.Upstream) || s.asked > 1000 {
		t.Errorf("%v, %v after %d pages", found, err, s.asked)
	}
}

func TestFindDoesNotRepeatWhatItCannotRead(t *testing.T) {
	s := &said{page: storage.Page{Documents: []json.RawMessage{[]byte(`{"text":{"secret":1}}`)}}}
	if _, err := storage.Find[note](t.Context(), s, storage.Query{}, 1); !problem.Is(err, problem.Upstream) || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}
