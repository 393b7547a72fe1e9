package space_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"switchboard/shared/space"
	"switchboard/shared/storage"
)

// doc is a stored document of any type, as far as the tests compare it.
type doc struct {
	storage.Head
	space.Draft                // the name is a member's, too
	Space, User string         `json:",omitempty"`
	Role        space.Role     `json:"role"`
	Since       time.Time      `json:"since"`
	JoinedAt    time.Time      `json:"joinedAt"`
	Owners      int            `json:"owners"`
	Members     int            `json:"members"`
	Pending     int            `json:"pending"`
	Closed      any            `json:"closed"`
	Call        *storedCall    `json:"call"`
	Rest        map[string]any `json:"-"`
}

type storedCall struct {
	GroupID   string    `json:"groupId"`
	StartedBy string    `json:"startedBy"`
	StartedAt time.Time `json:"startedAt"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// all gives the documents of a partition, by type and id.
func (w *world) all(ctx context.Context, pk string) (map[string]map[string]*doc, error) {
	found, err := storage.Find[doc](ctx, w.store, storage.Query{PK: pk, Text: "SELECT * FROM c"}, 100_000)
	byType := map[string]map[string]*doc{}
	for _, d := range found {
		if byType[d.Type] == nil {
			byType[d.Type] = map[string]*doc{}
		}
		byType[d.Type][d.ID] = d
	}
	return byType, err
}

// observed is what was seen of spaces so far.
type observed struct {
	wrong      error
	moments    map[string]int             // observations of a space
	member     map[string]map[string]int  // the last moment at which a user was a member
	retired    map[string]map[string]int  // calls that ended, since when
	dormant    map[string]map[string]bool // calls that could not be joined any more
	calls      map[string]bool            // all that there were
	generation map[string]int             // of a space whose id was used again
}

func newObserved() observed {
	return observed{
		moments: map[string]int{}, member: map[string]map[string]int{}, retired: map[string]map[string]int{},
		dormant: map[string]map[string]bool{}, calls: map[string]bool{}, generation: map[string]int{},
	}
}

func (o *observed) moment(id string) int { return o.moments[id] }

// observe looks at a space and tells what never may be.
func (s *schedule) observe(ctx context.Context, id string) error {
	all, err := s.all(ctx, "s:"+id)
	if err != nil {
		return err
	}
	if s.moments[id] == 0 {
		s.member[id], s.retired[id], s.dormant[id] = map[string]int{}, map[string]int{}, map[string]bool{}
	}
	s.moments[id]++
	entity := all["space"]["space"]
	if entity == nil {
		if s.member[id] != nil && len(s.retired[id]) > 0 || s.generation[id] == 0 {
			s.generation[id]++ // whoever makes it again makes another
		}
		return nil
	}
	live := ""
	if entity.Call != nil {
		live = entity.Call.GroupID
	}
	if err := s.observeCalls(id, live, entity, all["call"]); err != nil {
		return err
	}
	if entity.Closed == true {
		return nil
	}
	return s.observePeople(id, all["member"], all["tally"]["tally"])
}

func (s *schedule) observeCalls(id, current string, entity *doc, used map[string]*doc) error {
	if current != "" && used["call:"+current] == nil {
		return fmt.Errorf("the call %s is not on record", current)
	}
	if _, over := s.retired[id][current]; over {
		return fmt.Errorf("the call %s came back", current)
	}
	for key := range used {
		call := strings.TrimPrefix(key, "call:")
		s.calls[call] = true
		if _, over := s.retired[id][call]; !over && call != current {
			s.retired[id][call] = s.moments[id]
		}
	}
	if current == "" {
		return nil
	}
	from, until := entity.on()
	now := s.clock.Now()
	switch joinable := now.Before(entity.Call.ExpiresAt) && !now.Before(from) && now.Before(until); {
	case joinable && s.dormant[id][current]:
		return fmt.Errorf("the call %s was over and is on again", current)
	case now.Add(-skew).After(entity.Call.ExpiresAt) || now.Add(skew).Before(from) || now.Add(-skew).After(until):
		s.dormant[id][current] = true
	}
	return nil
}

// on is when a space's call may be on.
func (d *doc) on() (from, until time.Time) {
	if d.Kind == space.Club {
		return time.Time{}, time.Unix(1<<40, 0)
	}
	return d.StartsAt.Add(-opens), d.EndsAt.Add(closes)
}

func (s *schedule) observePeople(id string, members map[string]*doc, tally *doc) error {
	owners, joined, pending := 0, 0, 0
	for _, m := range members {
		switch m.Role {
		case space.Owner:
			owners++
			joined++
		case space.Host, space.Member:
			joined++
		case space.Pending:
			pending++
		}
		if m.Role != space.Pending && m.Role != space.Banned {
			s.member[id][m.User] = s.moments[id]
		}
	}
	if tally == nil || tally.Owners != owners || tally.Members != joined || tally.Pending != pending {
		return fmt.Errorf("there are %d owners, %d members and %d pending, the tally is %+v", owners, joined, pending, tally)
	}
	if owners == 0 {
		return fmt.Errorf("the space %s has no owner", id)
	}
	return nil
}

// given tells what is wrong with a call that a user came to know by an act that began
// at a moment.
func (s *schedule) given(ctx context.Context, began int, user, id, call string) error {
	if call == "" {
		return nil
	}
	if over, is := s.retired[id][call]; is && over <= began {
		return fmt.Errorf("%s is told of the call %s, which was over", user, call)
	}
	if err := s.observe(ctx, id); err != nil {
		return err
	}
	if last, ever := s.member[id][user]; !ever || last < began {
		return fmt.Errorf("%s is told of the call %s and is no member", user, call)
	}
	return nil
}

// mayEnd tells what is wrong when the provider is asked to end a call.
func (s *schedule) mayEnd(ctx context.Context, call string) error {
	for _, id := range s.spaces {
		all, err := s.all(ctx, "s:"+id)
		if err != nil {
			return err
		}
		if entity := all["space"]["space"]; entity != nil && entity.Call != nil && entity.Call.GroupID == call {
			return fmt.Errorf("the call %s is ended while it is live", call)
		}
	}
	return nil
}

// checkAll compares what is left when everything has been told.
func (s *schedule) checkAll(ctx context.Context) error {
	spaces, roles := map[string]*doc{}, map[string]*doc{}
	for _, id := range s.spaces {
		all, err := s.all(ctx, "s:"+id)
		if err != nil {
			return err
		}
		if entity := all["space"]["space"]; entity != nil && entity.Closed != true {
			spaces[id] = entity
		} else if err := onlyGrave(all); err != nil {
			return err
		}
		for _, m := range all["member"] {
			roles[m.User+" "+id] = m
			if p, err := s.people.Person(ctx, m.User); err != nil || m.Role != space.Banned && m.Name != p.Name || m.JoinedAt.Before(p.Since.Truncate(time.Millisecond)) {
				return fmt.Errorf("%+v is a member, the person is %+v, error %v", m, p, err)
			}
		}
		if err := s.checkEnded(id); err != nil {
			return err
		}
	}
	for _, user := range s.users {
		if err := s.checkPlaces(ctx, user, spaces, roles); err != nil {
			return err
		}
	}
	if len(roles) > 0 {
		return fmt.Errorf("no place is there for %v", roles)
	}
	return s.checkErased(ctx)
}

// onlyGrave demands that of a deleted space nothing is left but, for a while, that it was.
func onlyGrave(all map[string]map[string]*doc) error {
	for _, documents := range all {
		for _, d := range documents {
			if d.Type != "space" || d.TTL == 0 || d.Name != "" || d.Call != nil {
				return fmt.Errorf("of a space that is deleted there is left %+v", d)
			}
		}
	}
	return nil
}

// checkEnded demands that the provider was told of every call that is over.
func (s *schedule) checkEnded(id string) error {
	for call := range s.retired[id] {
		if !s.media.hasEnded(call) {
			return fmt.Errorf("the provider never heard of the end of %s", call)
		}
	}
	return nil
}

func (s *schedule) checkPlaces(ctx context.Context, user string, spaces, roles map[string]*doc) error {
	all, err := s.all(ctx, "u:"+user)
	if err != nil {
		return err
	}
	for _, p := range all["place"] {
		m, entity := roles[user+" "+p.Space], spaces[p.Space]
		if entity == nil || m == nil || p.Role != m.Role || !p.Since.Equal(m.Since) {
			return fmt.Errorf("the place %+v is of the role %+v", p, m)
		}
		delete(roles, user+" "+p.Space)
		if p.Role == space.Banned {
			continue
		}
		want := entity.Call
		if want != nil {
			c := *want
			c.GroupID = ""
			want = &c
		}
		if got, wanted := asText(p.Draft, p.Call), asText(entity.Draft, want); got != wanted {
			return fmt.Errorf("the place has %s, the space %s", got, wanted)
		}
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

// checkErased looks for the ids of those who are gone.
func (s *schedule) checkErased(ctx context.Context) error {
	for _, pk := range s.partitions() {
		page, err := s.store.Query(ctx, storage.Query{PK: pk, Text: "SELECT * FROM c", Limit: 1000})
		if err != nil {
			return err
		}
		for _, document := range page.Documents {
			for _, user := range s.users {
				if _, err := s.people.Person(ctx, user); err != nil && strings.Contains(string(document), user) {
					return fmt.Errorf("left of %s is %s", user, document)
				}
			}
		}
	}
	return nil
}
