package meeting_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"switchboard/shared/meeting"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// act is one thing that somebody does in a schedule, or that happens.
type act struct {
	kind      string
	who, whom int // users
	in        int // meeting
	number    int // which of several: a key, a time, a code, an entry
	on        bool
}

// someKinds are kinds of acts that a schedule has.
func someKinds(seed uint64) []string {
	random := rand.New(rand.NewPCG(seed, 0))
	some := []string{"create", "settle"}
	for _, kind := range []string{
		"create", "update", "update", "cancel", "import", "invite", "revoke", "welcome", "welcome", "ticket", "get",
		"erase", "return", "meddle", "sync", "upkeep", "wait", "deliver", "deliver", "deliver",
	} {
		if random.IntN(2) == 0 {
			some = append(some, kind)
		}
	}
	return some
}

// someAct is any. The first user does more than others, and the first meetings are more
// often what it is about.
func (s *schedule) someAct(random *rand.Rand) act {
	return act{
		kind: s.kinds[random.IntN(len(s.kinds))], who: max(0, random.IntN(crowd+3)-3), whom: random.IntN(crowd),
		in: max(0, random.IntN(6)-3), number: random.IntN(12), on: random.IntN(3) > 0,
	}
}

// expected are the refusals that the contract has, and what the schedule lets fail.
func expected(err error) bool {
	for _, kind := range []problem.Kind{problem.NotFound, problem.Conflict, problem.Forbidden, problem.Unavailable, problem.UpstreamTimeout} {
		if problem.Is(err, kind) {
			return true
		}
	}
	return err == nil || errors.Is(err, errKilled)
}

// do lets an act happen by a registry.
func (s *schedule) do(ctx context.Context, by *meeting.Registry, a act) error {
	who := s.users[a.who]
	gone := s.people.Known(ctx, who) != nil
	switch {
	case a.kind == "wait":
		s.clock.Move([]time.Duration{10 * time.Second, lease + 2*skew, 5 * time.Minute, lease + patience + 2*skew, time.Hour}[a.number%5])
		return nil
	case a.kind == "deliver":
		return s.hear(ctx, by, a)
	case a.kind == "settle":
		if err := s.note(ctx); err != nil {
			return err
		}
		return s.settle(ctx, by)
	case a.kind == "upkeep":
		return by.Upkeep(ctx)
	case a.kind == "return":
		if gone && !s.leaving[a.who] {
			s.people.set(who, false)
		}
		return nil
	case a.kind == "erase":
		return s.erase(ctx, by, a.who)
	case a.kind == "welcome":
		return s.welcome(ctx, by, a)
	case a.kind == "meddle":
		s.meddle(a)
		return nil
	case gone:
		return nil // nobody signs in who is erased
	case a.kind == "create":
		return s.create(ctx, by, who, a)
	case a.kind == "import":
		return s.bring(ctx, by, who, a)
	case len(s.ids) == 0:
		return nil
	}
	id := s.ids[a.in%len(s.ids)]
	if host := s.last[id].Host; a.number%4 > 0 && s.people.Known(ctx, host) == nil {
		who = host // who may do most
	}
	return s.doIn(ctx, by, who, id, a)
}

// doIn does what is about one meeting.
func (s *schedule) doIn(ctx context.Context, by *meeting.Registry, who, id string, a act) error {
	began := s.moment
	switch a.kind {
	case "update":
		_, err := by.Update(ctx, user(who), id, anyVersion, s.change(a))
		return err
	case "cancel":
		return by.Cancel(ctx, user(who), id, anyVersion)
	case "sync":
		return by.Sync(ctx, id)
	case "invite":
		link, _, err := by.Invite(ctx, user(who), id)
		if err == nil {
			s.codes = append(s.codes, link.Code)
		}
		return err
	case "revoke":
		return by.Revoke(ctx, user(who), id)
	case "get":
		_, err := by.Get(ctx, user(who), id)
		return s.permitted(ctx, err, s.invited, began, id+" "+who)
	case "ticket":
		_, err := by.Ticket(ctx, user(who), id)
		return s.permitted(ctx, err, s.invited, began, id+" "+who)
	}
	return errors.New(a.kind)
}

// change is what a host changes.
func (s *schedule) change(a act) func(*meeting.Draft) {
	return func(d *meeting.Draft) {
		switch {
		case a.number%3 == 0:
			d.Subject = fmt.Sprint("Review ", a.number)
		case a.number%3 == 1:
			d.StartsAt = s.clock.Now().Add(time.Duration(a.number) * time.Minute)
			d.EndsAt = d.StartsAt.Add(time.Duration(a.number+1) * 10 * time.Minute)
		case a.on:
			d.Attendees = append(d.Attendees, meeting.Person{UserID: s.users[a.whom]})
		default:
			d.Attendees = nil
		}
	}
}

func (s *schedule) create(ctx context.Context, by *meeting.Registry, who string, a act) error {
	began := s.moment
	mode := []meeting.Mode{meeting.Standalone, meeting.Calendar, meeting.Booking}[a.number%3]
	key := ""
	d := s.draft(5, s.users[a.whom])
	if a.on { // the client asks again, perhaps long after
		key = fmt.Sprint("key ", a.number%3)
		d = s.draft(0, s.users[(a.who+1)%crowd])
		d.StartsAt = s.first.Add(time.Duration(a.number%3) * 30 * time.Minute)
		d.EndsAt = d.StartsAt.Add(time.Hour)
	}
	made, _, err := by.Create(ctx, user(who), d, mode, key)
	if problem.Is(err, problem.Invalid) && a.on {
		return nil // it is too late for it
	}
	if err := s.permitted(ctx, err, s.live, began, made.ID); err != nil || key == "" {
		return err
	}
	if was := s.keys[who+key]; was != "" && was != made.ID {
		return fmt.Errorf("%s made both %s and %s", key, was, made.ID)
	}
	s.keys[who+key] = made.ID
	return nil
}

// brought is how many meetings there are that people made. There is one more, of
// another tenant.
const brought = 2

func (s *schedule) bring(ctx context.Context, by *meeting.Registry, who string, a act) error {
	began := s.moment
	d := s.draft(3, s.users[a.whom])
	made, _, err := by.Import(ctx, user(who), meeting.Wanted{Link: link(fmt.Sprint("people", a.number%(brought+1)))}, d)
	return s.permitted(ctx, err, s.live, began, made.ID)
}

func (s *schedule) welcome(ctx context.Context, by *meeting.Registry, a act) error {
	if len(s.codes) == 0 {
		return nil
	}
	code, key, began := s.codes[a.number%len(s.codes)], "", s.moment
	if a.on {
		key = fmt.Sprint("guest ", a.who)
	}
	_, err := by.Welcome(ctx, code, "Guest", key)
	return s.permitted(ctx, err, s.open, began, code)
}

// meddle lets people change or cancel a meeting where it is held.
func (s *schedule) meddle(a act) {
	all := s.service.all()
	if len(all) == 0 {
		return
	}
	at := all[a.in%len(all)].room.Place
	s.moved[at] = true
	if a.number == 0 {
		s.service.meddle(at, nil)
		return
	}
	s.service.meddle(at, func(r *meeting.Room) {
		if a.on {
			r.Subject = fmt.Sprint("Moved ", a.number)
		} else {
			r.EndsAt = r.EndsAt.Add(time.Duration(a.number-6) * time.Minute)
		}
	})
}

// erase takes a user's mapping and then what they are in. Who asks for it asks again
// until it is done.
func (s *schedule) erase(ctx context.Context, by *meeting.Registry, who int) error {
	s.people.set(s.users[who], true)
	s.leaving[who] = true
	err := by.Forget(ctx, s.users[who])
	if err == nil {
		s.leaving[who] = false
	}
	return err
}

// hear delivers any entry that there has been so far.
func (s *schedule) hear(ctx context.Context, by *meeting.Registry, a act) error {
	if err := s.note(ctx); err != nil {
		return err
	}
	all, err := s.entries(ctx)
	if err != nil {
		return err
	}
	if a.number == 0 || len(all) == 0 {
		all = s.heard
	}
	if len(all) == 0 {
		return nil
	}
	e := all[(a.number*7+a.who)%len(all)]
	s.heard = append(s.heard, e)
	if err := deliver(ctx, by, e); err != nil || !a.on {
		return err
	}
	if err := s.store.Delete(ctx, e); !errors.Is(err, storage.ErrStale) {
		return err
	}
	return nil
}
