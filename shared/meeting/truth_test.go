package meeting_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"switchboard/shared/identity"
	"switchboard/shared/meeting"
	"switchboard/shared/storage"
)

// doc is a stored document of any type, as far as the tests compare it.
type doc struct {
	storage.Head
	State string `json:"state"`
	Host  string `json:"host"`
	meeting.Draft
	Mode    meeting.Mode  `json:"mode"`
	Place   meeting.Place `json:"place"`
	Join    meeting.Join  `json:"join"`
	Invite  string        `json:"invite"`
	Version string        `json:"version"`
	Seq     int64         `json:"seq"`
	Meeting string        `json:"meeting"` // of an entry in an agenda, as what follows
	Role    meeting.Role  `json:"role"`
	Link    string        `json:"link"`
	Guest   string        `json:"guest"`
	Until   time.Time     `json:"until"`
}

func (d *doc) id() string { return strings.TrimPrefix(d.PK, "m:") }

// roles are who is in a meeting.
func (d *doc) roles() map[string]meeting.Role {
	all := map[string]meeting.Role{}
	for _, p := range d.Attendees {
		if p.UserID != "" {
			all[p.UserID] = meeting.Attendee
		}
	}
	all[d.Host] = meeting.Host
	return all
}

// all gives every document, by type.
func (w *world) all(ctx context.Context) (map[string][]*doc, error) {
	byType := map[string][]*doc{}
	q := storage.Query{Text: "SELECT * FROM c", Limit: 1000}
	for {
		page, err := w.store.QueryAll(ctx, q)
		if err != nil {
			return nil, err
		}
		found, err := storage.Decode[doc](page)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			byType[d.Type] = append(byType[d.Type], d)
		}
		if q.Continuation = page.Continuation; q.Continuation == "" {
			return byType, nil
		}
	}
}

// observed is what was seen of meetings so far.
type observed struct {
	wrong      error
	first      time.Time // when the first meeting with a key begins
	moment     int
	found      []*doc // meetings, as they were after so many writes
	seenWrites int64
	ids        []string               // of all there were
	last       map[string]*doc        // by id
	versions   map[string]string      // what a meeting was like at a version
	keys       map[string]string      // the meeting that a user made with a key
	live       map[string]int         // the last moment at which a meeting was there
	invited    map[string]int         // at which a user was invited
	open       map[string]int         // at which a code let guests in
	moved      map[meeting.Place]bool // what people changed where it is held
}

func newObserved() observed {
	return observed{
		last: map[string]*doc{}, versions: map[string]string{}, keys: map[string]string{}, live: map[string]int{},
		invited: map[string]int{}, open: map[string]int{}, moved: map[meeting.Place]bool{},
	}
}

// look observes all meetings, and tells what never may be.
func (s *schedule) look(ctx context.Context) error {
	if writes := s.writes.Load(); writes != s.seenWrites {
		page, err := s.store.QueryAll(ctx, storage.Query{Text: "SELECT * FROM c WHERE c.type = 'meeting'", Limit: 1000})
		if err != nil {
			return err
		}
		if s.found, err = storage.Decode[doc](page); err != nil {
			return err
		}
		slices.SortFunc(s.found, func(a, b *doc) int { return strings.Compare(a.PK, b.PK) })
		s.seenWrites = writes
	}
	s.moment++
	for _, m := range s.found {
		if err := s.lookAt(m); err != nil {
			return err
		}
	}
	return nil
}

func (s *schedule) lookAt(m *doc) error {
	was := s.last[m.id()]
	s.last[m.id()] = m
	if was == nil {
		s.ids = append(s.ids, m.id())
	} else if m.Seq < was.Seq {
		return fmt.Errorf("the number of %s goes back from %d to %d", m.id(), was.Seq, m.Seq)
	}
	if m.State != "ready" {
		return nil
	}
	s.live[m.id()] = s.moment
	for user := range m.roles() {
		s.invited[m.id()+" "+user] = s.moment
	}
	if m.Invite != "" {
		s.open[strings.TrimPrefix(m.id(), "mtg_")+m.Invite] = s.moment
	}
	content := asText(m.Draft, m.Mode, m.Join, m.Seq)
	if before, seen := s.versions[m.id()+m.Version]; seen && before != content {
		return fmt.Errorf("one version of %s is both %s and %s", m.id(), before, content)
	}
	s.versions[m.id()+m.Version] = content
	return nil
}

// permitted tells what is wrong with an act that succeeded and began at a moment: what it
// takes must have been there since then.
func (s *schedule) permitted(ctx context.Context, err error, there map[string]int, began int, what string) error {
	if err != nil {
		return err
	}
	if err := s.look(ctx); err != nil {
		return err
	}
	if last, ever := there[what]; !ever || last < began {
		return fmt.Errorf("an act succeeded without %s", what)
	}
	return nil
}

func asText(values ...any) string {
	text, err := json.Marshal(values)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// checkAll compares what is left when everything has been told.
func (s *schedule) checkAll(ctx context.Context) error {
	all, err := s.all(ctx)
	if err != nil {
		return err
	}
	meetings := map[string]*doc{}
	for _, m := range all["meeting"] {
		switch m.State {
		case "ready":
			meetings[m.id()] = m
		case "planned":
			return fmt.Errorf("%s is planned for ever", m.id())
		}
	}
	if err := s.checkService(meetings); err != nil {
		return err
	}
	if err := s.checkWatched(meetings); err != nil {
		return err
	}
	if err := s.checkAgendas(ctx, meetings, all["agenda"]); err != nil {
		return err
	}
	return s.checkGuests(meetings, all["guest"])
}

// checkService demands that the service holds what is stored here, and no more.
func (s *schedule) checkService(meetings map[string]*doc) error {
	made := map[meeting.Place]*doc{}
	for _, m := range meetings {
		if m.Mode != meeting.Imported {
			made[m.Place] = m
		}
	}
	for _, h := range s.service.all() {
		if h.plan == "" {
			continue
		}
		m := made[h.room.Place]
		if m == nil {
			return fmt.Errorf("the service holds %+v, which nobody here knows", h)
		}
		delete(made, h.room.Place)
		if got, want := asText(m.Subject, m.StartsAt, m.EndsAt), asText(h.room.Subject, h.room.StartsAt, h.room.EndsAt); got != want {
			return fmt.Errorf("%s is %s here, and %s at the service", m.id(), got, want)
		}
	}
	for at := range made {
		if !s.moved[at] {
			return fmt.Errorf("nobody holds %+v", at)
		}
		return fmt.Errorf("%+v was cancelled, and is still here", at)
	}
	return nil
}

// checkWatched demands that the events behind the meetings are followed, and no others.
func (s *schedule) checkWatched(meetings map[string]*doc) error {
	want := []string{}
	for id, m := range meetings {
		if m.Place.Event != "" {
			want = append(want, m.Place.Organizer+" "+m.Place.Event+" "+id)
		}
	}
	slices.Sort(want)
	if got := s.watcher.all(); !slices.Equal(got, want) {
		return fmt.Errorf("followed are %q, and are to be %q", got, want)
	}
	return nil
}

// checkAgendas demands that users find the meetings that they are in, and no others, and
// that they are all there.
func (s *schedule) checkAgendas(ctx context.Context, meetings map[string]*doc, entries []*doc) error {
	want := map[string]string{}
	for id, m := range meetings {
		for user, role := range m.roles() {
			if s.people.Known(ctx, user) != nil {
				return fmt.Errorf("%s is %s of %s, and erased", user, role, id)
			}
			want["u:"+user+" "+id] = asText(role, m.Mode, m.Subject, m.StartsAt, m.EndsAt, m.Join.Link)
		}
	}
	for _, e := range entries {
		key := e.PK + " " + e.Meeting
		if got := asText(e.Role, e.Mode, e.Subject, e.StartsAt, e.EndsAt, e.Link); got != want[key] {
			return fmt.Errorf("an agenda has %s: %s, of the meeting %s", key, got, want[key])
		}
		delete(want, key)
	}
	if len(want) > 0 {
		return fmt.Errorf("no agenda has %v", want)
	}
	return nil
}

// checkGuests demands that guests are there as long as their meeting lasts, and their
// identities as long as they are.
func (s *schedule) checkGuests(meetings map[string]*doc, list []*doc) error {
	known := map[identity.Key]bool{}
	for _, g := range list {
		known[identity.GuestKey(g.PK, g.Guest)] = true
		m := meetings[g.id()]
		if m == nil {
			return fmt.Errorf("a guest is there of %s, which is no more", g.id())
		}
		if until := m.EndsAt.Add(closes); !g.Until.Equal(until) || !s.clock.Now().Before(until) {
			return fmt.Errorf("a guest of %s stays until %s, which closes at %s; now it is %s", g.id(), g.Until, until, s.clock.Now())
		}
	}
	for _, key := range s.guests.all() {
		if !known[key] {
			return fmt.Errorf("nobody knows of the identity %v", key)
		}
	}
	return nil
}
