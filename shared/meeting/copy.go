package meeting

import (
	"context"
	"errors"
	"time"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// entry is what a user has of a meeting in the user's own partition, so that all meetings
// of a user are found there: a copy, brought up to date by the outbox.
type entry struct {
	storage.Head
	Meeting  string    `json:"meeting"`
	Role     Role      `json:"role"`
	Mode     Mode      `json:"mode"`
	Subject  string    `json:"subject"`
	StartsAt time.Time `json:"startsAt"`
	EndsAt   time.Time `json:"endsAt"`
	Link     string    `json:"link,omitempty"` // to tell whether the user's calendar has the same meeting
	Order    string    `json:"order"`          // what agendas go by
	Seq      int64     `json:"seq"`            // of the meeting that all this was copied from
}

func entryAt(id, user string) *entry {
	return &entry{Head: head(userPartition(user), "meeting:"+id, agendaType), Meeting: id}
}

func (e *entry) copy(m *meeting, role Role, now time.Time) {
	e.Role, e.Mode, e.Subject, e.StartsAt, e.EndsAt, e.Link, e.Seq = role, m.Mode, m.Subject, m.StartsAt, m.EndsAt, m.Join.Link, m.Seq
	e.Order, e.TTL = inOrder(m.StartsAt, m.EndsAt, m.id()), lifetime(m.EndsAt, now)
}

// addToAgenda puts a meeting into somebody's own agenda at once, so that they find it there.
// The meeting may be over by then, and the outbox done with it, so it is looked at again.
// What fails the outbox does in a moment.
func (r *Registry) addToAgenda(ctx context.Context, m *meeting, user string) {
	e, now := entryAt(m.id(), user), meetingAt(m.id())
	e.copy(m, m.role(user), r.Now())
	err := r.Store.Create(ctx, e)
	if err == nil {
		err = storage.Look(ctx, r.Store, now)
	}
	if errors.Is(err, storage.ErrExists) || err == nil && now.ETag != m.ETag {
		err = r.reflect(ctx, m.id(), user)
	}
	if err != nil {
		r.Log.WarnContext(ctx, "an agenda is left to the outbox", "meeting", m.id(), "error", err)
	}
}

// reflect makes what a user has of a meeting what it is now.
func (r *Registry) reflect(ctx context.Context, id, user string) error {
	return storage.Settle(ctx, func() (bool, error) { return r.reflectOnce(ctx, id, user) })
}

func (r *Registry) reflectOnce(ctx context.Context, id, user string) (done bool, err error) {
	e, m := entryAt(id, user), meetingAt(id)
	if err := storage.Look(ctx, r.Store, e); err != nil {
		return false, err
	}
	if err := storage.Look(ctx, r.Store, m); err != nil {
		return false, err
	}
	role, err := r.shown(ctx, m, user)
	if err != nil {
		return false, err
	}
	switch {
	case role == None && e.ETag == "":
		return true, nil
	case role == None:
		return false, r.Store.Delete(ctx, e)
	}
	switch err := r.People.Known(ctx, user); {
	case problem.Is(err, problem.NotFound): // erased while it was under way, or never here
		return false, r.withdraw(ctx, id, user)
	case err != nil:
		return false, err
	case e.ETag != "" && e.Seq >= m.Seq && e.Role == role:
		return true, nil
	}
	e.copy(m, role, r.Now())
	if e.ETag == "" {
		return false, r.Store.Create(ctx, e)
	}
	return false, r.Store.Replace(ctx, e)
}

// shown is what a user's agenda says that they are in a meeting. Who has blocked its host is
// invited all the same, as the host sees, and not bothered with it.
func (r *Registry) shown(ctx context.Context, m *meeting, user string) (Role, error) {
	if m.State != ready {
		return None, nil
	}
	role := m.role(user)
	if role != Attendee {
		return role, nil
	}
	blocked, err := r.People.Blocks(ctx, user, m.Host)
	if blocked {
		role = None
	}
	return role, err
}
