package meeting

import (
	"context"
	"slices"
	"time"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// Update changes a meeting as change says, which may run several times, each time on
// what is there; for its host, and administrators. What the service is told of it
// changes first, so that nobody is told of a time that is not kept. Invalid with every
// fault; Stale by match; Conflict while another change is under way, and for what is
// decided where an imported meeting was made; otherwise what Scheduler's Change says.
func (r *Registry) Update(ctx context.Context, by Actor, id string, match Match, change func(*Draft)) (Meeting, error) {
	var out Meeting
	claim := r.NewID()
	err := storage.Retry(ctx, func() error {
		m, err := r.enterHost(ctx, by, id)
		if err != nil {
			return err
		}
		if err := match(m.Version); err != nil {
			return err
		}
		was, before := m.Draft, m.users()
		wanted := was
		wanted.Attendees = slices.Clone(was.Attendees)
		change(&wanted)
		wanted = wanted.clean(m.Host)
		if wanted.same(was) && m.Work == nil {
			out = r.show(m, by)
			return nil
		}
		if err := r.changeable(m, wanted, claim); err != nil {
			return err
		}
		if m.Mode != Imported && (!wanted.sameAtService(was) || m.Work != nil) {
			if err := r.rehold(ctx, by, m, wanted, claim); err != nil {
				return err
			}
		}
		m.Draft, m.Work = wanted, nil
		r.changed(m)
		out = r.show(m, by)
		return r.store(ctx, m, changed{Cause: causeChanged, By: by.UserID, Users: union(before, m.users())})
	})
	return out, err
}

// changeable refuses a change that cannot be, or not now.
func (r *Registry) changeable(m *meeting, to Draft, claim string) error {
	if err := r.check(to, m.Mode, &m.Draft); err != nil {
		return err
	}
	same := to
	same.Attendees, same.WantedLobby = m.Attendees, m.WantedLobby
	switch {
	case m.Mode == Imported && to.WantedLobby != m.WantedLobby, m.Mode == Imported && m.Vouched && !same.sameAtService(m.Draft):
		return problem.New(problem.Conflict, "meeting_imported", "This meeting was made elsewhere. Change its subject, its times and its lobby there; here only who is invited.")
	case m.Mode != Imported && r.Scheduler == nil:
		return notConfigured()
	case r.busy(m, claim):
		return problem.New(problem.Conflict, "meeting_changing", "Another change of this meeting is under way. Try again in a moment.").After(2 * time.Second)
	}
	return nil
}

// rehold has the service bring a meeting to another draft. The mark that is stored
// before makes sure that, if what comes of it is not stored, Upkeep looks what it was.
func (r *Registry) rehold(ctx context.Context, by Actor, m *meeting, to Draft, claim string) error {
	before := m.Work
	r.begin(m, claim)
	if err := r.Store.Replace(ctx, m); err != nil {
		return err
	}
	plan := *m
	plan.Draft = to
	room, err := r.Scheduler.Change(ctx, by, m.Place, plan.plan(true))
	switch {
	case problem.Is(err, problem.NotFound): // gone there: Upkeep finds the mark, looks, and ends it here
		return err
	case err != nil && refused(err) && room.Place == (Place{}): // nothing has changed
		r.release(ctx, m, before)
		return err
	case err != nil:
		return err
	}
	m.learn(room)
	return nil
}

// release takes our mark off a meeting that has not changed. One that was there before, of
// a change that was cut short, comes back: it still has to be looked at.
func (r *Registry) release(ctx context.Context, m *meeting, before *work) {
	m.Work = before
	if err := r.Store.Replace(ctx, m); err != nil {
		r.Log.WarnContext(ctx, "the mark of a change that was refused is left to upkeep", "meeting", m.id(), "error", err)
	}
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// Decline takes the actor out of those who are invited. Conflict for who hosts the meeting.
func (r *Registry) Decline(ctx context.Context, by Actor, id string) error {
	err := storage.Retry(ctx, func() error {
		m, err := r.enter(ctx, by, id)
		if err != nil {
			return err
		}
		switch m.role(by.UserID) {
		case Host:
			return problem.New(problem.Conflict, "meeting_hosted", "Who scheduled a meeting cannot decline it. Cancel it.")
		case None: // an administrator
			return nil
		}
		return r.dismissAttendee(ctx, m, by.UserID, causeDeclined)
	})
	if err == nil {
		err = r.reflect(ctx, id, by.UserID)
	}
	return err
}

// dismissAttendee stores a meeting without one of those who are invited.
func (r *Registry) dismissAttendee(ctx context.Context, m *meeting, user, cause string) error {
	m.Attendees = slices.DeleteFunc(slices.Clone(m.Attendees), func(p Person) bool { return p.UserID == user })
	r.changed(m)
	return r.store(ctx, m, changed{Cause: cause, Users: []string{user}})
}

// Cancel ends a meeting, for its host and administrators: nobody finds it from now on, nor
// is it held any more. One that was imported is only taken away here. It may be done
// again by who hosted it. Where the service cannot be told now, it is told later.
func (r *Registry) Cancel(ctx context.Context, by Actor, id string, match Match) error {
	var left *debt
	err := storage.Retry(ctx, func() error {
		m, err := r.enterHost(ctx, by, id)
		left = nil
		if err != nil && m.State == over && (m.HostWas == m.digestOf(by.UserID) || by.Admin) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := match(m.Version); err != nil {
			return err
		}
		left, err = r.close(ctx, m, changed{Cause: causeCancelled, By: by.UserID, Users: m.users()})
		return err
	})
	if err == nil && left != nil {
		r.payNow(ctx, by, left)
	}
	return err
}

// close makes the document of a meeting a mark of one that was, and leaves the rest to the
// outbox. What was made here is to be ended at the service, too: that is left, if anything.
func (r *Registry) close(ctx context.Context, m *meeting, n changed) (left *debt, err error) {
	n = n.of(m)
	mark := &meeting{Head: m.Head, State: over, HostWas: m.digestOf(m.Host), Seq: next(m.Seq, r.Now())}
	mark.TTL = int(markLife.Seconds())
	if m.Mode == Imported || n.Cause == causeElsewhere {
		return nil, r.write(ctx, mark, kindOver, ended{changed: n})
	}
	id, left := r.owe(m, m.Place, nil)
	return left, r.write(ctx, mark, kindOver, ended{changed: n, Debt: id}, left)
}

// digestOf is what a mark knows somebody by: it outlasts them, and must not tell of them.
func (m *meeting) digestOf(user string) string { return storage.Digest("host", m.id(), user) }

// markLife is how long the mark of a meeting that is over or undone stays: longer than
// anybody repeats a request.
const markLife = 30 * 24 * time.Hour
