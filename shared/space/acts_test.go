package space_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"switchboard/shared/problem"
	"switchboard/shared/space"
	"switchboard/shared/storage"
)

// act is one thing that somebody does in a schedule, or that happens.
type act struct {
	kind      string
	who, whom int // users
	in        int // space
	number    int // which of several: an id, a code, an entry, a time
	on        bool
}

// kinds has what happens often several times.
var kinds = []string{
	"create", "join", "join", "join", "invite", "accept", "accept", "owner", "host", "member", "ban", "remove", "leave", "leave",
	"share", "start", "start", "start", "end", "ticket", "ticket", "update", "schedule", "schedule", "delete", "erase", "erase", "return", "rename", "wait",
	"deliver", "deliver", "deliver", "deliver", "deliver", "deliver",
}

// someAct is any. The first user, who has made the first space, does more than others.
func someAct(random *rand.Rand) act {
	return act{
		kind: kinds[random.IntN(len(kinds))], who: max(0, random.IntN(crowd+2)-2), whom: random.IntN(crowd),
		in: random.IntN(4) / 3, number: random.IntN(12), on: random.IntN(2) == 0,
	}
}

// expected are the refusals that the contract has, and the kills of the schedule.
func expected(err error) bool {
	return err == nil || errors.Is(err, errKilled) || problem.Is(err, problem.NotFound) || problem.Is(err, problem.Conflict) || problem.Is(err, problem.Forbidden)
}

// do lets an act happen by a registry.
func (s *schedule) do(ctx context.Context, by *space.Registry, a act) (err error) {
	user, other := s.users[a.who], s.users[a.whom]
	_, gone := s.people.Person(ctx, user)
	switch {
	case a.kind == "return":
		return s.comeBack(a.who)
	case a.kind == "erase":
		return s.erase(ctx, by, a.who)
	case a.kind == "deliver":
		return s.hear(ctx, by, a)
	case a.kind == "wait":
		s.clock.Move([]time.Duration{time.Second, life/2 + time.Second, life + time.Second}[a.number%3])
		return nil
	case gone != nil:
		return nil // nobody signs in who is erased
	case a.kind == "rename":
		return s.rename(ctx, user, a.number)
	case a.kind == "create":
		return s.create(ctx, by, user, a)
	case len(s.spaces) == 0:
		return nil
	}
	id := s.spaces[a.in%len(s.spaces)]
	if err, known := s.doInSpace(ctx, by, user, other, id, a); known {
		return err
	}
	return s.doCall(ctx, by, user, id, a)
}

func (s *schedule) doInSpace(ctx context.Context, by *space.Registry, user, other, id string, a act) (err error, known bool) {
	roles := map[string]space.Role{"owner": space.Owner, "host": space.Host, "member": space.Member, "ban": space.Banned, "remove": space.None}
	switch a.kind {
	case "join":
		_, err = by.Join(ctx, user, id)
	case "invite":
		var i space.Invitation
		if i, _, err = by.Invite(ctx, user, id, 1+a.number%2, time.Hour, ""); err == nil {
			s.codes = append(s.codes, i.Code)
		}
	case "accept":
		if len(s.codes) > 0 {
			_, err = by.Accept(ctx, user, s.codes[a.number%len(s.codes)])
		}
	case "leave":
		_, err = by.Decide(ctx, user, id, user, space.Ruling{}, anyVersion)
	case "owner", "host", "member", "ban", "remove":
		_, err = by.Decide(ctx, user, id, other, space.Ruling{Role: roles[a.kind], Rotate: a.on}, anyVersion)
	case "update":
		_, err = by.Update(ctx, user, id, anyVersion, func(d *space.Draft) {
			d.Name, d.JoinPolicy = fmt.Sprint("Chess ", a.number), []space.Policy{space.Open, space.Request, space.ByInvite}[a.number%3]
		})
	case "schedule":
		_, err = by.Update(ctx, user, id, anyVersion, func(d *space.Draft) {
			if d.Kind == space.Event {
				d.StartsAt, d.EndsAt = s.times(a.number)
			}
		})
	case "delete":
		err = by.Delete(ctx, user, id, anyVersion)
	default:
		return nil, false
	}
	return err, true
}

// doCall does what may give a call's id away.
func (s *schedule) doCall(ctx context.Context, by *space.Registry, user, id string, a act) error {
	began := s.moment(id)
	given := ""
	var err error
	switch a.kind {
	case "share":
		var c space.Call
		c, _, err = by.Share(ctx, user, id, s.callID(id, a.number), anyVersion)
		given = c.ID
	case "start":
		var c space.Call
		c, _, err = by.Start(ctx, user, id, []string{"", "again"}[a.number%2])
		given = c.ID
	case "end":
		return by.End(ctx, user, id, anyVersion)
	case "ticket":
		t, refusal := by.Ticket(ctx, user, id)
		given, err = roomOf(t), refusal
	}
	var p *problem.Error
	if errors.As(err, &p) && p.GroupID != "" {
		given = p.GroupID
	} else if err != nil {
		return err
	}
	if wrong := s.given(ctx, began, user, id, given); wrong != nil {
		return wrong
	}
	return err
}

func (s *schedule) create(ctx context.Context, by *space.Registry, user string, a act) error {
	if len(s.spaces) > 1 && a.number < 4 {
		return nil
	}
	d, key := club([]space.Policy{space.Open, space.Open, space.Request, space.ByInvite}[a.number%4]), ""
	if a.on {
		d.Kind = space.Event
		d.StartsAt, d.EndsAt = s.times(0)
	}
	if a.number > 3 { // the client asks again, perhaps long after
		key, d = "again", club(space.Open)
	}
	made, _, err := by.Create(ctx, user, d, key)
	switch {
	case errors.Is(err, errKilled):
		return errors.Join(err, s.discover(ctx, user))
	case err == nil && !slices.Contains(s.spaces, made.ID):
		s.spaces = append(s.spaces, made.ID)
	}
	return err
}

// discover finds what a user made whose answer got lost.
func (s *schedule) discover(ctx context.Context, user string) error {
	page, err := s.store.QueryAll(ctx, storage.Query{
		Text: "SELECT * FROM c WHERE c.type = 'member' AND c.user = @user", Parameters: map[string]any{"@user": user}, Limit: 1000,
	})
	if err != nil {
		return err
	}
	found, err := storage.Decode[doc](page)
	for _, m := range found {
		if id := strings.TrimPrefix(m.PK, "s:"); !slices.Contains(s.spaces, id) {
			s.spaces = append(s.spaces, id)
		}
	}
	return err
}

// times are of an event that is on, or is tomorrow.
func (s *schedule) times(number int) (starts, ends time.Time) {
	starts = s.clock.Now().Add(time.Duration(number%2) * 24 * time.Hour)
	return starts, starts.Add(2 * time.Hour)
}

// callID is one of a few that clients share in a space.
func (s *schedule) callID(id string, number int) string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", s.generation[id]*2+slices.Index(s.spaces, id), number%3)
}

// rename gives a user another name, with news of it in one batch, more or less.
func (s *schedule) rename(ctx context.Context, user string, number int) error {
	s.people.set(user, fmt.Sprint("Ada ", number))
	news, err := space.NameChanged(user, fmt.Sprint("rename", len(s.trace), number), s.clock.Now())
	if err != nil {
		return err
	}
	return s.store.Create(ctx, news)
}

// erase takes a user's mapping and then what they are in. Who asks for it asks again
// until it is done.
func (s *schedule) erase(ctx context.Context, by *space.Registry, who int) error {
	s.people.leave(s.users[who])
	s.leaving[who] = true
	err := by.Forget(ctx, s.users[who])
	if err == nil {
		s.leaving[who] = false
	}
	return err
}

// comeBack gives an erased user a new mapping, a moment after the erasure: later than
// clocks differ.
func (s *schedule) comeBack(who int) error {
	if _, err := s.people.Person(context.Background(), s.users[who]); err == nil || s.leaving[who] {
		return nil
	}
	s.clock.Move(3 * skew)
	s.people.set(s.users[who], "Ada")
	return nil
}

// hear delivers any entry that there has been so far, all of it or a piece.
func (s *schedule) hear(ctx context.Context, by *space.Registry, a act) error {
	waiting, err := s.entries(ctx, s.partitions()...)
	if err != nil {
		return err
	}
	for _, e := range waiting {
		s.seen[e.ID] = e
	}
	all := waiting
	if a.number == 0 || len(all) == 0 {
		all = s.heard
	}
	if len(all) == 0 {
		return nil
	}
	e := all[(a.number*7+a.who)%len(all)]
	s.heard = append(s.heard, e)
	done, err := deliver(ctx, by, e, toTheEnd)
	if err != nil || !done || !a.on {
		return err
	}
	return unlessStale(s.store.Delete(ctx, e))
}
