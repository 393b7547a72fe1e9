package meeting

import (
	"cmp"
	"context"
	"errors"
	"time"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// Create makes a meeting that the actor hosts. With an idempotency key that they have
// made one with, it is given again, and created is false: also if the first request was
// cut short anywhere, there is one meeting in the end. Invalid with every fault of the
// draft; NotFound for users without a mapping; Conflict for a key that was used for
// another meeting, or while the same request is under way; otherwise what Scheduler's
// Make says.
//
// It costs the service what Make does, and the store a read of the user, a document that
// tells of the attempt, one batch with the meeting, and the host's own copy of it with a
// look at the meeting after that.
func (r *Registry) Create(ctx context.Context, by Actor, d Draft, mode Mode, key string) (out Meeting, created bool, err error) {
	d = d.clean(by.UserID)
	q := request{by: by, draft: d, mode: mode, keyed: key != "", id: r.meetingID(by.UserID, key), claim: r.NewID(), invalid: r.check(d, mode, nil)}
	err = storage.Retry(ctx, func() error {
		m, again, err := r.plan(ctx, q)
		if err != nil {
			return err
		}
		if created = m.State == planned; created { // or another has made it meanwhile
			if err := r.hold(ctx, by, m, again); err != nil {
				return err
			}
		}
		out = r.show(m, by)
		return nil
	})
	return out, created && err == nil, err
}

// request is what a Create was asked for.
type request struct {
	by      Actor
	draft   Draft
	mode    Mode
	keyed   bool   // it came with an idempotency key
	id      string // of the meeting, made of the key
	claim   string // random, to tell its own work
	invalid error  // the draft's faults; a meeting that is there is given again all the same
}

// plan stores that a meeting is about to be made, or finds what a request with the same
// key came to: one that is ready, or one that is to be gone on with (again).
func (r *Registry) plan(ctx context.Context, q request) (m *meeting, again bool, err error) {
	if q.invalid == nil {
		m, err = r.planNew(ctx, q)
		if !errors.Is(err, storage.ErrExists) {
			return m, false, err
		}
	} else if !q.keyed {
		return nil, false, q.invalid
	}
	m = meetingAt(q.id)
	if err := storage.Look(ctx, r.Store, m); err != nil {
		return nil, false, err
	}
	switch {
	case m.ETag != "":
		return r.planAgain(ctx, q, m)
	case q.invalid != nil:
		return nil, false, q.invalid
	}
	return nil, false, storage.ErrStale // it was there a moment ago
}

func (r *Registry) planNew(ctx context.Context, q request) (*meeting, error) {
	if r.Scheduler == nil {
		return nil, notConfigured()
	}
	if err := r.People.Known(ctx, q.by.UserID); err != nil {
		return nil, err
	}
	organizer, err := r.Scheduler.Organizer(q.by, q.mode)
	if err != nil {
		return nil, err
	}
	m := meetingAt(q.id)
	r.outline(m, q, organizer)
	r.begin(m, q.claim)
	return m, r.Store.Create(ctx, m)
}

// outline makes a document a plan for what was asked for.
func (r *Registry) outline(m *meeting, q request, organizer string) {
	m.State, m.Host, m.Draft, m.Mode, m.Organizer, m.Request = planned, q.by.UserID, q.draft, q.mode, organizer, q.draft.digest(q.mode)
	m.CreatedAt, m.TTL = r.Now().UTC().Truncate(time.Second), lifetime(q.draft.EndsAt, r.Now())
}

func notConfigured() error {
	return problem.New(problem.Upstream, "graph_not_configured", "This service is not connected to Microsoft Graph, so it can make no meetings. Its operator sets SWITCHBOARD_GRAPH_TENANT and the settings beside it. Meetings that people made can be imported.")
}

// planAgain goes on with what another request with the same key began.
func (r *Registry) planAgain(ctx context.Context, q request, m *meeting) (_ *meeting, again bool, err error) {
	switch {
	case m.Request != q.draft.digest(q.mode) || m.State == over: // it is the actor's: the id is made of who they are
		return nil, false, keyUsed()
	case m.State == ready:
		return m, false, nil
	case q.invalid != nil:
		return nil, false, q.invalid
	case r.Scheduler == nil:
		return nil, false, notConfigured()
	case m.State == planned && r.busy(m, q.claim) && q.mode == Booking:
		return nil, false, problem.New(problem.Conflict, "meeting_being_made", "The same request is under way. Repeat it in a moment.").After(2 * time.Second)
	case m.State == planned && r.busy(m, q.claim): // both do the same, and the first one stores it
		return m, true, nil
	}
	organizer, err := r.Scheduler.Organizer(q.by, q.mode)
	if err != nil {
		return nil, false, err
	}
	again = m.State == planned
	if again && organizer != m.Organizer {
		return nil, false, problem.New(problem.Conflict, "meeting_organizer_changed", "This request was begun for another organizer than it would have now. Take a new Idempotency-Key.")
	}
	if m.State == undone {
		if m.Attempt++; m.Attempt > maxAttempts {
			return nil, false, keyUsed()
		}
		r.outline(m, q, organizer)
	}
	r.begin(m, q.claim)
	return m, again, r.Store.Replace(ctx, m)
}

func keyUsed() error {
	return problem.New(problem.Conflict, "idempotency_key_used", "A meeting was made with this Idempotency-Key that is another, or that is cancelled. Take a new key.")
}

// hold has a planned meeting made, and stores what came of it. What the service refused
// it is not asked for again: the plan is undone at once, as far as the store answers, so
// that a repetition begins anew. After any other failure nobody knows what was made; a
// repetition finds it, and without one Upkeep removes it.
func (r *Registry) hold(ctx context.Context, by Actor, m *meeting, again bool) error {
	room, err := r.Scheduler.Make(ctx, by, m.plan(again))
	if err != nil {
		if refused(err) {
			r.giveUp(ctx, m, again || room.Place != (Place{}))
		}
		return err
	}
	m.State, m.Work = ready, nil
	m.learn(room)
	r.changed(m)
	err = r.store(ctx, m, changed{Cause: causeMade, By: by.UserID, Users: m.users()})
	if errors.Is(err, storage.ErrStale) {
		err = cmp.Or(r.yield(ctx, m), err)
	}
	if err == nil {
		r.addToAgenda(ctx, m, by.UserID)
	}
	return err
}

// yield is for who made what others were making, too. If those have stored it, or are about
// to, it is theirs. If it was cancelled or undone meanwhile, and then made again by this one,
// nobody knows of it, and it is ended.
func (r *Registry) yield(ctx context.Context, m *meeting) error {
	now := meetingAt(m.id())
	if err := storage.Look(ctx, r.Store, now); err != nil {
		return err
	}
	if now.State == planned && now.Attempt == m.Attempt || now.State == ready && now.Place.same(m.Place) {
		return nil
	}
	_, d := r.owe(m, m.Place, nil)
	if err := r.Store.Create(ctx, d); err != nil {
		return err
	}
	r.payNow(ctx, Actor{}, d)
	return nil
}

// refused reports whether an error of the service is its last word, so that asking again
// changes nothing.
func refused(err error) bool {
	p := problem.From(err)
	switch p.Kind {
	case problem.Invalid, problem.Unauthenticated, problem.Forbidden, problem.NotFound, problem.Conflict:
		return true
	case problem.Upstream:
		return p.Code != "graph_failed"
	}
	return false
}

// giveUp undoes a plan that the service refused, of which something may be made.
func (r *Registry) giveUp(ctx context.Context, m *meeting, made bool) {
	if err := r.undo(ctx, m, made); err != nil {
		r.Log.WarnContext(ctx, "a meeting that was refused is left to upkeep", "meeting", m.id(), "error", err)
	}
}

// learn puts on a meeting what the service tells of it. What it does not tell now stays as
// it was.
func (m *meeting) learn(room Room) {
	m.Place = room.Place
	m.Join = Join{Link: cmp.Or(room.Join.Link, m.Join.Link), ID: cmp.Or(room.Join.ID, m.Join.ID), Passcode: cmp.Or(room.Join.Passcode, m.Join.Passcode)}
	m.ThreadID, m.LobbyScope = cmp.Or(room.ThreadID, m.ThreadID), cmp.Or(room.Lobby, m.LobbyScope)
	m.DialIn = room.DialIn.or(m.DialIn)
	if room.NoChat != nil {
		m.NoChat = *room.NoChat
	}
}
